"""Several claims at once: how probably a difference is luck, and what is left when many were tried.

- From an interval to a probability: Altman and Bland, "How to obtain the P value from a confidence
  interval", BMJ 343, 2011; with Student's t for the normal, because the interval is of few blocks.
- Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6(2),
  1979: whatever hangs together with what, the chance of any false claim at all is at most the level.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import NormalDist

from atc.protocol.fold_mean import student_t_beyond

_NORMAL = NormalDist()


def p_of_interval(value: float, lo: float, hi: float, confidence: float, blocks: int) -> float:
    """Two-sided probability of a `value` so far from 0 if nothing were there, given its percentile interval,
    which is of a bootstrap of so many `blocks`.

    P(|T| ≥ |value|/se), T by Student with blocks − 1 degrees of freedom: Holm asks far tails, and from 20
    blocks a normal's are several times too thin. se is the larger half of the interval over
    Φ⁻¹((1 + confidence)/2), times √(blocks/(blocks − 1)), by which resamples vary too little. 1 for a value
    of 0 and for one outside its interval, of which nothing is known; 0 where the interval has no width.
    """
    if value == 0.0 or not lo <= value <= hi:
        return 1.0
    half = max(value - lo, hi - value)
    if half == 0.0:
        return 0.0
    se = half / _NORMAL.inv_cdf((1.0 + confidence) / 2.0) * sqrt(blocks / (blocks - 1))
    return student_t_beyond(value / se, blocks - 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values, in the order given: a claim stands at level α where its own is at most α.

    The k-th smallest of m is multiplied by m − k + 1, is at least the one before it, and at most 1.
    """
    adjusted = [1.0] * len(p_values)
    highest = 0.0
    for done, place in enumerate(sorted(range(len(p_values)), key=lambda one: p_values[one])):
        highest = max(highest, min(1.0, p_values[place] * (len(p_values) - done)))
        adjusted[place] = highest
    return adjusted

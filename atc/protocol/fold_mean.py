"""The mean of a figure over folds, with an interval by Student's t (SPEC 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import atan, cos, pi, sin, sqrt, tan
from statistics import fmean, stdev

_HALVINGS = 200


@dataclass(frozen=True)
class FoldMean:
    """A mean over folds; null where a fold has no such figure, the interval where fewer than two have one."""

    mean: float | None
    lo: float | None = None
    hi: float | None = None

    @property
    def half_width(self) -> float | None:
        """Of the interval."""
        return None if self.lo is None or self.hi is None else (self.hi - self.lo) / 2


def mean_over_folds(values: Sequence[float | None], confidence: float | None) -> FoldMean:
    """The mean of one value a fold, and its interval mean ± t·s/√n with n − 1 degrees of freedom.

    `confidence`: None for folds that share test rows, which bear no interval. A figure that one fold lacks
    has no mean: a mean over some folds would be of other data.
    """
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return FoldMean(None)
    mean = fmean(known)
    if confidence is None or len(known) < 2:
        return FoldMean(mean)
    width = student_t_quantile(0.5 + confidence / 2, len(known) - 1) * stdev(known) / sqrt(len(known))
    return FoldMean(mean, mean - width, mean + width)


def student_t_quantile(p: float, degrees: int) -> float:
    """The t with P(T ≤ t) = `p` ≥ ½ of Student's distribution with a whole number of `degrees` of freedom."""
    if not 0.5 <= p < 1.0 or degrees < 1:
        raise ValueError(f"p={p} must be in [0.5, 1) and degrees={degrees} at least 1")
    low, high = 0.0, pi / 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _within(middle, degrees) < 2 * p - 1:
            low = middle
        else:
            high = middle
    return sqrt(degrees) * tan((low + high) / 2)


def student_t_beyond(t: float, degrees: int) -> float:
    """P(|T| ≥ |`t`|) of Student's distribution with a whole number of `degrees` of freedom, within 10⁻¹⁴."""
    if degrees < 1:
        raise ValueError(f"degrees={degrees} must be at least 1")
    return max(0.0, 1.0 - _within(atan(abs(t) / sqrt(degrees)), degrees))


def _within(angle: float, degrees: int) -> float:
    """P(|T| ≤ √ν·tan `angle`): Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3, 26.7.4."""
    squared = cos(angle) ** 2
    odd = degrees % 2
    term, total = (cos(angle) if odd else 1.0), 0.0
    for power in range(odd, degrees - 1, 2):
        total += term
        term *= squared * (power + 1) / (power + 2)
    if odd:
        return 2 / pi * (angle + sin(angle) * total)
    return sin(angle) * total

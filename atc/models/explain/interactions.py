"""Which pairs of inputs act together: the H-statistic (Friedman and Popescu, *Predictive learning via rule
ensembles*, Annals of Applied Statistics 2008, section 8.1).

With F_a the centred partial dependence on an input at the rows' own values, and F_ab that on a pair,
H² = Σ (F_ab − F_a − F_b)² / Σ F_ab². It is 0 for answers that are a sum of functions of single inputs,
whatever the rows. A pair that hardly moves the answers at all can still have a large H², so pairs are ranked
by the numerator, √(Σ(…)²/n), in units of the answers. n rows cost n² answers a pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from atc.models.explain.response import Answers, Asked


@dataclass(frozen=True)
class Interaction:
    """A pair of inputs (positions), of each answer (m,)."""

    pair: tuple[int, int]
    strength: NDArray[np.float64]
    """(m,) root mean square of what the pair does beyond its two inputs alone."""
    h_squared: NDArray[np.float64]
    """(m,) its share of the square of what the pair does, in [0, 1] but for rounding; NaN where that is
    nothing.
    """


def interactions(asked: Asked, features: Sequence[int]) -> list[Interaction]:
    """Every pair of `features` on the rows of `asked`, which are n: (k + k(k − 1)/2)·n² answers."""
    alone = {feature: _dependence(asked, [feature]) for feature in features}
    found = []
    for a, b in combinations(features, 2):
        together = _dependence(asked, [a, b])
        beyond = np.mean((together - alone[a] - alone[b]) ** 2, axis=0)
        whole = np.mean(together**2, axis=0)
        share = np.full_like(whole, np.nan)
        # Below the rounding of the answers there is nothing to share.
        np.divide(beyond, whole, out=share, where=whole > 1e-24)
        found.append(Interaction((a, b), np.sqrt(beyond), share))
    return found


def _dependence(asked: Asked, features: Sequence[int]) -> Answers:
    """(n, m) the mean answer over all rows with `features` set to those of each row, of mean 0."""
    points = asked.values[:, 0, list(features)]
    mean = asked.with_values(features, points).mean(axis=1)
    return np.asarray(mean - mean.mean(axis=0))

"""DeLong's test of two correlated AUCs, for rows that are independent of each other.

DeLong, DeLong and Clarke-Pearson, "Comparing the Areas under Two or More Correlated Receiver Operating
Characteristic Curves", Biometrics 44(3), 1988; by midranks, in O(n log n), as in Sun and Xu, "Fast
Implementation of DeLong's Algorithm", IEEE Signal Processing Letters 21(11), 2014.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from atc.models.ranking import rank


@dataclass(frozen=True)
class DeLong:
    """The difference of two AUCs on the same independent rows."""

    difference: float
    standard_error: float
    """0 for two scores that rank alike."""
    rows: int

    def interval(self, confidence: float) -> tuple[float, float]:
        """The normal interval that holds the true difference with `confidence`."""
        half = NormalDist().inv_cdf(0.5 + confidence / 2.0) * self.standard_error
        return self.difference - half, self.difference + half

    @property
    def p_value(self) -> float | None:
        """Two-sided, of no difference; None for two scores that rank alike."""
        if self.standard_error == 0.0:
            return None
        return 2.0 * NormalDist().cdf(-abs(self.difference) / self.standard_error)


def delong(
    positive: NDArray[np.bool_], first: NDArray[np.float64], second: NDArray[np.float64]
) -> DeLong | None:
    """AUC of `first` minus AUC of `second` (n,) on the same rows; None with fewer than two rows of a class.

    Only for rows whose labels do not overlap (`blocks.disjoint_rows`): overlapping ones are counted several
    times over, and the standard error comes out too small.
    """
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if positives < 2 or negatives < 2:
        return None
    wins, losses = zip(*(_placements(positive, score) for score in (first, second)), strict=True)
    of_positives, of_negatives = wins[0] - wins[1], losses[0] - losses[1]
    variance = np.var(of_positives, ddof=1) / positives + np.var(of_negatives, ddof=1) / negatives
    return DeLong(float(np.mean(of_positives)), math.sqrt(float(variance)), len(positive))


def _placements(
    positive: NDArray[np.bool_], score: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each positive row the share of negatives below it, of each negative that of positives above it."""
    ranked = rank(score)
    ranks = ranked.mid_ranks
    own_positive, own_negative = (ranked.take(rows).mid_ranks for rows in (positive, ~positive))
    return (
        (ranks[positive] - own_positive) / len(own_negative),
        1.0 - (ranks[~positive] - own_negative) / len(own_positive),
    )

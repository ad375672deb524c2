"""Point figures of a binary score (SPEC 5); None where undefined, never an accidental number."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from atc.models.ranking import auc, dense_ranks

Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]

ECE_BINS = 20

__all__ = [
    "ECE_BINS",
    "accuracy",
    "auc",
    "average_precision",
    "brier",
    "direction_auc",
    "direction_rows",
    "expected_calibration_error",
    "log_loss",
    "prior_adjusted_threshold",
]


def direction_rows(r_bps: Vector, exit_bps: float) -> Mask:
    """(n,) the rows that moved more than `exit_bps` either way; the direction AUC looks at no other."""
    return np.abs(r_bps) > exit_bps


def direction_auc(r_bps: Vector, score: Vector, exit_bps: float) -> float | None:
    """AUC of `score` against the sign of the return, on the rows with |r| > `exit_bps`.

    Knowing the volatility alone gives ½ here, however wide the label's threshold. None without such rows of
    both signs.
    """
    rows = direction_rows(r_bps, exit_bps)
    return auc(r_bps[rows] > 0.0, score[rows])


def average_precision(positive: Mask, score: Vector) -> float | None:
    """Area under the precision-recall curve as Σ (Rₙ − Rₙ₋₁)·Pₙ over falling thresholds; None without a
    positive.
    """
    if not positive.any():
        return None
    ranks, n_ranks = dense_ranks(score)
    hits = np.cumsum(np.bincount(ranks[positive], minlength=n_ranks)[::-1])
    called = np.cumsum(np.bincount(ranks, minlength=n_ranks)[::-1])
    gained = np.diff(hits, prepend=0)
    return float(np.sum(gained / hits[-1] * (hits / called)))


def log_loss(positive: Mask, p: Vector) -> float | None:
    """Mean −ln of the probability that was given to what happened; None without rows.

    Probabilities are kept one float64 epsilon away from 0 and 1, as scikit-learn does.
    """
    if len(p) == 0:
        return None
    epsilon = np.finfo(np.float64).eps
    kept = np.clip(p, epsilon, 1.0 - epsilon)
    return float(np.mean(-np.log(np.where(positive, kept, 1.0 - kept))))


def brier(positive: Mask, p: Vector) -> float | None:
    """Mean squared error of the probability; None without rows."""
    return float(np.mean((p - positive) ** 2)) if len(p) else None


def expected_calibration_error(positive: Mask, p: Vector, bins: int = ECE_BINS) -> float | None:
    """Σ_b n_b/n·|mean p − share of positives| over `bins` bins of equal count; None without rows.

    Bins go by the middle rank, so equal probabilities share a bin and the order of the rows does not
    matter. Equal counts, because base rates near 0.86 leave most bins of equal width empty.
    """
    n = len(p)
    if n == 0:
        return None
    ranks, n_ranks = dense_ranks(p)
    counts = np.bincount(ranks, minlength=n_ranks)
    twice_middle = 2 * np.cumsum(counts) - counts  # of the tied rows, counted from half a row
    bin_of_rank = np.minimum(twice_middle * bins // (2 * n), bins - 1)
    members = bin_of_rank[ranks]
    gap = np.bincount(members, weights=p - positive, minlength=bins)
    return float(np.sum(np.abs(gap)) / n)


def prior_adjusted_threshold(valid_positive: Mask) -> float:
    """The threshold of the prior-adjusted argmax, fitted on validation: its share π of positives.

    The class with the larger p_c/π_c wins, which for two classes is p ≥ π. With a base rate of 0.86 the
    plain argmax would call every row HOLD.
    """
    return float(np.mean(valid_positive))


def accuracy(positive: Mask, p: Vector, threshold: float) -> float | None:
    """Share of rows where (p ≥ `threshold`) is what happened; None without rows."""
    return float(np.mean((p >= threshold) == positive)) if len(p) else None

"""Point figures of probabilities (SPEC 5); None where undefined, never an accidental number."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from atc.evaluation.rank_bins import rank_bins
from atc.models.ranking import Ranked, auc, rank

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Mask = NDArray[np.bool_]
Codes = NDArray[np.int64]

ECE_BINS = 20

__all__ = [
    "ECE_BINS",
    "auc",
    "brier",
    "direction_auc",
    "direction_rows",
    "expected_calibration_error",
    "log_loss",
    "log_losses",
    "squared_errors",
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


def log_losses(code: Codes, p: Matrix) -> Vector:
    """(n,) −ln of the probability `p` (n, classes) that was given to what happened, `code` (n,).

    Probabilities are kept one float64 epsilon away from 0 and 1, as scikit-learn does.
    """
    epsilon = np.finfo(np.float64).eps
    given: Vector = p[np.arange(len(p)), code]
    return np.asarray(-np.log(np.clip(given, epsilon, 1.0 - epsilon)))


def squared_errors(code: Codes, p: Matrix) -> Vector:
    """(n,) Brier's squared errors Σ_c (p_c − y_c)², of two classes half of that: (p − y)² (Brier 1950)."""
    errors = np.zeros(len(p))
    for one in range(p.shape[1]):
        errors += (p[:, one] - (code == one)) ** 2
    return errors / 2 if p.shape[1] == 2 else errors


def log_loss(positive: Mask, p: Vector) -> float | None:
    """Mean `log_losses` of two classes; None without rows."""
    return float(np.mean(log_losses(positive.astype(np.int64), two_classes(p)))) if len(p) else None


def brier(positive: Mask, p: Vector) -> float | None:
    """Mean squared error of the probability; None without rows."""
    return float(np.mean(squared_errors(positive.astype(np.int64), two_classes(p)))) if len(p) else None


def two_classes(p: Vector) -> Matrix:
    """(n, 2) probabilities of both classes from `p` (n,) of the second."""
    return np.column_stack([1.0 - p, p])


def expected_calibration_error(positive: Mask, p: Vector, bins: int = ECE_BINS) -> float | None:
    """Σ_b n_b/n·|mean p − share of positives| over `bins` bins of equal count; None without rows.

    Equal counts, because base rates near 0.86 leave most bins of equal width empty.
    """
    if len(p) == 0:
        return None
    gap = np.bincount(calibration_bins(rank(p), bins), weights=p - positive, minlength=bins)
    return float(np.sum(np.abs(gap)) / len(p))


def calibration_bins(score: Ranked, bins: int = ECE_BINS) -> Codes:
    """(n,) bin of each row, from 0 to `bins` − 1: equal counts, equal probabilities together."""
    return rank_bins(score, bins)

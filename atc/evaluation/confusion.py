"""Which class a row is called, and how often that is right."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Codes = NDArray[np.int64]


def class_shares(code: Codes, classes: int) -> NDArray[np.float64]:
    """(classes,) share of each class among `code` (n,)."""
    return np.bincount(code, minlength=classes) / max(len(code), 1)


def prior_adjusted_argmax(p: Matrix, shares: NDArray[np.float64]) -> Codes:
    """(n,) the class with the largest p_c/π_c, π the `shares` of validation; of equal ones the last.

    With a base rate of 0.86 the plain argmax would call every row HOLD; this rule asks which class has
    become more likely than it was. For two classes it is p ≥ π. The same rule, fitted on the same rows, for
    every model. A class that validation does not have is never called.
    """
    if p.shape[1] == 2:
        return np.asarray(p[:, 1] >= shares[1]).astype(np.int64)
    lifted = np.full(p.shape, -np.inf)
    np.divide(p, shares, out=lifted, where=np.broadcast_to(shares > 0.0, p.shape))
    last: Codes = p.shape[1] - 1 - np.argmax(lifted[:, ::-1], axis=1)
    return last


def class_f1(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """(m, classes) 2·tp/(2·tp + fp + fn) of the confusion `counts` (m, classes, classes), what happened
    first; NaN for a class that neither happened nor was called.
    """
    hits = np.einsum("mcc->mc", counts)
    either = counts.sum(axis=1) + counts.sum(axis=2)
    out: NDArray[np.float64] = np.full(hits.shape, np.nan)
    np.divide(2.0 * hits, either, out=out, where=either > 0)
    return out


def share_right(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """(m,) share of rows that were called what they were; NaN without rows."""
    rows = counts.sum(axis=(1, 2))
    out: NDArray[np.float64] = np.full(len(counts), np.nan)
    np.divide(np.einsum("mcc->m", counts), rows, out=out, where=rows > 0)
    return out

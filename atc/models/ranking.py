"""The area under the ROC curve, exact."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def twice_concordant(positive: NDArray[np.bool_], score: NDArray[np.float64]) -> int:
    """2 · (pairs of a positive and a negative row where the positive scores higher) + (pairs of equal
    scores).

    Both (n,). An integer, so that no order of summation and no thread count can change it.
    """
    ranks, n_ranks = dense_ranks(score)
    positives = np.bincount(ranks[positive], minlength=n_ranks)
    negatives = np.bincount(ranks[~positive], minlength=n_ranks)
    below = np.cumsum(negatives) - negatives
    return int(np.sum(positives * (2 * below + negatives)))


def dense_ranks(score: NDArray[np.float64]) -> tuple[NDArray[np.int64], int]:
    """The rank (n,) of each score among the distinct ones, from 0, and their number. NaN is an error."""
    if bool(np.isnan(score).any()):
        raise ValueError(f"{int(np.isnan(score).sum())} of {len(score)} scores are NaN")
    distinct, ranks = np.unique(score, return_inverse=True)
    return ranks.astype(np.int64, copy=False), len(distinct)


def auc(positive: NDArray[np.bool_], score: NDArray[np.float64]) -> float | None:
    """P(a positive row scores higher than a negative one) + ½ P(equal); None with one class only."""
    n_positive = int(np.count_nonzero(positive))
    pairs = n_positive * (len(positive) - n_positive)
    return twice_concordant(positive, score) / (2 * pairs) if pairs else None

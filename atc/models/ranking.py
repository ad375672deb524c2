"""Ranks of scores, and the area under the ROC curve, exact."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Ranked:
    """A score's rows in rising order: sorted once, and read by every figure that ranks."""

    ranks: NDArray[np.int64]
    """(n,) rank of each row's score among the distinct ones, from 0."""
    distinct: int
    order: NDArray[np.int64]
    """(n,) the rows by rising rank."""

    def take(self, rows: NDArray[np.bool_]) -> Ranked:
        """The ranks of some rows (n,) among themselves; no sort."""
        used = np.zeros(self.distinct, dtype=np.bool_)
        used[self.ranks[rows]] = True
        renumbered = np.cumsum(used) - 1
        place = np.cumsum(rows) - 1
        return Ranked(
            ranks=renumbered[self.ranks[rows]],
            distinct=int(np.count_nonzero(used)),
            order=place[self.order[rows[self.order]]],
        )

    def reversed(self) -> Ranked:
        """The ranks of the negative score."""
        return Ranked(self.distinct - 1 - self.ranks, self.distinct, self.order[::-1])


def rank(score: NDArray[np.float64]) -> Ranked:
    """The rows of `score` (n,) by their size. NaN is an error."""
    if bool(np.isnan(score).any()):
        raise ValueError(f"{int(np.isnan(score).sum())} of {len(score)} scores are NaN")
    order = np.argsort(score, kind="stable")
    rising = score[order]
    steps = np.empty(len(score), dtype=np.int64)
    steps[:1] = 0
    np.cumsum(rising[1:] != rising[:-1], out=steps[1:])
    ranks = np.empty_like(steps)
    ranks[order] = steps
    return Ranked(ranks, int(steps[-1]) + 1 if len(steps) else 0, order)


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
    ranked = rank(score)
    return ranked.ranks, ranked.distinct


def auc(positive: NDArray[np.bool_], score: NDArray[np.float64]) -> float | None:
    """P(a positive row scores higher than a negative one) + ½ P(equal); None with one class only."""
    n_positive = int(np.count_nonzero(positive))
    pairs = n_positive * (len(positive) - n_positive)
    return twice_concordant(positive, score) / (2 * pairs) if pairs else None

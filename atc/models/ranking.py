"""Ranks of scores, and the area under the ROC curve, exact."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Ranked:
    """A score's rows in rising order: sorted once, and read by every figure that ranks."""

    ranks: NDArray[np.int64]
    """(n,) rank of each row's score among the distinct ones, from 0."""
    distinct: int
    order: NDArray[np.int64]
    """(n,) the rows by rising rank, tied ones in any order."""

    @cached_property
    def counts(self) -> Counts:
        """(distinct,) rows of each rank."""
        if self.distinct == len(self.ranks):
            return np.ones(self.distinct, dtype=np.int64)
        return np.bincount(self.ranks, minlength=self.distinct)

    @cached_property
    def mid_ranks(self) -> NDArray[np.float64]:
        """(n,) rank of each row from 1, tied rows with the mean of theirs."""
        middle = np.cumsum(self.counts) - (self.counts - 1) / 2
        ranks: NDArray[np.float64] = middle[self.ranks]
        return ranks

    def hits(self, rows: NDArray[np.bool_]) -> Counts:
        """(distinct,) how many of some `rows` (n,) each rank has."""
        return np.bincount(self.ranks[rows], minlength=self.distinct)

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


def rank(score: NDArray[np.float64]) -> Ranked:
    """The rows of `score` (n,) by their size. NaN is an error."""
    order, starts = _sorted(score)
    ranks = np.empty(len(score), dtype=np.int64)
    if len(starts) == len(score):
        ranks[order] = np.arange(len(score))
    else:
        ranks[order] = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(score)))
    return Ranked(ranks, len(starts), order)


def _sorted(score: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows (n,) of `score` (n,) in rising order, and at which place each distinct value begins."""
    if bool(np.isnan(score).any()):
        raise ValueError(f"{int(np.isnan(score).sum())} of {len(score)} scores are NaN")
    # Not stable, which costs several times as much: tied rows stand together in whatever order.
    order = np.argsort(score)
    rising = score[order]
    begins = np.ones(len(score), dtype=np.bool_)
    np.not_equal(rising[1:], rising[:-1], out=begins[1:])
    return order, np.flatnonzero(begins)


def twice_concordant(positive: NDArray[np.bool_], score: NDArray[np.float64]) -> int:
    """2 · (pairs of a positive and a negative row where the positive scores higher) + (pairs of equal
    scores).

    Both (n,). An integer, so that no order of summation and no thread count can change it.
    """
    order, starts = _sorted(score)
    if len(order) == 0:
        return 0
    hits = positive[order]
    if len(starts) == len(order):
        # Below the k-th positive (from 0) at some place lie as many rows as places, of which k are positive.
        places = np.flatnonzero(hits)
        return 2 * int(places.sum()) - len(places) * (len(places) - 1)
    called = np.diff(starts, append=len(order))
    return twice_concordant_of(np.add.reduceat(hits, starts, dtype=np.int64), called)


def twice_concordant_of(hits: Counts, called: Counts) -> int:
    """The same of the positives `hits` (distinct,) and of all rows `called` (distinct,) of each rank."""
    negatives = called - hits
    below = np.cumsum(negatives) - negatives
    return int(np.sum(hits * (2 * below + negatives)))


def dense_ranks(score: NDArray[np.float64]) -> tuple[NDArray[np.int64], int]:
    """The rank (n,) of each score among the distinct ones, from 0, and their number. NaN is an error."""
    ranked = rank(score)
    return ranked.ranks, ranked.distinct


def auc(positive: NDArray[np.bool_], score: NDArray[np.float64]) -> float | None:
    """P(a positive row scores higher than a negative one) + ½ P(equal); None with one class only."""
    n_positive = int(np.count_nonzero(positive))
    pairs = n_positive * (len(positive) - n_positive)
    return twice_concordant(positive, score) / (2 * pairs) if pairs else None

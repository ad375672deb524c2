"""Block bootstrap of AUCs and of their paired differences, exact and without sorting again.

The AUC of a resample of blocks is a ratio of two quadratic forms in the blocks' multiplicities w: Σ
w_a·w_b·C_ab over Σ w_a·P_a · Σ w_b·N_b, where C_ab counts the concordant pairs of a positive row in block a
and a negative one in block b (ties ½). C costs one sort and one pass; then every resample is a product of
small integers, exact, so that neither the order of sums nor the number of threads shows in a result.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atc.models.ranking import Ranked

Counts = NDArray[np.int64]

MAX_UNDEFINED = 0.05
"""Share of one-class resamples beyond which there is no interval."""

_CELLS = 130_000
"""Rank × block cells that are counted at once; a megabyte of them stays in the cache."""


@dataclass(frozen=True)
class Concordance:
    """The pairs of positive and negative rows, by the blocks that they are in."""

    twice: Counts
    """(blocks, blocks): twice the concordant pairs plus the tied ones; positive's block first."""
    positives: Counts
    """(blocks,)."""
    negatives: Counts
    """(blocks,)."""


@dataclass(frozen=True)
class Interval:
    """A percentile interval of a statistic over the resamples."""

    lo: float
    hi: float
    undefined: int
    """Resamples that were left out because they hold one class only."""

    def contains(self, value: float) -> bool:
        """Whether `value` cannot be told from the statistic."""
        return self.lo <= value <= self.hi


def concordance(positive: NDArray[np.bool_], score: Ranked, block: Counts, n_blocks: int) -> Concordance:
    """Count the pairs of `positive` and other rows (n,) by their blocks (n,), from 0 to `n_blocks` − 1.

    O(n log n + n · blocks) time, a fixed amount of memory beyond O(n + blocks²).
    """
    if 2 * np.count_nonzero(positive) > len(positive):
        # The rarer class is the one that is gone through row by row.
        mirrored = concordance(~positive, score.reversed(), block, n_blocks)
        return Concordance(
            twice=mirrored.twice.T.copy(), positives=mirrored.negatives, negatives=mirrored.positives
        )
    n_ranks = score.distinct
    ranks, blocks, positive = score.ranks[score.order], block[score.order], positive[score.order]
    twice = np.zeros((n_blocks, n_blocks), dtype=np.int64)
    below = np.zeros(n_blocks, dtype=np.int64)
    step = max(1, _CELLS // n_blocks)
    for first in range(0, n_ranks, step):
        stop = min(first + step, n_ranks)
        rows = slice(*np.searchsorted(ranks, [first, stop]))
        cell = (ranks[rows] - first) * n_blocks + blocks[rows]
        is_positive = positive[rows]
        shape = (stop - first, n_blocks)
        negatives = np.bincount(cell[~is_positive], minlength=shape[0] * n_blocks).reshape(shape)
        upto = np.cumsum(negatives, axis=0)
        beaten = 2 * (upto + below) - negatives  # twice those below, once those equal
        # A cell of many tied positives is added once, times their number.
        cells, times = np.unique(cell[is_positive], return_counts=True)
        by_block = np.argsort(cells % n_blocks, kind="stable")
        cells, times = cells[by_block], times[by_block]
        _add_by_block(twice, cells % n_blocks, beaten, cells // n_blocks, times)
        below += upto[-1]
    return Concordance(
        twice=twice,
        positives=np.bincount(blocks[positive], minlength=n_blocks),
        negatives=np.bincount(blocks[~positive], minlength=n_blocks),
    )


def _add_by_block(twice: Counts, block: Counts, beaten: Counts, rank: Counts, times: Counts) -> None:
    """twice[block] += times · beaten[rank], with `block` ascending, a bounded number of rows at once."""
    step = max(1, _CELLS // twice.shape[1])
    for start in range(0, len(block), step):
        part = slice(start, start + step)
        present, starts = np.unique(block[part], return_index=True)
        # Most cells hold one positive; a product with ones costs as much as the sum.
        picked = beaten[rank[part]]
        if times[part].max() > 1:
            picked *= times[part, None]
        twice[present] += np.add.reduceat(picked, starts, axis=0)


def multiplicities(n_blocks: int, resamples: int, seed: int) -> Counts:
    """(resamples, n_blocks): how often each block is drawn when as many are drawn, with replacement, as
    there are.
    """
    draws = np.random.default_rng(seed).integers(0, n_blocks, size=(resamples, n_blocks))
    flat = draws + np.arange(resamples)[:, None] * n_blocks
    return np.bincount(flat.ravel(), minlength=resamples * n_blocks).reshape(resamples, n_blocks)


def resampled_aucs(pairs: Concordance, times: Counts) -> NDArray[np.float64]:
    """The AUC (resamples,) of each resample; NaN where it holds one class only.

    Exact up to one rounding while twice the pairs of a resample stay below 2⁵³ (1.3·10⁸ rows).
    """
    w = times.astype(np.float64)
    concordant = np.sum((w @ pairs.twice.astype(np.float64)) * w, axis=1)
    total = 2.0 * (w @ pairs.positives.astype(np.float64)) * (w @ pairs.negatives.astype(np.float64))
    aucs: NDArray[np.float64] = np.full(len(w), np.nan)
    np.divide(concordant, total, out=aucs, where=total > 0)
    return aucs


def percentile_interval(statistics: NDArray[np.float64], confidence: float) -> Interval | None:
    """The central interval that holds `confidence` of the defined `statistics` (resamples,).

    Resamples of one class have no AUC (NaN) and are left out, which is drawing on the condition that both
    classes occur; where more than 5 % are so, that condition is the result, and there is no interval.
    """
    undefined = np.isnan(statistics)
    if np.mean(undefined) > MAX_UNDEFINED:
        return None
    tail = (1.0 - confidence) / 2.0
    lo, hi = np.quantile(statistics[~undefined], [tail, 1.0 - tail])
    return Interval(float(lo), float(hi), int(np.count_nonzero(undefined)))

"""Figures of several scores on the same rows, and their paired differences, from one set of resamples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atc.config.evaluation import Evaluation
from atc.evaluation.blocks import Blocks, blocks_of
from atc.evaluation.bootstrap import (
    Interval,
    concordance,
    multiplicities,
    percentile_interval,
    resampled_aucs,
)
from atc.models.ranking import Ranked, rank, twice_concordant, twice_concordant_of

Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]
Cells = NDArray[np.int64]

_NUMBERS = 250_000
"""Sums of resamples that are held at once: in float32 and float64 they stay in a core's cache, or nearly."""
_EXACT_IN_FLOAT32 = 2**24
"""Whole numbers up to here are float32."""


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval; the value is None where undefined, the interval where the blocks do not
    bear one.
    """

    value: float | None
    interval: Interval | None
    blocks: int | None = None
    """See `Sample`; None without an interval."""


@dataclass(frozen=True)
class Sample:
    """A figure of one score on some rows, and on each resample of their blocks."""

    value: float | None
    resampled: Vector | None
    """(resamples,), NaN where undefined; None without enough blocks."""
    confidence: float
    blocks: int | None = None
    """In which the figure's rarest rows lie, such as those of a class: at most as many as were drawn; None
    without resamples.
    """

    @property
    def estimate(self) -> Estimate:
        """The figure with its interval."""
        if self.value is None or self.resampled is None:
            return Estimate(self.value, None)
        return Estimate(self.value, percentile_interval(self.resampled, self.confidence), self.blocks)

    def minus(self, other: Sample) -> Estimate:
        """This figure minus `other`'s on the same rows and resamples."""
        if self.value is None or other.value is None:
            return Estimate(None, None)
        difference = self.value - other.value
        if self.resampled is None or other.resampled is None:
            return Estimate(difference, None)
        interval = percentile_interval(self.resampled - other.resampled, self.confidence)
        return Estimate(difference, interval, fewest(self, other))


@dataclass(frozen=True)
class Resampling:
    """How the blocks of a set of rows are drawn; the same draws for every score make differences paired."""

    block: Cells
    """(n,) block of each row."""
    times: NDArray[np.int64] | None
    """(resamples, blocks); None: too few blocks, no intervals."""
    confidence: float
    min_blocks: int = 0
    """Blocks that the rows of a figure have to lie in for an interval: some of all rows may lie in fewer."""

    @property
    def n_blocks(self) -> int:
        """Blocks that are told apart: one where none are drawn."""
        return 1 if self.times is None else self.times.shape[1]

    @cached_property
    def undrawn(self) -> Resampling:
        """The same rows without resamples."""
        return self if self.times is None else Resampling(self.block, None, self.confidence)

    def blocks_with(self, rows: Mask | None = None) -> int:
        """How many blocks `rows` (n,), all of them if None, lie in."""
        return int(np.count_nonzero(np.bincount(self._block(rows), minlength=self.n_blocks)))

    def bears_interval(self, rows: Mask | None = None) -> bool:
        """Whether `rows` (n,), all of them if None, lie in blocks enough."""
        return self.times is not None and self.blocks_with(rows) >= self.min_blocks

    def borne(self, sample: Sample, *by: Mask | None) -> Sample:
        """`sample`, its resamples only where each of the rows `by` (n,) that it turns on lie in blocks
        enough: a hundred blocks of which three hold a class are three.
        """
        if sample.resampled is None:
            return sample
        blocks = min(map(self.blocks_with, by), default=self.n_blocks)
        if blocks < self.min_blocks:
            return Sample(sample.value, None, self.confidence)
        return replace(sample, blocks=blocks)

    def auc(self, positive: Mask, score: Vector | Ranked, rows: Mask | None = None) -> Sample:
        """The AUC of `score` (n,) on `rows` (n,), all of them if None. O(n + blocks · n) beyond the sort.

        Resampled where both classes lie in blocks enough.
        """
        if self.times is None:
            return Sample(_undrawn_auc(positive, score, rows), None, self.confidence)
        ranked = score if isinstance(score, Ranked) else rank(score)
        if rows is not None:
            ranked, positive = ranked.take(rows), positive[rows]
        pairs = concordance(positive, ranked, self._block(rows), self.n_blocks)
        both = 2 * int(pairs.positives.sum()) * int(pairs.negatives.sum())
        value = int(pairs.twice.sum()) / both if both else None
        rarer = int(min(np.count_nonzero(pairs.positives), np.count_nonzero(pairs.negatives)))
        if value is None or rarer < self.min_blocks:
            return Sample(value, None, self.confidence)
        return Sample(value, resampled_aucs(pairs, self.times), self.confidence, rarer)

    def mean(self, values: Vector, rows: Mask | None = None) -> Sample:
        """The mean of `values` (n,) on `rows` (n,), all of them if None."""
        found = self.figure(np.column_stack([self.sums(values, rows), self.counted(rows)]), ratio)
        return self.borne(found, rows)

    def counted(self, rows: Mask | None = None) -> Vector:
        """(blocks,) how many of `rows` (n,), all of them if None, each block has."""
        return np.bincount(self._block(rows), minlength=self.n_blocks).astype(np.float64)

    def sums(self, values: Vector, rows: Mask | None = None) -> Vector:
        """(blocks,) sums of `values` (n,)."""
        weights = values if rows is None else values[rows]
        return np.asarray(np.bincount(self._block(rows), weights, self.n_blocks), dtype=np.float64)

    def cell_sums(self, cell: Cells, cells: int, values: Vector) -> NDArray[np.float64]:
        """(blocks, cells) sums of `values` (n,) over the rows of each block and each `cell` (n,)."""
        flat = self._block(None) * cells + cell
        summed = np.bincount(flat, values, self.n_blocks * cells)
        return np.asarray(summed, dtype=np.float64).reshape(self.n_blocks, cells)

    def counts(self, cell: Cells, cells: int, rows: Mask | None = None) -> Cells:
        """(blocks, cells) how many `rows` (n,) of each block lie in each `cell` (n,)."""
        flat = self._block(rows) * cells + (cell if rows is None else cell[rows])
        return np.bincount(flat, minlength=self.n_blocks * cells).reshape(self.n_blocks, cells)

    def figure(
        self, sums: NDArray[np.float64] | Cells, of: Callable[[NDArray[np.float64]], Vector]
    ) -> Sample:
        """A figure that is a function of sums over the rows, given the `sums` of each block (blocks, k).

        `of` takes sums (m, k) of m resamples and gives their figures (m,), NaN where undefined.
        """
        whole = float(of(sums.sum(axis=0, keepdims=True).astype(np.float64))[0])
        if np.isnan(whole) or self.times is None:
            return Sample(None if np.isnan(whole) else whole, None, self.confidence)
        step = max(1, _NUMBERS // sums.shape[1])
        counted = sums.dtype == np.int64
        # float32 is twice as fast, and holds every number that a resample of few rows can have.
        narrow = counted and int(sums.max(initial=0)) * self.n_blocks <= _EXACT_IN_FLOAT32
        times = self._narrow_times if narrow else self._wide_times
        of_blocks = sums.astype(times.dtype, copy=False)
        # Counts are exact in whatever order they are added.
        product = np.matmul if counted else _in_order
        found = [
            of(np.asarray(product(times[start : start + step], of_blocks), dtype=np.float64))
            for start in range(0, len(self.times), step)
        ]
        return Sample(whole, np.concatenate(found), self.confidence, self.n_blocks)

    @cached_property
    def _wide_times(self) -> NDArray[np.float64]:
        assert self.times is not None
        return self.times.astype(np.float64)

    @cached_property
    def _narrow_times(self) -> NDArray[np.float32]:
        assert self.times is not None
        return self.times.astype(np.float32)

    @cached_property
    def _one_block(self) -> Cells:
        return np.zeros_like(self.block)

    def _block(self, rows: Mask | None) -> Cells:
        block = self._one_block if self.times is None else self.block
        return block if rows is None else block[rows]


def _in_order(times: NDArray[Any], sums: NDArray[Any]) -> NDArray[np.float64]:
    """The product of both: einsum and not BLAS, whose sums depend on the number of threads."""
    return np.asarray(np.einsum("rb,bk->rk", times, sums))


def _undrawn_auc(positive: Mask, score: Vector | Ranked, rows: Mask | None) -> float | None:
    if not isinstance(score, Ranked):
        chosen = positive if rows is None else positive[rows]
        twice = twice_concordant(chosen, score if rows is None else score[rows])
        positives, n = np.count_nonzero(chosen), len(chosen)
    else:
        hits = score.hits(positive if rows is None else positive & rows)
        called = score.counts if rows is None else score.hits(rows)
        twice, positives, n = twice_concordant_of(hits, called), hits.sum(), called.sum()
    both = 2 * int(positives) * int(n - positives)
    return twice / both if both else None


def fewest(*samples: Sample) -> int | None:
    """Blocks of what is made of all `samples`; None where none has any."""
    return min((one.blocks for one in samples if one.blocks is not None), default=None)


def ratio(sums: NDArray[np.float64]) -> Vector:
    """First column of `sums` (m, 2) over the second, (m,); NaN where that is 0."""
    out = np.full(len(sums), np.nan)
    np.divide(sums[:, 0], sums[:, 1], out=out, where=sums[:, 1] != 0)
    return out


def drawn_blocks(
    t0: NDArray[np.int64], days: NDArray[np.datetime64], horizon_ns: int, config: Evaluation, seed: int
) -> tuple[Resampling, Blocks]:
    """The resamples of the blocks of rows with label starts `t0` (n,) ns on `days` (n,), and the blocks."""
    blocks = blocks_of(t0, days, horizon_ns, min_blocks=config.min_blocks)
    draws = resampling(
        blocks.index,
        blocks.count,
        enough=blocks.enough,
        resamples=config.resamples,
        confidence=config.confidence,
        seed=seed,
        min_blocks=config.min_blocks,
    )
    return draws, blocks


def resampling(
    block: Cells,
    n_blocks: int,
    *,
    enough: bool,
    resamples: int,
    confidence: float,
    seed: int,
    min_blocks: int = 0,
) -> Resampling:
    """Draw `resamples` times from `n_blocks` blocks, if they are `enough`; `min_blocks`: for figures of some
    of the rows.
    """
    times = multiplicities(n_blocks, resamples, seed) if enough else None
    return Resampling(block, times, confidence, min_blocks)

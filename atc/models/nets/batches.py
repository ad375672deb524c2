"""Batches of a matrix that may be larger than the memory: shuffled blocks of rows that lie side by side.

Rows are read block by block where they lie, so an epoch costs about what a pass in order costs, and no Python
loop goes over rows. Neighbours share most of their label; a batch of 64 blocks from anywhere has enough that
do not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from atc.protocol.dataset import Block
from atc.protocol.row_runs import Matrix, rows_between
from atc.protocol.row_windows import require_windows

BLOCKS_PER_BATCH = 64

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Inputs (m, k) or (m, length, k), class codes (m, heads) with NaN for none, weights (m, heads); float32."""


def read(x: Matrix, start: int, stop: int, length: int) -> NDArray[np.float32]:
    """Rows [start, stop) of `x`, (m, k); with a length above 1 the windows that end there, (m, length, k)."""
    if length == 1:
        return x[start:stop]
    return require_windows(x, length, "the net").windows(slice(start, stop))


def batch_shape(x: Matrix, rows: int, length: int) -> tuple[int, ...]:
    """Of so many rows as `read` gives them."""
    return (rows, x.shape[1]) if length == 1 else (rows, length, x.shape[1])


@dataclass(frozen=True)
class Batches:
    """The rows of a block in batches; each time it is gone through is the epoch after the one before."""

    block: Block
    batch_size: int
    length: int = 1
    """Rows of an input: above 1 `block.x` has windows."""
    seed: int | None = None
    """None: in order, in chunks of `batch_size` rows."""
    epoch: int = 0
    """Decides the order, together with the seed and nothing else."""

    def __len__(self) -> int:
        return math.ceil(self.block.n_rows / self.batch_size)

    def of_epoch(self, epoch: int) -> Batches:
        """The same rows in the order of that epoch."""
        return Batches(self.block, self.batch_size, self.length, self.seed, epoch)

    def __iter__(self) -> Iterator[Batch]:
        for spans in self.spans():
            yield self._batch(spans)

    def spans(self) -> Iterator[NDArray[np.int64]]:
        """(blocks, 2) start and stop of the runs of rows of each batch."""
        n = self.block.n_rows
        if self.seed is None:
            for start in range(0, n, self.batch_size):
                yield np.array([[start, min(start + self.batch_size, n)]])
            return
        edges = np.arange(0, n, block_rows(self.batch_size), dtype=np.int64)
        spans = np.column_stack([edges, np.append(edges[1:], n)])
        order = np.random.default_rng((self.seed, self.epoch)).permutation(len(spans))
        # Of nearly equal size: the gradient of a small rest would count as much as one of a whole batch.
        for some in np.array_split(order, len(self)):
            yield spans[some]

    def _batch(self, spans: NDArray[np.int64]) -> Batch:
        block = self.block
        if self.length > 1:
            return self._gathered(spans)
        rows = int((spans[:, 1] - spans[:, 0]).sum())
        x = np.empty(batch_shape(block.x, rows, self.length), dtype=np.float32)
        y = np.empty((rows, len(block.heads)), dtype=np.float32)
        weights = np.ones_like(y)
        at = 0
        for start, stop in spans.tolist():
            here = slice(at, at + stop - start)
            x[here] = read(block.x, start, stop, self.length)
            y[here] = block.y[start:stop]
            if block.weights is not None:
                weights[here] = block.weights[start:stop].reshape(stop - start, -1)
            at = here.stop
        return torch.from_numpy(x), torch.from_numpy(y), torch.from_numpy(weights)

    def _gathered(self, spans: NDArray[np.int64]) -> Batch:
        """The windows of the rows in one go: batches of windows are small, and their blocks hold few rows."""
        block = self.block
        rows = rows_between(spans[:, 0], spans[:, 1])
        x = require_windows(block.x, self.length, "the net").windows(rows)
        y = block.y[rows].astype(np.float32)
        weights = np.ones_like(y)
        if block.weights is not None:
            weights[:] = block.weights[rows].reshape(len(rows), -1)
        return torch.from_numpy(x), torch.from_numpy(y), torch.from_numpy(weights)


def block_rows(batch_size: int) -> int:
    """Rows of a shuffled block."""
    return max(1, batch_size // BLOCKS_PER_BATCH)

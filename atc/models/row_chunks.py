"""Rows in chunks that stay in a core's cache, worked on by several threads.

A sum over the rows does not depend on how many threads there are: a task adds its chunks up in their order,
and the tasks' sums are added in theirs. NumPy holds no lock while it computes, so threads are enough.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from atc.protocol.row_runs import Matrix

CHUNK_ROWS = 2_048
"""Rows that are held in float64 at once by a thread: 36 columns of them are 0.6 MB."""
TASK_ROWS = 16 * CHUNK_ROWS
_GRAM_ROWS = 64

T = TypeVar("T")


def threads() -> int:
    """As many as this process may use cores, or fewer where OMP_NUM_THREADS says so, as in a worker of a
    sweep.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(cores, int(asked))) if asked.isdigit() else cores


def over_tasks(n_rows: int, work: Callable[[slice], T], *, task_rows: int | None = None) -> Iterator[T]:
    """What `work` makes of each stretch of `task_rows` rows, in their order."""
    step = task_rows or TASK_ROWS
    tasks = [slice(start, min(start + step, n_rows)) for start in range(0, n_rows, step)]
    workers = min(threads(), len(tasks))
    if workers <= 1:
        yield from map(work, tasks)
        return
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(work, tasks)


def chunks_of(rows: slice) -> Iterator[slice]:
    """The chunks of a task's rows."""
    for start in range(rows.start, rows.stop, CHUNK_ROWS):
        yield slice(start, min(start + CHUNK_ROWS, rows.stop))


def room_of(rows: slice, columns: int) -> NDArray[np.float64]:
    """An array for the longest chunk of a task's rows, to be written over chunk after chunk."""
    return np.empty((min(CHUNK_ROWS, rows.stop - rows.start), columns))


def gram(a: NDArray[np.float64]) -> NDArray[np.float64]:
    """Σ aᵢaᵢᵀ of the rows of `a` (n, k), (k, k), to the last bit the same for any number of BLAS threads.

    Products of so few rows stay below the size from which a BLAS shares one out, and their sum is NumPy's.
    """
    n, k = a.shape
    whole = n - n % _GRAM_ROWS
    blocks = a[:whole].reshape(-1, _GRAM_ROWS, k)
    return np.asarray(np.matmul(blocks.transpose(0, 2, 1), blocks).sum(axis=0) + a[whole:].T @ a[whole:])


def add_gram(
    to: NDArray[np.float64], z: NDArray[np.float64], weights: NDArray[np.float64], room: NDArray[np.float64]
) -> None:
    """Add Σ weightᵢ aᵢaᵢᵀ to `to` (k + 1, k + 1), where aᵢ is row i of `z` (n, k) with a 1 at its end.

    `weights` (n,), none negative; `room`: an array like `z` that is written over.
    """
    np.multiply(z, np.sqrt(weights)[:, None], out=room)
    to[:-1, :-1] += gram(room)
    edge = column_sums(z, weights)
    to[:-1, -1] += edge
    to[-1, :-1] += edge
    to[-1, -1] += weights.sum()


def column_sums(z: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(k,) Σ weightᵢ zᵢ of the rows of `z` (n, k)."""
    return np.asarray(np.einsum("ij,i->j", z, weights))


def summed(
    n_rows: int, work: Callable[[slice], tuple[NDArray[np.float64], ...]]
) -> list[NDArray[np.float64]]:
    """The sums, array by array, of what `work` makes of each task's rows."""
    total: list[NDArray[np.float64]] = []
    for parts in over_tasks(n_rows, work):
        if not total:
            total = [np.array(part, dtype=np.float64) for part in parts]
        else:
            for so_far, part in zip(total, parts, strict=True):
                np.add(so_far, part, out=so_far)
    return total


def extremes(x: Matrix) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
    """(k,) each of the columns of `x` (n, k): values that are not null, the least and the largest of them; of
    a column that is null throughout inf and −inf.
    """
    k = x.shape[1]

    def work(rows: slice) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
        count = np.zeros(k, dtype=np.int64)
        low, high = _nothing(k)
        for chunk in chunks_of(rows):
            part = x[chunk]
            null = np.isnan(part)
            count += len(part)
            if null.any():
                count -= np.count_nonzero(null, axis=0)
            np.fmin(low, np.fmin.reduce(part, axis=0), out=low)
            np.fmax(high, np.fmax.reduce(part, axis=0), out=high)
        return count, low, high

    count = np.zeros(k, dtype=np.int64)
    low, high = _nothing(k)
    for counted, least, most in over_tasks(len(x), work):
        count += counted
        np.fmin(low, least, out=low)
        np.fmax(high, most, out=high)
    return count, low, high


def count_codes(y: NDArray[np.floating], classes: int) -> tuple[NDArray[np.int64], int]:
    """(classes,) how many of the labels `y` (n,) are of each class code, and how many are null. Where the sum
    of both is not n, some are neither.
    """

    def work(rows: slice) -> NDArray[np.int64]:
        part = y[rows]
        found = [np.count_nonzero(part == code) for code in range(classes)]
        return np.array([*found, np.count_nonzero(np.isnan(part))], dtype=np.int64)

    total = np.zeros(classes + 1, dtype=np.int64)
    for counted in over_tasks(len(y), work):
        total += counted
    return total[:-1], int(total[-1])


def _nothing(k: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return np.full(k, np.inf, dtype=np.float32), np.full(k, -np.inf, dtype=np.float32)

"""Rows and columns of a matrix that are read where they lie.

A fold takes nearly all rows of a matrix that may fill half the memory, and CPCV(8, 2) takes them 28 times. So
a fold holds runs of rows of the one matrix, and what reads it goes through chunks.
"""

from __future__ import annotations

from typing import overload

import numpy as np
from numpy.typing import NDArray

FloatMatrix = NDArray[np.float32]
Rows = NDArray[np.int64]

SHORTEST_RUN = 64
"""Runs shorter than this on average (random rows) are copied: their list would cost as much as the rows."""


class RowRuns:
    """Some rows, and some columns, of a float32 matrix, without a copy of it.

    It is indexed as the matrix of these rows would be. A slice of rows is a view where it lies in one run and
    has all columns, else a copy of that slice alone; positions of rows and single columns are copies.
    """

    __slots__ = ("_columns", "_first", "_matrix", "_starts")

    dtype = np.dtype(np.float32)
    ndim = 2

    def __init__(self, matrix: FloatMatrix, starts: Rows, stops: Rows, columns: Rows | None = None) -> None:
        """Rows [start, stop) of `matrix`, run after run; `columns`: positions, None for all."""
        if len(starts) != len(stops) or bool(np.any(stops <= starts)):
            raise ValueError("runs of rows have a start and a later stop each")
        self._matrix, self._starts, self._columns = matrix, starts, columns
        self._first = np.concatenate([[0], np.cumsum(stops - starts)])
        """Where each run begins among these rows, and their number."""

    @classmethod
    def of(cls, matrix: FloatMatrix, rows: Rows) -> RowRuns:
        """The `rows` (ascending positions) of `matrix`."""
        return cls(matrix, *runs_of(rows))

    def __len__(self) -> int:
        return int(self._first[-1])

    @property
    def shape(self) -> tuple[int, int]:
        """(n, k)."""
        return len(self), self._matrix.shape[1] if self._columns is None else len(self._columns)

    def rows(self, rows: Rows) -> Matrix:
        """Some of these rows (ascending): runs of the same matrix, or a copy where they lie scattered."""
        if _scattered(rows):
            return self[rows]
        return RowRuns(self._matrix, *self._runs(rows), self._columns)

    def columns(self, positions: Rows) -> RowRuns:
        """The same rows with these columns of theirs."""
        chosen = positions if self._columns is None else self._columns[positions]
        return RowRuns(self._matrix, self._starts, self._starts + np.diff(self._first), chosen)

    @property
    def pieces(self) -> list[FloatMatrix] | None:
        """A view a run, C-contiguous; None where the columns are not all there or not side by side."""
        if self._columns is not None or not self._matrix.flags.c_contiguous:
            return None
        lengths = np.diff(self._first)
        return [
            self._matrix[start : start + n]
            for start, n in zip(self._starts.tolist(), lengths.tolist(), strict=True)
        ]

    @overload
    def __getitem__(self, rows: slice | Rows) -> FloatMatrix: ...
    @overload
    def __getitem__(self, rows: tuple[slice, int]) -> NDArray[np.float32]: ...
    def __getitem__(self, rows: slice | Rows | tuple[slice, int]) -> NDArray[np.float32]:
        if isinstance(rows, tuple):
            part, column = rows
            return np.ascontiguousarray(self.columns(np.array([column]))[part][:, 0])
        if isinstance(rows, slice):
            start, stop, step = rows.indices(len(self))
            if step != 1:
                return self[np.arange(start, stop, step, dtype=np.int64)]
            return self._between(start, max(stop, start))
        return self._at(self._positions(rows))

    def __array__(self, dtype: object = None, copy: bool | None = None) -> NDArray[np.float32]:
        """All of it as one matrix: for what has no other way, as it copies."""
        if dtype is not None and np.dtype(dtype) != self.dtype:  # type: ignore[call-overload]
            raise TypeError(f"rows are float32, {dtype} was asked for")
        return self[:]

    @property
    def _scattered(self) -> bool:
        return len(self) < len(self._starts) * SHORTEST_RUN

    def _between(self, start: int, stop: int) -> FloatMatrix:
        if self._scattered:
            return self._at(self._positions(np.arange(start, stop, dtype=np.int64)))
        runs = range(
            int(np.searchsorted(self._first, start, side="right")) - 1,
            int(np.searchsorted(self._first, stop, side="left")),
        )
        parts = []
        for run in runs:
            shift = int(self._starts[run] - self._first[run])
            first, last = max(start, int(self._first[run])), min(stop, int(self._first[run + 1]))
            parts.append(self._matrix[first + shift : last + shift])
        if not parts:
            parts = [self._matrix[:0]]
        if self._columns is not None:
            # NumPy gives the picked columns in the order that is fast to make; models read rows.
            parts = [np.ascontiguousarray(part[:, self._columns]) for part in parts]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _runs(self, rows: Rows) -> tuple[Rows, Rows]:
        """Starts and stops in the matrix of the runs of these rows; where they are one run of these, without
        an array of their number.
        """
        some = places_of(rows)
        if not isinstance(some, slice) or not 0 <= some.start < some.stop <= len(self):
            return runs_of(self._positions(rows))
        runs = slice(
            int(np.searchsorted(self._first, some.start, side="right")) - 1,
            int(np.searchsorted(self._first, some.stop, side="left")),
        )
        shift = self._starts[runs] - self._first[:-1][runs]
        starts = np.maximum(self._first[:-1][runs], some.start) + shift
        return starts, np.minimum(self._first[1:][runs], some.stop) + shift

    def _positions(self, rows: Rows) -> Rows:
        """Positions in the matrix of these rows."""
        if len(rows) and not (rows.min() >= 0 and rows.max() < len(self)):
            raise IndexError(f"rows {rows.min()} … {rows.max()} of {len(self)}")
        run = np.searchsorted(self._first, rows, side="right") - 1
        return np.asarray(rows - self._first[run] + self._starts[run])

    def _at(self, positions: Rows) -> FloatMatrix:
        if self._columns is None:
            return self._matrix[positions]
        return np.ascontiguousarray(self._matrix[np.ix_(positions, self._columns)])


Matrix = FloatMatrix | RowRuns
"""(n, k) float32, NaN for null."""


_STEP = 1 << 20
"""Positions that are looked at at once: what is asked about them needs no memory of their number."""


def places_of(rows: Rows) -> slice | Rows:
    """What indexes the `rows` (positions) of an array: a slice where they are one run, so that nothing is
    copied, else themselves.
    """
    n = len(rows)
    if n == 0 or int(rows[-1]) - int(rows[0]) != n - 1:
        return rows
    for start in range(0, n - 1, _STEP):
        if not bool(np.all(np.diff(rows[start : start + _STEP + 1]) == 1)):
            return rows
    return slice(int(rows[0]), int(rows[-1]) + 1)


def runs_of(rows: Rows) -> tuple[Rows, Rows]:
    """Where the runs of `rows` (positions) begin and, excluded, end."""
    breaks = [
        np.flatnonzero(np.diff(rows[start : start + _STEP + 1]) != 1) + (start + 1)
        for start in range(0, len(rows) - 1, _STEP)
    ]
    edges = np.concatenate([[0], *breaks, [len(rows)]]) if len(rows) else np.zeros(1, dtype=np.int64)
    return rows[edges[:-1]], rows[edges[1:] - 1] + 1


def rows_between(starts: Rows, stops: Rows) -> Rows:
    """Positions of the rows of runs that begin at `starts` and end, excluded, at `stops`."""
    lengths = stops - starts
    first = np.cumsum(lengths) - lengths
    shifts: Rows = np.repeat(starts - first, lengths)
    return np.arange(len(shifts), dtype=np.int64) + shifts


def rows_of(x: Matrix, rows: Rows) -> Matrix:
    """The `rows` (positions) of `x`: a view where they are one run, runs of views where there are few of
    them, and a copy where the rows lie scattered.
    """
    if isinstance(x, RowRuns):
        return x.rows(rows)
    places = places_of(rows)
    return x[places] if isinstance(places, slice) or _scattered(rows) else RowRuns.of(x, rows)


def _scattered(rows: Rows) -> bool:
    """Whether runs of `rows` are too short to be worth a list, or not in order."""
    runs = 1
    for start in range(0, len(rows) - 1, _STEP):
        steps = np.diff(rows[start : start + _STEP + 1])
        runs += int(np.count_nonzero(steps != 1))
        if len(rows) < runs * SHORTEST_RUN or bool(np.any(steps <= 0)):
            return True
    return len(rows) < runs * SHORTEST_RUN


def columns_of(x: Matrix, positions: Rows) -> Matrix:
    """The columns at `positions` of `x`, read where they lie."""
    if isinstance(x, RowRuns):
        return x.columns(positions)
    if len(x) == 0:
        return x[:, positions]
    return RowRuns(x, np.zeros(1, dtype=np.int64), np.array([len(x)]), positions)

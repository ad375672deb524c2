"""Rows that are the ends of windows, read where they lie: what sequence models and row models share.

A model of sequences reads whole windows, its baseline reads their last rows, and both are asked for the same
decisions. So the rows of such a run are the ends of whole windows of one matrix, and a window is a view of
it until a batch of them is copied.
"""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from atc.errors import UsageError
from atc.protocol.row_runs import FloatMatrix, Matrix, RowRuns, Rows, runs_of

Windows = NDArray[np.float32]
"""(m, length, k) oldest row first, NaN for null."""


class RowWindows(RowRuns):
    """The last rows of windows of `length` rows of a matrix, indexed as the matrix of these rows, and the
    windows themselves.

    It holds places, never rows: picking rows or columns copies nothing of the matrix, whatever their order.
    """

    __slots__ = ("length",)

    length: int
    """Rows of a window."""

    def __init__(
        self, matrix: FloatMatrix, starts: Rows, stops: Rows, columns: Rows | None = None, *, length: int
    ) -> None:
        """Windows that end at the rows [start, stop) of `matrix`, run after run; every row before their ends
        is there.
        """
        super().__init__(matrix, starts, stops, columns)
        if length < 1:
            raise ValueError(f"a window has at least one row, not {length}")
        first = int(starts.min()) if len(starts) else length
        if first < length - 1:
            raise ValueError(
                f"a window of {length} rows ends at row {first}, {length - 1} was the first possible"
            )
        self.length = length

    @classmethod
    def ending_at(cls, matrix: FloatMatrix, ends: Rows, length: int) -> Self:
        """The windows that end at `ends` (positions in `matrix`, in any order), such as
        `sequences.window_ends` finds.
        """
        return cls(matrix, *runs_of(ends), length=length)

    def rows(self, rows: Rows) -> Self:
        """Some of these rows, with their windows."""
        return type(self)(self._matrix, *self._runs(rows), self._columns, length=self.length)

    def columns(self, positions: Rows) -> Self:
        """The same rows and windows with these columns of theirs."""
        chosen = positions if self._columns is None else self._columns[positions]
        return type(self)(
            self._matrix, self._starts, self._starts + np.diff(self._first), chosen, length=self.length
        )

    def shortened(self, length: int) -> Self:
        """The same rows with windows of fewer rows: the last of each."""
        if length > self.length:
            raise ValueError(f"windows of {self.length} rows do not say what {length} rows are")
        return type(self)(
            self._matrix, self._starts, self._starts + np.diff(self._first), self._columns, length=length
        )

    @property
    def pieces(self) -> list[FloatMatrix] | None:
        """As of all runs; None also where so many of them are short that the list would cost as much as the
        rows.
        """
        return None if self._scattered else super().pieces

    def windows(self, rows: slice | Rows) -> Windows:
        """(m, length, k) the windows that end at these rows, C-contiguous; the only copy there is."""
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(len(self)), dtype=np.int64)
        begins = self._positions(rows) - (self.length - 1)
        matrix, columns = self._matrix, self._columns
        width = matrix.shape[1]
        if not matrix.flags.c_contiguous or not len(begins):
            whole = sliding_window_view(matrix, self.length, axis=0).transpose(0, 2, 1)[begins]
        else:
            # A window of whole rows is one piece of memory, copied at once and not value by value.
            flat = sliding_window_view(matrix.reshape(-1), self.length * width)[::width]
            whole = flat[begins].reshape(len(begins), self.length, width)
        return np.ascontiguousarray(whole if columns is None else _picked(whole, columns))


def _picked(whole: Windows, columns: Rows) -> Windows:
    """The `columns` of windows: a view where they lie side by side."""
    if len(columns) and bool(np.all(np.diff(columns) == 1)):
        return whole[:, :, int(columns[0]) : int(columns[-1]) + 1]
    return whole[:, :, columns]


def require_windows(x: Matrix, length: int, reader: str) -> RowWindows:
    """`x` with windows of `length` rows, of longer ones their ends; raises UsageError where it has none, or
    shorter ones, for `reader`.
    """
    if isinstance(x, RowWindows) and x.length >= length:
        return x if x.length == length else x.shortened(length)
    found = f"windows of {x.length} rows" if isinstance(x, RowWindows) else "single rows"
    raise UsageError(
        f"{reader} reads windows of {length} rows, and was given {found}: give it the rows of one symbol as "
        f"RowWindows(matrix, *window_runs(times, {length}, …), length={length})"
    )

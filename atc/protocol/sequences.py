"""Windows of consecutive rows, for models that read sequences (SPEC 5): none crosses a gap or a symbol.

The last row of a window carries the label. The rows before it may belong to another part of a split: they
are its past. But they look further back than one row does, so the embargo of a fold that trains after a test
block has to hold `max_lookback` and the time of a window.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from atc.protocol.row_runs import FloatMatrix, Rows


def window_ends(
    ts_ns: NDArray[np.int64],
    length: int,
    *,
    max_gap_ns: int,
    symbol: NDArray[np.int64] | None = None,
    resets_ns: Sequence[int] = (),
) -> Rows:
    """Positions, ascending, of the rows at which a window of `length` rows ends that is whole.

    `ts_ns` (n,): times of the rows in key order (symbol, time). `symbol` (n,): a number a symbol; None: all
    rows are of one. A window is whole if its rows are of one symbol, no two neighbours of it lie more than
    `max_gap_ns` apart, and no instant of `resets_ns` (a RESET, the start of a day without a recording) lies
    after its first row and not after its last.

    Raises ValueError for a length below 1 and for rows of a symbol that run backwards.
    """
    if length < 1:
        raise ValueError(f"a window has at least one row, not {length}")
    n = len(ts_ns)
    if n < length:
        return np.empty(0, dtype=np.int64)
    step = np.diff(ts_ns)
    broken = step > max_gap_ns
    same = np.ones(n - 1, dtype=np.bool_) if symbol is None else symbol[1:] == symbol[:-1]
    backwards = np.flatnonzero(same & (step < 0))
    if len(backwards):
        row = int(backwards[0]) + 1
        raise ValueError(f"row {row} at {ts_ns[row]} comes after one at {ts_ns[row - 1]}: sort by time")
    broken |= ~same
    if len(resets_ns):
        resets = np.sort(np.asarray(resets_ns, dtype=np.int64))
        # A reset between two rows: more of them are at or before the later than the earlier.
        passed = np.searchsorted(resets, ts_ns, side="right")
        broken |= np.diff(passed) > 0
    # Start of the unbroken stretch that each row is in.
    first = np.zeros(n, dtype=np.int64)
    first[1:] = np.where(broken, np.arange(1, n), 0)
    np.maximum.accumulate(first, out=first)
    return np.flatnonzero(np.arange(n) - first + 1 >= length)


def windows(x: FloatMatrix, ends: Rows, length: int) -> NDArray[np.float32]:
    """(m, length, k) the windows of `x` (n, k) that end at `ends` (m,), oldest row first; a copy of these
    alone, so a batch of ends makes a batch.
    """
    view = every_window(x, length)
    return np.ascontiguousarray(view[ends - (length - 1)])


def every_window(x: FloatMatrix, length: int) -> NDArray[np.float32]:
    """(n − length + 1, length, k) a view of every window of `x`, whole or not; the one at i ends at row
    i + length − 1.
    """
    return sliding_window_view(x, length, axis=0).transpose(0, 2, 1)

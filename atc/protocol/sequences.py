"""Windows of consecutive rows, for models that read sequences (SPEC 5): none crosses a gap or a symbol.

The last row of a window carries the label. The rows before it may belong to another part of a split: they
are its past. But they look further back than one row does, so the embargo of a fold that trains after a test
block has to hold `max_lookback` and the time of a window.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from atc.protocol.row_runs import Rows, rows_between

_CHUNK_ROWS = 1 << 20
"""Rows whose times are looked at at once."""


def window_runs(
    ts_ns: NDArray[np.int64],
    length: int,
    *,
    max_gap_ns: int,
    symbol: NDArray[np.int64] | None = None,
    resets_ns: Sequence[int] = (),
) -> tuple[Rows, Rows]:
    """Where the runs of rows at which a window of `length` rows ends that is whole begin and, excluded, end,
    ascending; what it needs grows with their number and not with the rows'.

    `ts_ns` (n,): times of the rows in key order (symbol, time). `symbol` (n,): a number a symbol; None: all
    rows are of one. A window is whole if its rows are of one symbol, no two neighbours of it lie more than
    `max_gap_ns` apart, and no instant of `resets_ns` (a RESET, the start of a day without a recording) lies
    after its first row and not after its last.

    Raises ValueError for a length below 1 and for rows of a symbol that run backwards.
    """
    if length < 1:
        raise ValueError(f"a window has at least one row, not {length}")
    resets = np.sort(np.asarray(resets_ns, dtype=np.int64))
    breaks: list[Rows] = [np.zeros(1, dtype=np.int64)]
    for start in range(0, len(ts_ns) - 1, _CHUNK_ROWS):
        rows = slice(start, start + _CHUNK_ROWS + 1)
        ts = ts_ns[rows]
        step = np.diff(ts)
        same = np.ones(len(step), dtype=np.bool_) if symbol is None else np.diff(symbol[rows]) == 0
        backwards = np.flatnonzero(same & (step < 0))
        if len(backwards):
            row = int(backwards[0]) + 1
            raise ValueError(f"row {start + row} at {ts[row]} comes after one at {ts[row - 1]}: sort by time")
        # A reset between two rows: more of them are at or before the later than the earlier.
        broken = (step > max_gap_ns) | ~same
        if len(resets):
            broken |= np.diff(np.searchsorted(resets, ts, side="right")) > 0
        breaks.append(np.flatnonzero(broken) + (start + 1))
    starts = np.concatenate(breaks)
    stops = np.append(starts[1:], len(ts_ns))
    whole = stops - starts >= length
    return starts[whole] + (length - 1), stops[whole]


def window_ends(
    ts_ns: NDArray[np.int64],
    length: int,
    *,
    max_gap_ns: int,
    symbol: NDArray[np.int64] | None = None,
    resets_ns: Sequence[int] = (),
) -> Rows:
    """Positions, ascending, of the rows of `window_runs`."""
    return rows_between(
        *window_runs(ts_ns, length, max_gap_ns=max_gap_ns, symbol=symbol, resets_ns=resets_ns)
    )

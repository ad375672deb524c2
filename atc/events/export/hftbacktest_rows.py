"""Canonical book and trade events as rows of hftbacktest's `data` array.

Source of the format: hftbacktest.readthedocs.io, "Data"; `hftbacktest.types` of version 2.4.

- A row a canonical row, in the order of receipt: a level of the book (DEPTH_EVENT, of a whole book
  DEPTH_SNAPSHOT_EVENT) or a print (TRADE_EVENT); BUY_EVENT is the bid's side or a taker that bought. A
  message without levels is one row without a side, which moves nothing.
- A whole book follows a DEPTH_CLEAR_EVENT without a side, which empties both sides. So does each control
  RESET, and the first difference after a silence of the book of more than `MAX_GAP_NS`.
- Rows that must not move hftbacktest's market are valid neither at the exchange nor locally: prints of the
  maker's side (the taker's tells the execution already), keyframes that repeat a known book, differences of a
  book that is not known.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from atc.errors import DataError
from atc.events.schema import MAX_GAP_NS, ControlKind, Flag, MsgKind

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

DEPTH, TRADE, CLEAR, SNAPSHOT = 1, 2, 3, 4
EXCH, LOCAL, BUY, SELL = 1 << 31, 1 << 30, 1 << 29, 1 << 28

HELPER, BOOK_ROW, TRADE_ROW = 0, 1, 2
"""What a row of `data` is in canonical events; a helper is none."""


def event_dtype() -> np.dtype[Any]:
    """The row of hftbacktest, 64 bytes."""
    import numpy as np

    names = ("ev", "exch_ts", "local_ts", "px", "qty", "order_id", "ival", "fval")
    kinds = ("<u8", "<i8", "<i8", "<f8", "<f8", "<u8", "<i8", "<f8")
    return np.dtype(list(zip(names, kinds, strict=True)))


@dataclass(frozen=True)
class Scale:
    """Counts of a decimal step as the nearest floats of their decimals, and exactly back."""

    step: Decimal
    what: str

    def __post_init__(self) -> None:
        digits, power = self._parts()
        if power > 10**22 or digits >= 2**53:
            raise DataError(f"{self.what} step {self.step}: expected at most 22 decimals and 15 digits")

    def _parts(self) -> tuple[int, int]:
        """step = digits / power."""
        exponent = self.step.normalize().as_tuple().exponent
        power = 10 ** max(0, -int(exponent))
        return int(self.step * power), power

    def floats(self, counts: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.float64]:
        """count × step, rounded once. Raises DataError for a count that a float cannot tell from its
        neighbours.
        """
        import numpy as np

        digits, power = self._parts()
        found = counts.astype(np.float64) * digits / power
        back = np.rint(found * power / digits)
        wrong = (np.abs(counts.astype(np.float64)) * digits >= 2**53) | (back != counts)
        if wrong.any():
            raise DataError(
                f"{self.what} of {int(counts[np.argmax(wrong)])} steps of {self.step}: hftbacktest's "
                "64-bit floats do not hold it exactly; expected at most 15 digits"
            )
        return found


@dataclass
class Rows:
    """Rows of one window in the order of receipt; `exch_ts` is still to be filled in from `exchange`."""

    data: npt.NDArray[Any]
    """Validity is set at both ends or neither."""
    origin: npt.NDArray[np.uint8]
    """HELPER, BOOK_ROW or TRADE_ROW."""
    exchange: npt.NDArray[np.int64]
    """The venue's time, ns; 0 where `timed` is false."""
    timed: npt.NDArray[np.bool_]


class RowMaker:
    """Makes rows of one day's windows, one after the other."""

    def __init__(self, tick: Decimal, lot: Decimal) -> None:
        self._price = Scale(tick, "a price")
        self._size = Scale(lot, "a size")
        self._known = False
        self._last_book: int | None = None

    def rows(self, book: pa.Table, trade: pa.Table, control: pa.Table) -> Rows:
        """The rows of a window, `book` with whole messages."""
        import numpy as np

        parts = [self._book(book, control), self._trades(trade), _resets(control)]
        columns = [np.concatenate(values) for values in zip(*parts, strict=True)]
        ts, seq, step, ev, side, px, qty, exchange, timed, origin = columns
        order = np.lexsort((step, seq, ts))
        data = np.zeros(len(order), event_dtype())
        data["ev"] = (ev + np.where(side > 0, BUY, 0) + np.where(side < 0, SELL, 0))[order]
        data["local_ts"] = ts[order]
        data["px"] = self._price.floats(px[order])
        data["qty"] = self._size.floats(qty[order])
        return Rows(data, origin[order].astype(np.uint8), exchange[order], timed[order].astype(bool))

    def _book(self, book: pa.Table, control: pa.Table) -> tuple[npt.NDArray[Any], ...]:
        import numpy as np

        ts, seq, flags, kind, side = (
            numbers(book, name) for name in ("ts_recv", "ev_seq", "flags", "msg_kind", "side")
        )
        if not len(ts):
            self._known &= not _reset_times(control)
            return _parts()
        if (np.abs(side) > 1).any():
            raise DataError(
                f"side {int(side[np.argmax(np.abs(side) > 1)])} of a book row; expected -1, 0 or 1"
            )
        starts = message_starts(seq)
        void, silent = self._void(ts[starts], seq[starts], flags[starts], kind[starts], control)
        sizes = np.diff(np.append(starts, len(ts)))
        ev = np.choose(kind, [SNAPSHOT, DEPTH, CLEAR]).astype(np.int64)
        ev += np.where(np.repeat(void, sizes), 0, EXCH + LOCAL)
        exchange, timed = times(book)
        px, qty = numbers(book, "px_ticks"), numbers(book, "qty_lots")
        origin = np.full(len(ts), BOOK_ROW)
        rows = _parts(ts, seq, np.ones(len(ts)), ev, side, px, qty, exchange, timed, origin)
        first = starts[((kind[starts] == MsgKind.SNAP) & ~void) | silent]
        clears = _clears(ts[first], seq[first], exchange[first], timed[first])
        return tuple(np.concatenate(pair) for pair in zip(rows, clears, strict=True))

    def _void(
        self,
        ts: npt.NDArray[np.int64],
        seq: npt.NDArray[np.int64],
        flags: npt.NDArray[np.int64],
        kind: npt.NDArray[np.int64],
        control: pa.Table,
    ) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Of each message: whether it must not move the book, and whether the book is emptied by silence
        before it.
        """
        import numpy as np

        fresh = np.zeros(len(ts) + 1, bool)
        for reset_ts, reset_seq in _reset_times(control):
            first = int(ts.searchsorted(reset_ts))
            fresh[first + int((seq[first : ts.searchsorted(reset_ts, "right")] < reset_seq).sum())] = True
        void_after, fresh = bool(fresh[-1]), fresh[:-1]
        gaps = np.diff(ts, prepend=self._last_book if self._last_book is not None else ts[0]) > MAX_GAP_NS
        number = np.arange(len(ts))
        whole = kind != MsgKind.DELTA
        last_whole = np.maximum.accumulate(np.where(whole, number, -1 if self._known else -2))
        last_fresh = np.maximum.accumulate(np.where(fresh | gaps, number, -1))
        known = last_whole >= last_fresh
        known_before = np.append(self._known, known[:-1]) & ~fresh & ~gaps
        repeated = (flags & (Flag.REPEAT | Flag.SNAPSHOT)) == (Flag.REPEAT | Flag.SNAPSHOT)
        self._known = bool(known[-1]) and not void_after
        self._last_book = int(ts[-1])
        return ~known | (whole & repeated & known_before), gaps & ~whole

    def _trades(self, trade: pa.Table) -> tuple[npt.NDArray[Any], ...]:
        import numpy as np

        ts, seq, flags, side, px, qty = (
            numbers(trade, name) for name in ("ts_recv", "ev_seq", "flags", "side", "px_ticks", "qty_lots")
        )
        if (np.abs(side) > 1).any():
            raise DataError(f"side {int(side[np.argmax(np.abs(side) > 1)])} of a print; expected -1, 0 or 1")
        ev = TRADE + np.where(flags & Flag.DUP_OTHER_SIDE, 0, EXCH + LOCAL)
        origin = np.full(len(ts), TRADE_ROW)
        return _parts(ts, seq, np.ones(len(ts)), ev, side, px, qty, *times(trade), origin)


def message_starts(seq: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Where the messages of some rows begin."""
    import numpy as np

    return np.flatnonzero(np.diff(seq, prepend=seq[0] - 1 if len(seq) else 0))


def numbers(table: pa.Table, name: str) -> npt.NDArray[np.int64]:
    """A column without nulls as 64-bit integers; `ev_seq` above 2^63 wraps."""
    import numpy as np

    values: npt.NDArray[np.int64] = table[name].to_numpy().astype(np.int64, copy=False)
    return values


def times(table: pa.Table) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """`ts_exch` with 0 for null, and where it is not null."""
    return optional(table, "ts_exch")


def optional(table: pa.Table, name: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """A column with 0 for null, and where it is not null."""
    import numpy as np

    column = table[name]
    valid = column.is_valid().to_numpy().astype(bool)
    return column.fill_null(0).to_numpy().astype(np.int64, copy=False), valid


def _reset_times(control: pa.Table) -> list[tuple[int, int]]:
    resets = numbers(control, "control_kind") == ControlKind.RESET
    ts, seq = (numbers(control, name)[resets].tolist() for name in ("ts_recv", "ev_seq"))
    return list(zip(ts, seq, strict=True))


def _resets(control: pa.Table) -> tuple[npt.NDArray[Any], ...]:
    resets = numbers(control, "control_kind") == ControlKind.RESET
    exchange, timed = times(control)
    # A reset is no market event of the venue: its time is that of the book.
    return _clears(
        numbers(control, "ts_recv")[resets],
        numbers(control, "ev_seq")[resets],
        exchange[resets],
        timed[resets] & False,
    )


def _clears(
    ts: npt.NDArray[np.int64],
    seq: npt.NDArray[np.int64],
    exchange: npt.NDArray[np.int64],
    timed: npt.NDArray[np.bool_],
) -> tuple[npt.NDArray[Any], ...]:
    import numpy as np

    nothing = np.zeros(len(ts), np.int64)
    return _parts(
        ts, seq, nothing, nothing + CLEAR + EXCH + LOCAL, nothing, nothing, nothing, exchange, timed, nothing
    )


def _parts(*columns: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], ...]:
    """ts, seq, step within the message, ev, side, px, qty, exchange, timed, origin: all 64-bit integers."""
    import numpy as np

    columns = columns or (np.empty(0),) * 10
    return tuple(np.asarray(column).astype(np.int64, copy=False) for column in columns)

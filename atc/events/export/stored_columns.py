"""What hftbacktest's rows cannot hold, as further arrays of the same npz.

The arrays of a kind are `<kind>.<column>`, one element a row of the kind; of the book one element a
*message*, but for `book.flags`. Times and counters are stored as the wrapping difference to the element
before, the first to 0 (`step`); where one is null, `<column>.valid` is 0 and the step too. Text is its bytes,
with `<column>.size` of each (2^32 − 1: null).

`ts_exch` of a book message or print is mostly in `data` already: `.state` says so (IN_DATA: `exch_ts` plus
the clock offset of `atc.json`), or NULL, or OTHER: the next element of `.other`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atc.errors import DataError
from atc.events.export.hftbacktest_rows import message_starts, numbers, optional
from atc.events.schema import Kind, schema_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from atc.events.export.npz_file import NpzFile

IN_DATA, NULL, OTHER = 0, 1, 2
NO_TEXT = 2**32 - 1

STEPS = ("ev_seq", "ts_recv", "ts_exch", "venue_seq")
"""Columns that mostly grow."""


class StoredColumns:
    """Writes the further arrays of a day."""

    def __init__(self, npz: NpzFile) -> None:
        self._npz = npz
        self._before: dict[str, int] = {}

    def market(self, kind: Kind, table: pa.Table, exch_ts: npt.NDArray[np.int64], offset_ns: int) -> None:
        """Rows of the book or prints of a window; `exch_ts` is that of each in `data`."""
        import numpy as np

        self._put(f"{kind}.flags", numbers(table, "flags").astype(np.uint16))
        if kind is Kind.BOOK:
            table, exch_ts = self._messages(table, exch_ts)
        self._steps(f"{kind}.ev_seq", numbers(table, "ev_seq"))
        exchange, timed = optional(table, "ts_exch")
        other = timed & (exchange != exch_ts + offset_ns)
        state = np.where(timed, np.where(other, OTHER, IN_DATA), NULL)
        self._put(f"{kind}.ts_exch.state", state.astype(np.uint8))
        self._put(f"{kind}.ts_exch.other", exchange[other])
        self._column(kind, "venue_seq", table)
        if kind is Kind.BOOK:
            self._column(kind, "msg_kind", table)
        else:
            self._column(kind, "trade_id", table)

    def others(self, kind: Kind, table: pa.Table) -> None:
        """Tickers or controls, which are not in `data` at all."""
        for name in schema_of(kind).names:
            self._column(kind, name, table)

    def _messages(
        self, table: pa.Table, exch_ts: npt.NDArray[np.int64]
    ) -> tuple[pa.Table, npt.NDArray[np.int64]]:
        """The first row of each message, and how many rows it has."""
        import numpy as np

        starts = message_starts(numbers(table, "ev_seq"))
        sizes = np.diff(np.append(starts, table.num_rows))
        first = table.take(starts)
        for name in ("ts_recv", "ts_exch", "venue_seq", "msg_kind"):
            values, valid = optional(table, name)
            alike = (values == np.repeat(values[starts], sizes)) & (valid == np.repeat(valid[starts], sizes))
            if not alike.all():
                seq = int(table["ev_seq"][int(np.argmin(alike))].as_py())
                raise DataError(
                    f"the rows of book message {seq} differ in {name}; expected one value a message"
                )
        self._put("book.rows", sizes.astype(np.uint32))
        return first, exch_ts[starts]

    def _column(self, kind: Kind, name: str, table: pa.Table) -> None:
        import numpy as np
        import pyarrow as pa

        field, place = schema_of(kind).field(name), f"{kind}.{name}"
        if pa.types.is_string(field.type):
            texts = [None if text is None else text.encode() for text in table[name].to_pylist()]
            sizes = [NO_TEXT if text is None else len(text) for text in texts]
            self._put(f"{place}.size", np.array(sizes, np.uint32))
            self._put(f"{place}.text", np.frombuffer(b"".join(text or b"" for text in texts), np.uint8))
            return
        values, valid = optional(table, name)
        if field.nullable:
            self._put(f"{place}.valid", valid.astype(np.uint8))
        if name in STEPS:
            self._steps(place, values, valid)
        else:
            self._put(place, values.astype(field.type.to_pandas_dtype()))

    def _steps(
        self, place: str, values: npt.NDArray[np.int64], valid: npt.NDArray[np.bool_] | None = None
    ) -> None:
        import numpy as np

        there = values if valid is None else values[valid]
        steps = np.zeros(len(values), np.int64)
        with np.errstate(over="ignore"):
            steps[slice(None) if valid is None else valid] = np.diff(
                there, prepend=self._before.get(place, 0)
            )
        if len(there):
            self._before[place] = int(there[-1])
        self._put(place, steps)

    def _put(self, place: str, values: npt.NDArray[Any]) -> None:
        self._npz.append(place, values.astype(values.dtype.newbyteorder("<"), copy=False))

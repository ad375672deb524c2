"""Book messages read back from canonical rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from atc.events.book import Level
from atc.events.schema import Flag

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class StoredMessage:
    """One book message as stored."""

    ts_recv: int
    ev_seq: int
    flags: int
    """Those of its last row, that is of the message."""
    msg_kind: int
    levels: list[Level]


def book_messages(book: pa.Table) -> Iterator[tuple[int, StoredMessage]]:
    """The messages of a book table with the row on which each begins."""
    columns = ("ts_recv", "ev_seq", "flags", "msg_kind", "side", "px_ticks", "qty_lots")
    levels: list[Level] = []
    first = 0
    offset = 0
    for batch in book.select(columns).to_batches(max_chunksize=65_536):
        for row, (ts, seq, flags, kind, side, px, qty) in enumerate(
            zip(*(column.to_pylist() for column in batch.columns), strict=True), start=offset
        ):
            levels.append((side, px, qty))
            if flags & Flag.LAST:
                yield first, StoredMessage(ts, seq, flags, kind, levels)
                levels, first = [], row + 1
        offset += batch.num_rows

"""Single events as typed values: what a live feed hands over, and what stored tables are read back into."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atc.events.book import Level
from atc.events.schema import ControlKind, Flag, MsgKind

if TYPE_CHECKING:
    import pyarrow as pa

    from atc.events.reader import Events


@dataclass(frozen=True, slots=True)
class BookEvent:
    """One message of the order book with all its levels.

    Without a level to tell of (a repeated snapshot, an empty book) `levels` may be empty.
    """

    ev_seq: int
    """Number in the stream; grows within one `ts_recv`."""
    ts_recv: int
    """When it was received, ns UTC."""
    msg_kind: MsgKind
    levels: tuple[Level, ...]
    """(side +1 bid or -1 ask, px_ticks, qty_lots); a size is absolute, 0 deletes, and a later
    row of a level wins."""
    ts_exch: int | None = None
    """When the venue made it, ns UTC; None where the venue does not say."""
    flags: int = 0
    """Bits of `Flag`; LAST is not needed here."""


@dataclass(frozen=True, slots=True)
class TradeEvent:
    """One print."""

    ev_seq: int
    ts_recv: int
    px_ticks: int
    qty_lots: int
    side: int
    """+1: the taker bought, -1: the taker sold, 0: unknown."""
    ts_exch: int | None = None
    flags: int = 0


@dataclass(frozen=True, slots=True)
class TickerEvent:
    """One ticker message: prices in ticks, sizes and 24 h volume in lots; None where the venue has none."""

    ev_seq: int
    ts_recv: int
    bid: int | None = None
    ask: int | None = None
    last: int | None = None
    high: int | None = None
    low: int | None = None
    bid_qty: int | None = None
    ask_qty: int | None = None
    vol: int | None = None
    ts_exch: int | None = None
    flags: int = 0


@dataclass(frozen=True, slots=True)
class ControlEvent:
    """What the recorder or the venue tells of the feed itself; a RESET begins a new stretch."""

    ev_seq: int
    ts_recv: int
    control_kind: ControlKind
    flags: int = 0


Event = BookEvent | TradeEvent | TickerEvent | ControlEvent

_TICKER_FIELDS = ("bid", "ask", "last", "high", "low", "bid_qty", "ask_qty", "vol")
_CHUNK_ROWS = 65_536


def single_events(tables: Events) -> Iterator[Event]:
    """The messages of canonical tables one by one, in the order (`ts_recv`, `ev_seq`) of the stream.

    Only a chunk of each table is unpacked at a time.
    """
    return heapq.merge(
        _books(tables.book),
        _trades(tables.trade),
        _tickers(tables.ticker),
        _controls(tables.control),
        key=lambda event: (event.ts_recv, event.ev_seq),
    )


def _rows(table: pa.Table, *columns: str) -> Iterator[tuple[Any, ...]]:
    for batch in table.select(columns).to_batches(max_chunksize=_CHUNK_ROWS):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _books(table: pa.Table) -> Iterator[BookEvent]:
    levels: list[Level] = []
    columns = ("ev_seq", "ts_recv", "ts_exch", "flags", "msg_kind", "side", "px_ticks", "qty_lots")
    for ev_seq, ts_recv, ts_exch, flags, msg_kind, *level in _rows(table, *columns):
        if level[0]:  # a row of side 0 only stands for a message without levels
            levels.append((level[0], level[1], level[2]))
        if flags & Flag.LAST:
            yield BookEvent(ev_seq, ts_recv, MsgKind(msg_kind), tuple(levels), ts_exch, flags)
            levels = []


def _trades(table: pa.Table) -> Iterator[TradeEvent]:
    columns = ("ev_seq", "ts_recv", "px_ticks", "qty_lots", "side", "ts_exch", "flags")
    yield from (TradeEvent(*row) for row in _rows(table, *columns))


def _tickers(table: pa.Table) -> Iterator[TickerEvent]:
    columns = ("ev_seq", "ts_recv", *_TICKER_FIELDS, "ts_exch", "flags")
    yield from (TickerEvent(*row) for row in _rows(table, *columns))


def _controls(table: pa.Table) -> Iterator[ControlEvent]:
    for ev_seq, ts_recv, kind, flags in _rows(table, "ev_seq", "ts_recv", "control_kind", "flags"):
        yield ControlEvent(ev_seq, ts_recv, ControlKind(kind), flags)

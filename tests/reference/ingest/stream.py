"""From messages to canonical columns: numbering, business days, keyframes, rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Any

from atc.events.business_day import day_number
from atc.events.schema import ControlKind, Flag, Kind, schema_of
from atc.events.writer import IngestSession
from reference.ingest.keyframes import DifferenceFeed, SnapshotFeed
from reference.ingest.message import (
    BookMessage,
    ControlMessage,
    FullBook,
    Message,
    TickerMessage,
    TradeMessage,
)
from reference.ingest.report import IngestReport

_CHUNK_ROWS = 65_536
_FIRST_DAY = date(1970, 1, 1)
_TICKER_FIELDS = ("bid", "ask", "last", "high", "low", "bid_qty", "ask_qty", "vol")


def first_ev_seq(day: int) -> int:
    """The number before the first message of a business day (given in days since 1970).

    Numbers grow over the whole stream but depend on their own day alone, so a day's events are the same
    whether its file was ingested by itself or with a year of others.
    """
    return day << 32


class EventStream:
    """Takes one stream's messages in the order of `ts_recv` and writes them to a session, a business day at a
    time.
    """

    def __init__(self, session: IngestSession, report: IngestReport) -> None:
        self._session = session
        self._report = report
        self._cut = (session.instrument.day_cut_utc_s, session.instrument.tz_offset_s)
        self._day: int | None = None
        self._ev_seq = 0
        self._last_ts = -(2**63)
        self._differences = DifferenceFeed(report)
        self._snapshots = SnapshotFeed(session.instrument.recorded_depth, report)
        self._columns = {kind: _Columns(kind) for kind in Kind}
        self.events_written = 0

    def add(self, message: Message) -> None:
        """Stores one message, and the whole books that are due with it."""
        if message.ts_recv < self._last_ts:
            raise RuntimeError(
                f"{message.origin}: ts_recv {message.ts_recv} after {self._last_ts}; expected merged messages"
            )
        self._last_ts = message.ts_recv
        day = day_number(message.ts_recv, *self._cut)
        if day != self._day:
            self._turn_to(day)
        match message:
            case BookMessage():
                for stored in self._differences.encode(message):
                    self._book_rows(stored)
            case FullBook():
                for stored in self._snapshots.encode(message):
                    self._book_rows(stored)
            case TradeMessage():
                own = (message.px_ticks, message.qty_lots, message.side, message.trade_id)
                self._row(Kind.TRADE, message, own)
            case TickerMessage():
                self._row(Kind.TICKER, message, tuple(getattr(message, name) for name in _TICKER_FIELDS))
            case ControlMessage():
                if message.control_kind is ControlKind.RESET:
                    self._differences.reset()
                    self._snapshots.reset()
                self._row(Kind.CONTROL, message, (int(message.control_kind), message.detail))
            case _:
                raise TypeError(f"{type(message).__name__} is no kind of message that is stored")

    def close(self) -> None:
        """Writes what is still held. The session is left to its owner to commit."""
        self._flush()
        self._close_day()

    def _turn_to(self, day: int) -> None:
        self.close()
        self._day = day
        self._ev_seq = first_ev_seq(day)
        self._differences.new_day()
        self._snapshots.new_day()

    def _close_day(self) -> None:
        if self._day is not None:
            for kind in Kind:
                self._session.close_day(self._date(), kind)

    def _date(self) -> date:
        return _FIRST_DAY + timedelta(days=self._day or 0)

    def _next_seq(self) -> int:
        self._ev_seq += 1
        self.events_written += 1
        return self._ev_seq

    def _row(self, kind: Kind, message: Message, own: tuple[Any, ...]) -> None:
        flags = int(message.flags | Flag.LAST)
        common = (self._next_seq(), message.ts_recv, message.ts_exch, message.venue_seq, flags)
        columns = self._columns[kind]
        columns.add(common + own)
        if columns.rows >= _CHUNK_ROWS:
            self._flush()

    def _book_rows(self, message: BookMessage) -> None:
        seq = self._next_seq()
        columns = self._columns[Kind.BOOK]
        kind, flags = int(message.msg_kind), int(message.flags)
        last = len(message.levels) - 1
        for i, (side, px, qty) in enumerate(message.levels):
            own = flags | (Flag.LAST if i == last else 0) | (Flag.WINDOW_EDGE if i in message.edges else 0)
            columns.add(
                (seq, message.ts_recv, message.ts_exch, message.venue_seq, int(own), kind, side, px, qty)
            )
        if columns.rows >= _CHUNK_ROWS:
            self._flush()

    def _flush(self) -> None:
        for kind, columns in self._columns.items():
            if columns.rows:
                self._session.append(self._date(), kind, columns.take())


class _Columns:
    """Rows of one kind, collected by column."""

    def __init__(self, kind: Kind) -> None:
        self._schema = schema_of(kind)
        self._rows: list[tuple[Any, ...]] = []
        self.add: Callable[[tuple[Any, ...]], None] = self._rows.append

    @property
    def rows(self) -> int:
        return len(self._rows)

    def take(self) -> Any:
        """The collected rows as a table; the collection is empty afterwards."""
        import pyarrow as pa

        columns: Iterable[tuple[Any, ...]] = zip(*self._rows, strict=True)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, self._schema, strict=True)]
        self._rows.clear()
        return pa.Table.from_arrays(arrays, schema=self._schema)

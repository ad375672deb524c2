"""Events as the canonical Arrow tables, and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from .events import LAST, Book, Control, Event, Level, Ticker, Trade

_COMMON = [
    pa.field("ev_seq", pa.uint64(), nullable=False),
    pa.field("ts_recv", pa.int64(), nullable=False),
    pa.field("ts_exch", pa.int64()),
    pa.field("venue_seq", pa.int64()),
    pa.field("flags", pa.uint16(), nullable=False),
]
BOOK = pa.schema(
    [
        *_COMMON,
        pa.field("msg_kind", pa.uint8(), nullable=False),
        pa.field("side", pa.int8(), nullable=False),
        pa.field("px_ticks", pa.int32(), nullable=False),
        pa.field("qty_lots", pa.int64(), nullable=False),
    ]
)
TRADE = pa.schema(
    [
        *_COMMON,
        pa.field("px_ticks", pa.int32(), nullable=False),
        pa.field("qty_lots", pa.int64(), nullable=False),
        pa.field("side", pa.int8(), nullable=False),
        pa.field("trade_id", pa.string()),
    ]
)
_PRICES, _SIZES = ("bid", "ask", "last", "high", "low"), ("bid_qty", "ask_qty", "vol")
TICKER = pa.schema(
    [*_COMMON, *(pa.field(n, pa.int32()) for n in _PRICES), *(pa.field(n, pa.int64()) for n in _SIZES)]
)
CONTROL = pa.schema(
    [*_COMMON, pa.field("control_kind", pa.uint8(), nullable=False), pa.field("detail", pa.string())]
)


class Tables(NamedTuple):
    """One record batch a kind, as `build_rows` takes them."""

    book: pa.RecordBatch
    trade: pa.RecordBatch
    ticker: pa.RecordBatch
    control: pa.RecordBatch


def to_tables(events: Iterable[Event]) -> Tables:
    book: list[dict[str, Any]] = []
    trade: list[dict[str, Any]] = []
    ticker: list[dict[str, Any]] = []
    control: list[dict[str, Any]] = []
    for e in events:
        common = {
            "ev_seq": e.ev_seq,
            "ts_recv": e.ts_recv,
            "ts_exch": None,
            "venue_seq": None,
            "flags": e.flags,
        }
        match e:
            case Book():
                common |= {"ts_exch": e.ts_exch, "msg_kind": e.msg_kind}
                rows = e.levels or (Level(0, 0, 0),)
                for k, level in enumerate(rows):
                    last = LAST if k + 1 == len(rows) else 0
                    flags = e.flags & ~LAST | last
                    book.append(
                        common
                        | {"flags": flags, "side": level.side, "px_ticks": level.px, "qty_lots": level.qty}
                    )
            case Trade():
                common |= {"ts_exch": e.ts_exch, "px_ticks": e.px, "qty_lots": e.qty}
                trade.append(common | {"side": e.side, "trade_id": None})
            case Ticker():
                fields = {name: getattr(e, name) for name in (*_PRICES, *_SIZES)}
                ticker.append(common | {"ts_exch": e.ts_exch} | fields)
            case Control():
                control.append(common | {"control_kind": e.control_kind, "detail": None})
    return Tables(
        pa.RecordBatch.from_pylist(book, schema=BOOK),
        pa.RecordBatch.from_pylist(trade, schema=TRADE),
        pa.RecordBatch.from_pylist(ticker, schema=TICKER),
        pa.RecordBatch.from_pylist(control, schema=CONTROL),
    )


def from_tables(book: Any, trade: Any, ticker: Any, control: Any) -> list[Event]:
    """The events of canonical tables or batches, in the order (`ts_recv`, `ev_seq`)."""
    events: list[Event] = [*_books(book.to_pylist())]
    for r in trade.to_pylist():
        events.append(
            Trade(
                r["ev_seq"], r["ts_recv"], r["ts_exch"], r["flags"], r["px_ticks"], r["qty_lots"], r["side"]
            )
        )
    for r in ticker.to_pylist():
        fields = [r[name] for name in (*_PRICES, *_SIZES)]
        events.append(Ticker(r["ev_seq"], r["ts_recv"], r["ts_exch"], r["flags"], *fields))
    for r in control.to_pylist():
        events.append(Control(r["ev_seq"], r["ts_recv"], r["flags"], r["control_kind"]))
    return sorted(events, key=lambda e: (e.ts_recv, e.ev_seq))


def _books(rows: Sequence[dict[str, Any]]) -> list[Book]:
    """Rows of one `ev_seq` make a message; its flags are those of its last row."""
    by_message: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        by_message.setdefault(row["ev_seq"], []).append(row)
    return [
        Book(
            ev_seq,
            levels[-1]["ts_recv"],
            levels[-1]["ts_exch"],
            levels[-1]["flags"],
            levels[-1]["msg_kind"],
            tuple(Level(r["side"], r["px_ticks"], r["qty_lots"]) for r in levels),
        )
        for ev_seq, levels in by_message.items()
    ]

"""What canonical events a recording must hold, told from what the server sent: slow and plain, the only
second reading of these venues' frames.

An item is ("book", bids, asks) for a whole book of GMO Coin; ("snap" | "delta", levels) for bitFlyer;
("trade", px, qty, side, is the maker's print, time); ("ticker", …); ("gap_start",), ("reset",), ("gap_end",).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from ws_server import Sent

from atc.events.catalog import Catalog
from atc.events.reader import read_events
from atc.events.schema import ControlKind, Flag, MsgKind

Item = tuple[Any, ...]
_CONTROL = {
    ControlKind.GAP_START: "gap_start",
    ControlKind.GAP_END: "gap_end",
    ControlKind.RESET: "reset",
    ControlKind.STATUS: "status",
}


def expected(
    sent: Iterable[Sent], symbol: str, tick: str, lot: str, *, cuts: Iterable[int] = (), closed: bool = True
) -> list[Item]:
    """All items in order. `cuts`: places in `sent` after which the recorder was stopped and started again."""
    read = _Reference(symbol, Decimal(tick), Decimal(lot))
    connection = 0
    ended = set(cuts)
    for place, frame in enumerate(sent):
        if frame.connection != connection:
            read.lose()
            connection = frame.connection
        read.frame(frame)
        if place in ended:
            read.lose()
    if closed:
        read.lose()
    return read.items


class _Reference:
    def __init__(self, symbol: str, tick: Decimal, lot: Decimal) -> None:
        self.items: list[Item] = []
        self._symbol = symbol
        self._tick, self._lot = tick, lot
        self._gap = False
        self._heard = False
        self._open: Item | None = None
        self._ids: set[int] = set()

    def lose(self) -> None:
        if self._heard or not self._gap:
            self.items += [("gap_start",), ("reset",)]
        self._gap = True
        self._heard = False
        self._open = None

    def frame(self, sent: Sent) -> None:
        try:
            frame = json.loads(sent.text, parse_float=Decimal, parse_int=Decimal)
        except ValueError:
            return
        self._heard = True
        if sent.fault == "unknown_channel":
            return
        if sent.fault == "wrong_types":
            # A board of bitFlyer that cannot be read may hold anything.
            if "lightning_board" in str(sent.text) and self._symbol in str(sent.text) and not self._gap:
                self.items += [("gap_start",), ("reset",)]
                self._gap = True
            return
        if "params" in frame:
            self._bitflyer(frame["params"]["channel"], frame["params"]["message"])
        elif frame.get("symbol") == self._symbol:
            self._gmo(frame)

    def _gmo(self, frame: dict[str, Any]) -> None:
        time = _ns(frame["timestamp"])
        match frame["channel"]:
            case "orderbooks":
                self._end_gap()
                sides = [
                    {self._px(level["price"]): self._qty(level["size"]) for level in frame[side]}
                    for side in ("bids", "asks")
                ]
                self.items.append(("book", *sides))
            case "trades":
                shown = (self._px(frame["price"]), self._qty(frame["size"]), time)
                side = {"BUY": 1, "SELL": -1}[frame["side"]]
                makers = self._open == (*shown, -side)
                self._open = None if makers else (*shown, side)
                self.items.append(("trade", *shown[:2], side, makers, time))
            case "ticker":
                prices = tuple(self._px(frame[name]) for name in ("bid", "ask", "last", "high", "low"))
                self.items.append(("ticker", *prices, None, None, self._qty(frame["volume"]), time))

    def _bitflyer(self, channel: str, message: Any) -> None:
        if not channel.endswith(f"_{self._symbol}") or (
            # ETH_JPY is no end of another product's name, JPY would be.
            channel.removesuffix(f"_{self._symbol}")
            not in (
                "lightning_board",
                "lightning_board_snapshot",
                "lightning_executions",
                "lightning_ticker",
            )
        ):
            return
        if "board" in channel:
            levels = [
                (sign, self._px(level["price"]), self._qty(level["size"]))
                for sign, side in ((1, "bids"), (-1, "asks"))
                for level in message[side]
            ]
            if "snapshot" in channel:
                self._end_gap()
                self.items.append(("snap", levels))
            else:
                self.items.append(("delta", levels))
        elif "executions" in channel:
            for execution in message:
                if int(execution["id"]) not in self._ids:
                    self._ids.add(int(execution["id"]))
                    side = {"BUY": 1, "SELL": -1, "": 0}[execution["side"]]
                    px, qty = self._px(execution["price"]), self._qty(execution["size"])
                    self.items.append(("trade", px, qty, side, False, _ns(execution["exec_date"])))
        else:
            prices = tuple(self._px(message[name]) for name in ("best_bid", "best_ask", "ltp"))
            sizes = tuple(
                self._qty(message[name]) for name in ("best_bid_size", "best_ask_size", "volume_by_product")
            )
            self.items.append(("ticker", *prices, None, None, *sizes, _ns(message["timestamp"])))

    def _end_gap(self) -> None:
        if self._gap:
            self.items.append(("gap_end",))
        self._gap = False

    def _px(self, price: Any) -> int:
        return _count(price, self._tick)

    def _qty(self, size: Any) -> int:
        return _count(size, self._lot)


def recorded(root: Path, venue: str, symbol: str) -> list[Item]:
    """The items of the canonical events, in the order of `ev_seq`; whole books that ATC inserted are left
    out.
    """
    catalog = Catalog(root)
    first, last = catalog.span_ns(venue, symbol)
    events = read_events(catalog, venue, symbol, first, last + 1)
    items: list[tuple[int, Item]] = []
    snapshots = pc.any(pc.not_equal(pc.bit_wise_and(events.book["flags"], int(Flag.SYNTH_DIFF)), 0)).as_py()
    items += _whole_books(events.book) if snapshots else _messages(events.book)
    for row in events.trade.to_pylist():
        makers = bool(row["flags"] & Flag.DUP_OTHER_SIDE)
        items.append(
            (row["ev_seq"], ("trade", row["px_ticks"], row["qty_lots"], row["side"], makers, row["ts_exch"]))
        )
    for row in events.ticker.to_pylist():
        names = ("bid", "ask", "last", "high", "low", "bid_qty", "ask_qty", "vol", "ts_exch")
        items.append((row["ev_seq"], ("ticker", *(row[name] for name in names))))
    for row in events.control.to_pylist():
        items.append((row["ev_seq"], (_CONTROL[ControlKind(row["control_kind"])],)))
    items.sort(key=lambda item: item[0])
    return [item for _, item in items]


def _rows(book: Any) -> Iterator[tuple[dict[str, Any], list[tuple[int, int, int]]]]:
    levels: list[tuple[int, int, int]] = []
    for row in book.to_pylist():
        if row["side"]:
            levels.append((row["side"], row["px_ticks"], row["qty_lots"]))
        if row["flags"] & Flag.LAST:
            yield row, levels
            levels = []


def _whole_books(book: Any) -> list[tuple[int, Item]]:
    """The book after every message of a snapshot feed."""
    sides: dict[int, dict[int, int]] = {1: {}, -1: {}}
    items = []
    for row, levels in _rows(book):
        if row["msg_kind"] != MsgKind.DELTA:
            sides = {1: {}, -1: {}}
        for side, px, qty in levels:
            if qty:
                sides[side][px] = qty
            else:
                del sides[side][px]
        items.append((row["ev_seq"], ("book", dict(sides[1]), dict(sides[-1]))))
    return items


def _messages(book: Any) -> list[tuple[int, Item]]:
    """The messages of a difference feed as they are stored."""
    items: list[tuple[int, Item]] = []
    for row, levels in _rows(book):
        inserted = row["msg_kind"] != MsgKind.DELTA and row["flags"] & Flag.REPEAT
        if not inserted:
            kind = "delta" if row["msg_kind"] == MsgKind.DELTA else "snap"
            items.append((row["ev_seq"], (kind, levels)))
    return items


def _count(number: Any, step: Decimal) -> int:
    count = Decimal(number) / step
    assert count == int(count)
    return int(count)


def _ns(text: str) -> int:
    whole, _, fraction = text.rstrip("Z").partition(".")
    return int(datetime.fromisoformat(whole + "+00:00").timestamp()) * 10**9 + int(
        fraction.ljust(9, "0") or 0
    )

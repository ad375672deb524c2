"""Binance WebSocket messages as recorded by hftbacktest's collector, spot and USD-M: `<receive ns> <JSON>` a
line.

- Time: `ts_recv` is the recorder's clock. `ts_exch` is the matching time `T` where a message has one (trades,
  all of USD-M), else the event time `E`; spot's bookTicker has neither.
- Side of a trade: `m` is true when the buyer is the maker, so the seller took.
- Size: base asset. Depth sizes are absolute, 0 deletes a level.
- Chain: `U` and `u` are a depth update's first and last id; USD-M says the previous `u` as `pu`, on spot U
  follows it without a gap. A line without `stream` is the REST snapshot. See `reference.ingest.update_chain`.
- Trades of USD-M whose `X` is not MARKET (insurance fund, ADL) are no trades of the market and are left out.

Sources: developers.binance.com, "WebSocket Streams" of Spot and of USD-M Futures;
github.com/nkaz001/hftbacktest, `collector`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from atc.errors import DataError
from atc.events.instrument import Instrument
from reference.ingest.adapters import Asked, KnownSteps, no_such_symbol, resolved
from reference.ingest.merge import Source, Timed, merged
from reference.ingest.message import Message, TickerMessage, TradeMessage
from reference.ingest.report import IngestReport
from reference.ingest.source_file import Progress, located, no_progress, read_lines
from reference.ingest.steps import Steps
from reference.ingest.trade_ids import TradeIds
from reference.ingest.update_chain import Difference, Snapshot, UpdateChain
from reference.ingest.utc_time import ns_of_ms

VERSION = 1

SPOT, USDM, COINM = "binance", "binance_usdm", "binance_coinm"

_KNOWN = {
    # The size step is 0.0001, but some resting orders are older than it: 2292.22972 at 5000.
    (SPOT, "ETHUSDT"): KnownSteps(Decimal("0.01"), Decimal("0.00001"), "2024-08-08"),
    (USDM, "ETHUSDT"): KnownSteps(Decimal("0.01"), Decimal("0.001"), "2024-08-08"),
    (COINM, "ETHUSD_PERP"): KnownSteps(Decimal("0.01"), Decimal(1), "2024-08-08"),
}


def instrument(files: Sequence[Path], asked: Asked) -> Instrument:
    """Symbol and market are read from the first depth update: USD-M is the one with `pu`."""
    symbols: set[str] = set()
    for path in files:
        for item in _lines(path, no_progress):
            data = item.what.get("data", {})
            if data.get("e") != "depthUpdate":
                continue
            symbol = str(data.get("s"))
            symbols.add(symbol)
            if symbol == (asked.symbol or symbol):
                venue = COINM if "ps" in data else USDM if "pu" in data else SPOT
                return resolved(asked, venue=venue, symbol=symbol, steps=_KNOWN.get((venue, symbol)))
    if asked.symbol and not symbols:
        return resolved(asked, venue=SPOT, symbol=asked.symbol, steps=_KNOWN.get((SPOT, asked.symbol)))
    if asked.symbol:
        raise no_such_symbol(files, asked.symbol, symbols)
    raise DataError(
        f"{', '.join(map(str, files))}: no depth update tells the symbol; give --symbol and --venue"
    )


def messages(
    files: Sequence[Path], instrument: Instrument, report: IngestReport, progress: Progress
) -> Iterator[Message]:
    """The files of one session or of several; files of one day may overlap."""
    reading = _Reading(instrument, report)
    sources = [Source(str(path), partial(_lines, path)) for path in files]
    for item in merged(sources, report, progress):
        with located(item.origin):
            found = list(reading.take(item))
        yield from found
    reading.finish(files)


def _lines(path: Path, progress: Progress) -> Iterator[Timed[dict[str, Any]]]:
    for origin, line in read_lines(path, progress):
        with located(origin):
            time, _, text = line.partition(b" ")
            if not time.isdigit():
                raise ValueError(f"the line begins with {time[:20]!r}; expected the receive time in ns")
            content = orjson.loads(text)
            if not isinstance(content, dict):
                raise ValueError(f"found a JSON {type(content).__name__}; expected an object")
        yield Timed(int(time), origin, content)


class _Reading:
    def __init__(self, instrument: Instrument, report: IngestReport) -> None:
        self._symbol = instrument.symbol
        self._report = report
        self._steps = Steps(instrument)
        self._chain = UpdateChain(report)
        self._trade_ids = TradeIds(report)
        self._others: set[str] = set()
        self._found = False

    def take(self, item: Timed[dict[str, Any]]) -> Iterator[Message]:
        content = item.what
        if "lastUpdateId" in content:
            yield from self._snapshot(item, content)
            return
        data = content["data"]
        if data["s"] != self._symbol:
            self._others.add(str(data["s"]))
            self._report.repair(item.origin, "other symbol", str(data["s"]))
            return
        self._found = True
        # Spot's bookTicker names no event type; the stream's name always does: <symbol>@<channel>[@<speed>].
        match content["stream"].split("@")[1]:
            case "depth":
                yield from self._chain.difference(self._difference(item, data))
            case "trade":
                yield from self._trade(item, data)
            case "bookTicker":
                yield self._ticker(item, data)
            case other:
                raise ValueError(f"stream {other!r}; expected depth, trade or bookTicker")

    def finish(self, files: Sequence[Path]) -> None:
        self._chain.finish()
        if not self._found:
            raise no_such_symbol(files, self._symbol, self._others)

    def _snapshot(self, item: Timed[dict[str, Any]], data: dict[str, Any]) -> Iterator[Message]:
        return self._chain.snapshot(
            Snapshot(
                ts_recv=item.ts_recv,
                ts_exch=_exchange_time(data),
                flags=item.flags,
                origin=item.origin,
                last=int(data["lastUpdateId"]),
                levels=self._steps.levels(data["bids"], data["asks"]),
            )
        )

    def _difference(self, item: Timed[dict[str, Any]], data: dict[str, Any]) -> Difference:
        return Difference(
            ts_recv=item.ts_recv,
            ts_exch=_exchange_time(data),
            flags=item.flags,
            origin=item.origin,
            previous=int(data["pu"]) if "pu" in data else int(data["U"]) - 1,
            last=int(data["u"]),
            levels=self._steps.levels(data["b"], data["a"]),
        )

    def _trade(self, item: Timed[dict[str, Any]], data: dict[str, Any]) -> Iterator[Message]:
        number = int(data["t"])
        before = self._trade_ids.follow(number, item)
        if before is None:
            return
        yield from before
        if data.get("X", "MARKET") != "MARKET":
            self._report.repair(item.origin, "no market trade", f"X is {data['X']}")
            return
        yield TradeMessage(
            ts_recv=item.ts_recv,
            ts_exch=_exchange_time(data),
            venue_seq=number,
            flags=item.flags,
            origin=item.origin,
            px_ticks=self._steps.positive_price(data["p"]),
            qty_lots=self._steps.positive_size(data["q"]),
            side=taker_side(data["m"]),
            trade_id=str(number),
        )

    def _ticker(self, item: Timed[dict[str, Any]], data: dict[str, Any]) -> TickerMessage:
        return TickerMessage(
            ts_recv=item.ts_recv,
            ts_exch=_exchange_time(data),
            venue_seq=int(data["u"]),
            flags=item.flags,
            origin=item.origin,
            bid=self._steps.positive_price(data["b"]),
            ask=self._steps.positive_price(data["a"]),
            bid_qty=self._steps.size(data["B"]),
            ask_qty=self._steps.size(data["A"]),
        )


def taker_side(buyer_is_maker: object) -> int:
    """+1 the taker bought, −1 the taker sold. Raises ValueError for what is no boolean."""
    if not isinstance(buyer_is_maker, bool):
        raise ValueError(f"m is {buyer_is_maker!r}; expected true or false")
    return -1 if buyer_is_maker else 1


def _exchange_time(data: dict[str, Any]) -> int | None:
    time = data.get("T", data.get("E"))
    return None if time is None else ns_of_ms(time)

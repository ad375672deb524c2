"""Binance spot as recorded in 2020 by deep_orderbook: JSON files of one hour,
`<SYMBOL>_<hour>_{snapshot,update,trades}.json`.

- Time: the recording has no receive time, so `ts_recv` is `ts_exch` (SYNTH_RECV): the event time `E` of a
  depth update, the trade time `T` of a trade. A snapshot has no time at all: it gets that of the first update
  that it does not contain whole (its lastUpdateId lies inside that one), and comes just before it.
- Trades are aggregated (`aggTrade`): one a taker order and price. `a` is their own id, `f` and `l` the first
  and last trade in it.
- Side: `m` is true when the buyer is the maker, so the seller took. Size: base asset; depth sizes are
  absolute.
- Files of several hours join by their update ids. While the chain is unbroken a later snapshot is not needed
  and left out.

Sources: github.com/gQuantCoder/deep_orderbook, `sample_data`; developers.binance.com, Spot "WebSocket
Streams".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from atc.errors import DataError
from atc.events.instrument import Instrument
from atc.events.schema import Flag
from reference.ingest.adapters import Asked, KnownSteps, no_such_symbol, resolved
from reference.ingest.adapters.binance_raw import taker_side
from reference.ingest.merge import Source, Timed, merged
from reference.ingest.message import Message, Origin, TradeMessage
from reference.ingest.report import IngestReport
from reference.ingest.source_file import Progress, located, no_progress, read_json
from reference.ingest.steps import Steps
from reference.ingest.trade_ids import TradeIds
from reference.ingest.update_chain import Difference, Snapshot, UpdateChain
from reference.ingest.utc_time import ns_of_ms

VERSION = 2

_VENUE = "binance"
_KNOWN = {
    "ETHBTC": KnownSteps(Decimal("0.000001"), Decimal("0.001"), "2020-11-01"),
    "ETHUSDT": KnownSteps(Decimal("0.01"), Decimal("0.00001"), "2020-11-01"),
    "BTCUSDT": KnownSteps(Decimal("0.01"), Decimal("0.000001"), "2020-11-01"),
}
_NAMED_SYMBOL = re.compile(r"([A-Z0-9]+)_")


def instrument(files: Sequence[Path], asked: Asked) -> Instrument:
    """The one symbol of the files, or the one that was asked for."""
    symbols: set[str] = set()
    for path in files:
        content = read_json(path)
        if isinstance(content, list):
            symbols.update(str(entry.get("s")) for entry in content[:1])
    if not symbols:
        raise DataError(f"{', '.join(map(str, files))}: no update and no trade tells the symbol")
    if asked.symbol and asked.symbol not in symbols:
        raise no_such_symbol(files, asked.symbol, symbols)
    if asked.symbol is None and len(symbols) > 1:
        raise DataError(f"the files hold {', '.join(sorted(symbols))}; choose one with --symbol")
    symbol = asked.symbol or symbols.pop()
    return resolved(asked, venue=_VENUE, symbol=symbol, steps=_KNOWN.get(symbol))


def messages(
    files: Sequence[Path], instrument: Instrument, report: IngestReport, progress: Progress
) -> Iterator[Message]:
    """Snapshots, updates and trades of any number of hours, in any order of the files."""
    snapshots: list[tuple[Origin, dict[str, Any]]] = []
    updates: list[Source[dict[str, Any]]] = []
    trades: list[Source[dict[str, Any]]] = []
    for path in files:
        content = read_json(path, no_progress)
        if isinstance(content, dict):
            origin = Origin(str(path), 1)
            if "lastUpdateId" not in content:
                raise DataError(
                    f"{origin}: found {', '.join(list(content)[:5])}; expected lastUpdateId, bids, asks"
                )
            named = _NAMED_SYMBOL.match(path.name)
            if named and named[1] != instrument.symbol:
                report.repair(origin, "other symbol", named[1])
            else:
                snapshots.append((origin, content))
                report.messages_read += 1
            progress(path.stat().st_size)
        else:
            is_update = bool(content) and content[0].get("e") == "depthUpdate"
            (updates if is_update else trades).append(Source(str(path), partial(_entries, path)))
    reading = _Reading(instrument, report, snapshots)
    # Of equal times the trade comes first: the update at its end tells what it left of the book.
    for item in merged(trades + updates, report, progress):
        with located(item.origin):
            found = list(reading.take(item))
        yield from found
    reading.finish(files)


def _entries(path: Path, progress: Progress) -> Iterator[Timed[dict[str, Any]]]:
    content = read_json(path, progress)
    if not isinstance(content, list):
        raise DataError(f"{path}: found a JSON {type(content).__name__}; expected an array")
    for row, entry in enumerate(content, start=1):
        origin = Origin(str(path), row)
        with located(origin):
            time = {"depthUpdate": "E", "aggTrade": "T"}.get(entry["e"])
            if time is None:
                raise ValueError(f"event {entry['e']!r}; expected depthUpdate or aggTrade")
            ts = ns_of_ms(entry[time])
        yield Timed(ts, origin, entry, int(Flag.SYNTH_RECV))


class _Reading:
    def __init__(
        self, instrument: Instrument, report: IngestReport, snapshots: list[tuple[Origin, dict[str, Any]]]
    ) -> None:
        self._symbol = instrument.symbol
        self._report = report
        self._steps = Steps(instrument)
        self._chain = UpdateChain(report)
        # The next one to come is the last of the list.
        self._snapshots = sorted(snapshots, key=lambda entry: -int(entry[1]["lastUpdateId"]))
        self._trade_ids = TradeIds(report)
        self._others: set[str] = set()
        self._found = False

    def take(self, item: Timed[dict[str, Any]]) -> Iterator[Message]:
        data = item.what
        if data["s"] != self._symbol:
            self._others.add(str(data["s"]))
            self._report.repair(item.origin, "other symbol", str(data["s"]))
            return
        self._found = True
        if data["e"] == "aggTrade":
            yield from self._trade(item, data)
            return
        update = self._difference(item, data)
        while self._snapshots and int(self._snapshots[-1][1]["lastUpdateId"]) < update.last:
            yield from self._snapshot(*self._snapshots.pop(), update)
        yield from self._chain.difference(update)

    def finish(self, files: Sequence[Path]) -> None:
        self._chain.finish()
        for origin, content in self._snapshots:
            self._report.flag(
                origin, "snapshot after the last update", f"lastUpdateId {content['lastUpdateId']}"
            )
        if not self._found:
            raise no_such_symbol(files, self._symbol, self._others)

    def _snapshot(self, origin: Origin, data: dict[str, Any], following: Difference) -> Iterator[Message]:
        last = int(data["lastUpdateId"])
        if following.previous > last:
            self._report.flag(
                origin,
                "snapshot too old",
                f"lastUpdateId {last}, the next update begins after {following.previous}",
            )
            return
        with located(origin):
            levels = self._steps.levels(data["bids"], data["asks"])
        yield from self._chain.snapshot(
            Snapshot(
                ts_recv=following.ts_recv,
                ts_exch=None,
                flags=following.flags,
                origin=origin,
                last=last,
                levels=levels,
            )
        )

    def _difference(self, item: Timed[dict[str, Any]], data: dict[str, Any]) -> Difference:
        return Difference(
            ts_recv=item.ts_recv,
            ts_exch=ns_of_ms(data["E"]),
            flags=item.flags,
            origin=item.origin,
            previous=int(data["U"]) - 1,
            last=int(data["u"]),
            levels=self._steps.levels(data["b"], data["a"]),
        )

    def _trade(self, item: Timed[dict[str, Any]], data: dict[str, Any]) -> Iterator[Message]:
        number = int(data["a"])
        before = self._trade_ids.follow(number, item)
        if before is None:
            return
        yield from before
        yield TradeMessage(
            ts_recv=item.ts_recv,
            ts_exch=ns_of_ms(data["T"]),
            venue_seq=number,
            flags=item.flags,
            origin=item.origin,
            px_ticks=self._steps.positive_price(data["p"]),
            qty_lots=self._steps.positive_size(data["q"]),
            side=taker_side(data["m"]),
            trade_id=str(number),
        )

"""GMO Coin's public trade archive: one gzip CSV a business day, `symbol,side,size,price,timestamp`.

- Time: exchange time in UTC without a zone mark, to the ms; no receive time, so `ts_recv` is `ts_exch`
  (SYNTH_RECV). A file holds the business day from 06:00 JST, 21:00 UTC of the date before.
- Side and twins: unless the archive was filtered, every execution is printed twice, the taker's side first;
  the maker's print is kept with DUP_OTHER_SIDE. See `reference.ingest.twin_prints`. There is no trade id.
- Size: base asset. Steps are those of the venue's `public/v1/symbols` of 2026-02-13; it changed them over the
  years, so a size that is no multiple is an error that names the row, and `--lot` reads older days.

Source: api.coin.z.com/data/trades, and the venue's API reference (api.coin.z.com/docs, "Trades").
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import partial
from itertools import islice
from pathlib import Path

from atc.errors import DataError
from atc.events.instrument import Instrument
from atc.events.schema import Flag
from reference.ingest.adapters import Asked, KnownSteps, no_such_symbol, resolved
from reference.ingest.merge import Source, Timed, merged
from reference.ingest.message import Message, Origin, TradeMessage
from reference.ingest.report import IngestReport
from reference.ingest.source_file import Progress, located, no_progress, read_csv
from reference.ingest.steps import Steps
from reference.ingest.twin_prints import Print, TwinPrints, looks_filtered
from reference.ingest.utc_time import utc_ns

VERSION = 1

_VENUE = "gmocoin"
_COLUMNS = ("symbol", "side", "size", "price", "timestamp")
_SEEN = "2026-02-13"
_LOTS = {
    **{"BTC": "0.00001", "ETH": "0.0001", "BCH": "0.001", "LTC": "0.01", "XRP": "1"},
    **{"BTC_JPY": "0.001", "ETH_JPY": "0.01", "BCH_JPY": "0.1", "LTC_JPY": "1", "XRP_JPY": "10"},
}
_TICKS = {"XRP": "0.001", "XRP_JPY": "0.001"}
SIDES = {"BUY": 1, "SELL": -1}
_JUDGED_BY = 1_000
"""Prints at the beginning of a file that tell whether it was filtered."""

_Row = list[str]


def known_steps(symbol: str) -> KnownSteps | None:
    """Tick and lot of a symbol, if they are known here."""
    if symbol not in _LOTS:
        return None
    return KnownSteps(Decimal(_TICKS.get(symbol, "1")), Decimal(_LOTS[symbol]), _SEEN)


def instrument(files: Sequence[Path], asked: Asked) -> Instrument:
    """The symbol is that of the first row; the venue's feed shows 30 levels a side."""
    symbol = asked.symbol or _first_symbol(files)
    return resolved(
        asked,
        venue=_VENUE,
        symbol=symbol,
        steps=known_steps(symbol),
        day_cut_utc_s=75_600,
        tz_offset_s=32_400,
        recorded_depth=30,
    )


def messages(
    files: Sequence[Path], instrument: Instrument, report: IngestReport, progress: Progress
) -> Iterator[Message]:
    """Files of any days; each is judged by itself whether it was filtered."""
    steps = Steps(instrument)
    filtered = {}
    for path in files:
        prints = [
            parsed(steps, item.origin, item.what)
            for item in islice(
                (i for i in _rows(path, no_progress) if i.what[0] == instrument.symbol), _JUDGED_BY
            )
        ]
        filtered[str(path)] = looks_filtered(prints)
    sources = [Source(str(path), partial(_rows, path)) for path in files]
    twins = TwinPrints(report)
    others: set[str] = set()
    found = False
    for item in merged(sources, report, progress):
        if item.what[0] != instrument.symbol:
            others.add(item.what[0])
            report.repair(item.origin, "other symbol", item.what[0])
            continue
        found = True
        shown = parsed(steps, item.origin, item.what)
        makers = not filtered[item.origin.file] and twins.is_makers(shown, item.origin)
        yield TradeMessage(
            ts_recv=item.ts_recv,
            ts_exch=shown.time_ns,
            flags=item.flags | (Flag.DUP_OTHER_SIDE if makers else 0),
            origin=item.origin,
            px_ticks=shown.px_ticks,
            qty_lots=shown.qty_lots,
            side=shown.side,
        )
    twins.finish()
    if not found:
        raise no_such_symbol(files, instrument.symbol, others)


def parsed(steps: Steps, origin: Origin, row: _Row) -> Print:
    """A row's print. Raises DataError naming the row for what is malformed."""
    _, side, size, price, time = row
    with located(origin):
        if side not in SIDES:
            raise ValueError(f"side is {side!r}; expected BUY or SELL")
        return Print(steps.positive_price(price), steps.positive_size(size), utc_ns(time), SIDES[side])


def _rows(path: Path, progress: Progress) -> Iterator[Timed[_Row]]:
    for origin, row in read_csv(path, _COLUMNS, progress):
        with located(origin):
            ts = utc_ns(row[4])
        yield Timed(ts, origin, row, int(Flag.SYNTH_RECV))


def _first_symbol(files: Sequence[Path]) -> str:
    for path in files:
        for item in _rows(path, no_progress):
            return item.what[0]
    raise DataError(f"{', '.join(map(str, files))}: no rows; give --symbol")

"""Trades of bitFlyer and GMO Coin as recorded in 2025 by BitcoinMarketRecorder, one of its kinds of files.

`exchange,symbol,trade_id,price,size,side,timestamp,created_at`; one market is chosen with --venue (bitflyer
or gmocoin) and --symbol.

- Time: `created_at` is the recorder's clock (UTC without a zone mark) and becomes `ts_recv`, `timestamp` is
  the exchange's. The clocks disagree by tens of ms, so a latency computed from them can be negative.
- bitFlyer: `side` is the aggressor's, the number in `trade_id` is the venue's.
- GMO Coin: every execution is printed twice, the taker's side first (`reference.ingest.twin_prints`); its
  `trade_id` is made from the recorder's clock, neither unique nor the venue's, and is not kept.
- Size: BTC. Tick 1 JPY on both venues; lots are those of the venues' rules.

Source: github.com/fintech-llc-jp/BitcoinMarketRecorder, `csv`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path

from atc.errors import DataError, nearest
from atc.events.instrument import Instrument
from atc.events.schema import Flag
from reference.ingest.adapters import Asked, KnownSteps, no_such_symbol, resolved
from reference.ingest.adapters.gmo_trades import SIDES, known_steps
from reference.ingest.merge import Source, Timed, merged
from reference.ingest.message import Message, TradeMessage
from reference.ingest.report import IngestReport
from reference.ingest.source_file import Progress, located, no_progress, read_csv
from reference.ingest.steps import Steps
from reference.ingest.twin_prints import Print, TwinPrints
from reference.ingest.utc_time import utc_ns

VERSION = 1

_COLUMNS = ("exchange", "symbol", "trade_id", "price", "size", "side", "timestamp", "created_at")
_VENUES = {"gmocoin": "GMO", "bitflyer": "BITFLYER"}
# bitFlyer counts BTC in satoshis; its business day begins after the maintenance at 04:00 JST.
_BITFLYER = KnownSteps(Decimal(1), Decimal("0.00000001"), "2025-07-16")
_DAY_CUT_S = {"gmocoin": 75_600, "bitflyer": 68_400}
_DEPTH = 8
"""Levels a side in the recorder's books."""


def instrument(files: Sequence[Path], asked: Asked) -> Instrument:
    """The market has to be chosen: the files hold several."""
    if asked.venue is None or asked.symbol is None or asked.venue not in _VENUES:
        found = sorted(
            {f"{_venue(row.what[0])} {row.what[1]}" for path in files for row in _rows(path, no_progress)}
        )
        missing = (
            "no such venue" if asked.venue and asked.venue not in _VENUES else "give --venue and --symbol"
        )
        raise DataError(f"{missing}; the files hold {', '.join(found)}")
    return resolved(
        asked,
        venue=asked.venue,
        symbol=asked.symbol,
        steps=known_steps(asked.symbol) if asked.venue == "gmocoin" else _BITFLYER,
        day_cut_utc_s=_DAY_CUT_S[asked.venue],
        recorded_depth=_DEPTH,
    )


def messages(
    files: Sequence[Path], instrument: Instrument, report: IngestReport, progress: Progress
) -> Iterator[Message]:
    """The rows of one market; those of the others are passed over."""
    if instrument.venue not in _VENUES:
        raise DataError(
            f"venue {instrument.venue!r} is not in these files; {nearest(instrument.venue, _VENUES)}"
        )
    exchange, symbol = _VENUES[instrument.venue], instrument.symbol
    steps = Steps(instrument)
    twins = TwinPrints(report)
    others: set[str] = set()
    found = False
    for item in merged([Source(str(path), partial(_rows, path)) for path in files], report, progress):
        if item.what[:2] != [exchange, symbol]:
            others.add(f"{_venue(item.what[0])} {item.what[1]}")
            report.messages_read -= 1
            continue
        found = True
        yield _trade(item, exchange, steps, twins)
    twins.finish()
    if not found:
        raise no_such_symbol(files, f"{instrument.venue} {symbol}", others)


def _trade(item: Timed[list[str]], exchange: str, steps: Steps, twins: TwinPrints) -> TradeMessage:
    _, _, number, price, size, side, time, _ = item.what
    with located(item.origin):
        if side not in SIDES:
            raise ValueError(f"side is {side!r}; expected BUY or SELL")
        shown = Print(steps.positive_price(price), steps.positive_size(size), utc_ns(time), SIDES[side])
        venue_seq = int(number.removeprefix("BITFLYER-")) if exchange == "BITFLYER" else None
    makers = exchange == "GMO" and twins.is_makers(shown, item.origin)
    return TradeMessage(
        ts_recv=item.ts_recv,
        ts_exch=shown.time_ns,
        venue_seq=venue_seq,
        flags=item.flags | (Flag.DUP_OTHER_SIDE if makers else 0),
        origin=item.origin,
        px_ticks=shown.px_ticks,
        qty_lots=shown.qty_lots,
        side=shown.side,
        trade_id=None if venue_seq is None else str(venue_seq),
    )


def _rows(path: Path, progress: Progress) -> Iterator[Timed[list[str]]]:
    for origin, row in read_csv(path, _COLUMNS, progress):
        with located(origin):
            ts = utc_ns(row[7])
        yield Timed(ts, origin, row)


def _venue(exchange: str) -> str:
    return next((venue for venue, name in _VENUES.items() if name == exchange), exchange)

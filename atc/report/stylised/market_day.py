"""One business day of a market as arrays: quotes, prices and taker groups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from atc.events.business_day import DAY_NS, NS_PER_S, day_start_ns
from atc.events.catalog import Catalog
from atc.events.reader import Events, read_events
from atc.events.schema import MAX_GAP_NS, Flag

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

DEPTH_LEVELS = 20
"""Levels a side that the facts look at."""

TICKER_NS = 5 * NS_PER_S
"""Tickers that come more seldom tell no price path."""

GROUP_NS = 5_000_000
"""Prints of one taker arrive within this time of each other."""


@dataclass(frozen=True)
class Quotes:
    """Best bid and ask after each book message, where both are there and the bid is the lower one.

    Where the book is silent for more than 60 s, the best quotes of the ticker stand in, if the venue sends
    them every few seconds.
    """

    ts: Ints
    """Receive time, ns UTC, ascending."""
    bid: Floats
    """Quote currency."""
    ask: Floats

    @property
    def mid(self) -> Floats:
        """(bid + ask) / 2."""
        return (self.bid + self.ask) / 2


@dataclass(frozen=True)
class Levels:
    """The best levels after each book message, shape (messages, levels); 0 where there is none."""

    ts: Ints
    """Receive time, ns UTC, ascending."""
    bid_px: Floats
    ask_px: Floats
    bid_qty: Floats
    """Base asset."""
    ask_qty: Floats


@dataclass(frozen=True)
class TakerGroups:
    """Executions by taker: prints of one exchange time and side that arrived together."""

    ts: Ints
    """Receive time of the first print, ns UTC, ascending: what goes with the times of quotes."""
    ts_exch: Ints
    """The venue's time of it, made ascending; the receive time where the venue tells none. Recordings made by
    polling have many executions of one receive time.
    """
    side: Ints
    """+1 the taker bought, −1 sold."""
    qty: Floats
    """Base asset."""
    price: Floats
    """Of the last print."""


@dataclass(frozen=True)
class MarketDay:
    """What the facts are computed from."""

    start_ns: int
    first_hour: int
    """Local hour of the day at `start_ns`."""
    frames: int
    """Book messages."""
    quotes: Quotes | None
    """None where nobody quoted."""
    levels: Levels | None
    """None without a book."""
    takers: TakerGroups
    executions: int
    """Takers' prints; a group holds one or more."""

    def path(self) -> tuple[Ints, Floats]:
        """Times and prices of the price path: the mid, or the executions' prices where nobody quoted."""
        if self.quotes is not None:
            return self.quotes.ts, self.quotes.mid
        return self.takers.ts_exch, self.takers.price

    def sampled(self, step_ns: int) -> Floats:
        """The price path on the day's grid of `step_ns`: the last price at or before each grid point.

        86 400 s / step + 1 values; NaN before the first price and where the last is older than 60 s.
        """
        import numpy as np

        ts, price = self.path()
        grid = np.arange(self.start_ns, self.start_ns + DAY_NS + 1, step_ns, dtype=np.int64)
        if not len(ts):
            return np.full(len(grid), np.nan)
        at = np.searchsorted(ts, grid, side="right") - 1
        known = (at >= 0) & (grid - ts[at] <= MAX_GAP_NS)
        return np.where(known, price[at], np.nan)


def market_days(catalog: Catalog, venue: str, symbol: str) -> Iterator[MarketDay]:
    """The days of a stream, one at a time. Raises DataError if it has no events."""
    instrument = catalog.instrument(venue, symbol)
    tick, lot = float(instrument.tick), float(instrument.lot)
    depth = min(DEPTH_LEVELS, instrument.recorded_depth or DEPTH_LEVELS)
    for day in catalog.days(venue, symbol):
        start = day_start_ns(day, instrument.day_cut_utc_s, instrument.tz_offset_s)
        events = read_events(catalog, venue, symbol, start, start + DAY_NS)
        local_s = start // NS_PER_S + instrument.tz_offset_s
        frames, levels = _books(events, tick, lot, depth)
        quotes = _quotes(levels, events.ticker, tick)
        takers, executions = taker_groups(events.trade, tick, lot)
        yield MarketDay(start, local_s % 86_400 // 3600, frames, quotes, levels, takers, executions)


def _books(events: Events, tick: float, lot: float, depth: int) -> tuple[int, Levels | None]:
    import numpy as np

    from atc._rust import replay_top

    if not events.book.num_rows:
        return 0, None
    top = replay_top(_one_batch(events.book), _one_batch(events.control), depth, MAX_GAP_NS)

    def columns(name: str, unit: float) -> Floats:
        values: Floats = top[name].flatten().to_numpy().reshape(-1, depth) * unit
        return values

    bid_px, ask_px = columns("bid_px", tick), columns("ask_px", tick)
    whole = (bid_px[:, 0] > 0) & (ask_px[:, 0] > bid_px[:, 0])
    ts = top["ts_recv"].to_numpy()
    # Several messages of one instant: the last one stands.
    whole &= np.append(ts[1:] != ts[:-1], True)
    bid_qty, ask_qty = columns("bid_qty", lot), columns("ask_qty", lot)
    levels = Levels(ts[whole], bid_px[whole], ask_px[whole], bid_qty[whole], ask_qty[whole])
    return top.num_rows, levels


def _quotes(levels: Levels | None, ticker: pa.Table, tick: float) -> Quotes | None:
    import numpy as np
    import pyarrow.compute as pc

    found = [] if levels is None else [Quotes(levels.ts, levels.bid_px[:, 0], levels.ask_px[:, 0])]
    both = ticker.filter(pc.and_kleene(pc.is_valid(ticker["bid"]), pc.less(ticker["bid"], ticker["ask"])))
    ts = both["ts_recv"].to_numpy()
    if len(ts) > 1 and np.median(np.diff(ts)) <= TICKER_NS:
        if found and len(found[0].ts):
            book = found[0].ts
            before = np.searchsorted(book, ts, side="right") - 1
            silent = (before < 0) | (ts - book[before] > MAX_GAP_NS)
            both, ts = both.filter(silent), ts[silent]
        found.append(Quotes(ts, both["bid"].to_numpy() * tick, both["ask"].to_numpy() * tick))
    if not found:
        return None
    ts = np.concatenate([quotes.ts for quotes in found])
    order = np.argsort(ts, kind="stable")
    bid, ask = (np.concatenate([getattr(quotes, side) for quotes in found]) for side in ("bid", "ask"))
    return Quotes(ts[order], bid[order], ask[order]) if len(ts) else None


def taker_groups(trade: pa.Table, tick: float, lot: float) -> tuple[TakerGroups, int]:
    """Consecutive prints with equal exchange time and side, each within 5 ms of the one before; and how many
    prints there were.

    Makers' prints, prints of auctions and prints without a side are left out.
    """
    import numpy as np
    import pyarrow.compute as pc

    side = trade["side"].to_numpy().astype(np.int64)
    flags = trade["flags"].to_numpy()
    kept = ((flags & int(Flag.DUP_OTHER_SIDE | Flag.AUCTION)) == 0) & (side != 0)
    side = side[kept]
    ts = trade["ts_recv"].to_numpy()[kept]
    exchange = pc.coalesce(trade["ts_exch"], trade["ts_recv"]).to_numpy()[kept]
    qty = trade["qty_lots"].to_numpy()[kept] * lot
    price = trade["px_ticks"].to_numpy()[kept] * tick
    if not len(ts):
        return TakerGroups(ts, ts, side, qty, price), 0
    new = (np.diff(exchange) != 0) | (np.diff(side) != 0) | (np.diff(ts) > GROUP_NS)
    first = np.flatnonzero(np.append(True, new))
    last = np.append(first[1:], len(ts)) - 1
    ascending = np.maximum.accumulate(exchange[first])
    sizes = np.add.reduceat(qty, first)
    return TakerGroups(ts[first], ascending, side[first], sizes, price[last]), len(ts)


def _one_batch(table: pa.Table) -> pa.RecordBatch:
    import pyarrow as pa

    batches = table.combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)

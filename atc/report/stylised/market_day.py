"""One business day of a market as arrays: quotes, prices and taker groups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from atc.events.business_day import DAY_NS, NS_PER_S, day_start_ns
from atc.events.catalog import Catalog
from atc.events.reader import Events, read_events
from atc.events.schema import MAX_GAP_NS, Flag, Kind

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

DEPTH_LEVELS = 20
"""Levels a side that the facts look at."""

GROUP_NS = 5_000_000
"""Prints of one taker arrive within this time of each other."""


@dataclass(frozen=True)
class Quotes:
    """Best bid and ask after each book message, where both are there and the bid is the lower one."""

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
    """The best levels after each message of `Quotes`, shape (messages, levels); 0 where there is none."""

    bid_px: Floats
    ask_px: Floats
    bid_qty: Floats
    """Base asset."""
    ask_qty: Floats


@dataclass(frozen=True)
class TakerGroups:
    """Executions by taker: prints of one exchange time and side that arrived together."""

    ts: Ints
    """Receive time of the first print, ns UTC, ascending."""
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
    """None without a book; `levels` as well."""
    levels: Levels | None
    takers: TakerGroups
    executions: int
    """Takers' prints; a group holds one or more."""

    def path(self) -> tuple[Ints, Floats]:
        """Times and prices of the price path: the mid, or the executions' prices where there is no book."""
        if self.quotes is not None:
            return self.quotes.ts, self.quotes.mid
        return self.takers.ts, self.takers.price

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
        kinds = (Kind.BOOK, Kind.TRADE, Kind.CONTROL)
        events = read_events(catalog, venue, symbol, start, start + DAY_NS, kinds=kinds)
        local_s = start // NS_PER_S + instrument.tz_offset_s
        frames, quotes, levels = _books(events, tick, lot, depth)
        takers, executions = _taker_groups(events.trade, tick, lot)
        yield MarketDay(start, local_s % 86_400 // 3600, frames, quotes, levels, takers, executions)


def _books(events: Events, tick: float, lot: float, depth: int) -> tuple[int, Quotes | None, Levels | None]:
    import numpy as np

    from atc._rust import replay_top

    if not events.book.num_rows:
        return 0, None, None
    top = replay_top(_one_batch(events.book), _one_batch(events.control), depth, MAX_GAP_NS)

    def columns(name: str, unit: float) -> Floats:
        values: Floats = top[name].flatten().to_numpy().reshape(-1, depth) * unit
        return values

    bid_px, ask_px = columns("bid_px", tick), columns("ask_px", tick)
    whole = (bid_px[:, 0] > 0) & (ask_px[:, 0] > bid_px[:, 0])
    ts = top["ts_recv"].to_numpy()
    # Several messages of one instant: the last one stands.
    whole &= np.append(ts[1:] != ts[:-1], True)
    levels = Levels(
        bid_px[whole], ask_px[whole], columns("bid_qty", lot)[whole], columns("ask_qty", lot)[whole]
    )
    quotes = Quotes(ts[whole], levels.bid_px[:, 0], levels.ask_px[:, 0])
    return top.num_rows, quotes, levels


def _taker_groups(trade: pa.Table, tick: float, lot: float) -> tuple[TakerGroups, int]:
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
        return TakerGroups(ts, side, qty, price), 0
    new = (np.diff(exchange) != 0) | (np.diff(side) != 0) | (np.diff(ts) > GROUP_NS)
    first = np.flatnonzero(np.append(True, new))
    last = np.append(first[1:], len(ts)) - 1
    return TakerGroups(ts[first], side[first], np.add.reduceat(qty, first), price[last]), len(ts)


def _one_batch(table: pa.Table) -> pa.RecordBatch:
    import pyarrow as pa

    batches = table.combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)

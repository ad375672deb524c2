"""What a stream's market looks like, from the whole books that its files hold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from atc.events.business_day import DAY_NS, day_start_ns
from atc.events.catalog import Catalog
from atc.events.reader import read_events
from atc.events.schema import Flag, Kind, MsgKind

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars as pl

DEPTH_LEVELS = 20
HORIZON_S = 300


@dataclass(frozen=True)
class MarketStatistics:
    """Of all days of a stream; null where nothing was there to measure."""

    days: int
    frames_a_day: float
    """Book messages."""
    executions_a_day: float
    """Takers' prints."""
    spread_bps: float | None
    """Mean over the whole books."""
    depth_million: float | None
    """Mean of price × size over the first 20 levels, mean of the sides, millions of the quote currency."""
    vol_300s_bps: float | None
    """Standard deviation of the log mid over 300 s."""


def market_statistics(root: Path, venue: str, symbol: str) -> MarketStatistics:
    """Reads the stream day by day. Raises DataError if it has no events."""
    import numpy as np

    catalog = Catalog(root)
    instrument = catalog.instrument(venue, symbol)
    money = float(instrument.money_unit) * 1e-6
    days = catalog.days(venue, symbol)
    frames, executions = 0, 0
    spreads: list[npt.NDArray[np.float64]] = []
    depths: list[npt.NDArray[np.float64]] = []
    times: list[npt.NDArray[np.int64]] = []
    mids: list[npt.NDArray[np.float64]] = []
    for day in days:
        books, messages, prints = _day(catalog, venue, symbol, day)
        frames += messages
        executions += prints
        bid, ask = books["bid"].to_numpy(), books["ask"].to_numpy()
        mid = (bid + ask) / 2
        spreads.append(1e4 * (ask - bid) / mid)
        depths.append(books["depth"].to_numpy() * money / 2)
        times.append(books["ts_recv"].to_numpy())
        mids.append(mid)
    return MarketStatistics(
        len(days),
        frames / len(days),
        executions / len(days),
        _mean(np.concatenate(spreads)),
        _mean(np.concatenate(depths)),
        _volatility(np.concatenate(times), np.concatenate(mids)),
    )


def _day(catalog: Catalog, venue: str, symbol: str, day: date) -> tuple[pl.DataFrame, int, int]:
    """The whole books (ts_recv, bid, ask, depth = px_ticks × qty_lots), book messages, takers' prints."""
    import polars as pl

    instrument = catalog.day(venue, symbol, day).instrument
    start = day_start_ns(day, instrument.day_cut_utc_s, instrument.tz_offset_s)
    events = read_events(catalog, venue, symbol, start, start + DAY_NS, kinds=(Kind.BOOK, Kind.TRADE))
    rows = pl.DataFrame(pl.from_arrow(events.book))
    level = pl.col("px_ticks").cast(pl.Float64)
    of_level = (level * pl.col("qty_lots")).head(DEPTH_LEVELS).sum()
    bids = pl.col("side") == 1
    books = (
        rows.filter((pl.col("msg_kind") == MsgKind.SNAP) & (pl.col("side") != 0))
        # Best level first on both sides.
        .sort("ev_seq", "side", -pl.col("side").cast(pl.Int64) * pl.col("px_ticks"))
        .group_by("ev_seq", "ts_recv", "side", maintain_order=True)
        .agg(best=level.first(), depth=of_level)
        .group_by("ev_seq", "ts_recv", maintain_order=True)
        .agg(
            bid=pl.col("best").filter(bids).first(),
            ask=pl.col("best").filter(~bids).first(),
            depth=pl.col("depth").sum(),
        )
        .drop_nulls()
    )
    prints = pl.DataFrame(pl.from_arrow(events.trade))["flags"]
    takers = len(prints) - int(((prints & Flag.DUP_OTHER_SIDE) != 0).sum())
    return books, rows["ev_seq"].n_unique(), takers


def _mean(values: npt.NDArray[np.float64]) -> float | None:
    return float(values.mean()) if len(values) else None


def _volatility(ts: npt.NDArray[np.int64], mid: npt.NDArray[np.float64]) -> float | None:
    """From each whole book to the first one at least 300 s later, scaled by the square root of the time."""
    import numpy as np

    later = np.searchsorted(ts, ts + HORIZON_S * 10**9)
    there = later < len(ts)
    # Longer than 400 s is across a silence.
    there[there] = ts[later[there]] - ts[there] < 400 * 10**9
    if there.sum() < 2:
        return None
    seconds = (ts[later[there]] - ts[there]) * 1e-9
    moves = 1e4 * np.log(mid[later[there]] / mid[there]) * np.sqrt(HORIZON_S / seconds)
    return float(moves.std())

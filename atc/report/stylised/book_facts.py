"""Facts of the book: spread, and size by level and by distance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atc.events.business_day import DAY_NS, NS_PER_S
from atc.events.schema import MAX_GAP_NS
from atc.report.stylised.market_day import DEPTH_LEVELS
from atc.report.stylised.measured import Curve, Measured, record

if TYPE_CHECKING:
    from atc.report.stylised.market_day import MarketDay

BPS = 1e4
SHAPE_LEVELS = 8
"""Sizes are shown relative to the mean of so many levels, which every recorded board has."""
SAMPLE_NS = 5 * NS_PER_S
"""The book's shape is looked at this often."""


class Spread:
    """Time-weighted spread 10⁴ (a − b) / m in bps, of which a message stands for at most 60 s."""

    def __init__(self) -> None:
        self._edges = np.geomspace(1e-3, 1e3, 601)
        self._seconds = np.zeros(len(self._edges) + 1)
        self._sums = np.zeros(2)

    def add(self, day: MarketDay) -> None:
        """Takes a day."""
        if day.quotes is None or not len(day.quotes.ts):
            return
        quotes = day.quotes
        until = np.append(quotes.ts[1:], day.start_ns + DAY_NS)
        lasts = np.minimum(until - quotes.ts, MAX_GAP_NS) / NS_PER_S
        bps = BPS * (quotes.ask - quotes.bid) / quotes.mid
        self._sums += (float((bps * lasts).sum()), float(lasts.sum()))
        self._seconds += np.bincount(
            np.searchsorted(self._edges, bps, side="left"), lasts, len(self._edges) + 1
        )

    def finish(self, into: Measured) -> None:
        """`spread_bps`, the mean; the share of the time with at most x bps."""
        if not self._sums[1]:
            return
        record(into, [("spread_bps", self._sums[0] / self._sums[1])])
        # The share of spreads up to the upper edge of each bin.
        share = np.cumsum(self._seconds)[:-1] / self._seconds.sum()
        seen = (share > 1e-4) & (share < 1 - 1e-4)
        around = slice(max(int(np.argmax(seen)) - 1, 0), len(seen) - int(np.argmax(seen[::-1])) + 1)
        into.curves["spread"] = Curve(self._edges[around], share[around])


class Depth:
    """Mean size by level, and within a distance of the mid, of books 5 s apart; the mean of both sides."""

    def __init__(self) -> None:
        self._distances = np.geomspace(0.05, 200, 73)
        self._books = 0
        self._sizes = np.zeros((2, DEPTH_LEVELS))
        self._within = np.zeros(len(self._distances) + 1)
        self._reach = 0.0
        self._money = 0.0
        self._levels = 0
        self._taken = np.zeros(2)

    def add(self, day: MarketDay) -> None:
        """Takes a day."""
        self._taken += (day.takers.qty.sum(), len(day.takers.qty))
        if day.levels is None or not len(day.levels.ts):
            return
        slot = (day.levels.ts - day.start_ns) // SAMPLE_NS
        seen = np.flatnonzero(np.append(True, slot[1:] != slot[:-1]))
        mid = (day.levels.bid_px[seen, :1] + day.levels.ask_px[seen, :1]) / 2
        self._books += len(seen)
        for number, (px, qty) in enumerate(
            ((day.levels.bid_px, day.levels.bid_qty), (day.levels.ask_px, day.levels.ask_qty))
        ):
            prices, sizes = px[seen], qty[seen]
            self._levels = max(self._levels, sizes.shape[1])
            self._sizes[number, : sizes.shape[1]] += sizes.sum(axis=0)
            self._money += float((prices * sizes).sum())
            away = BPS * np.abs(prices / mid - 1)
            bins = np.searchsorted(self._distances, away.ravel(), side="left")
            self._within += np.bincount(bins, sizes.ravel(), len(self._within))
            self._reach += float(np.where(sizes[:, -1] > 0, away[:, -1], 0).sum())

    def finish(self, into: Measured) -> None:
        """`depth_20_million`, quote currency a side; `best_level_share`; `depth_symmetry`; both profiles."""
        if not self._books:
            return
        sizes = self._sizes[:, : self._levels] / self._books
        by_level = sizes.mean(axis=0)
        shape = by_level / by_level[:SHAPE_LEVELS].mean()
        values = [("best_level_share", shape[0]), ("depth_symmetry", sizes[0].sum() / sizes[1].sum())]
        if self._levels == DEPTH_LEVELS:
            values.append(("depth_20_million", self._money / self._books / 2 * 1e-6))
        record(into, values)
        into.curves["depth_by_level"] = Curve(np.arange(1.0, self._levels + 1), shape)
        if self._taken[1]:
            mean_order = self._taken[0] / self._taken[1]
            within = np.cumsum(self._within)[:-1] / self._books / 2 / mean_order
            # Beyond the mean distance of the last level the profile would say where the window ends.
            near = (self._distances <= self._reach / self._books / 2) & (within > 0)
            into.curves["depth_by_distance"] = Curve(self._distances[near], within[near])

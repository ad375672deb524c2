"""Facts of the flow of taker orders: memory of signs, times between them, sizes, hours of the day, impact."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atc.events.business_day import DAY_NS, NS_PER_S
from atc.events.schema import MAX_GAP_NS
from atc.report.stylised.estimators import hill, log_lags, power_law, sign_products
from atc.report.stylised.measured import Curve, Measured, PowerLaw, record

if TYPE_CHECKING:
    import numpy.typing as npt

    from atc.report.stylised.market_day import MarketDay, TakerGroups

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

BPS = 1e4
LONGEST_LAG = 1000
"""Taker orders."""


class SignMemory:
    """C(ℓ) = ⟨ε_i ε_{i+ℓ}⟩ − ⟨ε⟩², ε the side of taker orders in their order, over 1 − ⟨ε⟩²
    (Lillo & Farmer 2004).
    """

    def __init__(self) -> None:
        self._lags = log_lags(LONGEST_LAG)
        self._products = np.zeros(len(self._lags))
        self._pairs = np.zeros(len(self._lags))
        self._sum, self._count = 0, 0

    def add(self, day: MarketDay) -> None:
        """Takes a day; pairs do not reach across days."""
        side = day.takers.side.astype(np.float64)
        products, pairs = sign_products(side, self._lags)
        self._products += products
        self._pairs += pairs
        self._sum += int(side.sum())
        self._count += len(side)

    def finish(self, into: Measured) -> None:
        """`sign_exponent`: γ of C(ℓ) ~ ℓ^−γ over 1 to 1000 orders; `sign_corr_1`: C(1)."""
        shown = self._pairs >= 20 * self._lags
        if not shown.any():
            return
        mean = self._sum / self._count
        correlation = (self._products[shown] / self._pairs[shown] - mean**2) / (1 - mean**2)
        lags = self._lags[shown].astype(float)
        noise = 2 / np.sqrt(self._pairs[shown])
        # A line through less than a decade and a half is no power law.
        record(into, [("sign_corr_1", correlation[0])])
        fit = None
        if lags[-1] >= 30:
            # NaN where nothing stands out of the noise: there is no power law.
            fit = power_law(lags, correlation, noise)
            into.values["sign_exponent"] = fit.exponent if fit else np.nan
        into.curves["sign_correlation"] = Curve(lags, correlation, fit, float(noise[0]))


class InterArrival:
    """Times between taker orders by the venue's clock.

    What is longer than 60 s may be a silence of the feed and is left out.
    """

    LONGEST_S = MAX_GAP_NS / NS_PER_S

    def __init__(self) -> None:
        self._edges = np.geomspace(1e-3, 1e3, 121)
        self._counts = np.zeros(len(self._edges) + 1)
        self._sums = np.zeros(3)

    def add(self, day: MarketDay) -> None:
        """Takes a day."""
        gaps = np.diff(day.takers.ts_exch) / NS_PER_S
        gaps = gaps[gaps <= self.LONGEST_S]
        self._sums += (len(gaps), float(gaps.sum()), float((gaps**2).sum()))
        self._counts += np.bincount(np.searchsorted(self._edges, gaps), minlength=len(self._counts))

    def finish(self, into: Measured) -> None:
        """`interarrival_cv`: deviation over mean, 1 for a Poisson process; P(gap > x) by x / mean."""
        count, total, squares = self._sums
        if count < 100:
            return
        mean = total / count
        record(into, [("interarrival_cv", float(np.sqrt(squares / count - mean**2) / mean))])
        beyond = 1 - np.cumsum(self._counts)[:-1] / count
        shown = beyond * count >= 5
        into.curves["interarrival"] = Curve(self._edges[shown] / mean, beyond[shown])


class Sizes:
    """Sizes of taker orders."""

    TAIL_SHARE = 0.025

    def __init__(self) -> None:
        self._values = np.zeros(0)
        self._counts = np.zeros(0, dtype=np.int64)

    def add(self, day: MarketDay) -> None:
        """Takes a day; only distinct sizes and how often they came are kept."""
        values, counts = np.unique(np.round(day.takers.qty, 9), return_counts=True)
        merged, place = np.unique(np.concatenate([self._values, values]), return_inverse=True)
        weights = np.concatenate([self._counts, counts])
        self._values = merged
        self._counts = np.bincount(place, weights, len(merged)).astype(np.int64)

    def finish(self, into: Measured) -> None:
        """`size_tail`: Hill exponent of the largest 2.5 %; P(size > x) by x / mean."""
        count = int(self._counts.sum())
        if count < 100:
            return
        record(into, [("size_tail", hill(self._values, self._counts, self.TAIL_SHARE))])
        mean = float((self._values * self._counts).sum()) / count
        beyond = 1 - np.cumsum(self._counts) / count
        grid = np.geomspace(max(self._values[0], mean * 1e-4), self._values[-1], 80)
        at = np.searchsorted(self._values, grid, side="right") - 1
        survivors = np.where(at >= 0, beyond[at], 1.0)
        shown = survivors * count >= 5
        into.curves["sizes"] = Curve(grid[shown] / mean, survivors[shown])


class Seasonality:
    """Taker orders and variance by hour of the day."""

    def __init__(self) -> None:
        self._orders = np.zeros(24)
        self._variance = np.zeros(24)
        self._seconds = np.zeros(24)
        self._frames = 0
        self._executions = 0

    def add(self, day: MarketDay) -> None:
        """Takes a day."""
        self._frames += day.frames
        self._executions += day.executions
        hour = ((day.takers.ts - day.start_ns) // (3600 * NS_PER_S) + day.first_hour) % 24
        self._orders += np.bincount(hour, minlength=24)
        step = 10
        moves = np.diff(np.log(day.sampled(step * NS_PER_S)))
        of_move = (np.arange(len(moves)) * step // 3600 + day.first_hour) % 24
        known = np.isfinite(moves)
        self._variance += np.bincount(of_move[known], moves[known] ** 2, 24)
        self._seconds += np.bincount(of_move[known], minlength=24) * step

    def finish(self, into: Measured) -> None:
        """`activity_by_hour` and `volatility_by_hour`: the busiest hour over the quietest; `executions_a_day`
        and `frames_a_day`. Only for markets of which every hour was seen for at least half an hour.
        """
        if self._seconds.min() < 1800:
            return
        days = self._seconds.sum() / 86_400
        values = [("executions_a_day", self._executions / days), ("frames_a_day", self._frames / days)]
        record(into, values if self._frames else values[:1])
        activity: Floats = self._orders / self._seconds
        volatility = np.sqrt(self._variance / self._seconds)
        hours = np.linspace(0.5, 23.5, 24)
        for name, by_hour in (("activity_by_hour", activity), ("volatility_by_hour", volatility)):
            into.curves[name] = Curve(hours, by_hour / by_hour.mean())
            record(into, [(name, by_hour.max() / by_hour.min() if by_hour.min() > 0 else np.nan)])


class Impact:
    """Response of the mid to taker orders, in bps, from the last mid before the order's first print.

    R(ℓ) = ⟨ε_i · (ln m_{i+ℓ} − ln m_i)⟩, ℓ in taker orders (Bouchaud, Gefen, Potters & Wyart 2004); and by
    size, after 2 s (Lillo, Farmer & Mantegna 2003).
    """

    AFTER_NS = 2 * NS_PER_S

    def __init__(self) -> None:
        self._lags = log_lags(LONGEST_LAG)
        self._response = np.zeros((len(self._lags), 2))
        self._edges = 2.0 ** np.arange(-40, 41)
        self._by_size = np.zeros((len(self._edges) + 1, 4))

    def add(self, day: MarketDay) -> None:
        """Takes a day; without a book there is no mid and nothing is measured."""
        if day.quotes is None or not len(day.quotes.ts) or not len(day.takers.ts):
            return
        takers = day.takers
        before = _log_mid(day, takers.ts - 1)
        for number, lag in enumerate(self._lags[self._lags < len(before)]):
            moved = takers.side[:-lag] * (before[lag:] - before[:-lag])
            moved = moved[np.isfinite(moved)]
            self._response[number] += (float(moved.sum()), len(moved))
        self._add_by_size(takers, _log_mid(day, takers.ts + self.AFTER_NS) - before)

    def _add_by_size(self, takers: TakerGroups, moves: Floats) -> None:
        known = np.isfinite(moves)
        moved = (takers.side * moves)[known]
        size = takers.qty[known]
        place = np.searchsorted(self._edges, size)
        for column, weights in enumerate((np.ones(len(size)), size, moved, moved**2)):
            self._by_size[:, column] += np.bincount(place, weights, len(self._by_size))

    def finish(self, into: Measured) -> None:
        """`response_growth`: R(30) / R(1); `impact_exponent`: ψ of impact ~ size^ψ."""
        enough = self._response[:, 1] >= 20 * self._lags
        if enough.any():
            lags = self._lags[enough].astype(np.float64)
            response = BPS * self._response[enough, 0] / self._response[enough, 1]
            if response[0] > 0:
                into.curves["response"] = Curve(lags, response / response[0])
                if lags[-1] >= 30:
                    record(into, [("response_growth", np.interp(30, lags, response) / response[0])])
        self._finish_by_size(into)

    def _finish_by_size(self, into: Measured) -> None:
        count, size, moved, squares = self._by_size[self._by_size[:, 0] >= 100].T
        if len(count) < 2:
            return
        mean = moved / count
        error = np.sqrt(np.maximum(squares / count - mean**2, 0) / count)
        relative = size / count * float(self._by_size[:, 0].sum() / self._by_size[:, 1].sum())
        sure = mean > 2 * error
        fit = None
        if sure.sum() >= 4:
            weight = (mean / np.maximum(error, 1e-12))[sure]
            slope, level = np.polyfit(np.log(relative[sure]), np.log(BPS * mean[sure]), 1, w=weight)
            record(into, [("impact_exponent", float(slope))])
            fit = PowerLaw(float(-slope), float(np.exp(level)))
        into.curves["impact_by_size"] = Curve(relative, BPS * mean, fit)


def _log_mid(day: MarketDay, at_ns: Ints) -> Floats:
    """ln of the last mid at or before each time; NaN before the first and where it is older than 60 s."""
    quotes = day.quotes
    if quotes is None:
        return np.full(len(at_ns), np.nan)
    at = np.searchsorted(quotes.ts, at_ns, side="right") - 1
    known = (at >= 0) & (at_ns - quotes.ts[at] <= MAX_GAP_NS) & (at_ns < day.start_ns + DAY_NS)
    return np.where(known, np.log(quotes.mid[at]), np.nan)

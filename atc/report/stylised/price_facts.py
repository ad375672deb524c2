"""Facts of the price: correlation of returns and of their sizes, tails, kurtosis, signature plot."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from atc.events.business_day import DAY_NS, NS_PER_S
from atc.report.stylised.estimators import (
    autocorrelation,
    blocks,
    excess_kurtosis,
    hill,
    log_lags,
    power_law,
    summed,
)
from atc.report.stylised.measured import Curve, Measured, record

if TYPE_CHECKING:
    import numpy.typing as npt

    from atc.report.stylised.market_day import MarketDay

    Floats = npt.NDArray[np.float64]

STEP_S = 10
"""Grid of the returns that are kept, 8 640 a day."""
MINUTE = 60 // STEP_S
SILENCE = np.full(4 * 3600 // STEP_S, np.nan)
"""Stands between days that do not follow one another; longer than any lag."""
TAIL_SHARE = 0.025
"""Of the 1 min returns, the largest of which make the tail."""
LEAST_INDEPENDENT = 20
"""Windows that do not overlap, below which a horizon is left out."""


class Returns:
    """Log returns of the price path on a 10 s grid, of all days one after the other."""

    def __init__(self) -> None:
        self._parts: list[Floats] = []
        self._end_ns: int | None = None

    def add(self, day: MarketDay) -> None:
        """Takes a day."""
        if self._end_ns is not None and day.start_ns != self._end_ns:
            self._parts.append(SILENCE)
        self._end_ns = day.start_ns + DAY_NS
        self._parts.append(np.diff(np.log(day.sampled(STEP_S * NS_PER_S))))

    def finish(self, into: Measured) -> None:
        """The facts of `returns_facts`."""
        returns = np.concatenate(self._parts) if self._parts else np.zeros(0)
        into.hours = float(np.isfinite(returns).sum()) * STEP_S / 3600
        returns_facts(returns, into)


def returns_facts(returns: Floats, into: Measured) -> None:
    """All facts of log returns on a 10 s grid, NaN where unknown."""
    independent = int(np.isfinite(returns).sum())
    _correlation(returns, independent, into)
    _clustering(returns, into)
    _kurtosis(returns, independent, into)
    minute = blocks(returns, MINUTE)
    minute = np.sort(np.abs(minute[np.isfinite(minute)]))
    if len(minute) < 100 or not minute[-1]:
        return
    record(into, [("return_tail_1min", hill(minute, np.ones(len(minute), np.int64), TAIL_SHARE))])
    deviation = float(np.sqrt((minute**2).mean()))
    grid: Floats = np.geomspace(0.1, minute[-1] / deviation, 60)
    beyond = 1 - np.searchsorted(minute, grid * deviation, side="right") / len(minute)
    shown = beyond * len(minute) >= 5
    into.curves["return_tail"] = Curve(grid[shown], beyond[shown])


def _correlation(returns: Floats, known: int, into: Measured) -> None:
    """`return_corr_10s`: ρ(1) of 10 s returns of the mid.

    `return_corr_20min`: the largest |ρ(k)| of 5 min returns over lags of 20 to 60 min, in units of what 5 %
    of uncorrelated series would exceed (Bonferroni over the lags, heteroskedastic errors): at most 1 where
    there is nothing (Cont 2001, fact 1).
    """
    lags = log_lags(min(360, known // LEAST_INDEPENDENT))
    if known < 5 * LEAST_INDEPENDENT:
        return
    rho, _ = autocorrelation(returns, lags)
    into.curves["return_correlation"] = Curve(lags.astype(np.float64) * STEP_S, rho)
    if into.takes_prices_from == "mid":
        record(into, [("return_corr_10s", rho[0])])
    five = blocks(returns, 5 * MINUTE)
    far = np.arange(4, 13)
    if np.isfinite(five).sum() >= LEAST_INDEPENDENT * len(far):
        rho, error = autocorrelation(five, far)
        limit = NormalDist().inv_cdf(1 - 0.025 / len(far))
        record(into, [("return_corr_20min", float(np.max(np.abs(rho) / (limit * error))))])


def _clustering(returns: Floats, into: Measured) -> None:
    """Autocorrelation of |1 min returns|. `abs_return_corr_10min`: ρ(10 min) in units of its 95 % limit
    2/√n under independence. `abs_return_decay`: β of ρ(k) ~ k^−β over lags of 1 to 100 min (Cont 2001).
    """
    size = np.abs(blocks(returns, MINUTE))
    known = int(np.isfinite(size).sum())
    if known < 5 * LEAST_INDEPENDENT:
        return
    lags = log_lags(min(240, known // LEAST_INDEPENDENT))
    rho, _ = autocorrelation(size, lags)
    noise = 2 / np.sqrt(known)
    at_ten = autocorrelation(size, np.array([10]))[0][0]
    record(into, [("abs_return_corr_10min", float(at_ten / noise))])
    fit = None
    if known >= 10 * 100:
        fitted = lags <= 100
        fit = power_law(lags[fitted].astype(float), rho[fitted], noise)
        # NaN where nothing stands out of the noise: there is no power law.
        into.values["abs_return_decay"] = fit.exponent if fit else math.nan
    into.curves["abs_return_correlation"] = Curve(lags.astype(float), rho, fit, noise)


def _kurtosis(returns: Floats, known: int, into: Measured) -> None:
    """Excess kurtosis by horizon. `kurtosis_1min`, and `kurtosis_falls`: that of 30 min over that of 1 min,
    below 1 where returns grow more normal with the horizon (Cont 2001, fact 4).
    """
    horizons = np.array([10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600])
    steps = horizons // STEP_S
    long_enough = known // steps >= 5 * LEAST_INDEPENDENT
    found = np.array([excess_kurtosis(summed(returns, int(step))) for step in steps[long_enough]])
    if not len(found):
        return
    into.curves["kurtosis"] = Curve(horizons[long_enough].astype(float), found)
    by_horizon = dict(zip(horizons[long_enough].tolist(), found.tolist(), strict=True))
    minute, half_hour = by_horizon.get(60, np.nan), by_horizon.get(1800, np.nan)
    # Tails that are no heavier than normal ones have nowhere to fall from.
    falls = half_hour / minute if minute > 0 else np.nan
    record(into, [("kurtosis_1min", minute), ("kurtosis_falls", falls)])


class Signature:
    """Signature plot: realised variance per unit time Σ (ln p_{t+τ} − ln p_t)² / (N τ) by sampling
    interval τ, over all starting seconds (Andersen, Bollerslev, Diebold & Labys 2000, Risk 13).
    """

    INTERVALS_S = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1200)
    AT_S = 10
    """The curve is shown relative to this interval."""

    def __init__(self) -> None:
        self._sums = np.zeros((len(self.INTERVALS_S), 2))

    def add(self, day: MarketDay) -> None:
        """Takes a day."""
        path = np.log(day.sampled(NS_PER_S))
        for number, interval in enumerate(self.INTERVALS_S):
            moves = path[interval:] - path[:-interval]
            moves = moves[np.isfinite(moves)]
            self._sums[number] += (float((moves**2).sum()), len(moves))

    def finish(self, into: Measured) -> None:
        """`signature_120s`: realised variance of 120 s over that of 10 s; 1 for a random walk.

        Not of prices of executions, whose bounce between bid and ask is in the 10 s.
        """
        intervals = np.array(self.INTERVALS_S, dtype=float)
        enough = self._sums[:, 1] / intervals >= LEAST_INDEPENDENT
        with np.errstate(invalid="ignore", divide="ignore"):
            rate = np.where(enough, self._sums[:, 0] / self._sums[:, 1] / intervals, np.nan)
            relative = rate / rate[self.INTERVALS_S.index(self.AT_S)]
        if np.isfinite(relative).any():
            into.curves["signature"] = Curve(intervals[enough], relative[enough])
        by_interval = dict(zip(self.INTERVALS_S, rate.tolist(), strict=True))
        if into.takes_prices_from == "mid" and by_interval[10]:
            record(into, [("signature_120s", by_interval[120] / by_interval[10])])

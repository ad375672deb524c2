"""Regimes of the market, told apart by what was known at the row (docs/readings.md)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

TRENDS = ("down", "chop", "up")
VOLATILITIES = ("low", "high")


@dataclass(frozen=True)
class RegimeCuts:
    """Where one regime ends and the next begins: medians of the training rows."""

    trend: float
    """Up above it, down below its negative, chop between: the median of |trend|."""
    volatility: float
    """High above it: the median."""

    def groups(self, trend: Vector, volatility: Vector) -> NDArray[np.int64]:
        """(n,) number of each row's regime in `regimes()`; the last where either column is null."""
        way = 1 + (trend > self.trend).astype(np.int64) - (trend < -self.trend)
        group = way * len(VOLATILITIES) + (volatility > self.volatility)
        unknown = len(TRENDS) * len(VOLATILITIES)
        return np.where(np.isnan(trend) | np.isnan(volatility), unknown, group)


def fit_regimes(trend: Vector, volatility: Vector) -> RegimeCuts | None:
    """The cuts from the two columns (n,) of the training rows, NaN for null; None where one of them is null
    in every row.
    """
    if np.isnan(trend).all() or np.isnan(volatility).all():
        return None
    return RegimeCuts(float(np.nanmedian(np.abs(trend))), float(np.nanmedian(volatility)))


def regimes() -> list[dict[str, object]]:
    """The facts of each regime; of the last one nothing is known."""
    known: list[dict[str, object]] = [
        {"trend": trend, "volatility": volatility} for trend in TRENDS for volatility in VOLATILITIES
    ]
    return [*known, {"trend": None, "volatility": None}]

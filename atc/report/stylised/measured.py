"""What is measured of a market: numbers by fact, curves by panel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from atc.report.stylised.market_day import MarketDay

    Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PowerLaw:
    """level · x^−exponent."""

    exponent: float
    level: float

    def __call__(self, x: Floats) -> Floats:
        """Its values at x."""
        values: Floats = self.level * x**-self.exponent
        return values


@dataclass(frozen=True)
class Curve:
    """One line of a panel; `y` is NaN where nothing was there to measure."""

    x: Floats
    y: Floats
    fit: PowerLaw | None = None
    noise: float | None = None
    """What 5 % of series without memory would exceed."""


@dataclass
class Measured:
    """The facts of one market."""

    name: str
    is_simulated: bool
    days: int = 0
    hours: float = 0.0
    """Time with a known price."""
    takes_prices_from: str = "mid"
    """`mid` or `trades`."""
    values: dict[str, float] = field(default_factory=dict)
    """By fact; one that could not be measured is missing."""
    curves: dict[str, Curve] = field(default_factory=dict)
    """By panel."""


class Measurement(Protocol):
    """Takes the days of one market, one after the other, and keeps sums of them only."""

    def add(self, day: MarketDay) -> None:
        """Takes a day."""

    def finish(self, into: Measured) -> None:
        """Writes values and curves."""


def record(into: Measured, values: Sequence[tuple[str, float]]) -> None:
    """Keeps the values that could be measured; NaN is none."""
    into.values.update({name: float(value) for name, value in values if math.isfinite(value)})

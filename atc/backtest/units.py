"""The backtest's integers: ticks, lots, and money in units of one tick × one lot."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from atc.config.data import InstrumentFacts
from atc.errors import UsageError

if TYPE_CHECKING:
    import polars as pl

UNLIMITED_LOTS = 1 << 62
LARGEST_LOTS = 10**9
"""The largest position that the engine takes (`LARGEST_LOTS` of rust/atc-backtest)."""


@dataclass(frozen=True)
class Units:
    """Steps of an instrument."""

    tick: Decimal
    lot: Decimal
    per_quote: int
    """Money units in one unit of the quote currency: 100 for ETH_JPY."""

    @classmethod
    def of(cls, facts: InstrumentFacts) -> Units:
        """Raises UsageError where a unit of the quote currency is no whole number of tick × lot."""
        per_quote = 1 / (Fraction(facts.tick) * Fraction(facts.lot))
        if per_quote.denominator != 1:
            raise UsageError(
                f"data.tick={facts.tick} × data.lot={facts.lot} is no whole part of a unit of the quote "
                "currency, and a backtest counts money in them; choose backtest=none"
            )
        return cls(facts.tick, facts.lot, int(per_quote))

    def lots(self, key: str, size: Decimal) -> int:
        """A size in base asset as lots. Raises UsageError where it is no whole number of them."""
        lots = Fraction(size) / Fraction(self.lot)
        if lots.denominator != 1:
            raise UsageError(
                f"{key}={size:f} is no whole number of lots of {self.lot:f} (data.lot); give a "
                "multiple of that"
            )
        return int(lots)

    def money(self, units: float) -> float:
        """Money units in quote currency."""
        return units / self.per_quote

    def quoted(self, money: pl.Expr) -> pl.Expr:
        """The same of whole columns, to the nearest float: polars divides by a single number by multiplying
        with its inverse, which misses it for every seventh amount of ETH_JPY.
        """
        import polars as pl

        per_quote = pl.Series([self.per_quote])
        return money.map_batches(
            lambda units: units / per_quote.new_from_index(0, len(units)), return_dtype=pl.Float64
        )


def size_problems(facts: InstrumentFacts, sizes: Iterable[tuple[str, Decimal]]) -> list[tuple[str, str]]:
    """By config key what is wrong with `sizes` (key, size in base asset) that are to be traded; empty where
    nothing is.
    """
    found = []
    try:
        units = Units.of(facts)
    except UsageError as error:
        return [("backtest", str(error))]
    for key, size in sizes:
        try:
            lots = units.lots(key, size)
        except UsageError as error:
            found.append((key, str(error)))
            continue
        if lots > LARGEST_LOTS:
            found.append(
                (
                    key,
                    f"{size:f} is {lots:,} lots of {units.lot:f} (data.lot), and at most {LARGEST_LOTS:,} "
                    "are counted; choose a smaller size",
                )
            )
    return found

"""What is known of an instrument before its first event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from atc.config.data import InstrumentFacts


class WrongFact(ValueError):
    """A fact that no instrument has; `field` names it."""

    def __init__(self, field: str, found: object, expected: str) -> None:
        self.field = field
        super().__init__(f"{field} is {found}; expected {expected}")


@dataclass(frozen=True)
class Instrument:
    """One symbol of one venue, with the steps in which its integers count.

    Raises WrongFact for names that are no folder names, steps that are not positive and numbers out of range.
    """

    venue: str
    symbol: str
    tick: Decimal
    """Price of one tick in quote currency; `px_ticks` counts it."""
    lot: Decimal
    """Size of one lot in base asset; `qty_lots` counts it."""
    day_cut_utc_s: int
    """Start of the business day, seconds after 00:00 UTC."""
    tz_offset_s: int
    """Local time minus UTC, which names the business days."""
    recorded_depth: int | None
    """Levels a side that the feed shows; None: all of them."""

    def __post_init__(self) -> None:
        for name, text in (("venue", self.venue), ("symbol", self.symbol)):
            # Both become folder names.
            if not text or not all(c.isalnum() or c in "_-." for c in text) or text[0] == ".":
                raise WrongFact(name, repr(text), "letters, digits, '_', '-' and '.'")
        for name, step in (("tick", self.tick), ("lot", self.lot)):
            if not step.is_finite() or step <= 0:
                raise WrongFact(name, step, "a positive decimal")
        if not 0 <= self.day_cut_utc_s < 86_400:
            raise WrongFact("day_cut_utc_s", self.day_cut_utc_s, "0 to 86399")
        if not -86_400 < self.tz_offset_s < 86_400:
            raise WrongFact("tz_offset_s", self.tz_offset_s, "less than a day either way")
        if self.recorded_depth is not None and self.recorded_depth < 1:
            raise WrongFact("recorded_depth", self.recorded_depth, "at least 1, or None")

    @property
    def money_unit(self) -> Decimal:
        """Quote currency in one unit of money: `px_ticks * qty_lots` counts it exactly."""
        return self.tick * self.lot

    def to_json(self) -> dict[str, str | int | None]:
        """The facts with decimals spelt one way only, so that equal instruments have equal JSON."""
        return {
            "venue": self.venue,
            "symbol": self.symbol,
            "tick": format(self.tick.normalize(), "f"),
            "lot": format(self.lot.normalize(), "f"),
            "day_cut_utc_s": self.day_cut_utc_s,
            "tz_offset_s": self.tz_offset_s,
            "recorded_depth": self.recorded_depth,
        }

    @classmethod
    def from_json(cls, facts: Mapping[str, str | int | None]) -> Instrument:
        """The inverse of `to_json`. Raises KeyError, ValueError or ArithmeticError for damaged facts."""
        depth = facts["recorded_depth"]
        return cls(
            venue=str(facts["venue"]),
            symbol=str(facts["symbol"]),
            tick=Decimal(str(facts["tick"])),
            lot=Decimal(str(facts["lot"])),
            day_cut_utc_s=int(str(facts["day_cut_utc_s"])),
            tz_offset_s=int(str(facts["tz_offset_s"])),
            recorded_depth=None if depth is None else int(depth),
        )


def instrument_of(data: InstrumentFacts) -> Instrument:
    """The instrument that a data config describes."""
    return Instrument(
        venue=data.venue,
        symbol=data.symbol,
        tick=data.tick,
        lot=data.lot,
        day_cut_utc_s=data.day_cut_utc_s,
        tz_offset_s=data.tz_offset_s,
        recorded_depth=data.recorded_depth,
    )


def different_facts(filed: Instrument, given: Instrument) -> str:
    """`tick 0.001 and not 0.01, …` for the facts in which two instruments differ; empty if in none."""
    pairs = zip(filed.to_json().items(), given.to_json().values(), strict=True)
    return ", ".join(f"{name} {old} and not {new}" for (name, old), new in pairs if old != new)

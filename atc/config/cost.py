"""What trading costs: the dated tables of a venue, and of which market they are.

Sizes are in the base asset, prices in the quote currency.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Self

from pydantic import Field, model_validator

from atc.config.maintenance import Day
from atc.config.slices import Float, Name, Slice, Step


class _Dated(Slice):
    first: Day
    """The first business day of the row."""
    last: Day | None = None
    """The last one; null: still valid."""

    @model_validator(mode="after")
    def _forwards(self) -> Self:
        if self.last is not None and self.last < self.first:
            raise ValueError(f"first={self.first} is after last={self.last}; expected first <= last")
        return self

    def holds_on(self, day: date) -> bool:
        return self.first <= day <= (self.last or date.max)


class Fees(_Dated):
    """Share of the traded value."""

    maker_bps: Float = Field(ge=-1000, le=1000)
    """Of orders that rest; the backtest sends none."""
    taker_bps: Float = Field(ge=0, le=1000)


class Carry(_Dated):
    """What a position pays that is carried across the cut at the end of a business day."""

    rate_pct: Float = Field(ge=0, le=100)
    """Per cent of its value, long or short."""
    step: Step | None = None
    """What is charged is rounded up to a multiple of this, in quote currency (1: whole yen). null: to the
    smallest amount that there is, tick × lot, as fees are."""


class Cost(Slice):
    """A venue's dated tables of costs."""

    name: Name
    venue: Name | None
    """Whose tables these are. null: of no venue, as those of a control (`cost=zero`)."""
    symbols: tuple[Name, ...]
    """The venue's symbols that they hold for; empty: all of them."""
    borrowed: bool = False
    """Whether they are meant although the data are of another market."""
    fees: tuple[Fees, ...]
    carry: tuple[Carry, ...]

    @model_validator(mode="after")
    def _symbols_of_a_venue(self) -> Self:
        if self.symbols and self.venue is None:
            raise ValueError(
                f"symbols={list(self.symbols)} with venue=null: a symbol means nothing without its venue; "
                "name the venue, or give symbols: []"
            )
        return self

    @model_validator(mode="after")
    def _one_row_a_day(self) -> Self:
        tables: tuple[tuple[str, Sequence[_Dated]], ...] = (("fees", self.fees), ("carry", self.carry))
        for table, rows in tables:
            for row, following in pairwise(rows):
                if row.last is None or row.last >= following.first:
                    raise ValueError(
                        f"{table}: the row from {row.first} to {row.last or 'today'} is followed by one from "
                        f"{following.first}; rows are expected in order, and each day in one row: set `last` "
                        "of the first to the day before"
                    )
        return self

    def is_of(self, venue: str | None, symbol: str) -> bool:
        """Whether the tables are those of that market; those of no venue are of every one."""
        return self.venue is None or (self.venue == venue and (not self.symbols or symbol in self.symbols))

    def missing_days(self, first: date, last: date) -> dict[str, list[date]]:
        """By table, the business days of first … last (both included) without a row."""
        days = [first + timedelta(days=i) for i in range((last - first).days + 1)]
        tables: dict[str, Sequence[_Dated]] = {"fees": self.fees, "carry": self.carry}
        found = {
            table: [day for day in days if not any(row.holds_on(day) for row in rows)]
            for table, rows in tables.items()
        }
        return {table: missing for table, missing in found.items() if missing}


def missing_costs(cost: Cost, first: date, last: date) -> str | None:
    """What to say where `cost` lacks a row for a business day of first … last; None where it does not."""
    missing = cost.missing_days(first, last)
    if not missing:
        return None
    tables = " and ".join(
        f"{table} for {len(days):,} of the window's business days ({days[0]} the first, {days[-1]} the last)"
        for table, days in missing.items()
    )
    return (
        f"cost={cost.name} has no row of {tables}; a backtest assumes no costs: add dated rows to the table "
        "(conf/cost), choose another cost=…, or leave the backtest out with backtest=none"
    )


def other_market(cost: Cost, *, data: str, venue: str | None, symbol: str) -> str | None:
    """What is wrong with `cost` for the market of `data`; None where it is of that market, or of none.

    `venue`: that of the data, or the one that they imitate; None of simulated data that imitate none.
    """
    if cost.is_of(venue, symbol):
        return None
    theirs = f"{cost.venue} {', '.join(cost.symbols) or '(all symbols)'}"
    mine = f"{venue} {symbol}" if venue is not None else f"a simulated {symbol} that imitates no venue"
    return f"cost={cost.name} is the table of {theirs}, and data={data} is {mine}"


def refused_market(cost: Cost, *, data: str, venue: str | None, symbol: str) -> str | None:
    """As `other_market`, with the ways out; None too where the table is declared to be borrowed."""
    wrong = other_market(cost, data=data, venue=venue, symbol=symbol)
    if wrong is None or cost.borrowed:
        return None
    own = (
        f"write the table of that market (a file of conf/cost with venue: {venue} and symbols: [{symbol}]) "
        "and choose it with cost=…"
        if venue is not None
        else "name the venue whose terms it has (data.imitates)"
    )
    return (
        f"{wrong}; what trading costs there is not assumed: {own}, set cost.borrowed=true if this table is "
        "meant, which is recorded and told, trade at no costs with cost=zero, or leave the backtest out with "
        "backtest=none"
    )

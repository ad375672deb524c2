"""The dated tables of costs, as the engine takes them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from fractions import Fraction

from atc.config.cost import Carry, Cost, missing_costs
from atc.config.data import InstrumentFacts
from atc.errors import UsageError
from atc.events.business_day import DAY_NS, day_of

E6, E9 = 10**6, 10**9


def require_costs(cost: Cost, first: date, last: date) -> None:
    """Raises UsageError where `cost` lacks a row for a business day of first … last, both included."""
    missing = missing_costs(cost, first, last)
    if missing is not None:
        raise UsageError(missing)


def taker_fees(cost: Cost, facts: InstrumentFacts, begin_ns: int, end_ns: int) -> list[list[int]]:
    """`[from_ns, fee]` of each stretch of business days with one fee, in 10⁻⁶ bps; the first begins at
    `begin_ns`.

    Raises UsageError as `require_costs`.
    """
    found: list[list[int]] = []
    start = begin_ns
    while start < end_ns:
        day = _day(facts, start)
        require_costs(cost, day, day)
        (fee,) = (row.taker_bps for row in cost.fees if row.holds_on(day))
        if not found or found[-1][1] != bps_e6(fee):
            found.append([start, bps_e6(fee)])
        start += DAY_NS - (start - facts.day_cut_utc_s * E9) % DAY_NS
    return found


def carry_terms(cost: Cost, facts: InstrumentFacts, day_cuts: Sequence[int]) -> list[tuple[int, int]]:
    """Of each cut what the business day that ends there has: the rate, in 10⁻⁹ of the position's value, and
    the step that is rounded up to, in money units (tick × lot).

    Raises UsageError as `require_costs`, and for a step that is no whole number of money units.
    """
    terms = []
    for cut in day_cuts:
        day = _day(facts, cut - 1)
        require_costs(cost, day, day)
        (row,) = (row for row in cost.carry if row.holds_on(day))
        terms.append((round(Fraction(str(row.rate_pct)) / 100 * E9), _step(row, facts)))
    return terms


def _step(row: Carry, facts: InstrumentFacts) -> int:
    """Money units that the carry of a row is rounded up to."""
    unit = Fraction(facts.tick) * Fraction(facts.lot)
    steps = Fraction(1) if row.step is None else Fraction(row.step) / unit
    if steps.denominator != 1:
        raise UsageError(
            f"cost.carry of {row.first}: step={row.step:f} is no whole number of data.tick={facts.tick:f} × "
            f"data.lot={facts.lot:f}, the smallest amount that a backtest counts; give a multiple of it, or "
            "step=null, which rounds up to it"
        )
    return int(steps)


def bps_e6(bps: float) -> int:
    """Basis points in units of 10⁻⁶ of them."""
    return round(Fraction(str(bps)) * E6)


def _day(facts: InstrumentFacts, ts_ns: int) -> date:
    return day_of(ts_ns, facts.day_cut_utc_s, facts.tz_offset_s)

"""Calendars, dated costs and units as the engine is told them, and the figures of a path."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np
import polars as pl
import pytest

from atc.backtest.calendar import calendar_of
from atc.backtest.costs import carry_terms, require_costs, taker_fees
from atc.backtest.figures import edge_of, gain_blocks
from atc.backtest.statistics import mean_interval, sharpe
from atc.backtest.units import Units
from atc.config.compose import compose
from atc.config.cost import Carry, Cost, Fees
from atc.config.data import InstrumentFacts
from atc.config.maintenance import WeeklyMaintenance
from atc.errors import UsageError
from atc.evaluation.blocks import Blocks, blocks_of
from atc.events.business_day import DAY_NS, day_start_ns, days_of

S = 1_000_000_000
H = 3600 * S


def facts(**changes: object) -> InstrumentFacts:
    data = compose(["data=demo"]).data
    kept = {name: getattr(data, name) for name in InstrumentFacts.model_fields}
    return InstrumentFacts.model_validate({**kept, **changes})


def test_the_calendar_of_a_span() -> None:
    data = facts()
    (rule,) = data.maintenance
    assert isinstance(rule, WeeklyMaintenance) and rule.weekday == "sat"
    cut = day_start_ns(date(2025, 1, 11), data.day_cut_utc_s, data.tz_offset_s)  # Saturday's begins here
    found = calendar_of(data, 900, cut - DAY_NS, cut + DAY_NS)
    closed = cut + 3 * H  # 09:00 JST
    assert found.day_cuts == (cut, cut + DAY_NS)  # at the end of the span too, not at its begin
    assert found.closed == ((closed, closed + 130 * 60 * S),)  # 120 minutes and the pre-open
    assert found.no_new_entry == (
        (cut - 900 * S, cut),
        (closed - 900 * S, closed + 130 * 60 * S),
        (cut + DAY_NS - 900 * S, cut + DAY_NS),
    )


def test_a_span_that_ends_before_the_cut_still_ends_entries() -> None:
    data = facts(maintenance=())
    cut = day_start_ns(date(2025, 1, 11), data.day_cut_utc_s, data.tz_offset_s)
    found = calendar_of(data, 900, cut - H, cut - 300 * S)
    assert found.day_cuts == () and found.no_new_entry == ((cut - 900 * S, cut - 300 * S),)


def test_costs_are_dated_by_the_business_day() -> None:
    data = facts()
    cut = day_start_ns(date(2025, 1, 11), data.day_cut_utc_s, data.tz_offset_s)
    cost = Cost(
        name="x",
        venue=None,
        symbols=(),
        fees=(
            Fees(first=date(2025, 1, 1), last=date(2025, 1, 10), maker_bps=0, taker_bps=1.5),
            Fees(first=date(2025, 1, 11), maker_bps=0, taker_bps=0),
        ),
        carry=(
            Carry(first=date(2025, 1, 1), last=date(2025, 1, 10), rate_pct=0.04),
            Carry(first=date(2025, 1, 11), rate_pct=0.05, step=Decimal(1)),
        ),
    )
    begin = cut - 2 * DAY_NS + H
    assert taker_fees(cost, data, begin, cut + H) == [[begin, 1_500_000], [cut, 0]]
    # A position carried over the cut pays for the day that ends there.
    # It is rounded up to a hundredth of a yen, tick × lot, unless a step is given.
    assert carry_terms(cost, data, [cut, cut + DAY_NS]) == [(400_000, 1), (500_000, 100)]
    with pytest.raises(UsageError, match=r"no row of fees for 1 .* and carry for 1"):
        taker_fees(cost, data, cut - 20 * DAY_NS, cut)
    with pytest.raises(UsageError, match="backtest=none"):
        require_costs(cost, date(2024, 12, 31), date(2025, 1, 2))


def test_units_of_money() -> None:
    units = Units.of(facts())
    assert units.per_quote == 100 and units.money(4_001_017 * 100) == 4_001_017
    assert units.lots("execution.size", Decimal(10)) == 1000
    with pytest.raises(UsageError, match=r"execution\.size=0\.005 is no whole number of lots of 0\.01"):
        units.lots("execution.size", Decimal("0.005"))
    assert Units.of(facts(tick="0.01", lot="0.00001")).per_quote == 10**7
    with pytest.raises(UsageError, match="no whole part"):
        Units.of(facts(tick="3", lot="1"))


def test_a_column_of_money_is_divided_as_exactly_as_one_amount() -> None:
    units = Units(Decimal("1"), Decimal("0.01"), 100)
    amounts = np.random.default_rng(0).integers(-(10**9), 10**9, 2000)
    money = pl.DataFrame({"money": [*amounts.tolist(), None]})
    quoted = money.select(units.quoted(pl.col("money")))["money"].to_list()
    assert quoted == [*map(units.money, amounts.tolist()), None]


def test_carry_is_rounded_to_what_the_quote_currency_has() -> None:
    """Whole units are right for yen, and would be 100 % of a position quoted in bitcoin."""
    day = date(2025, 1, 11)
    cut = day_start_ns(day, 0, 0) + DAY_NS

    def step(given: str | None, **changes: object) -> int:
        row = Carry(first=day, rate_pct=0.04, step=None if given is None else Decimal(given))
        cost = Cost(
            name="x", venue=None, symbols=(), fees=(Fees(first=day, maker_bps=0, taker_bps=0),), carry=(row,)
        )
        data = facts(day_cut_utc_s=0, tz_offset_s=0, **changes)
        ((_, found),) = carry_terms(cost, data, [cut])
        return found

    bitcoin = {"tick": "0.00001", "lot": "0.0001"}
    assert step(None, **bitcoin) == 1 and step("0.00000001", **bitcoin) == 10
    assert step("0.01", tick="0.01", lot="0.00001") == 100_000
    assert compose(["data=demo"]).cost.carry[0].step == 1  # the venue's, in yen
    with pytest.raises(UsageError, match=r"step=0\.005 is no whole number of data\.tick=1 × data\.lot=0\.01"):
        step("0.005")


def test_sharpe() -> None:
    daily = np.array([1.0, -1.0, 3.0, 0.0, 2.0, 1.0, -1.0, 3.0, 0.0, 2.0])
    assert sharpe(daily) == pytest.approx(np.mean(daily) / np.std(daily, ddof=1) * np.sqrt(365))
    assert sharpe(daily[:9]) is None and sharpe(np.zeros(20)) is None
    # Sums are exact: the order of the days says nothing.
    wide = np.array([1e16, 1.0, -1e16, 3.0, 0.5, 2.0, 1e8, -1e8, 7.0, 5.0])
    assert sharpe(wide) == sharpe(np.sort(wide)) == sharpe(wide[::-1])


def test_the_interval_of_the_mean_covers_it() -> None:
    """Independent hourly gains: the bootstrap's error is that of the mean."""
    times = np.arange(1, 40 * 24 + 1) * H
    gained = np.round(np.random.default_rng(1).normal(1e6, 1e7, len(times))).astype(np.int64)
    blocks = blocks_of(times, days_of(times - 1, 0, 0), 300 * S, min_blocks=20)
    assert blocks.count == 40  # whole days
    found = mean_interval(gained, blocks, 40e6, resamples=2000, confidence=0.95, seed=1)
    assert found is not None
    mean, error = gained.sum() / 40e6, 10 * np.sqrt(24 / 40)
    assert found.lo == pytest.approx(mean - 1.96 * error, abs=0.35 * error)
    assert found.hi == pytest.approx(mean + 1.96 * error, abs=0.35 * error)
    few = blocks_of(times[:5], days_of(times[:5] - 1, 0, 0), H, min_blocks=20)
    assert mean_interval(gained[:5], few, 1.0, resamples=100, confidence=0.95, seed=1) is None


def test_a_day_of_a_curve_is_a_block_and_the_day_before_it_is_none() -> None:
    data = facts()
    begin = day_start_ns(date(2025, 1, 11), data.day_cut_utc_s, data.tz_offset_s)

    def blocks(days: int) -> Blocks:
        end = begin + days * DAY_NS
        times = np.append(np.arange(begin, end, H), end)
        return gain_blocks(times, (begin, end), data, horizon_ns=300 * S, min_blocks=20)

    assert blocks(62).described == "62 business days"
    assert np.bincount(blocks(62).index).tolist() == [25] + [24] * 61  # the point at the begin gains nothing
    assert blocks(29).described == f"{29 * 24} blocks of 3600 s"  # too few days to be blocks


def test_the_break_even_cost_is_where_alpha_is_zero() -> None:
    zero = {"price_half": 0, "spread_impact_half": 0, "fees": 0, "carry": 0, "turnover": 1_000_000}
    mine = {"price_half": 4000, "spread_impact_half": -600, "fees": 200, "carry": 100, "turnover": 3_000_000}
    edge = edge_of(mine, zero)
    assert (edge.before_costs, edge.after_costs, edge.breakeven) == (10.0, 7.5, 9.5)
    # What was paid is 2.5 bps; another 7 on top take what alpha is left: (2000 - 300 - 200 - 100) / 2e6.
    assert edge.breakeven is not None and edge.breakeven - 2.5 == 7.0
    assert edge_of(zero, zero).breakeven is None

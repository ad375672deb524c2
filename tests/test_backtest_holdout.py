"""A whole backtest on simulated days: the same through both engines, with its controls in their places."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import cast

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from backtest_engines import ReferenceEngine

from atc.backtest.decisions import Decisions
from atc.backtest.engine import ORACLE_PATH, Market, PastMarket
from atc.backtest.figures import curve_of, daily, figures_of, gain_blocks
from atc.backtest.headline import headline_figures
from atc.backtest.holdout import ALWAYS_HOLD, FLAT, STRATEGY, Rival, Walked, walk
from atc.backtest.policy import NEVER_SHORT, Thresholds, positions
from atc.backtest.statistics import mean_interval
from atc.backtest.tables import equity_series, tables_of
from atc.backtest.theta import Learned, grid, learn, least_long, metrics_of
from atc.config.compose import compose
from atc.config.data import SimulatedData
from atc.config.schema import RunConfig
from atc.config.trading import Backtest, ThresholdPolicy
from atc.errors import DataError
from atc.evaluation.bootstrap import multiplicities, percentile_interval
from atc.events.business_day import DAY_NS, day_start_ns
from atc.events.catalog import Catalog
from atc.events.simulate import ensure_simulated, located
from atc.tasks.trading_notes import calendar_notes, oracle_notes

S = 1_000_000_000
SMALL = Backtest.model_validate(
    {
        "enabled": True,
        "random_draws": 3,
        "sensitivity": {"latency_s": [0, 0.3], "depth": [1, 0.5], "fee_bps": [0, 1]},
        "capacity": [1, 10],
    }
)


@pytest.fixture(scope="module")
def config() -> RunConfig:
    """Three thin days, the second a Saturday with its maintenance."""
    return compose(["data=demo", "data.days=3", "data.rate=0.03", "data.start_date=2025-01-10"])


@pytest.fixture(scope="module")
def market(config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> Market:
    root = tmp_path_factory.mktemp("events")
    data = config.data
    assert isinstance(data, SimulatedData)
    ensure_simulated(data, root)
    return Market(
        located(data), Catalog(root), config.execution, config.cost, max_gap_s=config.sampling.max_gap_s
    )


def some_decisions(market: Market, begin_h: float, hours: float, every_s: float, seed: int) -> Decisions:
    facts = market.facts
    first = market.catalog.days(facts.venue, facts.symbol)[0]
    begin = day_start_ns(first, facts.day_cut_utc_s, facts.tz_offset_s) + round(begin_h * 3600) * S
    end = begin + round(hours * 3600) * S
    generator = np.random.default_rng(seed)
    times = np.unique(generator.integers(begin, end, round(hours * 3600 / every_s)))
    p = generator.random(len(times))
    return Decisions(
        span=(begin, end),
        ts_close=times,
        ts_recv=times,
        ev_seq=np.arange(len(times), dtype=np.uint64),
        probabilities=np.column_stack([1 - p, p]),
    )


@pytest.fixture(scope="module")
def walked(market: Market) -> Walked:
    decisions = some_decisions(market, 0, 72, 60, seed=1)
    policy = ThresholdPolicy(kind="threshold", short=True)
    wished = positions(policy, decisions, Thresholds(0.6, 0.2))
    return walk(market, decisions, wished, SMALL, seed=1)


def test_both_engines_say_the_same(market: Market) -> None:
    """Hours around the cut, and the maintenance, part by part through the catalog."""
    decisions = some_decisions(market, 23, 5, 300, seed=2)
    wished = np.random.default_rng(3).choice([-1.0, 0.0, 0.5, 1.0], len(decisions))
    once = SMALL.sensitivity.model_copy(update={"latency_s": (0.0,), "depth": (0.5,)})
    config = SMALL.model_copy(update={"curve_s": 1800, "random_draws": 1, "sensitivity": once})
    mine = walk(market, decisions, wished, config, seed=1)
    slow = walk(replace(market, make_engine=ReferenceEngine), decisions, wished, config, seed=1)
    for table in ("totals", "orders", "days", "curve"):
        fast, obvious = (
            getattr(one.traded, table).filter(pl.col("strategy") != ORACLE_PATH) for one in (mine, slow)
        )
        assert fast.height > 0
        for column in obvious.columns:
            assert fast[column].to_list() == obvious[column].to_list(), (table, column)
    assert mine.traded.of(ORACLE_PATH)["equity"] == slow.traded.of(ORACLE_PATH)["equity"]


def test_the_oracle_earns_at_least_what_any_policy_does(walked: Walked) -> None:
    best = walked.traded.of(ORACLE_PATH)["equity"]
    for name in (STRATEGY, ALWAYS_HOLD, FLAT):
        assert walked.traded.of(name)["equity"] <= best
    assert all(walked.traded.of(name)["equity"] <= best for name in walked.draws)


def test_alpha_of_always_hold_is_exactly_zero(market: Market) -> None:
    decisions = some_decisions(market, 0, 72, 300, seed=4)
    found = walk(market, decisions, np.ones(len(decisions)), SMALL, seed=1).traded
    assert found.of(STRATEGY)["equity"] == found.of(ALWAYS_HOLD)["equity"]
    assert (daily(found, STRATEGY) == daily(found, ALWAYS_HOLD)).all()
    for number in range(8):
        assert found.of(f"cell_{number}")["equity"] == found.of(f"cell_{number}_hold")["equity"]


def test_the_default_cell_is_the_backtest_itself(walked: Walked) -> None:
    tables = tables_of(walked)
    default = tables["sensitivity"].filter(latency_s=0.3, depth=1.0, fee_bps=0.0).row(0, named=True)
    ten = tables["capacity"].filter(size=10.0).row(0, named=True)
    mine, bench = walked.traded.of(STRATEGY), walked.traded.of(ALWAYS_HOLD)
    for row in (default, ten):
        assert row["pnl"] == mine["equity"] / 100 and row["always_hold"] == bench["equity"] / 100
        assert row["alpha"] == (mine["equity"] - bench["equity"]) / 100
    parts = ("price", "spread_impact", "fees", "carry")
    for table in ("sensitivity", "capacity"):
        for row in tables[table].iter_rows(named=True):
            assert sum(row[f"alpha_{part}"] for part in parts) == pytest.approx(row["alpha"], abs=1e-6)


def test_a_fee_takes_what_the_table_says(walked: Walked) -> None:
    table = tables_of(walked)["sensitivity"].filter(latency_s=0.3, depth=1.0)
    free, dear = (table.filter(fee_bps=fee).row(0, named=True) for fee in (0.0, 1.0))
    assert free["orders"] == dear["orders"]  # a fee changes no decision
    paid = free["pnl"] - dear["pnl"]
    # Each fill's fee is rounded up to a hundredth of a yen.
    assert paid == pytest.approx(free["turnover"] * 1e-4, rel=1e-3)


def test_the_figures_agree_with_the_tables(walked: Walked, config: RunConfig, market: Market) -> None:
    found = figures_of(walked, market.facts, config.evaluation, horizon_ns=300 * S, seed=1)
    tables = tables_of(walked)
    equity, orders = tables["equity"], tables["orders"]
    assert found["backtest/pnl"] == equity[STRATEGY][-1] and found["backtest/alpha"] == equity["alpha"][-1]
    parts = ("price", "spread_impact", "fees", "carry")
    for prefix, whole in (("backtest", "backtest/pnl"), ("backtest/alpha", "backtest/alpha")):
        together = sum(found[f"{prefix}/{part}"] or 0.0 for part in parts)
        assert together == pytest.approx(found[whole], abs=1e-6)
    mine = orders.filter(strategy=STRATEGY)
    assert mine["fills"].drop_nulls().explode().struct.field("lots").sum() == mine["filled_lots"].sum()
    assert found["backtest/turnover_size"] == mine["filled_lots"].sum() / 100
    assert mine["outcome"].is_in(["filled", "partial", "no_new_entry", "maintenance", "stale_book"]).all()
    assert found["backtest/outcome/no_new_entry"] == mine.filter(outcome="no_new_entry").height > 0
    refused = mine.filter(pl.col("outcome") == "no_new_entry")
    assert refused["ts_exec"].is_null().all() and refused["filled_lots"].sum() == 0
    held = [found[f"backtest/time_{name}"] for name in ("long", "flat", "short")]
    assert sum(share or 0.0 for share in held) == pytest.approx(1.0)
    assert found["backtest/days"] == 3 and found["backtest/sharpe"] is None  # too few days
    assert equity["ts"][-1] - walked.traded.span[0] == 3 * DAY_NS
    assert found["backtest/always_hold/carry"] == -sum(
        row["carry"] / 100 for row in walked.traded.days.filter(strategy=ALWAYS_HOLD).iter_rows(named=True)
    )


def test_random_draws_trade_as_often_as_the_strategy(walked: Walked) -> None:
    """But for orders that a calendar keeps from a shifted time."""
    mine = walked.traded.of(STRATEGY)
    for name in walked.draws:
        draw = walked.traded.of(name)
        assert draw["turnover_lots"] == pytest.approx(mine["turnover_lots"], rel=0.1)
        assert draw["long_ns"] == pytest.approx(mine["long_ns"], rel=0.1)


def past(market: Market, decisions: Decisions) -> PastMarket:
    return market.before(decisions.span[1])


def learnt(policy: ThresholdPolicy, market: Market, decisions: Decisions) -> Learned:
    """Of one model alone."""
    return learn(policy, past(market, decisions), {"model": decisions}, np.array([0.2, 0.8]))["model"]


def test_thresholds_are_those_that_earn_most_on_validation(market: Market) -> None:
    """Each candidate traded alone earns what the one pass said; the best of them is chosen."""
    decisions = some_decisions(market, 0, 24, 200, seed=5)
    policy = ThresholdPolicy(kind="threshold", grid=5)
    learned = learnt(policy, market, decisions)
    candidates = [0.0, *grid(policy, decisions)]
    assert len(candidates) == 6 and learned.tried == 6
    alone = SMALL.model_copy(update={"sensitivity": SMALL.sensitivity.model_copy(update={"latency_s": ()})})
    alphas = []
    for theta in candidates:
        wished = positions(policy, decisions, Thresholds(theta))
        found = walk(market, decisions, wished, alone.model_copy(update={"capacity": ()}), seed=1).traded
        alphas.append((found.of(STRATEGY)["equity"] - found.of(ALWAYS_HOLD)["equity"]) / 100)
    best = int(np.argmax(alphas))
    assert learned.fitted == Thresholds(candidates[best]) and learned.alpha == alphas[best] >= 0
    # Beside never leaving, the best of those that left, whatever it lost.
    leaving = 1 + int(np.argmax(alphas[1:]))
    assert learned.leaving is not None
    assert (learned.leaving.at.long, learned.leaving.alpha) == (candidates[leaving], alphas[leaving])
    told = metrics_of(learned)
    assert told["backtest/valid/leaving/theta"] == candidates[leaving]
    assert told["backtest/valid/leaving/alpha"] == alphas[leaving]
    short = policy.model_copy(update={"short": True, "theta": 0.5, "hysteresis": 0.05})
    both = learnt(short, market, decisions).fitted
    assert isinstance(both, Thresholds) and both.long == 0.5 and both.short <= 0.4
    given = policy.model_copy(update={"theta": 0.7})
    assert learnt(given, market, decisions).fitted == Thresholds(0.7)


def test_what_stops_the_engine_is_told(market: Market) -> None:
    class Stops(ReferenceEngine):
        def finish(self) -> dict[str, pa.RecordBatch]:
            raise ValueError("event 8 at 5 ns: book level of -1 lots")

    decisions = some_decisions(market, 0, 1, 300, seed=7)
    with pytest.raises(DataError, match="cannot go on: event 8 at 5 ns: book level"):
        walk(replace(market, make_engine=Stops), decisions, np.ones(len(decisions)), SMALL, seed=1)


@pytest.mark.parametrize(
    ("limits", "way_out"),
    [
        ({"oracle_path": False}, None),
        ({"oracle_orders": 10_000}, "10,000 orders, and 64 a decision. Most fill in part"),
        ({"oracle_memory_mib": 1}, "1 MiB. Most fill in part"),
    ],
)
def test_a_backtest_without_an_oracle_path_says_all_else(
    market: Market, config: RunConfig, limits: dict[str, int], way_out: str | None
) -> None:
    """Not asked for; or given up: an order of 100,000 ETH fills in part, by another amount each time."""
    decisions = some_decisions(market, 0, 24, 20, seed=8)
    asked = way_out is not None
    chosen = SMALL.model_copy(update={"capacity": (), "random_draws": 1, **limits})
    large = market.execution.model_copy(update={"size": Decimal(100_000)})
    unlimited = market.facts.model_copy(update={"largest_order": None})
    other = replace(market, execution=large, facts=unlimited)
    found = walk(other, decisions, np.ones(len(decisions)), chosen, seed=1)
    assert not found.traded.has(ORACLE_PATH)
    given_up = found.traded.given_up
    assert given_up["strategy"].to_list() == [ORACLE_PATH] * asked
    assert given_up["limit"].to_list() == ["memory" if "oracle_memory_mib" in limits else "orders"] * asked
    figures = figures_of(found, market.facts, config.evaluation, horizon_ns=300 * S, seed=1)
    for name in ("pnl", "alpha", "captured"):
        assert figures[f"backtest/oracle_path/{name}"] is None
    assert figures["backtest/pnl"] is not None and figures["backtest/outcome/partial"] is not None
    tables = tables_of(found)
    assert tables["equity"][ORACLE_PATH].dtype == pl.Float64 and tables["equity"][ORACLE_PATH].is_null().all()
    assert ORACLE_PATH not in tables["orders"]["strategy"]
    assert ORACLE_PATH not in equity_series(tables["equity"], 10)
    settings = SimpleNamespace(backtest=chosen)
    (note,) = oracle_notes(cast("RunConfig", settings), found)
    assert ("the oracle path and the waterfall are null" in note) == asked
    assert ("no oracle path was asked for" in note) != asked
    assert "backtest.oracle_path=false" in note
    if way_out is not None:
        assert f"at its limit of {way_out}" in note and f"More backtest.{next(iter(limits))}," in note


def test_a_market_without_a_calendar_of_maintenance_says_so() -> None:
    assert calendar_notes(compose([]).data) == []
    (note,) = calendar_notes(compose(["data=eth_jpy"]).data)
    assert "data.maintenance is empty" in note


def test_the_curve_of_the_tracker_is_the_table_s(walked: Walked) -> None:
    equity = tables_of(walked)["equity"]
    few, all_of_it = equity_series(equity, 50), equity_series(equity, 10**6)
    assert len(all_of_it["day"]) == equity.height and len(few["day"]) == 50
    assert few["day"][0] == 0 and few["day"][-1] == 3
    for name in (STRATEGY, "alpha", ALWAYS_HOLD, ORACLE_PATH):
        assert all_of_it[name] == equity[name].to_list()
        assert few[name][-1] == equity[name][-1] and set(few[name]) <= set(all_of_it[name])


def test_the_drawdown_is_at_least_that_of_the_curve(
    walked: Walked, config: RunConfig, market: Market
) -> None:
    found = figures_of(walked, market.facts, config.evaluation, horizon_ns=300 * S, seed=1)
    equity = tables_of(walked)["equity"]
    for key, column in (("drawdown", STRATEGY), ("alpha_drawdown", "alpha")):
        path = np.concatenate([[0.0], equity[column].to_numpy()])
        on_the_grid = float(np.max(np.maximum.accumulate(path) - path))
        exact = found[f"backtest/{key}"]
        assert exact is not None and exact > on_the_grid > 0


def other_scores(decisions: Decisions, seed: int) -> Decisions:
    """The same instants, scored by another model."""
    p = np.random.default_rng(seed).random(len(decisions))
    return replace(decisions, probabilities=np.column_stack([1 - p, p]))


def test_a_rival_earns_what_it_earns_alone_and_changes_nothing(
    walked: Walked, market: Market, config: RunConfig
) -> None:
    decisions = walked.decisions
    policy = ThresholdPolicy(kind="threshold", short=True)
    other = other_scores(decisions, seed=11)
    mine = positions(policy, decisions, Thresholds(0.6, 0.2))
    theirs = positions(policy, other, Thresholds(0.5, 0.1))
    both = walk(market, decisions, mine, SMALL, seed=1, rivals={"fallback": Rival(other, theirs)})
    alone = walk(market, other, theirs, SMALL, seed=1)
    of_both, of_mine, of_theirs = (
        figures_of(one, market.facts, config.evaluation, horizon_ns=300 * S, seed=1)
        for one in (both, walked, alone)
    )
    assert {key: of_both[key] for key in of_mine} == of_mine
    rival = {key.removeprefix("fallback/"): of for key, of in of_both.items() if key not in of_mine}
    assert rival == {key: of_theirs[key] for key in rival} and rival["backtest/alpha"] != 0
    controls = set(of_theirs) - set(rival)
    assert all(
        key.startswith(("backtest/always_hold", "backtest/flat", "backtest/oracle")) for key in controls
    )
    assert {"backtest/random/beaten", "backtest/oracle_path/captured", "backtest/alpha_daily/lo"} <= set(
        rival
    )
    tables, known = tables_of(both), tables_of(alone)
    orders = tables["orders"].filter(strategy="fallback").drop("strategy")
    # Each order beside the score that decided it.
    assert orders.equals(known["orders"].filter(strategy=STRATEGY).drop("strategy"))
    assert (
        tables["orders"]
        .filter(strategy=STRATEGY)
        .equals(tables_of(walked)["orders"].filter(strategy=STRATEGY))
    )
    assert tables["equity"]["fallback"].to_list() == known["equity"][STRATEGY].to_list()


def test_models_that_learn_in_one_pass_learn_what_each_learns_alone(market: Market) -> None:
    decisions = some_decisions(market, 0, 24, 300, seed=5)
    other = other_scores(decisions, seed=12)
    policy = ThresholdPolicy(kind="threshold", grid=5, short=True)
    passes = []
    both = learn(
        policy,
        past(market, decisions),
        {"model": decisions, "refit": other},
        np.array([0.2, 0.8]),
        lambda done: passes.append(done) if done == 1.0 else None,
    )
    assert both == {
        "model": learnt(policy, market, decisions),
        "refit": learnt(policy, market, other),
    }
    assert both["model"].leaving != both["refit"].leaving
    assert len(passes) == 2  # the long side, the short side; not one a model


def test_the_headline_is_read_off_the_tables(walked: Walked) -> None:
    tables = tables_of(walked)
    found = headline_figures(tables, depth=0.5)
    table = tables["sensitivity"]
    for latency in (0.0, 0.3):
        for fee in (0.0, 1.0):
            cell = table.filter(latency_s=latency, depth=0.5, fee_bps=fee).row(0, named=True)
            assert found[f"backtest/sensitivity/{latency:g}s_{fee:g}bps/alpha"] == cell["alpha"]
    assert found["backtest/sensitivity/alpha_min"] == table["alpha"].min()
    assert found["backtest/sensitivity/positive"] == (table["alpha"] > 0).mean()
    ten = tables["capacity"].filter(size=10.0).row(0, named=True)
    assert found["backtest/capacity/10/alpha"] == ten["alpha"]
    assert found["backtest/capacity/10/fill_rate"] == ten["fill_rate"]
    # A depth that the table does not have is answered by the nearest.
    assert headline_figures(tables, depth=0.9)["backtest/sensitivity/depth"] == 1.0
    assert headline_figures({}, depth=1.0) == {}


def test_equal_draws_count_half(market: Market, config: RunConfig) -> None:
    decisions = some_decisions(market, 0, 24, 300, seed=4)
    held = walk(market, decisions, np.ones(len(decisions)), SMALL, seed=1)
    found = figures_of(held, market.facts, config.evaluation, horizon_ns=300 * S, seed=1)
    assert found["backtest/random/beaten"] == 0.5  # they all hold, and so does it


def test_a_fold_of_the_interval_does_not_depend_on_the_order_of_its_sums(
    walked: Walked, config: RunConfig, market: Market
) -> None:
    times, mine = curve_of(walked.traded, STRATEGY)
    gained = np.diff(mine, prepend=0)
    blocks = gain_blocks(times, walked.traded.span, market.facts, horizon_ns=300 * S, min_blocks=2)
    found = mean_interval(gained, blocks, 1.0, resamples=500, confidence=0.9, seed=3)
    times_drawn = multiplicities(blocks.count, 500, 3).tolist()
    sums = [sum(int(g) for g in gained[blocks.index == b]) for b in range(blocks.count)]
    exact = [float(sum(n * s for n, s in zip(row, sums, strict=True))) for row in times_drawn]
    assert found == percentile_interval(np.array(exact), 0.9)


def test_no_fitted_side_reaches_into_the_other(market: Market) -> None:
    """Where sides overlap, a score would be long and short at once, which is flat."""
    decisions = some_decisions(market, 0, 12, 300, seed=6)
    policy = ThresholdPolicy(kind="threshold", grid=3, short=True, hysteresis=0.05)
    above = policy.model_copy(update={"theta_short": 0.45})
    learned = learnt(above, market, decisions)
    assert isinstance(learned.fitted, Thresholds) and learned.fitted.short == 0.45
    assert learned.fitted.long >= 0.55 and learned.tried < 4
    touching = above.model_copy(update={"hysteresis": 0.0, "theta_short": 0.999})
    assert learnt(touching, market, decisions).fitted == Thresholds(float(np.nextafter(0.999, 1.0)), 0.999)
    both = learnt(policy, market, decisions)
    # Also where never leaving is the best of the long side alone, the short side is tried.
    assert both.tried == 8 and isinstance(both.fitted, Thresholds)
    assert both.fitted.short == NEVER_SHORT or both.fitted.long >= least_long(both.fitted.short, 0.05)
    # No score is above 1, so with this hysteresis no short side leaves a long one that can be reached.
    wide = policy.model_copy(update={"hysteresis": 0.6})
    apart = learnt(wide, market, decisions).fitted
    assert isinstance(apart, Thresholds) and apart.short == NEVER_SHORT and apart.long <= 1.0
    fixed = policy.model_copy(update={"theta": 0.5})
    assert learnt(fixed, market, decisions).tried == 2  # only 1/6 of the three leaves room

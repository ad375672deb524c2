"""The alpha waterfall: by hand through both engines, and on simulated days."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from backtest_engines import ReferenceEngine, S
from reference.arrow import to_tables
from reference.events import DELTA, REPEAT, SNAP, SNAPSHOT, Book, Level

from atc import _rust
from atc.backtest import engine
from atc.backtest.decisions import Decisions
from atc.backtest.engine import Market
from atc.backtest.holdout import ALWAYS_HOLD, STRATEGY, Walked, walk
from atc.backtest.policy import Thresholds, positions
from atc.backtest.waterfall import (
    LEVEL,
    NEVER,
    ORACLE,
    POLICY,
    RANKING,
    TRUTH,
    Fall,
    Scored,
    plan_of,
    targets_at,
)
from atc.backtest.waterfall_tables import waterfall_figures, waterfall_table
from atc.config.compose import compose
from atc.config.cost import Carry, Cost, Fees
from atc.config.data import InstrumentFacts, SimulatedData
from atc.config.trading import Backtest, Execution, ThresholdPolicy
from atc.events.business_day import day_start_ns
from atc.events.catalog import Catalog
from atc.events.simulate import ensure_simulated, located

NONE_BESIDE = Backtest.model_validate(
    {
        "enabled": True,
        "random_draws": 1,
        "sensitivity": {"latency_s": [], "depth": [], "fee_bps": []},
        "capacity": [],
    }
)
CUT = day_start_ns(date(2025, 1, 8), 75_600, 32_400)
"""21:00 UTC, where a business day of ETH_JPY begins."""
T0 = CUT - 600 * S


def facts() -> InstrumentFacts:
    data = compose(["data=demo"]).data
    kept = {name: getattr(data, name) for name in InstrumentFacts.model_fields}
    return InstrumentFacts.model_validate({**kept, "maintenance": ()})


def decisions_at(times: list[float], scores: list[float], end_s: float) -> Decisions:
    ts = np.array([T0 + round(t * S) for t in times])
    p = np.array(scores)
    return Decisions((T0, T0 + round(end_s * S)), ts, ts, np.arange(len(ts), dtype=np.uint64), _two(p))


def _two(p: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.column_stack([1 - p, p])


def books() -> list[Book]:
    """A price that falls by 1,000 between two orders, and by a little while each of them is under way."""

    def book(
        t: float, bids: dict[int, int], asks: dict[int, int]
    ) -> tuple[float, int, int, tuple[Level, ...]]:
        levels = [Level(1, px, lots) for px, lots in bids.items()]
        return t, SNAPSHOT, SNAP, (*levels, *(Level(-1, px, lots) for px, lots in asks.items()))

    first = ({400_000: 1500, 399_998: 5000}, {400_100: 100, 400_101: 100, 400_102: 5000})
    later = ({399_990: 400, 399_980: 5000}, {400_090: 5000})
    fallen = ({399_000: 5000}, {399_100: 5000})
    last = ({399_000: 5000}, {399_105: 500, 399_107: 5000})
    frames: list[tuple[float, int, int, tuple[Level, ...]]] = [book(0, *first)]
    # Silences of more than a minute would make the book unknown.
    repeats = (9.9, 10.5, *range(60, 400, 30), 399.9, *range(430, 700, 30), *range(730, 800, 30), 799.9)
    frames += [(float(t), REPEAT, DELTA, (Level(0, 0, 0),)) for t in (*repeats, *range(830, 1000, 30))]
    frames += [book(400.4, *later), book(700, *fallen), book(800.4, *last)]
    frames.sort(key=lambda frame: frame[0])
    return [
        Book(number, T0 + round(t * S), None, flags, kind, levels)
        for number, (t, flags, kind, levels) in enumerate(frames)
    ]


@pytest.fixture(params=["rust", "reference"])
def by_hand(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Market:
    """10 ETH, a fee of 1 bp, carry of 0.04 %, and the books above."""
    tables = to_tables(books())

    def parts(_market: Market, _span: object) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
        yield tables.book, tables.control

    monkeypatch.setattr(engine, "_book_parts", parts)
    cost = Cost(
        name="x",
        venue=None,
        symbols=(),
        fees=(Fees(first=date(2025, 1, 1), maker_bps=0, taker_bps=1),),
        carry=(Carry(first=date(2025, 1, 1), rate_pct=0.04, step=Decimal(1)),),
    )
    make: Any = {"rust": _rust.Backtest, "reference": ReferenceEngine}[request.param]
    execution = Execution(no_new_entry_s=100)
    return Market(facts(), Catalog(tmp_path), execution, cost, max_gap_s=60, make_engine=make)


def test_each_step_by_hand(by_hand: Market) -> None:
    """Both buy 10 ETH at 10 s. The policy sells them at 400 s and buys them back at 800 s.

    Ideal, it sells at 400000 and buys at 399100: alpha 900 × 1000 lots. Latency: at 399990 and 399105.
    Depth: 600 of the 1000 go for 399980, 500 come for 399107. Costs: fees of four levels, each rounded up,
    against the 1600 JPY of carry that the benchmark alone pays. Never buying back would have been better
    by what the benchmark's mark is below the ask; that is where θ is in hindsight, and validation's level of
    that quantile is lower. Going short would have been best.
    """
    holdout = decisions_at([10, 400, 800], [0.9, 0.4, 0.8], 1000)
    own = Thresholds(0.5)
    policy = ThresholdPolicy(kind="threshold", theta=0.5)
    scored = Scored(holdout.score, np.array([0.3, 0.5, 0.6]), shorts=False, own=own)
    plan = plan_of(scored, size_lots=1000, grid=3)
    wished = positions(policy, holdout, own)
    assert wished.tolist() == [1, 0, 1]
    walked = walk(by_hand, holdout, wished, NONE_BESIDE, seed=1, riders=plan.riders)
    falls = plan.falls(walked.traded)
    assert falls["forward"].steps == {
        "oracle_path": 1_900_000,
        "ranking": -900_000,
        "calibration": -100_000,
        "threshold": 0,
        "latency": -(10 + 5) * 1000,
        "depth": -(10 * 600 + 2 * 500),
        "fees_carry": 160_000 - (16_000 + 23_999 + 19_956 + 19_956),
    }
    assert falls["reverse"].steps == {
        "oracle_path": 1_900_000,
        # 80,000 for the sale of 20 ETH; on the short 160,100 of carry where the benchmark pays 160,000; and a
        # mark of 399105 at the end, for buying back at 399100 would cost 39,910.
        "fees_carry": -80_000 - 100 - 5 * 1000,
        "depth": -2 * 500,
        "latency": -(10 * 400 + 20 * 1100 + 18 * 500) + 3,
        "ranking": 1_104_001 - 1_778_903,
        "calibration": 958_089 - 1_104_001,
        "threshold": 0,
    }
    realised = walked.traded.of(STRATEGY)["equity"] - walked.traded.of(ALWAYS_HOLD)["equity"]
    assert realised == 958_089
    assert all(sum(fall.steps.values()) == realised for fall in falls.values())
    best = falls["forward"].levels[1]
    assert best.at == Thresholds(0.9, NEVER) and best.hindsight and not falls["forward"].levels[-1].hindsight


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Market:
    """Two thin days with a thin book, so that orders fill in part."""
    config = compose(
        [
            "data=demo",
            "data/scenario=thin_book",
            "data.days=2",
            "data.rate=0.03",
            "data.start_date=2025-01-10",
        ]
    )
    root = tmp_path_factory.mktemp("events")
    data = config.data
    assert isinstance(data, SimulatedData)
    ensure_simulated(data, root)
    cost = config.cost.model_copy(
        update={"fees": (Fees(first=date(2017, 1, 1), maker_bps=0, taker_bps=0.5),)}
    )
    return Market(located(data), Catalog(root), config.execution, cost, max_gap_s=config.sampling.max_gap_s)


def some(market: Market, begin_h: float, hours: float, seed: int) -> tuple[Decisions, np.random.Generator]:
    there = market.facts
    first = market.catalog.days(there.venue, there.symbol)[0]
    begin = day_start_ns(first, there.day_cut_utc_s, there.tz_offset_s) + round(begin_h * 3600) * S
    end = begin + round(hours * 3600) * S
    dice = np.random.default_rng(seed)
    times = np.unique(dice.integers(begin, end, round(hours * 60)))
    p = _two(dice.random(len(times)) ** 2)
    return Decisions((begin, end), times, times, np.arange(len(times), dtype=np.uint64), p), dice


def fall(
    market: Market, decisions: Decisions, wished: np.ndarray[Any, Any], **others: Any
) -> tuple[Walked, dict[str, Fall]]:
    truth = others.pop("truth", None)
    dice = np.random.default_rng(9)
    scored = Scored(decisions.score, **{"valid": dice.random(500), "shorts": False, **others})
    plan = plan_of(scored, size_lots=market.size_lots, grid=7, truth=truth)
    walked = walk(market, decisions, wished, NONE_BESIDE, seed=1, riders=plan.riders)
    return walked, plan.falls(walked.traded)


@pytest.mark.parametrize("seed", range(6))
def test_both_ways_sum_to_the_realised_alpha(market: Market, seed: int) -> None:
    decisions, dice = some(market, [0, 20, 23][seed % 3], [12, 10, 20][seed % 3], seed)
    wished = dice.choice([-1.0, 0.0, 0.5, 1.0], len(decisions)).repeat(9)[: len(decisions)]
    truth = dice.normal(size=len(decisions)) if seed % 2 else None
    walked, falls = fall(market, decisions, wished, shorts=seed > 2, truth=truth)
    traded = walked.traded
    realised = traded.of(STRATEGY)["equity"] - traded.of(ALWAYS_HOLD)["equity"]
    figures, table = waterfall_figures(falls, traded), waterfall_table(falls, traded)
    for way, prefix in (("forward", "backtest/waterfall"), ("reverse", "backtest/waterfall_reverse")):
        rows = table.filter(way=way)
        assert sum(falls[way].steps.values()) == rows["step_units"].sum() == realised
        assert rows["alpha_units"][-1] == realised and rows["alpha"][-1] == realised / 100
        for row in rows.iter_rows(named=True):
            assert figures[f"{prefix}/{row['step']}"] == row["change"]
            assert row["pnl"] - row["always_hold"] == pytest.approx(row["alpha"], abs=1e-6)
        assert (figures[f"{prefix}/observables"] is None) == (truth is None)
    # Both begin and end alike.
    assert falls["forward"].levels[0] == falls["reverse"].levels[0]
    assert falls["forward"].levels[-1].alpha == falls["reverse"].levels[-1].alpha
    # On the same terms nothing that wishes 10, 0 or −10 ETH beats the path, and no level is below its twin.
    for levels in (falls["forward"].levels, falls["reverse"].levels):
        by_who = {(level.who, level.terms): level.alpha for level in levels}
        for (who, terms), alpha in by_who.items():
            if who in (TRUTH, RANKING, LEVEL) and (ORACLE, terms) in by_who:
                assert alpha <= by_who[ORACLE, terms]
            if who == LEVEL:
                assert alpha <= by_who[RANKING, terms]
            if who in (TRUTH, RANKING):
                assert alpha >= 0  # never leaving is one of the choices


def test_the_policy_among_the_candidates_is_never_above_the_best(market: Market) -> None:
    decisions, _ = some(market, 0, 24, 11)
    own = Thresholds(0.3)
    policy = ThresholdPolicy(kind="threshold", theta=0.3)
    _, falls = fall(market, decisions, positions(policy, decisions, own), own=own)
    for way in falls.values():
        by_who = {level.who: level.alpha for level in way.levels if level.who != POLICY}
        at_choice = next(level for level in way.levels if level.step == "threshold")
        assert at_choice.alpha <= by_who[RANKING]


def test_scores_of_the_same_law_lose_nothing_to_calibration(market: Market) -> None:
    decisions, _ = some(market, 0, 24, 12)
    _, falls = fall(market, decisions, np.ones(len(decisions)), valid=decisions.score)
    assert falls["forward"].steps["calibration"] == falls["reverse"].steps["calibration"] == 0


def test_always_hold_loses_nothing_to_execution_and_a_constant_score_ranks_nothing(market: Market) -> None:
    decisions, _ = some(market, 12, 20, 13)
    same = replace(decisions, probabilities=_two(np.full(len(decisions), 0.7)))
    _, falls = fall(market, same, np.ones(len(same)), valid=np.full(50, 0.7))
    for way in falls.values():
        after = [level.alpha for level in way.levels]
        first = [level.step for level in way.levels].index("ranking")
        assert after[first:] == [0] * (len(after) - first)
    assert falls["forward"].steps["ranking"] == -falls["forward"].steps["oracle_path"] < 0
    _, falls = fall(market, decisions, np.ones(len(decisions)))
    for step in ("latency", "depth", "fees_carry"):
        assert falls["forward"].steps[step] == 0


def test_targets_at_thresholds() -> None:
    score = np.array([0.1, 0.4, 0.5, 0.9])
    assert targets_at(score, Thresholds(0.5, NEVER), 7).tolist() == [0, 0, 7, 7]
    assert targets_at(score, Thresholds(0.5, 0.1), 7).tolist() == [-7, 0, 7, 7]
    # Where both levels are one score, long goes first.
    assert targets_at(score, Thresholds(0.4, 0.4), 7).tolist() == [-7, 7, 7, 7]


def test_the_backtest_is_the_same_with_and_without_a_waterfall(market: Market) -> None:
    decisions, dice = some(market, 18, 10, 14)
    wished = dice.choice([-1.0, 0.0, 1.0], len(decisions))
    beside, _ = fall(market, decisions, wished)
    alone = walk(market, decisions, wished, NONE_BESIDE, seed=1).traded
    for table in ("totals", "orders", "fills", "days", "curve"):
        mine, other = getattr(alone, table), getattr(beside.traded, table)
        there = other.filter(~pl.col("strategy").str.starts_with("waterfall/"))
        assert mine.height > 0 and mine.equals(there), table

"""The extension's engine and the slow one agree to the last money unit, in every column of every table."""

from __future__ import annotations

import json
import random
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from backtest_engines import EXECUTION, Tables, run_reference, run_rust, spec_of, strategy
from reference.arrow import from_tables
from reference.events import RESET, SECOND, Book, Control, Event

from atc._rust import Simulator, simulator_params
from atc.config.compose import compose

HOUR = 3600 * SECOND
DAY = 24 * HOUR
SCENARIOS = ("target", "thin_book", "dirty_feed", "flash_crash", "null")
FAST = 2


def simulated(scenario: str, seed: int) -> tuple[list[dict[str, pa.RecordBatch]], int]:
    """Two thin days with a maintenance in the second, and where they begin."""
    data = compose(["data=demo", f"data/scenario={scenario}"]).data
    params = json.loads(simulator_params(json.dumps({**data.scenario.parameters(), "rate": 0.02})))  # type: ignore[union-attr]
    start = params["start_ns"]
    closed = start + DAY + 2 * HOUR
    reopened = closed + HOUR
    params["maintenance"] = [{"start_ns": closed, "end_ns": reopened, "open_ns": reopened + 600 * SECOND}]
    simulator = Simulator(json.dumps(params), seed)
    return [simulator.next_day(), simulator.next_day()], start


def events_within(days: list[dict[str, pa.RecordBatch]], begin: int, end: int) -> list[Event]:
    found: list[Event] = []
    for day in days:
        parts = []
        for kind in ("book", "trade", "ticker", "control"):
            first, last = day[kind].column("ts_recv").to_numpy().searchsorted([begin, end])
            parts.append(day[kind].slice(first, last - first))
        found += from_tables(*parts)
    return found


def session(number: int) -> tuple[dict[str, Any], list[Event], list[tuple[int, dict[str, int]]]]:
    """Hours of a market around a cut, with random calendars, costs and terms, and policies that know
    nothing.
    """
    dice = random.Random(number)
    days, start = simulated(SCENARIOS[number % len(SCENARIOS)], seed=number)
    cut = start + DAY
    begin = cut - dice.randrange(1, 4 * 3600) * SECOND + dice.randrange(SECOND)
    end = cut + dice.randrange(1, 5 * 3600) * SECOND + dice.randrange(SECOND)
    warm_up = dice.choice((0, 600)) * SECOND
    mine = events_within(days, begin - warm_up, end + 60 * SECOND)
    for _ in range(dice.choice((0, 0, 2))):
        at = mine[dice.randrange(len(mine))]
        mine.append(Control(at.ev_seq, at.ts_recv + 1, 0, RESET))
    mine.sort(key=lambda event: (event.ts_recv, event.ev_seq))
    times = sorted(dice.randrange(begin, end) for _ in range(dice.choice((30, 120))))
    frames = [event.ts_recv for event in mine if isinstance(event, Book) and begin <= event.ts_recv < end]
    times = sorted([*times, *dice.sample(frames, min(len(frames), 20))])  # some exactly at a frame
    size = dice.choice((1, 100, 1000, 10_000))
    decisions = []
    calm = 0
    for at in times:
        if dice.random() < 0.2:
            calm = dice.choice((size, 0, -size))
        wild = dice.choice((size, 0, -size, size // 2, -3 * size))
        decisions.append((at, {"calm": calm, "wild": wild, "flat": 0}))
    fees = [0, 1_000_000, 2_500_000, [[begin, 0], [cut, 1_000_000]]]
    terms = {
        "size_lots": size,
        "latency_ns": dice.choice((0, 300_000_000, SECOND, 5 * SECOND)),
        "depth_num": dice.choice((1, 1, 3)),
        "depth_den": dice.choice((4, 10)),
        "fee_bps_e6": dice.choice(fees),
    }
    names = ["benchmark", "calm", "wild", "flat", "oracle_path"]
    strategies = [strategy(name, **terms) for name in names]
    strategies.append(strategy("other", "calm", size_lots=size, log=False, curve=False))
    wait, age = dice.choice(((600_000_000, 5 * SECOND), (0, SECOND), (10 * SECOND, 60 * SECOND)))
    # A level of the waterfall: some of the terms taken away, each for itself.
    eased = {
        "latency_ns": dice.choice((0, terms["latency_ns"])),
        "wait_ns": dice.choice((None, 0, wait // 2)),
        "depth_num": dice.choice((1, 3, 2 * 10**9)),
        "depth_den": 1,
        "pays_carry": dice.random() < 0.5,
    }
    strategies += [
        strategy(f"eased_{name}", name, **{**terms, **eased})
        for name in ("benchmark", "calm", "wild", "oracle_path")
    ]
    interval = dice.choice((wait + age + 5 * SECOND, 300 * SECOND, 1800 * SECOND))
    closed = cut + 2 * HOUR
    late = [[at + 1, at + 60 * SECOND] for at in dice.sample(times, 3)]
    execution = {
        "wait_ns": wait,
        "max_book_age_ns": age,
        "max_slippage_bps_e6": dice.choice((0, 2_000_000, 20_000_000)),
        "min_interval_ns": max(interval, wait + age + 5 * SECOND),
        "max_order_lots": dice.choice((EXECUTION["max_order_lots"], size)),
    }
    calendar = {
        "day_cuts_ns": [at for at in (cut,) if begin < at <= end],
        "carry_rate_e9": [dice.choice((0, 400_000))],
        "carry_step": [dice.choice((1, 100, 7))],
        "drawdowns": [
            {"strategy": "calm", "against": None},
            {"strategy": "wild", "against": "benchmark"},
        ],
        "closed": [[max(closed, begin), closed + HOUR + 600 * SECOND]] if closed < end else [],
        # Now and then one that begins just after a decision, so that its order comes late.
        "no_new_entry": [[max(cut - 900 * SECOND, begin), cut], *late],
    }
    return spec_of(begin, end, strategies, execution=execution, **calendar), mine, decisions


def assert_equal(mine: Tables, theirs: Tables) -> None:
    for table in ("totals", "orders", "fills", "days", "curve", "drawdowns"):
        ours, found = (pl.DataFrame(t[table], infer_schema_length=None) for t in (mine, theirs))
        assert set(ours.columns) == set(found.columns), table
        assert ours.height == found.height, table
        for column in ours.columns:
            a, b = ours[column].to_list(), found[column].to_list()
            wrong = [row for row, pair in enumerate(zip(a, b, strict=True)) if pair[0] != pair[1]]
            assert not wrong, (table, column, ours.row(wrong[0], named=True), found.row(wrong[0], named=True))


@pytest.mark.parametrize(
    "number", [pytest.param(n, marks=[] if n < FAST else [pytest.mark.slow]) for n in range(100)]
)
def test_the_engines_agree_to_the_money_unit(number: int) -> None:
    spec, events, decisions = session(number)
    mine, theirs = run_reference(spec, events, decisions), run_rust(spec, events, decisions)
    worth = []
    for tables in (mine, theirs):
        equity = {row["strategy"]: row["equity"] for row in tables["totals"]}
        # A bound of what wishes +size, 0 and −size; `wild` wishes more than that.
        assert all(equity[name] <= equity["oracle_path"] for name in ("benchmark", "calm", "flat"))
        assert all(equity[f"eased_{name}"] <= equity["eased_oracle_path"] for name in ("benchmark", "calm"))
        worth.append((equity["oracle_path"], equity["eased_oracle_path"]))
    # Several paths may be equally good: of the best one, only what it is worth has to be the same.
    assert worth[0] == worth[1]
    assert_equal(without_the_path(mine), without_the_path(theirs))


def without_the_path(tables: Tables) -> Tables:
    path = {number for number, row in enumerate(tables["orders"]) if row["strategy"].endswith("oracle_path")}
    kept = {
        name: [row for row in rows if not row["strategy"].endswith("oracle_path")]
        for name, rows in tables.items()
        if name != "fills"
    }
    return kept | {"fills": [row for row in tables["fills"] if row["order"] not in path]}

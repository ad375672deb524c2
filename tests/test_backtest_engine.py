"""The backtest through its binding: Arrow in, Arrow out, and what it refuses.

Its definitions are tested in Rust (rust/atc-backtest/tests).
"""

from __future__ import annotations

import importlib
import json
import signal
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from atc import _rust
from atc.events.schema import Flag, Kind, MsgKind, schema_of

SECOND = 1_000_000_000
ASKS = [(400_100, 100), (400_101, 100), (400_102, 800)]
BENCHES = Path(__file__).with_name("benches")


def book(asks: list[tuple[int, int]]) -> pa.RecordBatch:
    """A snapshot at 9 s, repeated at 10.5 s and 310.5 s."""
    levels = [(1, 400_000, 5_000), *((-1, px, qty) for px, qty in asks)]
    rows = [
        {"ev_seq": 1, "ts_recv": 9 * SECOND, "flags": int(Flag.SNAPSHOT), "msg_kind": int(MsgKind.SNAP)}
        | {"side": side, "px_ticks": px, "qty_lots": qty}
        for side, px, qty in levels
    ]
    repeat = {
        "flags": int(Flag.REPEAT),
        "msg_kind": int(MsgKind.DELTA),
        "side": 0,
        "px_ticks": 0,
        "qty_lots": 0,
    }
    rows += [
        {"ev_seq": 2, "ts_recv": 21 * SECOND // 2, **repeat},
        {"ev_seq": 3, "ts_recv": 621 * SECOND // 2, **repeat},
    ]
    names = list(rows[0])
    return pa.RecordBatch.from_pylist(rows, pa.schema([schema_of(Kind.BOOK).field(name) for name in names]))


def controls() -> pa.RecordBatch:
    names = ["ev_seq", "ts_recv", "flags", "control_kind"]
    fields = pa.schema([schema_of(Kind.CONTROL).field(name) for name in names])
    return pa.RecordBatch.from_pylist([], fields)


def decisions(ts: list[int] | None = None, **targets: list[int]) -> pa.RecordBatch:
    times = [10 * SECOND, 310 * SECOND] if ts is None else ts
    columns = {"ts_close": times, **(targets or {"policy": [1_000, 0]})}
    return pa.record_batch({name: pa.array(values, pa.int64()) for name, values in columns.items()})


def spec(**other: Any) -> str:
    strategies = [
        {
            "name": name, "policy": policy, "latency_ns": 300_000_000, "depth_num": 1, "depth_den": 1,
            "fee_bps_e6": 1_000_000, "size_lots": 1_000, "log": True, "curve": True,
        }
        for name, policy in [("benchmark", "benchmark"), ("rule", "policy"), ("oracle", "oracle_path")]
    ]  # fmt: skip
    whole = {
        "max_gap_ns": 600 * SECOND, "begin_ns": 0, "end_ns": 400 * SECOND,
        "day_cuts_ns": [400 * SECOND], "carry_rate_e9": [400_000], "carry_step": [100],
        "closed": [], "no_new_entry": [],
        "execution": {
            "wait_ns": 600_000_000, "max_book_age_ns": 5 * SECOND, "max_slippage_bps_e6": 20_000_000,
            "min_interval_ns": 300 * SECOND, "max_order_lots": 10_000,
        },
        "curve_ns": 60 * SECOND, "strategies": strategies,
    }  # fmt: skip
    return json.dumps(whole | other)


def test_ten_eth_over_three_levels() -> None:
    backtest = _rust.Backtest(spec(), decisions())
    events = book(ASKS)
    # The first message has four rows.
    assert not backtest.feed(events.slice(0, 4), controls())
    assert not backtest.feed(events.slice(4), controls())
    found = {name: pl.from_arrow(batch) for name, batch in backtest.finish().items()}
    assert list(found) == ["orders", "fills", "curve", "days", "totals", "drawdowns", "given_up"]
    orders, fills, totals = found["orders"], found["fills"], found["totals"]
    assert isinstance(orders, pl.DataFrame) and isinstance(fills, pl.DataFrame)
    assert isinstance(totals, pl.DataFrame)
    buy, sell = orders.filter(pl.col("strategy") == "rule").to_dicts()
    assert buy["outcome"] == sell["outcome"] == "filled"
    assert (buy["filled"], buy["cash_flow"], buy["fees"]) == (1_000, -400_101_700, 4_001 + 4_002 + 32_009)
    assert (buy["expected_px"], buy["bid"], buy["ask"]) == (400_100, 400_000, 400_100)
    assert (buy["side"], buy["ts_arrival"], buy["ts_exec"]) == (1, 10_300_000_000, 10_500_000_000)
    assert (sell["side"], sell["ts_exec"], sell["cash_flow"]) == (-1, 310_500_000_000, 400_000_000)
    first = orders.with_row_index("order").filter(pl.col("strategy") == "rule")["order"][0]
    taken = fills.filter(pl.col("order") == first)
    assert taken.select("px", "lots").rows() == ASKS
    assert set(taken["strategy"]) == {"rule"}
    row = totals.filter(pl.col("strategy") == "rule").to_dicts()[0]
    assert row["equity"] == row["cash"] == -101_700 - 40_012 - 40_000
    assert (
        row["price_half"] + row["spread_impact_half"] - 2 * row["fees"] - 2 * row["carry"]
        == 2 * row["equity"]
    )
    assert (row["submissions"], row["n_filled"], row["n_thin"], row["turnover_lots"]) == (2, 2, 0, 2_000)
    assert row["long_ns"] + row["short_ns"] + row["flat_ns"] == 400 * SECOND
    best = totals.filter(pl.col("strategy") == "oracle")["equity"][0]
    assert best == totals["equity"].max()
    days = found["days"]
    assert isinstance(days, pl.DataFrame)
    # 1000 lots at 400000 ticks: 1600 JPY, which only the benchmark carries.
    assert dict(days.select("strategy", "carry").rows())["benchmark"] == 160_000
    assert dict(days.select("strategy", "carry").rows())["rule"] == 0


def test_an_event_past_the_end_ends_the_session() -> None:
    backtest = _rust.Backtest(
        spec(end_ns=3_104 * SECOND // 10, day_cuts_ns=[], carry_rate_e9=[], carry_step=[]), decisions()
    )
    assert backtest.feed(book(ASKS), controls())
    outcomes = pl.from_arrow(backtest.finish()["orders"])
    assert isinstance(outcomes, pl.DataFrame)
    assert outcomes.filter(pl.col("strategy") == "rule")["outcome"].to_list() == ["filled", "end_of_data"]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"decisions": decisions([5, 4])}, "decision 1 at 4 ns comes before the one above it"),
        ({"decisions": decisions([5, 400 * SECOND])}, "lies outside the session"),
        ({"decisions": decisions(other=[1, 0])}, "'policy' is no column of the decisions"),
        ({"decisions": decisions().drop_columns(["ts_close"])}, "no column 'ts_close'"),
        ({"spec": spec(day_cuts_ns=[1])[:-1]}, "backtest spec: EOF"),
        ({"spec": spec(curve_ns=0)}, "'curve_ns' must be positive"),
        ({"spec": spec(curve=1)}, "unknown field `curve`"),
    ],
)
def test_what_cannot_be_is_refused(given: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        _rust.Backtest(given.get("spec", spec()), given.get("decisions", decisions()))


def test_an_error_ends_the_session() -> None:
    backtest = _rust.Backtest(spec(), decisions())
    with pytest.raises(ValueError, match="event 1 at 9000000000 ns: book level"):
        backtest.feed(book([(0, 1)]), controls())
    for more in (backtest.finish, lambda: backtest.feed(book(ASKS), controls())):
        with pytest.raises(ValueError, match="make a new one"):
            more()


def test_a_signal_is_heard_in_the_middle_of_a_part() -> None:
    """Without that it is heard when the part is done, which a search of minutes makes a long time."""
    ts = list(range(10 * SECOND, 390 * SECOND, SECOND // 1000))
    many = [{**one, "log": False, "curve": False} for one in json.loads(spec())["strategies"]]
    many += [{**many[1], "name": f"copy {number}"} for number in range(500)]
    backtest = _rust.Backtest(spec(strategies=many), decisions(ts, policy=[1_000] * len(ts)))

    class Heard(Exception):
        pass

    def hear(number: int, frame: object) -> None:
        raise Heard

    before = signal.signal(signal.SIGALRM, hear)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        with pytest.raises(Heard):
            backtest.feed(book(ASKS), controls())
            while True:  # the signal may come before the call
                pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    # It was ended, not only followed by the handler.
    with pytest.raises(ValueError, match="make a new one"):
        backtest.finish()


def test_the_bench_measures_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHES))
    bench = importlib.import_module("backtest")
    days = bench.Days.simulated(bench.target_config(2, 0.02), tmp_path)
    table, market = bench.FeatureTable(), bench.Market(days, 2)
    bench.measure(table, market, 1)
    assert len(bench.sensitivity()) == 45
    totals = pl.from_arrow(market.backtest(bench.one_backtest() + bench.sensitivity())["totals"])
    assert isinstance(totals, pl.DataFrame)
    assert totals["submissions"].min() == 1 and len(totals) == 47
    same = totals.filter(pl.col("strategy").is_in(["policy", "0.3 s, depth 1/1, 0 bps"]))
    assert same["equity"].n_unique() == 1 and same["submissions"][0] > 5
    levels = pl.DataFrame(market.waterfall()["totals"])
    equity = dict(levels.select("strategy", "equity").iter_rows())
    ideal = [equity[name] for name in equity if name.endswith("/ideal") and "/policy/" not in name]
    assert len(ideal) == 84 and max(ideal) == equity["waterfall/oracle path/ideal"]
    table.write(tmp_path / "backtest.json")
    rows = json.loads((tmp_path / "backtest.json").read_text())
    assert [row["goal"] for row in rows if row["goal"]] == ["≤ 8", "≤ 3", "≤ 8"]
    sys.modules.pop("backtest")

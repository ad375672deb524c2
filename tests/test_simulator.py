"""The simulated market as published: deterministic, canonical, of the promised size, its signal in place."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from atc._rust import Simulator, simulator_params
from atc.config.compose import compose
from atc.config.data import SimulatedData
from atc.errors import UsageError
from atc.events.business_day import DAY_NS, day_start_ns
from atc.events.catalog import Catalog
from atc.events.keyframe_statistics import MarketStatistics, market_statistics
from atc.events.schema import KEYFRAME_NS, Flag, Kind, MsgKind, schema_of
from atc.events.simulate import ensure_simulated, located, simulation_digest
from atc.events.validate import validate_days

HORIZON_NS = 300 * 10**9


def simulated(scenario: str = "target", **changes: object) -> SimulatedData:
    demo = compose(["data=demo", f"data/scenario={scenario}"]).data
    return SimulatedData.model_validate({**demo.model_dump(), "days": 2, **changes})


def days_of(
    count: int, seed: int = 1, scenario: str = "target", **params: object
) -> list[dict[str, pa.RecordBatch]]:
    params = {**simulated(scenario).scenario.parameters(), **params}
    simulator = Simulator(json.dumps(params), seed)
    return [simulator.next_day() for _ in range(count)]


def joined(days: list[dict[str, pa.RecordBatch]], kind: str) -> pl.DataFrame:
    return pl.DataFrame(pl.from_arrow(pa.Table.from_batches([day[kind] for day in days])))


def mids(days: list[dict[str, pa.RecordBatch]]) -> tuple[np.ndarray, np.ndarray]:
    """Time and mid of every ticker."""
    ticker = joined(days, "ticker")
    return ticker["ts_recv"].to_numpy(), (ticker["bid"] + ticker["ask"]).to_numpy() / 2


def returns_from(days: list[dict[str, pa.RecordBatch]], at: np.ndarray) -> np.ndarray:
    """Log returns over 300 s in bps from the times `at`."""
    ts, mid = mids(days)
    before = np.searchsorted(ts, at, side="right") - 1
    after = np.searchsorted(ts, at + HORIZON_NS, side="right") - 1
    return 1e4 * np.log(mid[after] / mid[before])


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("events")


@pytest.fixture(scope="module", params=["target", "null"])
def stream(request: pytest.FixtureRequest, root: Path) -> SimulatedData:
    """Two days of a scenario under one root with the other scenario."""
    data = simulated(scenario=request.param)
    assert ensure_simulated(data, root)
    return located(data)


def statistics(root: Path, data: SimulatedData) -> MarketStatistics:
    return market_statistics(root, data.venue, data.symbol)


# What is published


def test_events_are_canonical(root: Path, stream: SimulatedData) -> None:
    catalog = Catalog(root)
    days = catalog.days(stream.venue, stream.symbol)
    assert days[0] == stream.start_date
    assert len(days) == 2
    problems = validate_days(catalog, stream.venue, stream.symbol, days[:1])
    assert [str(problem) for problem in problems] == []


def test_the_market_has_the_size_of_a_quarter_of_eth_jpy(root: Path, stream: SimulatedData) -> None:
    found = statistics(root, stream)
    # More than a quarter of the frames: the grid of 505 ms leaves fewer changes unseen.
    assert 80_000 < found.frames_a_day < 140_000
    assert 6_000 < found.executions_a_day < 9_000
    assert found.spread_bps is not None
    assert found.depth_million is not None
    assert found.vol_300s_bps is not None
    assert 2.4 < found.spread_bps < 4.0
    assert 9.0 < found.depth_million < 15.0
    assert 10.0 < found.vol_300s_bps < 20.0


def test_a_day_holds_what_is_received_in_it_in_the_canonical_columns() -> None:
    start = day_start_ns(simulated().start_date, 75_600, 32_400)
    for number, day in enumerate(days_of(2, start_ns=start)):
        for kind in Kind:
            table = day[kind.value]
            assert pa.Table.from_batches([table]).schema.equals(schema_of(kind))
            if table.num_rows:
                ts = table["ts_recv"].to_numpy()
                assert start + number * DAY_NS <= ts[0] <= ts[-1] < start + (number + 1) * DAY_NS


@pytest.mark.parametrize("scenario", ["target", "null"])
def test_replayed_book_is_never_crossed_and_keyframes_are_the_replayed_book(scenario: str) -> None:
    (day,) = days_of(1, scenario=scenario)
    rows = zip(*(day["book"][name].to_pylist() for name in day["book"].schema.names), strict=True)
    sides: dict[int, dict[int, int]] = {1: {}, -1: {}}
    whole: dict[int, dict[int, int]] = {1: {}, -1: {}}
    checked, shared = 0, 0
    for _seq, _recv, _exch, _venue_seq, flags, msg_kind, side, px, qty in rows:
        if msg_kind == MsgKind.SNAP:
            whole[side][px] = qty
        elif side and qty:
            sides[side][px] = qty
        elif side:
            del sides[side][px]
        if not flags & Flag.LAST:
            continue
        if msg_kind == MsgKind.SNAP:
            shared += sum(whole[s].get(p) == q for s in sides for p, q in sides[s].items())
            sides, whole = whole, {1: {}, -1: {}}
            checked += 1
        assert max(sides[1]) < min(sides[-1])
        assert max(len(sides[1]), len(sides[-1])) <= 30
    assert checked >= 1_400
    # A keyframe shows a new snapshot: nearly all of it is the book that the differences before it gave.
    assert shared > 50 * checked


def test_keyframes_come_first_and_each_minute() -> None:
    for day in days_of(2):
        messages = joined([day], "book").group_by("ev_seq", maintain_order=True).first()
        ts = messages["ts_recv"].to_list()
        whole = (messages["msg_kind"] == MsgKind.SNAP).to_list()
        assert whole[0]
        last = ts[0]
        for now, is_whole in zip(ts[1:], whole[1:], strict=True):
            assert is_whole == (now - last >= KEYFRAME_NS)
            last = now if is_whole else last


def test_snapshots_lie_on_the_grid_and_say_something_new_or_repeat() -> None:
    messages = joined(days_of(1), "book").group_by("ev_seq", maintain_order=True).first()
    steps = messages["ts_exch"].diff().drop_nulls()
    assert (steps % 505_000_000 == 0).all()
    repeats = messages.filter((pl.col("flags") & int(Flag.REPEAT)) != 0)
    assert (repeats["side"] == 0).all()
    assert 0 < len(repeats) < 0.02 * len(messages)


@pytest.mark.parametrize("scenario", ["target", "null"])
def test_every_execution_is_printed_twice_takers_side_first(scenario: str) -> None:
    prints = joined(days_of(1, scenario=scenario), "trade")
    taker, maker = prints.gather_every(2), prints.gather_every(2, offset=1)
    dup = int(Flag.DUP_OTHER_SIDE)
    assert ((taker["flags"] & dup) == 0).all()
    assert ((maker["flags"] & dup) == dup).all()
    assert (taker["side"] == -maker["side"]).all()
    for name in ("px_ticks", "qty_lots", "ts_exch"):
        assert (taker[name] == maker[name]).all()
    # Sweeps: several prints of one order have one venue time, and are received within a taker group.
    orders = taker.group_by("ts_exch", maintain_order=True).agg(
        n=pl.len(), sides=pl.col("side").n_unique(), span=pl.col("ts_recv").max() - pl.col("ts_recv").min()
    )
    assert 0.1 < (orders["n"] > 1).mean() < 0.6
    assert (orders["sides"] == 1).all()
    assert orders["span"].max() < 5_000_000


def test_the_ticker_comes_each_second_without_sizes() -> None:
    ticker = joined(days_of(1), "ticker")
    assert len(ticker) == pytest.approx(86_400, abs=2)
    assert ticker["bid_qty"].null_count() == ticker["ask_qty"].null_count() == len(ticker)
    assert (ticker["bid"] < ticker["ask"]).all()
    assert (ticker["low"] <= ticker["last"]).all()
    assert (ticker["last"] <= ticker["high"]).all()


# Determinism and storage


def test_a_seed_gives_the_same_events_and_another_seed_others(tmp_path: Path) -> None:
    digests = {}
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        data = simulated(seed=seed, days=1)
        assert ensure_simulated(data, tmp_path / name)
        venue, symbol = located(data).venue, data.symbol
        catalog = Catalog(tmp_path / name)
        entries = catalog.day(venue, symbol, data.start_date).files
        digests[name] = {kind: [entry.digest for entry in found] for kind, found in entries.items()}
    assert digests["one"] == digests["again"]
    assert all(digests["one"][kind] != digests["other"][kind] for kind in digests["one"])


def test_a_longer_simulation_begins_with_the_shorter() -> None:
    short, long = days_of(1, seed=5), days_of(2, seed=5)
    assert all(short[0][kind].equals(long[0][kind]) for kind in short[0])
    assert not long[0]["trade"].equals(long[1]["trade"])


def test_simulated_once(root: Path, stream: SimulatedData) -> None:
    base = simulated(stream.scenario.name)
    seen: list[float] = []
    assert not ensure_simulated(base, root, seen.append)
    assert seen == []


def test_streams_of_other_parameters_do_not_mix(tmp_path: Path) -> None:
    base = simulated(days=1)
    variants = [base, simulated(days=1, seed=2), simulated(days=2), simulated(days=1, scenario="null")]
    for data in variants:
        assert ensure_simulated(data, tmp_path)
    catalog = Catalog(tmp_path)
    assert len(catalog.streams()) == len(variants)
    for data in variants:
        assert len(catalog.days(located(data).venue, data.symbol)) == data.days
    renamed = simulated(days=1, name="another_name")
    assert simulation_digest(renamed) == simulation_digest(base)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"tick": "0.5"}, "data.tick is 0.5"),
        ({"recorded_depth": None}, "data.recorded_depth"),
        ({"recorded_depth": 500}, "least_levels"),
    ],
)
def test_facts_that_the_simulator_does_not_have_are_refused(
    changes: dict[str, object], named: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=named):
        ensure_simulated(simulated(**changes), tmp_path)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("params", "named"),
    [({"ratee": 1}, "ratee"), ({"rate": -1}, "rate is -1"), ({"market": "tarmac"}, "tarmac")],
)
def test_wrong_parameters_are_named(params: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        simulator_params(json.dumps(params))


# The planted signal, and its absence


def pressure_at(days: list[dict[str, pa.RecordBatch]], at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pressure and regime (True: absorbing) at the times `at`."""
    truth = joined(days, "truth")
    row = np.searchsorted(truth["ts"].to_numpy(), at, side="right") - 1
    return truth["pressure"].to_numpy()[row], truth["absorbing"].to_numpy()[row]


def test_pressure_continues_in_one_regime_and_reverses_in_the_other() -> None:
    days = days_of(30, seed=3)
    ts, _ = mids(days)
    at = np.arange(ts[0] + HORIZON_NS, ts[-1] - HORIZON_NS, 60 * 10**9)
    pressure, absorbing = pressure_at(days, at)
    along = returns_from(days, at) * pressure
    for regime, sign in ((False, 1), (True, -1)):
        chosen = along[(pressure != 0) & (absorbing == regime)] * sign
        # Five windows of 60 s overlap, so one in five counts.
        error = chosen.std() / np.sqrt(len(chosen) / 5)
        assert chosen.mean() > 3 * error
    # One of the two weighs more: there is something for a linear model too.
    assert along[pressure != 0].mean() > 1.0


def test_flow_shows_the_pressure_and_the_spread_the_regime() -> None:
    days = days_of(10, seed=4)
    prints = joined(days, "trade").filter((pl.col("flags") & int(Flag.DUP_OTHER_SIDE)) == 0)
    pressure, _ = pressure_at(days, prints["ts_recv"].to_numpy())
    side = prints["side"].to_numpy()
    assert side[pressure == 1].mean() > 0.45 > -0.45 > side[pressure == -1].mean()
    assert abs(side[pressure == 0].mean()) < 0.1
    ticker = joined(days, "ticker")
    _, absorbing = pressure_at(days, ticker["ts_recv"].to_numpy())
    spread = (ticker["ask"] - ticker["bid"]).to_numpy()
    assert spread[~absorbing].mean() > 1.2 * spread[absorbing].mean()


def test_null_prints_and_book_shape_do_not_know_the_mid() -> None:
    calm = days_of(1, seed=6, scenario="null")
    wild = days_of(1, seed=6, scenario="null", martingale_vol_300s_bps=60.0)
    one, other = joined(calm, "trade"), joined(wild, "trade")
    assert (one["px_ticks"] != other["px_ticks"]).mean() > 0.9
    for name in ("qty_lots", "side", "ts_exch", "flags"):
        assert (one[name] == other[name]).all()
    one, other = joined(calm, "ticker"), joined(wild, "ticker")
    assert (one["ask"] - one["bid"] == other["ask"] - other["bid"]).all()
    assert (one["vol"] == other["vol"]).all()


def test_null_returns_follow_nothing() -> None:
    days = days_of(12, seed=7, scenario="null")
    ts, _ = mids(days)
    at = np.arange(ts[0] + HORIZON_NS, ts[-1] - HORIZON_NS, HORIZON_NS)
    ahead = returns_from(days, at)
    prints = joined(days, "trade").filter((pl.col("flags") & int(Flag.DUP_OTHER_SIDE)) == 0)
    flow = np.concatenate([[0], np.cumsum((prints["side"] * prints["qty_lots"]).to_numpy())])
    when = prints["ts_recv"].to_numpy()
    signed = flow[np.searchsorted(when, at)] - flow[np.searchsorted(when, at - HORIZON_NS)]
    past = returns_from(days, at - HORIZON_NS)
    for seen in (signed, past, np.abs(past)):
        for of in (ahead, np.abs(ahead)):
            assert abs(np.corrcoef(seen, of)[0, 1]) < 4 / np.sqrt(len(at))

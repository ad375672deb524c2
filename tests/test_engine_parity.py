"""Every column of the engine against the reference, on streams that no venue would send.

Keys and null patterns are equal exactly, values up to `engine_face.allowed`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa
import pytest
from engine_face import FOREVER, built, describe_difference, divergences, pushed, same_bits
from hypothesis import given
from reference.columns import COLUMNS, Table
from reference.events import SECOND, Advance, Spec, Step, Trade
from streams import (
    FAST,
    SAMPLINGS,
    SPECS,
    TASTES,
    THOROUGH,
    events_of,
    keyframed_stream,
    nasty_stream,
    specs,
    streams,
)

from atc import _rust


def assert_parity(steps: Sequence[Step], spec: Spec, numbers: Sequence[int] | None = None) -> None:
    found = divergences(pushed(steps, spec), Table(steps, spec), numbers)
    assert not found, "\n".join([f"{len(found)} divergences", *found[:5]])


def test_the_engine_declares_the_columns_of_the_reference() -> None:
    assert tuple(item["name"] for item in _rust.feature_schemas()) == Spec().schemas
    assert {declared["name"] for declared in _rust.feature_declarations()} == set(COLUMNS)
    batch = pushed([], Spec())
    assert batch.schema.names[:3] == ["ts_recv", "ev_seq", "ts_close"]
    assert set(batch.schema.names[3:]) == set(COLUMNS)


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("config", range(len(SPECS)))
@pytest.mark.parametrize("seed", range(len(TASTES)))
def test_nasty_streams(sampling: str, config: int, seed: int) -> None:
    steps = nasty_stream(100 * config + seed, 300, TASTES[seed])
    assert_parity(steps, replace(SPECS[config], sampling=sampling))


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_hours_with_long_windows(sampling: str) -> None:
    """Windows that are full: statistics over 1 800 s, big trades, VWAPs."""
    events = keyframed_stream(7, 1.2, gaps=False)
    spec = Spec(sampling=sampling)
    rows = len(Table(events, spec))
    assert_parity(events, spec, range(rows * 2 // 3, rows, max(1, rows // 60)))


@FAST
@given(steps=streams(), spec=specs())
def test_any_small_stream(steps: list[Step], spec: Spec) -> None:
    assert_parity(steps, spec)


@pytest.mark.slow
@THOROUGH
@given(steps=streams(150), spec=specs())
def test_any_stream(steps: list[Step], spec: Spec) -> None:
    assert_parity(steps, spec)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1015))
def test_long_nasty_streams(seed: int) -> None:
    steps = nasty_stream(seed, 1200, TASTES[seed % len(TASTES)])
    for config in SPECS:
        for sampling in SAMPLINGS:
            assert_parity(steps, replace(config, sampling=sampling))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_every_row_of_hours_with_stalls(sampling: str, seed: int) -> None:
    events = keyframed_stream(seed, 2.5)
    for config in SPECS:
        assert_parity(events, replace(config, sampling=sampling))


def test_sums_do_not_lose_small_numbers_beside_huge_ones() -> None:
    """sv_5s/5 = sv_30s/30 but for one lot, while both are of the order of 10^11."""
    t, huge = 1_709_600_000 * SECOND, 10**12
    trades: list[Step] = [
        Trade(1, t, None, 0, 1000, 5 * huge, 1),
        Trade(2, t + 20 * SECOND, None, 0, 1000, huge + 1, 1),
    ]
    assert_parity(trades, Spec())


def huge_trades(qty: int) -> list[Step]:
    t = 1_709_600_000 * SECOND
    return [
        Trade(k + 1, t + k * SECOND // 10, None, 0, 2**31 - 1, qty - k, 1 if k % 3 else -1) for k in range(40)
    ]


def test_sizes_far_beyond_any_table_are_exact_until_they_overflow() -> None:
    assert_parity(huge_trades(2**55), Spec())
    with pytest.raises(ValueError, match="overflow"):
        pushed(huge_trades(2**60), Spec())


def test_the_streams_reach_every_column() -> None:
    """Parity says little of a column that is null, or always the same, on every stream that is tried."""
    seen: dict[str, set[float | None]] = {name: set() for name in COLUMNS}
    for sampling in SAMPLINGS:
        batches = [
            pushed(nasty_stream(seed, 400, TASTES[seed]), replace(SPECS[1], sampling=sampling))
            for seed in range(len(TASTES))
        ]
        batches.append(built(keyframed_stream(7, 1.2, gaps=False), Spec(sampling=sampling)))
        for name, values in seen.items():
            values.update(x for batch in batches for x in batch.column(name).to_pylist())
    for name, values in seen.items():
        few = {"in_no_new_entry_window": 2, "tk_in_no_new_entry_window": 2}
        few |= {"big_trade_fresh_sign": 3, "mscale_consensus_3sig": 3, "trade_count_1s": 5, "tk_count_5s": 5}
        assert len(values - {None}) >= few.get(name, 30), name


@pytest.fixture(scope="module")
def compared() -> tuple[pa.RecordBatch, Table]:
    """The engine's rows of a stream, and the reference's."""
    steps, spec = nasty_stream(101, 400, TASTES[1]), SPECS[1]
    return pushed(steps, spec), Table(steps, spec)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_wrong_value_is_noticed(name: str, compared: tuple[pa.RecordBatch, Table]) -> None:
    """The comparison itself: one value of one column a little off, or null, or not null."""
    batch, table = compared
    values = batch.column(name).to_pylist()
    place = next((k for k, x in enumerate(values) if x is not None), 0)
    right = values[place]
    for wrong in (None if right is not None else 0.5, (right or 0.5) * 1.0001):
        values[place] = wrong
        spoilt = batch.set_column(batch.schema.get_field_index(name), name, pa.array(values, pa.float32()))
        found = divergences(spoilt, table, [place])
        assert len(found) == 1
        assert f" {name}: " in found[0]


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("seed", range(2))
def test_a_row_does_not_depend_on_what_else_is_computed(sampling: str, seed: int) -> None:
    """Each schema alone, and some of them, give the columns that they give among all."""
    events = events_of(nasty_stream(seed, 800, replace(TASTES[seed], advance=0)))
    spec = replace(SPECS[1], sampling=sampling)
    whole = built(events, spec)
    columns = {item["name"]: item["columns"] for item in _rust.feature_schemas()}
    for chosen in (*((name,) for name in spec.schemas), ("core", "kyle"), ("ticker", "ofi", "bipower")):
        part = built(events, replace(spec, schemas=chosen))
        names = ["ts_recv", "ev_seq", "ts_close", *(name for schema in chosen for name in columns[schema])]
        assert same_bits(part, whole.select(names)), describe_difference(part, whole.select(names))


# One engine, two ways in


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("seed", range(4))
def test_the_batch_is_the_push_loop(sampling: str, seed: int) -> None:
    taste = replace(TASTES[seed], advance=0)
    events = events_of(nasty_stream(seed, 1500, taste))
    for config in SPECS:
        spec = replace(config, sampling=sampling)
        batch, loop = built(events, spec), pushed(events, spec)
        assert same_bits(batch, loop), describe_difference(batch, loop)


@FAST
@given(steps=streams(advance=False), spec=specs())
def test_the_batch_is_the_push_loop_for_any_small_stream(steps: list[Step], spec: Spec) -> None:
    batch, loop = built(events_of(steps), spec), pushed(steps, spec)
    assert same_bits(batch, loop), describe_difference(batch, loop)


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_the_batch_emits_the_rows_of_its_interval(sampling: str) -> None:
    events = events_of(nasty_stream(3, 800))
    spec = Spec(sampling=sampling)
    whole = built(events, spec)
    times = whole.column("ts_recv").to_pylist()
    first, last = times[len(times) // 3], times[len(times) // 2]
    assert times[0] < first < last
    kept = [k for k, t in enumerate(times) if first <= t < last]
    part = built(events, spec, (first, last))
    assert same_bits(part, whole.take(pa.array(kept))), describe_difference(part, whole.take(pa.array(kept)))
    assert built(events, spec, FOREVER).num_rows == len(times)


# What the engine refuses


def trade(seq: int, at: int, qty: int = 1) -> Trade:
    return Trade(seq, at, None, 0, 1000, qty, 1)


@pytest.mark.parametrize(
    "steps",
    [
        [trade(1, 100), trade(2, 99)],
        [trade(2, 100), trade(2, 100)],
        [trade(2, 100), trade(1, 100)],
        [trade(1, 100), Advance(200), trade(2, 199)],
        [trade(1, 100, qty=-1)],
    ],
    ids=["time runs backwards", "same ev_seq", "falling ev_seq", "before the promise", "negative quantity"],
)
def test_a_broken_stream_is_an_error(steps: list[Step]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        pushed(steps, Spec())


def test_an_event_at_the_promise_is_welcome() -> None:
    steps: list[Step] = [trade(1, 100), Advance(200), trade(2, 200)]
    assert pushed(steps, Spec()).num_rows == 1

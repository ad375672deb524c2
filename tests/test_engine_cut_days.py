"""A day built from its warm-up alone equals the same day of one continuous run, bit for bit."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa
import pytest
from engine_face import LOOKBACK_S, built, describe_difference, same_bits, warm_up_ns
from reference.events import RESET, SECOND, STATUS, Control, Event, Spec
from streams import GAP, SAMPLINGS, SPECS, keyframed_stream

WARM_UP = warm_up_ns(Spec())


def rows_between(batch: pa.RecordBatch, first: int, end: int) -> pa.RecordBatch:
    times = batch.column("ts_recv").to_pylist()
    return batch.take(pa.array([k for k, t in enumerate(times) if first <= t < end], pa.int64()))


def assert_cut_days(events: Sequence[Event], spec: Spec, days: Sequence[tuple[int, int]]) -> int:
    """How many rows have been compared. Of what follows a day a little is read: it closes the last rows."""
    whole = built(events, spec)
    compared = 0
    for first, end in days:
        read = [e for e in events if first - warm_up_ns(spec) <= e.ts_recv < end + 5 * GAP]
        day, expected = built(read, spec, (first, end)), rows_between(whole, first, end)
        assert same_bits(day, expected), f"day from {first}: {describe_difference(day, expected)}"
        compared += expected.num_rows
    return compared


def random_days(events: Sequence[Event], seed: int, count: int) -> list[tuple[int, int]]:
    """Intervals that begin at an event, a nanosecond beside it, a gap or a warm-up after it, or anywhere."""
    rng = random.Random(seed)
    begins = []
    for _ in range(count):
        at = rng.choice(events).ts_recv
        begins.append(at + rng.choice((0, 1, -1, GAP, GAP + 1, WARM_UP, WARM_UP - GAP, rng.randrange(GAP))))
    return [(first, first + rng.choice((1, 60, 600, 2400)) * SECOND) for first in begins]


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("seed", range(3))
def test_cut_days(sampling: str, seed: int) -> None:
    events = keyframed_stream(seed, 3)
    for config in SPECS[:2]:
        spec = replace(config, sampling=sampling)
        assert assert_cut_days(events, spec, random_days(events, seed, 20)) > 500


def test_the_warm_up_of_all_schemas_is_that_of_the_farthest() -> None:
    assert WARM_UP == (1830 + 2 * 60 + 60) * SECOND
    assert LOOKBACK_S["core"] == 1830
    assert LOOKBACK_S["kyle"] == 1801


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("schema", Spec().schemas)
def test_a_schema_alone_is_cut_by_its_own_warm_up(schema: str, sampling: str) -> None:
    events = keyframed_stream(5, 2)
    spec = Spec(sampling=sampling, schemas=(schema,))
    rng = random.Random(5)
    days = random_days(events, 5, 15)
    days += [(at + warm_up_ns(spec), at + warm_up_ns(spec) + 60 * SECOND) for at in _times(rng, events, 15)]
    assert assert_cut_days(events, spec, days) > 300


def _times(rng: random.Random, events: Sequence[Event], count: int) -> list[int]:
    """So that a day's warm-up begins at an event, or just beside one."""
    return [rng.choice(events).ts_recv + rng.choice((0, 1, -1)) for _ in range(count)]


@pytest.mark.slow
@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("seed", range(100, 110))
def test_many_cut_days(sampling: str, seed: int) -> None:
    events = keyframed_stream(seed, 4)
    for config in SPECS:
        assert_cut_days(events, replace(config, sampling=sampling), random_days(events, seed, 60))


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_the_days_of_a_stream_join_to_the_whole(sampling: str) -> None:
    events = keyframed_stream(11, 2)
    spec = Spec(sampling=sampling)
    hour = 3600 * SECOND
    days = [(first, first + hour) for first in range(events[0].ts_recv, events[-1].ts_recv + 1, hour)]
    assert assert_cut_days(events, spec, days) == built(events, spec).num_rows


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("kind", [STATUS, RESET])
def test_a_cut_in_a_silence_with_a_control_in_it(sampling: str, kind: int) -> None:
    """The day sees the control, but not the event before the silence."""
    before = keyframed_stream(1, 0.2, gaps=False)
    at = before[-1].ts_recv + 3600 * SECOND
    seq = before[-1].ev_seq + 1
    after = keyframed_stream(2, 1.2, gaps=False, start=at + 100 * SECOND)
    events = [*before, Control(seq, at, 0, kind), *(replace(e, ev_seq=e.ev_seq + seq) for e in after)]
    first = at + 1500 * SECOND
    assert assert_cut_days(events, Spec(sampling=sampling), [(first, first + 600 * SECOND)]) > 50

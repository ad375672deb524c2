"""The engine's forward return against the reference's."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference.arrow import to_tables
from reference.events import SECOND, Event, Spec, Step
from reference.labels import fwd_logret
from streams import (
    FAST,
    GAP,
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

# r is a float64 in bps: 10^4 times the error of a logarithm near 0, a few 2^-53.
R_TOLERANCE = 1e-11


def assert_label_parity(events: list[Event], spec: Spec, ts: list[int], horizon_ns: int) -> int:
    """How many labels are not null."""
    batch = _rust.label_fwd_logret(spec.json(), *to_tables(events), ts, horizon_ns)
    expected = fwd_logret(events, spec, ts, horizon_ns)
    assert batch.column("t0").to_pylist() == [label.t0 for label in expected]
    assert batch.column("t1").to_pylist() == [label.t1 for label in expected]
    r = batch.column("r_bps").to_pylist()
    assert [x is None for x in r] == [label.r is None for label in expected]
    for engine, label in zip(r, expected, strict=True):
        if label.r is not None:
            assert engine == pytest.approx(float(label.r), rel=1e-12, abs=R_TOLERANCE)
    return sum(label.r is not None for label in expected)


def times(events: list[Event], seed: int, count: int) -> list[int]:
    """Row times: at events, beside them, and anywhere."""
    rng = random.Random(seed)
    near = [
        rng.choice(events).ts_recv + rng.choice((0, 0, 1, -1, SECOND, GAP, GAP + 1)) for _ in range(count)
    ]
    return sorted([*near, *rng.choices(near, k=count // 10)])


@pytest.mark.parametrize("seed", range(len(TASTES)))
@pytest.mark.parametrize("horizon_ns", [1, SECOND, 10 * SECOND, GAP, 300 * SECOND])
def test_nasty_streams(seed: int, horizon_ns: int) -> None:
    events = events_of(nasty_stream(seed, 1200, TASTES[seed]))
    for spec in SPECS:
        assert_label_parity(events, spec, times(events, seed, 60), horizon_ns)


@pytest.mark.parametrize("seed", range(3))
def test_hours(seed: int) -> None:
    events = keyframed_stream(seed, 2)
    assert assert_label_parity(events, Spec(), times(events, seed, 300), 60 * SECOND) > 100


@FAST
@given(steps=streams(), spec=specs(), horizon_ns=st.sampled_from((1, SECOND, 5 * SECOND, GAP)))
def test_any_small_stream(steps: list[Step], spec: Spec, horizon_ns: int) -> None:
    events = events_of(steps)
    ts = sorted({e.ts_recv + d for e in events for d in (0, 1)})
    assert_label_parity(events, spec, ts, horizon_ns)


@pytest.mark.slow
@THOROUGH
@given(steps=streams(150), spec=specs(), horizon_ns=st.sampled_from((1, SECOND, 10 * SECOND, GAP, 5 * GAP)))
def test_any_stream(steps: list[Step], spec: Spec, horizon_ns: int) -> None:
    events = events_of(steps)
    ts = sorted({e.ts_recv + d for e in events for d in (0, 1, SECOND)})
    assert_label_parity(events, spec, ts, horizon_ns)


def test_no_rows_and_no_events() -> None:
    assert assert_label_parity([], Spec(), [], SECOND) == 0
    assert assert_label_parity([], Spec(), [5, 6], SECOND) == 0
    only = events_of(nasty_stream(1, 50, replace(TASTES[0], far=0)))
    assert assert_label_parity(only, Spec(), [], SECOND) == 0

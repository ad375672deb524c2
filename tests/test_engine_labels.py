"""The engine's forward return against the reference's."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference.arrow import to_tables
from reference.events import SECOND, Event, Spec, Step
from reference.labels import Quotes, fwd_logret
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
from atc.features.label_spec import NULL_CAUSES

# r is a float64 in bps: 10^4 times the error of a logarithm near 0, a few 2^-53.
R_TOLERANCE = 1e-11


def assert_label_parity(
    events: list[Event], spec: Spec, ts: list[int], *horizons_ns: int, smooth_ns: int = 0
) -> int:
    """How many labels are not null. All horizons come from one pass of the engine."""
    heads = [(str(horizon), horizon) for horizon in horizons_ns]
    batch = _rust.label_rows(spec.json(), *to_tables(events), ts, heads, smooth_ns)
    assert batch.column("t0").to_pylist() == ts
    quotes = Quotes(events, spec)
    spreads = [quotes.spread_bps_at(t) for t in ts]
    found = batch.column("spread_bps").to_pylist()
    assert [x is None for x in found] == [x is None for x in spreads]
    # Three roundings, of which the last is to the nearest.
    assert all(x == pytest.approx(float(y), rel=4e-16) for x, y in zip(found, spreads, strict=True) if y)
    known = 0
    for name, horizon_ns in heads:
        expected = fwd_logret(events, spec, ts, horizon_ns, smooth_ns)
        assert batch.column(f"t1_{name}").to_pylist() == [label.t1 for label in expected]
        r = batch.column(f"r_bps_{name}").to_pylist()
        causes = [
            NULL_CAUSES[code - 1] if code else None for code in batch.column(f"null_cause_{name}").to_pylist()
        ]
        assert causes == [label.null_cause for label in expected]
        assert [x is None for x in r] == [label.r is None for label in expected]
        for engine, label in zip(r, expected, strict=True):
            if label.r is not None:
                assert engine == pytest.approx(float(label.r), rel=1e-12, abs=R_TOLERANCE)
                # Up, down and unchanged are told apart without a doubt.
                assert (engine > 0, engine < 0) == (label.r > 0, label.r < 0)
        known += sum(label.r is not None for label in expected)
    return known


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


@pytest.mark.parametrize("seed", range(len(TASTES)))
@pytest.mark.parametrize("smooth_ns", [1, SECOND, 10 * SECOND])
def test_means_of_nasty_streams(seed: int, smooth_ns: int) -> None:
    """The smoothed label, over several horizons at once."""
    events = events_of(nasty_stream(seed, 1200, TASTES[seed]))
    for spec in SPECS:
        ts = times(events, seed, 40)
        assert_label_parity(events, spec, ts, 11 * SECOND, GAP, 30 * SECOND, smooth_ns=smooth_ns)


@pytest.mark.parametrize("seed", range(2))
def test_means_of_hours(seed: int) -> None:
    events = keyframed_stream(seed, 1)
    ts = times(events, seed, 60)
    assert assert_label_parity(events, Spec(), ts, 30 * SECOND, 300 * SECOND, smooth_ns=20 * SECOND) > 40


@FAST
@given(
    steps=streams(),
    spec=specs(),
    horizon_ns=st.sampled_from((5 * SECOND, GAP)),
    smooth_ns=st.sampled_from((1, 2, SECOND, 5 * SECOND)),
)
def test_means_of_any_small_stream(steps: list[Step], spec: Spec, horizon_ns: int, smooth_ns: int) -> None:
    events = events_of(steps)
    ts = sorted({e.ts_recv + d for e in events for d in (0, 1)})
    assert_label_parity(events, spec, ts, horizon_ns, smooth_ns=smooth_ns)


@pytest.mark.parametrize(
    ("heads", "smooth_ns", "said"),
    [
        ([("", 0)], 0, "a horizon of 0 ns"),
        ([("", 5)], -1, "a smoothing of -1 ns"),
        ([("", 5), ("long", 9)], 6, "a smoothing of 6 ns over a horizon of 5 ns"),
    ],
)
def test_what_cannot_be_measured(heads: list[tuple[str, int]], smooth_ns: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        _rust.label_rows(Spec().json(), *to_tables([]), [1], heads, smooth_ns)


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

"""The reference of the forward return against cases worked out by hand; the engine's parity stands in
`test_engine_labels.py`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from reference.events import DELTA, RESET, SECOND, SNAP, SNAPSHOT, Book, Control, Event, Level, Spec, Trade
from reference.labels import fwd_logret

T0 = 1_709_600_000 * SECOND
SPEC = Spec()


def book(seq: int, at_s: float, bid: int, kind: int = SNAP) -> Book:
    t = T0 + round(at_s * SECOND)
    return Book(
        seq, t, None, SNAPSHOT if kind == SNAP else 0, kind, (Level(1, bid, 1), Level(-1, bid + 2, 1))
    )


def trade(seq: int, at_s: float) -> Trade:
    return Trade(seq, T0 + round(at_s * SECOND), None, 0, 100, 1, 1)


def r_of(events: Sequence[Event], at_s: float, horizon_s: int = 10) -> float | None:
    label = fwd_logret(events, SPEC, [T0 + round(at_s * SECOND)], horizon_s * SECOND)[0]
    assert label.t1 - label.t0 == horizon_s * SECOND
    return None if label.r is None else float(label.r)


def test_the_return_is_in_bps_between_two_mids() -> None:
    events: list[Event] = [book(1, 0, 99), book(2, 3, 109), book(3, 10, 119), book(4, 20, 129)]
    assert r_of(events, 0) == pytest.approx(1e4 * math.log(120 / 100))
    assert r_of(events, 3.5) == pytest.approx(1e4 * math.log(120 / 110))
    assert r_of(events, 10) == pytest.approx(1e4 * math.log(130 / 120))


def test_the_data_must_reach_t1() -> None:
    events: list[Event] = [book(1, 0, 99), trade(2, 10)]
    assert r_of(events, 0) == 0
    assert r_of(events, 0.000000001) is None


def test_a_reset_inside_makes_it_null() -> None:
    events: list[Event] = [
        book(1, 0, 99),
        Control(2, T0 + 5 * SECOND, 0, RESET),
        book(3, 5, 99),
        book(4, 20, 99),
    ]
    assert r_of(events, 4) is None
    assert r_of(events, 5) == 0  # the RESET lies at t0, not after it
    assert r_of(events, 5, 15) == 0


def test_a_silence_that_overlaps_makes_it_null() -> None:
    silent: list[Event] = [book(1, 0, 99), book(2, 2, 99), book(3, 62.5, 99), book(4, 80, 99)]
    assert r_of(silent, 0, 2) == 0  # ends where the silence begins
    assert r_of(silent, 0, 3) is None
    assert r_of(silent, 62.5) == 0
    assert r_of(silent, 62.4) is None
    assert r_of([*silent[:2], book(3, 62, 99), book(4, 80, 99)], 0, 62) == 0  # 60 s are no gap


def test_an_old_quote_is_not_a_mid() -> None:
    events: list[Event] = [book(1, 0, 99), *(trade(k + 2, 5 * k) for k in range(1, 30))]
    assert r_of(events, 0, 60) == 0
    assert r_of(events, 0, 61) is None


def test_a_delta_does_not_wake_an_unknown_book() -> None:
    events: list[Event] = [
        book(1, 0, 99),
        *(trade(k + 2, 5 * k) for k in range(1, 13)),
        book(40, 61, 99, DELTA),
        trade(41, 90),
    ]
    assert r_of(events, 0, 60) == 0
    assert r_of(events, 0, 62) is None
    assert r_of([], 0) is None

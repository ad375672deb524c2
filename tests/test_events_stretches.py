"""Where stretches begin: as one event after the other says."""

from __future__ import annotations

import pytest

import atc
from atc.config.data import SimulatedData
from atc.events.catalog import Catalog
from atc.events.reader import read_events
from atc.events.schema import ControlKind, Flag, Kind
from atc.events.simulate import ensure_simulated, located
from atc.events.stretches import stretch_starts

SECOND = 1_000_000_000


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> tuple[Catalog, SimulatedData]:
    """Two days of a feed that breaks off, with a maintenance among them."""
    root = tmp_path_factory.mktemp("market")
    words = ["data/scenario=dirty_feed", "data.days=2", "data.rate=0.02", "data.start_date=2025-01-10"]
    data = atc.compose(words).data
    assert isinstance(data, SimulatedData)
    ensure_simulated(data, root)
    return Catalog(root), located(data)


def slow_starts(catalog: Catalog, facts: SimulatedData, span: tuple[int, int], max_gap_ns: int) -> list[int]:
    """Every RESET, and the first market event after a silence."""
    events = read_events(catalog, facts.venue, facts.symbol, *span)
    every = []
    for kind in Kind:
        table = events.of(kind)
        own = table["control_kind" if kind == Kind.CONTROL else "flags"].to_pylist()
        every += [
            (ts, seq, kind, word)
            for ts, seq, word in zip(
                table["ts_recv"].to_pylist(), table["ev_seq"].to_pylist(), own, strict=True
            )
        ]
    found, last = set(), None
    for ts, _, kind, word in sorted(every, key=lambda event: event[:2]):
        if kind == Kind.CONTROL:
            if word == ControlKind.RESET:
                found.add(ts)
            continue
        if kind == Kind.TRADE and word & Flag.DUP_OTHER_SIDE:
            continue
        if last is not None and ts - last > max_gap_ns:
            found.add(ts)
        last = ts
    return sorted(found)


@pytest.mark.parametrize("max_gap_s", [2, 60])
def test_starts_are_those_of_one_event_after_the_other(
    market: tuple[Catalog, SimulatedData], max_gap_s: int
) -> None:
    catalog, facts = market
    first, last = catalog.span_ns(facts.venue, facts.symbol)
    for span in ((first, last + 1), (first + 40_000 * SECOND, last - 30_000 * SECOND)):
        expected = slow_starts(catalog, facts, span, max_gap_s * SECOND)
        found = stretch_starts(catalog, facts.venue, facts.symbol, span, max_gap_ns=max_gap_s * SECOND)
        assert found.tolist() == expected
        assert len(expected) > 2


def test_a_span_without_events_has_none(market: tuple[Catalog, SimulatedData]) -> None:
    catalog, facts = market
    assert stretch_starts(catalog, facts.venue, facts.symbol, (0, 1), max_gap_ns=SECOND).tolist() == []

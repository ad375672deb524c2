"""Stored sessions built in parts at the same time, each from its warm-up, join to the one stream."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from engine_face import FOREVER, describe_difference, same_bits, warm_up_ns
from reference.arrow import CONTROL, Tables
from reference.events import RESET, SECOND, Spec
from sessions import Session, batches, recorded, recordings_are_there, simulated
from streams import GAP, SAMPLINGS

from atc import _rust

HOUR = 3600 * SECOND
DAY = 24 * HOUR


def between(tables: Tables, first: int, end: int) -> Tables:
    """The events with first <= ts_recv < end."""
    parts = []
    for batch in tables:
        begin, stop = np.searchsorted(batch.column("ts_recv").to_numpy(), [first, end])
        parts.append(batch.slice(int(begin), int(stop - begin)))
    return Tables(*parts)


def without(tables: Tables, first: int, end: int) -> Tables:
    """The events of a feed that was not recorded in [first, end)."""
    before, after = between(tables, -(2**63), first), between(tables, end, 2**63 - 1)
    return Tables(*[pa.concat_batches(pair) for pair in zip(before, after, strict=True)])


def with_resets(tables: Tables, count: int, seed: int) -> Tables:
    """With RESETs at random times, a nanosecond beside an event or far from any."""
    rng = random.Random(seed)
    times = tables.book.column("ts_recv").to_pylist()
    taken = {t for batch in tables for t in batch.column("ts_recv").to_pylist()}
    resets = sorted({rng.choice(times) + rng.choice((1, SECOND, 20 * SECOND)) for _ in range(count)} - taken)
    rows = [
        {"ev_seq": 2**62 + k, "ts_recv": t, "ts_exch": None, "venue_seq": None, "flags": 0}
        | {"control_kind": RESET, "detail": None}
        for k, t in enumerate(resets)
    ]
    both = pa.Table.from_batches(
        [tables.control.cast(CONTROL), pa.RecordBatch.from_pylist(rows, schema=CONTROL)]
    )
    return tables._replace(control=pa.concat_batches(both.sort_by("ts_recv").to_batches()))


def span(tables: Tables) -> tuple[int, int]:
    """First and last time of any event."""
    times = [batch.column("ts_recv") for batch in tables if batch.num_rows]
    return min(t[0].as_py() for t in times), max(t[len(t) - 1].as_py() for t in times)


def joined_parts(tables: Tables, spec: Spec, parts: Sequence[tuple[int, int]]) -> pa.RecordBatch:
    """Parts built at the same time. Of what follows one, so much is read as decides its last row."""
    times = np.sort(np.concatenate([batch.column("ts_recv").to_numpy() for batch in tables]))

    def build(part: tuple[int, int]) -> pa.RecordBatch:
        first, end = part
        following = np.searchsorted(times, end)
        decided = int(times[following]) if following < len(times) else end
        read = between(tables, first - warm_up_ns(spec), decided + 2 * GAP)
        return _rust.build_rows(spec.json(), *read, first, end)

    with ThreadPoolExecutor(max_workers=max(2, os.cpu_count() or 1)) as pool:
        return pa.concat_batches(list(pool.map(build, parts)))


def assert_joins(tables: Tables, spec: Spec, length: int, offset: int) -> int:
    """How many rows the whole has. Parts of `length` begin `offset` after the first event."""
    first, last = span(tables)
    cuts = [first - 1, *range(first + offset, last + 1, length), last + 1]
    whole = _rust.build_rows(spec.json(), *tables, *FOREVER)
    joined = joined_parts(tables, spec, list(pairwise(cuts)))
    assert same_bits(joined, whole), describe_difference(joined, whole)
    return whole.num_rows


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Session:
    return simulated("target", tmp_path_factory.mktemp("target"), days=3, rate=0.05)


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> Session:
    return simulated("dirty_feed", tmp_path_factory.mktemp("dirty_feed"), days=3, rate=0.05)


def slow(*values: str) -> object:
    return pytest.param(*values, marks=pytest.mark.slow)


# In the default run a few of each; all of them in the slow one.
MARKETS_AND_SAMPLINGS = [
    ("clean", "trade"),
    ("clean", "book"),
    ("dirty", "trade"),
    ("dirty", "clock_1s"),
    slow("clean", "ticker"),
    slow("clean", "clock_1s"),
    slow("dirty", "book"),
    slow("dirty", "ticker"),
]
TRADE_OR_SLOW = ["trade", *(slow(sampling) for sampling in SAMPLINGS if sampling != "trade")]


def stored(session: Session) -> Tables:
    return batches(session.read(*FOREVER))


@pytest.mark.parametrize(("market", "sampling"), MARKETS_AND_SAMPLINGS)
def test_days(request: pytest.FixtureRequest, market: str, sampling: str) -> None:
    session = request.getfixturevalue(market)
    assert assert_joins(stored(session), replace(session.spec, sampling=sampling), DAY, DAY) > 1000


@pytest.mark.parametrize("schema", Spec().schemas)
def test_parts_of_one_schema(dirty: Session, schema: str) -> None:
    """By the warm-up of that schema alone."""
    spec = replace(dirty.spec, sampling="trade", schemas=(schema,))
    assert assert_joins(stored(dirty), spec, 5 * HOUR, 2 * HOUR) > 1000


@pytest.mark.slow
@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("market", ["clean", "dirty"])
def test_hours(request: pytest.FixtureRequest, market: str, sampling: str) -> None:
    session = request.getfixturevalue(market)
    spec = replace(session.spec, sampling=sampling)
    assert assert_joins(stored(session), spec, 3 * HOUR, 333 * SECOND + 1) > 1000


@pytest.mark.parametrize("sampling", TRADE_OR_SLOW)
def test_days_around_a_missing_one(dirty: Session, sampling: str) -> None:
    tables = stored(dirty)
    first, _ = span(tables)
    spec = replace(dirty.spec, sampling=sampling)
    assert assert_joins(without(tables, first + DAY, first + 2 * DAY), spec, DAY, DAY) > 1000


@pytest.mark.parametrize("sampling", TRADE_OR_SLOW)
def test_days_with_resets_and_missing_hours(dirty: Session, sampling: str) -> None:
    spoilt = stored(dirty)
    first, _ = span(spoilt)
    rng = random.Random(7)
    for _ in range(6):
        begin = first + rng.randrange(3 * DAY)
        spoilt = without(spoilt, begin, begin + rng.choice((GAP, GAP + 1, 20 * 60 * SECOND, 2 * HOUR)))
    spoilt = with_resets(spoilt, 25, seed=7)
    assert assert_joins(spoilt, replace(dirty.spec, sampling=sampling), 5 * HOUR, HOUR) > 1000


@pytest.mark.recordings
@pytest.mark.skipif(not recordings_are_there(), reason="no Binance recordings; set ATC_RECORDINGS")
@pytest.mark.parametrize("symbol", ["ETHUSDT", "ETHBTC"])
@pytest.mark.parametrize("sampling", TRADE_OR_SLOW)
def test_parts_of_a_recording(tmp_path: Path, symbol: str, sampling: str) -> None:
    session = recorded(symbol, tmp_path)
    assert_joins(stored(session), replace(session.spec, sampling=sampling), 1800 * SECOND, 100 * SECOND)

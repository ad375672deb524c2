"""Stored sessions built in parts at the same time, each from its warm-up, join to the one stream."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise

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


@pytest.fixture(scope="module", params=["target", "dirty_feed"])
def market(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Session:
    return simulated(request.param, tmp_path_factory.mktemp(request.param), days=3, rate=0.05)


@pytest.fixture(scope="module")
def tables(market: Session) -> Tables:
    return batches(market.read(*FOREVER))


SOME = ["trade", pytest.param("book", marks=pytest.mark.slow), pytest.param("ticker", marks=pytest.mark.slow)]


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_days(market: Session, tables: Tables, sampling: str) -> None:
    assert assert_joins(tables, replace(market.spec, sampling=sampling), DAY, DAY) > 1000


@pytest.mark.parametrize("schema", Spec().schemas)
def test_days_of_one_schema(market: Session, tables: Tables, schema: str) -> None:
    spec = replace(market.spec, sampling="trade", schemas=(schema,))
    assert assert_joins(tables, spec, 5 * HOUR, 2 * HOUR) > 1000


@pytest.mark.slow
@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_hours(market: Session, tables: Tables, sampling: str) -> None:
    assert assert_joins(tables, replace(market.spec, sampling=sampling), 3 * HOUR, 333 * SECOND + 1) > 1000


@pytest.mark.parametrize("sampling", [*SOME, pytest.param("clock_1s", marks=pytest.mark.slow)])
def test_days_around_a_missing_one(market: Session, tables: Tables, sampling: str) -> None:
    first, _ = span(tables)
    spec = replace(market.spec, sampling=sampling)
    assert assert_joins(without(tables, first + DAY, first + 2 * DAY), spec, DAY, DAY) > 1000


@pytest.mark.parametrize("sampling", [*SOME, "clock_1s"])
def test_days_with_resets_and_missing_hours(market: Session, tables: Tables, sampling: str) -> None:
    first, _ = span(tables)
    rng = random.Random(7)
    spoilt = tables
    for _ in range(6):
        begin = first + rng.randrange(3 * DAY)
        spoilt = without(spoilt, begin, begin + rng.choice((GAP, GAP + 1, 20 * 60 * SECOND, 2 * HOUR)))
    spoilt = with_resets(spoilt, 25, seed=7)
    assert assert_joins(spoilt, replace(market.spec, sampling=sampling), 5 * HOUR, HOUR) > 1000


@pytest.mark.recordings
@pytest.mark.skipif(not recordings_are_there(), reason="no Binance recordings; set ATC_RECORDINGS")
@pytest.mark.parametrize("symbol", ["ETHUSDT", "ETHBTC"])
def test_parts_of_a_recording(tmp_path_factory: pytest.TempPathFactory, symbol: str) -> None:
    session = recorded(symbol, tmp_path_factory.mktemp(symbol))
    tables = batches(session.read(*FOREVER))
    for sampling in SAMPLINGS:
        assert_joins(tables, replace(session.spec, sampling=sampling), 20 * 60 * SECOND, 100 * SECOND)

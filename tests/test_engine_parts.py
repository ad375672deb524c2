"""Events that come in parts, wherever they are parted, give the rows and labels of whole tables."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from engine_face import FOREVER, describe_difference, same_bits
from hypothesis import given
from hypothesis import strategies as st
from reference.arrow import Tables, to_tables
from reference.events import SECOND, Spec, Step
from sessions import DIRTY_HOURS, batches, simulated
from streams import FAST, GAP, SAMPLINGS, SPECS, TASTES, events_of, nasty_stream, specs, streams

from atc import _rust


def parts(tables: Tables, cuts: Sequence[int]) -> Iterator[Tables]:
    """The events before the first of `cuts`, from there to the second, and so on; some may be empty."""
    bounds = [-(2**63), *sorted(cuts), 2**63 - 1]
    for first, end in pairwise(bounds):
        part = []
        for batch in tables:
            begin, stop = np.searchsorted(batch.column("ts_recv").to_numpy(), [first, end])
            part.append(batch.slice(int(begin), int(stop - begin)))
        yield Tables(*part)


def fed(tables: Tables, spec: Spec, cuts: Sequence[int], emit: tuple[int, int]) -> pa.RecordBatch:
    builder = _rust.RowBuilder(spec.json(), *emit)
    for part in parts(tables, cuts):
        if builder.feed(*part):
            break
    return builder.finish()


def assert_same(tables: Tables, spec: Spec, cuts: Sequence[int], emit: tuple[int, int] = FOREVER) -> None:
    whole = _rust.build_rows(spec.json(), *tables, *emit)
    joined = fed(tables, spec, cuts, emit)
    assert same_bits(joined, whole), describe_difference(joined, whole)


def times(tables: Tables) -> list[int]:
    return sorted(t for batch in tables for t in batch.column("ts_recv").to_pylist())


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("seed", range(len(TASTES)))
def test_nasty_streams(sampling: str, seed: int) -> None:
    tables = to_tables(events_of(nasty_stream(seed, 400, replace(TASTES[seed], advance=0))))
    rng = random.Random(seed)
    seen = times(tables)
    for config in SPECS:
        cuts = [rng.choice(seen) + rng.choice((0, 0, 1)) for _ in range(rng.choice((1, 5, 60)))]
        emit = rng.choice(seen), rng.choice(seen) + rng.choice((0, 1, SECOND, GAP))
        spec = replace(config, sampling=sampling)
        assert_same(tables, spec, cuts)
        assert_same(tables, spec, cuts, (min(emit), max(emit)))
        assert_same(tables, spec, seen)  # every timestamp a part


@FAST
@given(steps=streams(advance=False), spec=specs(), data=st.data())
def test_any_small_stream(steps: list[Step], spec: Spec, data: st.DataObject) -> None:
    tables = to_tables(events_of(steps))
    near = st.builds(lambda t, d: t + d, st.sampled_from(times(tables)), st.sampled_from((0, 1)))
    begin, end = sorted(data.draw(st.tuples(near, near)))
    assert_same(tables, spec, data.draw(st.lists(near, max_size=5)), (begin, end))


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_a_bad_feed_in_hours(tmp_path: Path, sampling: str) -> None:
    session = simulated("dirty_feed", tmp_path, rate=0.05, words=DIRTY_HOURS)
    tables = batches(session.read(*FOREVER))
    rng = random.Random(1)
    seen = times(tables)
    first, last = seen[0], seen[-1]
    emit = first + (last - first) // 3, first + (last - first) // 2
    assert_same(tables, replace(session.spec, sampling=sampling), rng.sample(seen, 40), emit)


@pytest.mark.parametrize("seed", range(len(TASTES)))
def test_labels(seed: int) -> None:
    tables = to_tables(events_of(nasty_stream(seed, 400, replace(TASTES[seed], advance=0))))
    rng = random.Random(seed)
    seen = times(tables)
    asked = sorted(rng.choice(seen) + rng.choice((0, 1, SECOND)) for _ in range(50))
    for spec in SPECS:
        for smooth_ns in (0, SECOND):
            wanted = (asked, [("near", SECOND), ("far", 10 * SECOND)], smooth_ns)
            whole = _rust.label_rows(spec.json(), *tables, *wanted)
            labeller = _rust.Labeller(spec.json())
            for part in parts(tables, rng.choices(seen, k=20)):
                labeller.feed(*part)
            assert labeller.finish(*wanted).equals(whole)

"""No row looks ahead: what comes later changes nothing that was said before."""

from __future__ import annotations

import random
from dataclasses import replace

import pyarrow as pa
import pytest
from engine_face import built, describe_difference, pushed, same_bits
from reference.columns import Table
from reference.events import SECOND, Event, Spec, Step
from streams import SAMPLINGS, TASTES, events_of, keyframed_stream, nasty_stream

CUTS = 200  # per sampling


def long_stream(seed: int) -> list[Step]:
    """Two thirds of well-behaved hours and a nasty end, so that windows are full and everything happens."""
    hours = keyframed_stream(seed, 0.8)
    end, last_seq = hours[-1].ts_recv, hours[-1].ev_seq
    nasty = nasty_stream(seed, 700, TASTES[0])
    shift = end - events_of(nasty)[0].ts_recv + 1
    return [
        *hours,
        *(replace(e, ts_recv=e.ts_recv + shift, ev_seq=e.ev_seq + last_seq) for e in events_of(nasty)),
    ]


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_rows_of_a_prefix_are_the_first_rows_of_the_whole(sampling: str) -> None:
    steps = long_stream(1)
    rng = random.Random(1)
    lengths = sorted(rng.sample(range(1, len(steps)), CUTS))
    spec = Spec(sampling=sampling)
    whole = pushed(steps, spec)
    for length in lengths:
        prefix = pushed(steps[:length], spec, flush=False)
        expected = whole.slice(0, prefix.num_rows)
        assert same_bits(prefix, expected), f"cut at {length}: {describe_difference(prefix, expected)}"
    # Nothing is held back either: the prefix gives every row that it closes.
    for length in lengths[:: CUTS // 20]:
        closed = len(Table(steps[:length], spec, flush=False))
        assert pushed(steps[:length], spec, flush=False).num_rows == closed


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_another_future_leaves_the_past_alone(sampling: str) -> None:
    """Rows up to a cut are equal whatever follows: the same stream, another one, or nothing."""
    events: list[Event] = events_of(long_stream(2))
    rng = random.Random(2)
    spec = Spec(sampling=sampling)
    ours = built(events, spec)
    for _ in range(CUTS // 4):
        cut = rng.randrange(len(events) - 1)
        t = events[cut].ts_recv
        past = [e for e in events if e.ts_recv <= t]
        other = events_of(nasty_stream(rng.randrange(10**6), 60))
        shift = t + rng.choice((1, SECOND, 30 * SECOND)) - other[0].ts_recv
        seq = past[-1].ev_seq
        future = [replace(e, ts_recv=e.ts_recv + shift, ev_seq=e.ev_seq + seq) for e in other]
        theirs = built([*past, *future], spec)
        left, right = (_keys_up_to(batch, t) for batch in (ours, theirs))
        common = left.keys() & right.keys()
        # A taker group that is open at the cut may go on in one future and not in the other; no other row may
        # be missing.
        assert len(common) >= max(len(left), len(right)) - 1
        before, after = (_values(batch, keys, common) for batch, keys in ((ours, left), (theirs, right)))
        assert same_bits(before, after), f"cut at {t}: {describe_difference(before, after)}"


def _keys_up_to(batch: pa.RecordBatch, t: int) -> dict[tuple[int, int], int]:
    """The place of every row at or before t."""
    keys = zip(batch.column("ts_recv").to_pylist(), batch.column("ev_seq").to_pylist(), strict=True)
    return {key: place for place, key in enumerate(keys) if key[0] <= t}


def _values(
    batch: pa.RecordBatch, place: dict[tuple[int, int], int], keys: set[tuple[int, int]]
) -> pa.RecordBatch:
    """The rows of `keys` without `ts_close`, which may well depend on what comes next."""
    return batch.drop_columns(["ts_close"]).take(pa.array([place[key] for key in sorted(keys)], pa.int64()))

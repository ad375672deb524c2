"""An engine that is stopped, written down and taken up again gives the rows of one that never stopped."""

from __future__ import annotations

import random
from dataclasses import replace

import pyarrow as pa
import pytest
from engine_face import describe_difference, push, pushed, same_bits
from hypothesis import given
from hypothesis import strategies as st
from reference.events import Spec, Step
from streams import FAST, SAMPLINGS, SPECS, TASTES, keyframed_stream, nasty_stream, specs, streams

from atc import _rust


def interrupted(steps: list[Step], spec: Spec, stops: list[int]) -> pa.RecordBatch:
    """The rows of an engine that is replaced by its restored state before each of the steps `stops`."""
    engine = _rust.FeatureEngine(spec.json())
    parts = []
    for number, step in enumerate(steps):
        if number in stops:
            parts.append(engine.take_rows())
            state = engine.state()
            engine = _rust.FeatureEngine.restore(state)
            assert engine.state() == state
        push(engine, step)
    engine.flush()
    parts.append(engine.take_rows())
    return pa.concat_batches(parts)


def assert_uninterrupted(steps: list[Step], spec: Spec, stops: list[int]) -> None:
    cut, whole = interrupted(steps, spec, stops), pushed(steps, spec)
    assert same_bits(cut, whole), describe_difference(cut, whole)


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("seed", range(len(TASTES)))
def test_restored_in_the_middle_of_a_nasty_stream(sampling: str, seed: int) -> None:
    steps = nasty_stream(seed, 900, TASTES[seed])
    rng = random.Random(seed)
    for config in SPECS:
        stops = sorted(rng.sample(range(len(steps)), 12))
        assert_uninterrupted(steps, replace(config, sampling=sampling), stops)


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_restored_within_full_windows(sampling: str) -> None:
    steps: list[Step] = [*keyframed_stream(3, 1.5)]
    stops = sorted(random.Random(3).sample(range(len(steps)), 8))
    assert_uninterrupted(steps, Spec(sampling=sampling), stops)


@FAST
@given(steps=streams(), spec=specs(), data=st.data())
def test_restored_anywhere(steps: list[Step], spec: Spec, data: st.DataObject) -> None:
    stops = data.draw(st.lists(st.integers(0, max(0, len(steps) - 1)), max_size=4))
    assert_uninterrupted(steps, spec, stops)

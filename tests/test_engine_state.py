"""An engine that is stopped, written down and taken up again gives the rows of one that never stopped."""

from __future__ import annotations

import random
import re
import struct
from dataclasses import replace
from decimal import Decimal

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


# Whose state it is


def some_state() -> bytes:
    engine = _rust.FeatureEngine(Spec().json())
    for step in nasty_stream(3, 150):
        push(engine, step)
    return engine.state()


PREFIX = 20  # magic, format, checksum


def with_checksum(state: bytes) -> bytes:
    """The state with the checksum of its body: 64 bits of FNV-1a."""
    checksum = 0xCBF29CE484222325
    for byte in state[PREFIX:]:
        checksum = (checksum ^ byte) * 0x100000001B3 % 2**64
    return state[:12] + struct.pack("<Q", checksum) + state[PREFIX:]


def test_the_checksum_is_of_the_body() -> None:
    state = some_state()
    assert with_checksum(state) == state


@pytest.mark.parametrize(
    "foreign", [b"", b"PAR1", b"atcstat", bytes(100), b"\x80\x04\x95 a pickle of some length"]
)
def test_what_is_no_state_is_refused(foreign: bytes) -> None:
    with pytest.raises(ValueError, match=f"these {len(foreign)} bytes are no engine state"):
        _rust.FeatureEngine.restore(foreign)


def test_a_state_of_another_format_is_refused() -> None:
    state = some_state()
    with pytest.raises(ValueError, match=r"format 9, expected 1; feed a new engine"):
        _rust.FeatureEngine.restore(state[:8] + struct.pack("<I", 9) + state[12:])


def test_a_state_of_another_schema_version_is_refused() -> None:
    state = some_state()
    version = {schema["name"]: schema["version"] for schema in _rust.feature_schemas()}["core"]
    place = state.index(b"core") + 4
    assert state[place] == version
    other = with_checksum(state[:place] + bytes([version + 1]) + state[place + 1 :])
    with pytest.raises(
        ValueError, match=rf"version {version + 1} of the feature schema 'core', expected {version}"
    ):
        _rust.FeatureEngine.restore(other)


def test_a_state_of_another_build_is_refused() -> None:
    state = some_state()
    digest = _rust.FEATUREGEN_DIGEST.encode()
    assert state.count(digest) == 1
    other = with_checksum(state.replace(digest, digest[::-1]))
    with pytest.raises(ValueError, match="another build of the formulas"):
        _rust.FeatureEngine.restore(other)


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (Spec(sampling="book"), '\'sampling\' is "trade", expected "book"'),
        (Spec(lot=Decimal("0.1")), "'lot' is 0.01, expected 0.1"),
        (Spec(maintenance=((1, 2, 3),)), "'maintenance' is "),
    ],
)
def test_a_state_of_another_specification_is_refused_where_one_is_expected(other: Spec, told: str) -> None:
    state = some_state()
    assert _rust.FeatureEngine.restore(state, Spec().json()).state() == state
    with pytest.raises(ValueError, match="engine state is of another specification: " + re.escape(told)):
        _rust.FeatureEngine.restore(state, other.json())


def test_a_state_cut_short_or_with_a_changed_byte_is_refused() -> None:
    state = some_state()
    rng = random.Random(6)
    for _ in range(300):
        place = rng.randrange(len(state))
        flipped = bytearray(state)
        flipped[place] ^= 1 << rng.randrange(8)
        for spoilt in (state[:place], bytes(flipped)):
            with pytest.raises(ValueError, match="state"):
                _rust.FeatureEngine.restore(spoilt)

"""The prefix test sees a leak of one single event, in any column, and has nothing to say of the engine."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pyarrow as pa
import pytest
from engine_face import pushed
from reference.events import Event, Spec
from streams import events_of, keyframed_stream

from atc.features.declarations import known_columns, schemas

Build = Callable[[Sequence[Event]], pa.RecordBatch]
# Constant in a short stream, or a function of the clock alone: one row later says nothing new.
SILENT = {
    name
    for name in known_columns()
    if name.removeprefix("tk_")
    in ("in_no_new_entry_window", "ttc_sec_norm", "biz_day_frac", "tod_sin", "tod_cos")
}

_built: dict[int, pa.RecordBatch] = {}


def rows_of(events: Sequence[Event]) -> pa.RecordBatch:
    """Of the one stream or a prefix of it; each is built once."""
    if len(events) not in _built:
        spec = Spec(sampling="trade", schemas=tuple(schema.name for schema in schemas()))
        _built[len(events)] = pushed(list(events), spec, flush=False)
    return _built[len(events)]


def leaking(column: str) -> Build:
    """The engine with `column` of each row taken from the row that one more event completes."""

    def build(events: Sequence[Event]) -> pa.RecordBatch:
        batch = rows_of(events)
        place = batch.schema.get_field_index(column)
        later = batch.column(place).slice(1)
        last = batch.column(place).slice(batch.num_rows - 1)
        shifted = pa.concat_arrays([later, last]) if batch.num_rows else batch.column(place)
        return batch.set_column(place, batch.schema.field(place), shifted)

    return build


def columns_that_look_ahead(build: Build, events: Sequence[Event], cuts: int, seed: int) -> set[str]:
    """Columns in which some row of a prefix differs from the same row of the whole."""
    rng = random.Random(seed)
    whole = build(events)
    found: set[str] = set()
    for length in rng.sample(range(len(events) // 2, len(events)), cuts):
        prefix = build(events[:length])
        found |= {
            name
            for name in prefix.schema.names
            if not prefix.column(name).equals(whole.column(name).slice(0, prefix.num_rows))
        }
    return found


@pytest.fixture(scope="module")
def events() -> list[Event]:
    return events_of(keyframed_stream(5, 0.3))


def test_the_engine_does_not_look_ahead(events: list[Event]) -> None:
    assert columns_that_look_ahead(rows_of, events, cuts=20, seed=1) == set()


@pytest.mark.parametrize("column", sorted(set(known_columns()) - SILENT))
def test_a_leak_of_one_event_is_caught(events: list[Event], column: str) -> None:
    distinct = rows_of(events).column(column).drop_null().unique()
    if len(distinct) < 2:
        pytest.fail(f"the stream of this test does not move {column}: it could not show a leak")
    assert columns_that_look_ahead(leaking(column), events, cuts=20, seed=1) == {column}

"""Cached days of a bad feed, with resets and a day that nobody recorded, are still those of one stream."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from engine_face import describe_difference, same_bits
from reference.events import RESET, SECOND
from test_day_cache import LABEL, days_of, joined, one_stream

import atc
from atc._rust import Simulator
from atc.config.data import SimulatedData
from atc.events.catalog import Catalog
from atc.events.instrument import instrument_of
from atc.events.schema import Kind, schema_of
from atc.events.simulate import simulator_params
from atc.events.writer import IngestSession
from atc.features.day_cache import Source, feature_days, label_days
from atc.features.declarations import known_columns


def with_resets(control: pa.RecordBatch, times: list[int]) -> pa.Table:
    schema = schema_of(Kind.CONTROL)
    rows = [
        {"ev_seq": 2**62 + k, "ts_recv": t, "flags": 0, "control_kind": RESET} for k, t in enumerate(times)
    ]
    resets = pa.RecordBatch.from_pylist(rows, schema=schema)
    return pa.Table.from_batches([control.cast(schema), resets]).sort_by("ts_recv")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    """The first, third and fourth day; the first and third with a RESET just after some of their frames."""
    root = tmp_path_factory.mktemp("gaps")
    config = atc.compose(
        ["+experiment=gbdt_36feat", "data/scenario=dirty_feed", "data.days=4", "data.rate=0.05"]
    )
    data = config.data
    assert isinstance(data, SimulatedData)
    simulator = Simulator(simulator_params(data), data.seed)
    with IngestSession(
        root, instrument_of(data), adapter="parts-1", source_hash="0" * 64, sources=[]
    ) as session:
        for number in range(data.days):
            tables = simulator.next_day()
            if number == 1:
                continue
            times = tables["book"].column("ts_recv").to_pylist()
            resets = [times[place] + 1 for place in (0, len(times) // 3, len(times) - 1)]
            if number < 3:
                tables["control"] = with_resets(tables["control"], resets)
            for kind in Kind:
                session.write_day(data.start_date + timedelta(days=number), kind, tables[kind.value])
        session.commit({})
    return Source(data, Catalog(root), root / "cache", config.sampling, config.features.engine)


def batch_of(table: pa.Table) -> pa.RecordBatch:
    return pa.concat_batches(table.to_batches())


@pytest.mark.parametrize("sampling", ["trade", "clock_1s"])
def test_days_are_the_stream(source: Source, sampling: str, tmp_path: Path) -> None:
    sampled = source.sampling.model_copy(update={"kind": sampling})
    asked = replace(source, sampling=sampled, cache_root=tmp_path)
    days = days_of(asked)
    assert [day.day - days[0].day for day in days] == [0, 2, 3]
    features = feature_days(asked, days, known_columns())
    rows, returns = one_stream(asked)
    built, expected = batch_of(joined(features)), batch_of(rows)
    # The seconds after the last event of a day before one that is missing belong to no day that there is.
    begin = asked.span(days[0] + timedelta(days=1))[0]
    end = begin + 24 * 3600 * SECOND
    times = expected.column("ts_recv").to_pylist()
    kept = [place for place, t in enumerate(times) if not begin <= t < end]
    assert len(times) - len(kept) < 61
    expected = expected.take(pa.array(kept))
    assert same_bits(built, expected), describe_difference(built, expected)
    labels = joined(label_days(asked, days, features, LABEL))
    assert labels.equals(returns.take(pa.array(kept)))

"""Days of rows and labels: equal to one stream, built once, and nothing half written."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from recordings import BINANCE_RAW, needs

import atc
from atc import _rust
from atc.config.schema import Paths, RecordedData, SimulatedData
from atc.errors import DataError
from atc.events.catalog import Catalog
from atc.events.ingest import ensure_ingested
from atc.events.reader import read_events
from atc.events.simulate import ensure_simulated, located
from atc.features.day_cache import SCHEMAS, Built, Source, days_read, feature_days, label_days
from atc.features.engine_spec import engine_spec

HORIZON_S = 300.0
EVER = (-(2**62), 2**62)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Source:
    root = tmp_path_factory.mktemp("simulated")
    config = atc.compose(["+experiment=gbdt_36feat", "data.days=3", "data.rate=0.1"])
    assert isinstance(config.data, SimulatedData)
    ensure_simulated(config.data, root)
    return Source(
        located(config.data), Catalog(root), root / "cache", config.sampling, config.features.engine
    )


def days_of(source: Source) -> list:
    return source.catalog.days(source.data.venue, source.data.symbol)


def joined(built: Built) -> pa.Table:
    return pa.concat_tables([pq.read_table(file) for file in built.files]).combine_chunks()


def one_stream(source: Source) -> tuple[pa.Table, pa.Table]:
    """Rows and labels of all events at once."""
    days = days_of(source)
    begin, end = source.span(days[0])[0], source.span(days[-1])[1]
    spec = engine_spec(source.data, source.sampling, source.engine, begin, end, schemas=SCHEMAS)
    events = read_events(source.catalog, source.data.venue, source.data.symbol, *EVER)
    batches = [
        (table.combine_chunks().to_batches() or [pa.RecordBatch.from_pylist([], schema=table.schema)])[0]
        for table in (events.book, events.trade, events.ticker, events.control)
    ]
    rows = _rust.build_rows(spec, *batches, *EVER)
    times = rows.column("ts_recv").to_pylist()
    labels = _rust.label_fwd_logret(spec, *batches, times, round(HORIZON_S * 1e9))
    return pa.Table.from_batches([rows]), pa.Table.from_batches([labels])


def assert_days_are_the_stream(source: Source) -> None:
    days = days_of(source)
    assert len(days) > 1
    features = feature_days(source, days)
    labels = label_days(source, days, features, HORIZON_S)
    rows, returns = one_stream(source)
    assert joined(features).equals(rows)
    assert joined(labels).equals(returns)


@pytest.mark.parametrize("sampling", ["trade", "book", "ticker", "clock_1s"])
def test_days_equal_one_stream(simulated: Source, sampling: str) -> None:
    sampled = simulated.sampling.model_copy(update={"kind": sampling})
    assert_days_are_the_stream(replace(simulated, sampling=sampled))


@pytest.mark.parametrize("sampling", ["trade", "book"])
@pytest.mark.parametrize("symbol", [pytest.param("ETHUSDT", marks=needs(BINANCE_RAW))])
def test_days_of_a_recording_equal_one_stream(tmp_path: Path, symbol: str, sampling: str) -> None:
    config = atc.compose(["+experiment=gbdt_36feat", "data=binance_ethusdt_2024", f"sampling={sampling}"])
    assert isinstance(config.data, RecordedData)
    assert config.data.symbol == symbol
    paths = Paths(outputs=str(tmp_path), events=str(tmp_path / "data"), recordings=str(BINANCE_RAW.parent))
    ensure_ingested(config.data, paths)
    source = Source(
        config.data, Catalog(paths.events_dir), tmp_path / "cache", config.sampling, config.features.engine
    )
    assert_days_are_the_stream(source)


def test_what_is_there_is_not_built_again(simulated: Source, tmp_path: Path) -> None:
    source = replace(simulated, cache_root=tmp_path)
    days = days_of(source)
    seen: list[int] = []
    first = feature_days(source, days, seen.append)
    assert (first.cached, sum(seen)) == (0, len(days))
    stamps = [file.stat().st_mtime_ns for file in first.files]
    second = feature_days(source, days)
    assert second == Built(first.files, cached=len(days))
    assert [file.stat().st_mtime_ns for file in second.files] == stamps


def test_a_constant_of_a_formula_makes_other_files(simulated: Source, tmp_path: Path) -> None:
    source = replace(simulated, cache_root=tmp_path)
    days = days_of(source)[:1]
    plan = feature_days(source, days)
    other = feature_days(replace(source, engine=source.engine.model_copy(update={"min_values": 30})), days)
    assert plan.files != other.files
    # A horizon belongs to the label alone.
    near, far = (label_days(source, days, plan, horizon) for horizon in (10.0, 300.0))
    assert near.files != far.files
    assert feature_days(source, days).cached == 1


def test_a_damaged_day_is_named_and_the_others_are_built(simulated: Source, tmp_path: Path) -> None:
    import shutil

    root = tmp_path / "events"
    shutil.copytree(simulated.catalog.root / "canonical", root / "canonical")
    source = replace(simulated, catalog=Catalog(root), cache_root=tmp_path / "cache")
    days = days_of(source)
    (entry,) = Catalog(root).day(source.data.venue, source.data.symbol, days[-1]).files["book"]
    path = Catalog(root).path(entry)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(DataError, match=path.name):
        feature_days(source, days)
    assert feature_days(source, days[:1]).cached == 1
    assert not list((tmp_path / "cache").rglob("*.part"))


def test_a_day_without_events_is_refused_by_name(simulated: Source) -> None:
    after = days_of(simulated)[-1] + timedelta(days=400)
    with pytest.raises(DataError, match=str(after)):
        feature_days(simulated, [after])


def test_a_file_cut_short_is_built_again(simulated: Source, tmp_path: Path) -> None:
    source = replace(simulated, cache_root=tmp_path)
    days = days_of(source)[:1]
    (file,) = feature_days(source, days).files
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    assert feature_days(source, days).cached == 0
    assert file.read_bytes() == whole


def test_what_a_killed_build_left_is_swept(simulated: Source, tmp_path: Path) -> None:
    source = replace(simulated, cache_root=tmp_path)
    days = days_of(source)[:1]
    (file,) = feature_days(source, days).files
    dead = subprocess.Popen(["true"])
    dead.wait()
    left = file.with_name(f".{file.name}.{dead.pid}.part")
    left.write_bytes(b"half")
    file.unlink()
    feature_days(source, days)
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_what_is_read_reaches_beyond_the_days(simulated: Source) -> None:
    """A run's identity has to hold the neighbours: the warm-up before, the horizon and the event after."""
    days = days_of(simulated)
    assert days_read(simulated, days[1:2], HORIZON_S) == days
    assert days_read(simulated, days[:1], HORIZON_S) == days[:2]

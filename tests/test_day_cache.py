"""Days of rows and labels: equal to one stream, built once, and nothing half written."""

from __future__ import annotations

import socket
import subprocess
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from _pytest.mark.structures import ParameterSet
from recordings import BINANCE_RAW, needs

import atc
from atc import _rust
from atc.config.data import RecordedData, SimulatedData
from atc.config.surroundings import Paths
from atc.errors import DataError
from atc.events.catalog import Catalog
from atc.events.ingest import ensure_ingested
from atc.events.reader import read_events, read_file
from atc.events.simulate import ensure_simulated, located
from atc.events.writer import IngestSession
from atc.features.building import Tally
from atc.features.compute import KEYS
from atc.features.day_cache import Features, Labels, Source, days_read, feature_days, label_days
from atc.features.day_file import read_footer
from atc.features.declarations import known_columns, schemas
from atc.features.engine_spec import engine_spec
from atc.features.label_spec import LabelSpec

LABEL = LabelSpec.over([300.0])
CORE = ("spread_bps",)
EVER = (-(2**62), 2**62)


def slow(sampling: str) -> ParameterSet:
    """A row a second or a ticker is many rows."""
    return pytest.param(sampling, marks=pytest.mark.slow)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Source:
    root = tmp_path_factory.mktemp("simulated")
    config = atc.compose(["+experiment=gbdt_36feat", "data.days=3", "data.rate=0.05"])
    assert isinstance(config.data, SimulatedData)
    ensure_simulated(config.data, root)
    return Source(
        located(config.data), Catalog(root), root / "cache", config.sampling, config.features.engine
    )


def days_of(source: Source) -> list:
    return source.catalog.days(source.data.venue, source.data.symbol)


def events_of(source: Source, day: date) -> int:
    """Messages of a business day."""
    events = read_events(source.catalog, source.data.venue, source.data.symbol, *source.span(day))
    tables = (events.book, events.trade, events.ticker, events.control)
    return sum(len(set(table["ev_seq"].to_pylist())) for table in tables)


def joined(built: Features | Labels) -> pa.Table:
    """All days and schemas as one table, in the order of the declarations."""
    days = []
    for files in built.files:
        if isinstance(files, Path):
            days.append(pq.read_table(files, partitioning=None))
            continue
        keys, *others = [pq.read_table(file, partitioning=None) for file in files.values()]
        for other in others:
            assert other.select(list(KEYS)).equals(keys.select(list(KEYS)))
            for name in other.schema.names[len(KEYS) :]:
                keys = keys.append_column(other.schema.field(name), other[name])
        days.append(keys)
    return pa.concat_tables(days).combine_chunks()


def one_stream(source: Source) -> tuple[pa.Table, pa.Table]:
    """Rows and labels of all events at once."""
    days = days_of(source)
    begin, end = source.span(days[0])[0], source.span(days[-1])[1]
    names = [schema.name for schema in schemas()]
    spec = engine_spec(source.data, source.sampling, source.engine, begin, end, schemas=names)
    events = read_events(source.catalog, source.data.venue, source.data.symbol, *EVER)
    batches = [
        (table.combine_chunks().to_batches() or [pa.RecordBatch.from_pylist([], schema=table.schema)])[0]
        for table in (events.book, events.trade, events.ticker, events.control)
    ]
    rows = _rust.build_rows(spec, *batches, *EVER)
    times = rows.column("ts_recv").to_pylist()
    labels = _rust.label_rows(spec, *batches, times, LABEL.heads)
    return pa.Table.from_batches([rows]), pa.Table.from_batches([labels])


def assert_days_are_the_stream(source: Source) -> None:
    days = days_of(source)
    assert len(days) > 1
    features = feature_days(source, days, known_columns())
    labels = label_days(source, days, features, LABEL)
    rows, returns = one_stream(source)
    # The clock goes on for `max_gap` after the last event; a day without events has no file for it.
    times = rows["ts_recv"].to_numpy()
    filed = np.zeros(len(times), dtype=bool)
    for begin, end in map(source.span, days):
        filed |= (begin <= times) & (times < end)
    assert source.sampling.kind == "clock_1s" or filed.all()
    assert joined(features).equals(rows.filter(pa.array(filed)).combine_chunks())
    assert joined(labels).equals(returns.filter(pa.array(filed)).combine_chunks())


@pytest.mark.parametrize("sampling", ["trade", "book", slow("ticker"), slow("clock_1s")])
def test_days_equal_one_stream(simulated: Source, sampling: str) -> None:
    sampled = simulated.sampling.model_copy(update={"kind": sampling})
    assert_days_are_the_stream(replace(simulated, sampling=sampled))


@pytest.mark.parametrize("sampling", ["trade", slow("clock_1s")])
def test_days_of_a_dirty_feed_with_a_missing_day_equal_one_stream(tmp_path: Path, sampling: str) -> None:
    """Gaps, resets, bad times and crossed books inside the days, and a day that is not there between them."""
    config = atc.compose(
        ["data/scenario=dirty_feed", "data.days=4", "data.rate=0.03", f"sampling={sampling}"]
    )
    assert isinstance(config.data, SimulatedData)
    ensure_simulated(config.data, tmp_path / "whole")
    whole, data = Catalog(tmp_path / "whole"), located(config.data)
    days = whole.days(data.venue, data.symbol)
    with IngestSession(
        tmp_path, whole.instrument(data.venue, data.symbol), adapter="test@1", source_hash="0" * 64
    ) as session:
        for day in (days[0], *days[2:]):
            for kind, entries in whole.day(data.venue, data.symbol, day).files.items():
                session.write_day(day, kind, read_file(whole.path(entries[0]), entries[0]))
        session.commit({})
    source = Source(data, Catalog(tmp_path), tmp_path / "cache", config.sampling, config.features.engine)
    assert len(source.days) == 3
    events = read_events(source.catalog, data.venue, data.symbol, *EVER)
    assert events.control.num_rows > 0
    assert_days_are_the_stream(source)


@pytest.mark.parametrize("sampling", ["trade", slow("book")])
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
    seen: list[Tally] = []
    first = feature_days(source, days, CORE, watch=seen.append)
    assert (first.cached, seen[-1].done, seen[-1].total) == (0, len(days), len(days))
    assert seen[-1].events == sum(events_of(source, day) for day in days)
    stamps = [file.stat().st_mtime_ns for files in first.files for file in files.values()]
    second = feature_days(source, days, CORE)
    assert second == Features(first.files, cached=len(days))
    assert [file.stat().st_mtime_ns for files in second.files for file in files.values()] == stamps


def test_a_constant_of_a_formula_makes_other_files(simulated: Source, tmp_path: Path) -> None:
    source = replace(simulated, cache_root=tmp_path)
    days = days_of(source)[:1]
    plan = feature_days(source, days, CORE)
    changed = replace(source, engine=source.engine.model_copy(update={"min_values": 30}))
    other = feature_days(changed, days, CORE)
    assert plan.files != other.files
    # A horizon belongs to the label alone.
    near, far = (label_days(source, days, plan, LabelSpec.over([horizon])) for horizon in (10.0, 300.0))
    assert near.files != far.files
    assert feature_days(source, days, CORE).cached == 1


def test_a_damaged_day_is_named_and_the_others_are_built(simulated: Source, tmp_path: Path) -> None:
    import shutil

    root = tmp_path / "events"
    shutil.copytree(simulated.catalog.root / "canonical", root / "canonical")
    source = replace(simulated, catalog=Catalog(root), cache_root=tmp_path / "cache")
    days = days_of(source)
    (entry,) = Catalog(root).day(source.data.venue, source.data.symbol, days[-1]).files["book"]
    path = Catalog(root).path(entry)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(DataError, match=path.name) as refused:
        feature_days(source, days, CORE)
    # The last day itself and, for the event that decides its last row, the one before it.
    assert f"business day {days[-2]}" in str(refused.value)
    assert f"nor can be built: {days[-1]}" in str(refused.value)
    assert f"{len(days) - 2} of {len(days)} days are in the cache" in str(refused.value)
    assert feature_days(source, days[:-2], CORE).cached == len(days) - 2
    assert not list((tmp_path / "cache").rglob("*.part"))


def test_a_day_without_events_is_refused_by_name(simulated: Source) -> None:
    after = days_of(simulated)[-1] + timedelta(days=400)
    with pytest.raises(DataError, match=str(after)):
        feature_days(simulated, [after], CORE)


def test_a_file_cut_short_is_built_again(simulated: Source, tmp_path: Path) -> None:
    source = replace(simulated, cache_root=tmp_path)
    days = days_of(source)[:1]
    ((file,),) = [files.values() for files in feature_days(source, days, CORE).files]
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    assert feature_days(source, days, CORE).cached == 0
    assert file.read_bytes() == whole


def test_what_a_killed_build_left_is_swept(simulated: Source, tmp_path: Path) -> None:
    source = replace(simulated, cache_root=tmp_path)
    days = days_of(source)[:1]
    ((file,),) = [files.values() for files in feature_days(source, days, CORE).files]
    dead = subprocess.Popen(["true"])
    dead.wait()
    left = file.with_name(f".{file.stem}@{socket.gethostname()}@{dead.pid}@0a1b2c3d.part")
    left.write_bytes(b"half")
    file.unlink()
    feature_days(source, days, CORE)
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_what_is_read_reaches_beyond_the_days(simulated: Source) -> None:
    """A run's identity has to hold the neighbours: the warm-up before, the horizon and the event after."""
    days = days_of(simulated)
    assert days_read(simulated, days[1:2], CORE, LABEL) == days
    assert days_read(simulated, days[:1], CORE, LABEL) == days[:2]


def test_a_file_says_what_it_holds(simulated: Source, tmp_path: Path) -> None:
    source = replace(simulated, cache_root=tmp_path)
    day = days_of(source)[1]
    (files,) = feature_days(source, [day], known_columns()).files
    assert list(files) == [schema.name for schema in schemas()]
    digests = set()
    for schema in schemas():
        file = files[schema.name]
        assert f"schema={schema.name}/date={day}" in str(file)
        manifest, table = read_footer(file), pq.read_table(file, partitioning=None)
        assert (manifest.schema, manifest.version, manifest.day) == (schema.name, schema.version, day)
        assert manifest.inputs["code"][0] == schema.code
        assert manifest.rows == table.num_rows > 100
        assert tuple(manifest.columns) == schema.columns == tuple(table.schema.names[len(KEYS) :])
        digests.add(manifest.row_digest)
        for name, found in manifest.columns.items():
            values = [x for x in table[name].to_pylist() if x is not None]
            assert found.nulls == table.num_rows - len(values)
            assert found.distinct == len(set(values))
            if values:
                ordered = sorted(values)
                assert (found.min, found.max) == (ordered[0], ordered[-1])
                assert found.mean == pytest.approx(sum(values) / len(values), rel=1e-6, abs=1e-12)
                # The nearest-rank median: the smallest value that half of the values do not exceed.
                assert found.quantiles is not None
                assert found.quantiles[3] == ordered[-(-len(ordered) // 2) - 1]
    assert len(digests) == 1


def test_only_what_the_columns_need_is_built(simulated: Source, tmp_path: Path) -> None:
    source = replace(simulated, cache_root=tmp_path)
    days = days_of(source)[:1]
    (files,) = feature_days(source, days, ("tk_spread_bps",)).files
    assert list(files) == ["ticker"]
    assert [path.name for path in source.folder("features").glob("schema=*")] == ["schema=ticker"]
    # What is built together is what is built apart.
    (both,) = feature_days(source, days, ("spread_bps", "tk_spread_bps")).files
    assert both["ticker"] == files["ticker"]
    apart = replace(source, cache_root=tmp_path / "apart")
    (core,) = feature_days(apart, days, ("spread_bps",)).files
    assert core["core"].read_bytes() == both["core"].read_bytes()
    together = replace(source, cache_root=tmp_path / "together")
    (one_pass,) = feature_days(together, days, ("spread_bps", "tk_spread_bps")).files
    for name, file in both.items():
        assert one_pass[name].read_bytes() == file.read_bytes()


def test_a_changed_version_rebuilds_that_schema_alone(
    simulated: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from atc.features import declarations, keys

    source = replace(simulated, cache_root=tmp_path)
    days = days_of(source)[:1]
    columns = ("spread_bps", "tk_spread_bps")
    (before,) = feature_days(source, days, columns).files
    labels = label_days(source, days, feature_days(source, days, columns), LABEL)
    changed = tuple(
        replace(schema, version=schema.version + 1, code="changed") if schema.name == "ticker" else schema
        for schema in schemas()
    )
    monkeypatch.setattr(declarations, "schemas", lambda: changed)
    stamp = before["core"].stat().st_mtime_ns
    built = feature_days(source, days, columns)
    (after,) = built.files
    assert after["core"] == before["core"]
    assert after["core"].stat().st_mtime_ns == stamp
    assert after["ticker"] != before["ticker"]
    assert read_footer(after["ticker"]).version == read_footer(before["ticker"]).version + 1
    # Labels depend on the rows, not on any column.
    assert label_days(source, days, built, LABEL) == replace(labels, cached=1)
    assert keys.label_code() not in {schema.code for schema in changed}

"""Nothing damaged, foreign or of other rows is taken for data, and `verify` cannot call it clean."""

from __future__ import annotations

import errno
import json
import random
import re
import shutil
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cached_market import SETTINGS
from typer.testing import CliRunner

import atc
from atc.cli import application
from atc.config.data import SimulatedData
from atc.errors import DataError, UsageError
from atc.events import catalog as catalog_module
from atc.events.catalog import Catalog
from atc.events.reader import read_events
from atc.events.simulate import ensure_simulated, located
from atc.features import build_day as build_day_module
from atc.features import building
from atc.features.day_cache import Features, Labels, Source, feature_days, label_days
from atc.features.day_file import manifest_of, packed, read_footer
from atc.features.day_job import DayJob, DayOutcome
from atc.features.day_workers import local
from atc.features.declarations import schema_named, schemas
from atc.features.inventory import Judge, cached_files
from atc.features.label_spec import LabelSpec
from atc.features.pruning import removals, remove
from atc.tasks.rows import read_rows

DAYS = 2
SMALL = [f"data.days={DAYS}", *SETTINGS[1:]]
HORIZON_S = 300.0
LABEL = LabelSpec.over([HORIZON_S])
COLUMNS = ("spread_bps", "ofi_1s")
HERE = partial(local, 1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Events, features of two schemas and labels."""
    root = tmp_path_factory.mktemp("made")
    data = atc.compose(SMALL).data
    assert isinstance(data, SimulatedData)
    ensure_simulated(data, root / "data")
    build(source(root))
    return root


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    shutil.copytree(made, tmp_path / "copy")
    return tmp_path / "copy"


def source(root: Path) -> Source:
    config = atc.compose(SMALL)
    assert isinstance(config.data, SimulatedData)
    facts, catalog = located(config.data), Catalog(root / "data")
    return Source(facts, catalog, root / "cache", config.sampling, config.features.engine)


def build(of: Source) -> tuple[Features, Labels]:
    features = feature_days(of, of.days, COLUMNS, make_executor=HERE)
    return features, label_days(of, of.days, features, LABEL, make_executor=HERE)


def run(command: str, root: Path, *words: str, code: int) -> str:
    settings = [*SMALL, f"paths.outputs={root}", "runtime.progress=off", f"label.horizon_s={HORIZON_S}"]
    result = CliRunner().invoke(application(), ["features", command, *settings, *words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.output


def flip(file: Path, place: int) -> None:
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)


def pages(file: Path) -> range:
    """Bytes of the file that hold values."""
    return range(4, file.stat().st_size - pq.read_metadata(file).serialized_size - 8)


def forge_labels(file: Path) -> None:
    """Other returns, with checksums and statistics of their own."""
    manifest, table = read_footer(file), pq.read_table(file, partitioning=None)
    forged = pa.array([None if r is None else r + 1e-9 for r in table["r_bps"].to_pylist()])
    place = table.schema.get_field_index("r_bps")
    table = table.set_column(place, table.schema.field(place), forged)
    place = (manifest.venue, manifest.symbol, manifest.day)
    file.write_bytes(packed(table, manifest_of(table, place, manifest.inputs, LABEL.keys)))


@pytest.mark.parametrize("kind", ["book", "trade", "ticker"])
def test_a_flipped_bit_of_the_events_is_no_other_price(root: Path, kind: str) -> None:
    of = source(root)
    file = next((root / "data").rglob(f"kind={kind}/date=2025-01-06/*.parquet"))
    asked = (of.catalog, of.data.venue, of.data.symbol, *of.span(of.days[0]))
    good = read_events(*asked)
    whole, rng, refused = file.read_bytes(), random.Random(1), 0
    for _ in range(20):
        file.write_bytes(whole)
        flip(file, rng.choice(pages(file)))
        try:
            assert read_events(*asked) == good  # a bit of a page's header that says nothing
        except DataError as why:
            assert f"kind={kind}" in str(why)
            refused += 1
    assert refused >= 15


def test_a_flipped_bit_of_the_cache_reaches_no_model(root: Path) -> None:
    features, labels = build(source(root))
    assert features.cached == labels.cached == DAYS
    columns = [*schema_named("core").columns, *schema_named("ofi").columns]
    good = read_rows("X", features.files, labels.files, columns)
    refused = 0
    for file in (features.files[0]["core"], features.files[1]["ofi"], labels.files[1]):
        whole, rng = file.read_bytes(), random.Random(1)
        for _ in range(10):
            file.write_bytes(whole)
            flip(file, rng.choice(pages(file)))
            try:
                read = read_rows("X", features.files, labels.files, columns)
            except DataError as why:
                assert str(file) in str(why)
                assert "verify --remove" in str(why)
                refused += 1
            else:
                assert read.x.tobytes() == good.x.tobytes()
                assert read.r_bps.tobytes() == good.r_bps.tobytes()
        file.write_bytes(whole)
    assert refused >= 20


def test_labels_are_not_made_of_a_damaged_file_of_rows(root: Path) -> None:
    of = source(root)
    features, labels = build(of)
    labels.files[0].unlink()
    rows = features.files[0]["core"]
    flip(rows, pages(rows)[10])  # the first column: ts_recv
    with pytest.raises(DataError, match="verify --remove"):
        label_days(of, of.days, features, LABEL, make_executor=HERE)


def test_columns_and_labels_of_other_rows_are_not_put_together(root: Path) -> None:
    features, labels = build(source(root))
    first, second = features.files
    with pytest.raises(DataError, match="its rows are not those of"):
        read_rows("X", [{**first, "ofi": second["ofi"]}], labels.files[:1], COLUMNS)
    with pytest.raises(DataError, match="its rows are not those of"):
        read_rows("X", [first], labels.files[1:], COLUMNS)
    labels.files[0].unlink()
    with pytest.raises(DataError, match="removed meanwhile"):
        read_rows("X", [first], labels.files[:1], COLUMNS)


def test_verify_reads_labels_and_finds_a_forged_one(root: Path) -> None:
    words = ["--schema", "ofi", "--schema", "core", "--stretches", "4", "--rows", "0"]
    assert f"clean: {3 * DAYS} files ({DAYS} of labels) read" in run("verify", root, *words, code=0)
    for file in (root / "cache/labels").rglob("*.parquet"):
        forge_labels(file)
    said = run("verify", root, *words, code=1)
    assert "r_bps at " in said
    assert "the labeller gives" in said


def test_verify_takes_every_schema_whatever_its_name(root: Path) -> None:
    """Folders come in the order of the alphabet, the engine's list does not."""
    words = [word for schema in schemas() for word in ("--schema", schema.name)]
    run("build", root, *words, "--from", "2025-01-07", code=0)
    words += ["--from", "2025-01-07", "--stretches", "2", "--rows", "1"]
    said = run("verify", root, *words, code=0)
    assert said.startswith(f"clean: {len(schemas()) + 1} files (1 of labels) read")
    assert "2 of them by the reference" in said


def test_verify_says_what_is_not_built_and_fails_where_nothing_is(root: Path) -> None:
    words = ["--schema", "core", "--stretches", "1", "--rows", "0"]
    next((root / "cache").rglob("schema=core/date=2025-01-06/*.parquet")).unlink()
    said = run("verify", root, *words, code=0)
    assert said.startswith("clean: 2 files (1 of labels) read")
    assert "1 files are not built yet" in said
    shutil.rmtree(root / "cache")
    assert "nothing to verify: none of the 2 files" in run("verify", root, *words, code=1)


def test_verify_names_damaged_events_and_keeps_what_was_built_from_them(root: Path) -> None:
    before = {file: file.read_bytes() for file in (root / "cache").rglob("*.parquet")}
    for file in (root / "data").rglob("kind=book/date=*/*.parquet"):
        flip(file, pages(file)[len(pages(file)) // 2])
    words = ["--schema", "core", "--stretches", "6", "--rows", "0", "--remove"]
    said = run("verify", root, *words, code=1)
    assert "cannot be computed again: " in said
    assert "kind=book" in said
    assert "removed 0 files" in said
    assert {file: file.read_bytes() for file in (root / "cache").rglob("*.parquet")} == before


def test_the_way_out_of_damaged_events_is_one(root: Path) -> None:
    """What the message says to remove is enough for the next build to make the events anew."""
    shutil.rmtree(root / "cache")
    file = next((root / "data").rglob("kind=book/date=2025-01-07/*.parquet"))
    whole = file.read_bytes()
    file.write_bytes(whole[:-100])
    with pytest.raises(DataError, match=r"business day 2025-01-06: .*kind=book/date=2025-01-07") as caught:
        run("build", root, code=0)
    told = re.search(r"remove (\S+),", str(caught.value))
    assert told is not None
    for manifest in Path("/").glob(told[1].removeprefix("/")):
        manifest.unlink()
    assert f"{DAYS} days built" in run("build", root, code=0)
    assert file.read_bytes() == whole


def test_schemas_are_named_in_any_order(root: Path) -> None:
    said = run("build", root, "--schema", "ofi", "--schema", "core", "--schema", "ofi", code=0)
    assert said.startswith("core-")
    assert f"0 days built, {DAYS} were there" in said


def test_a_file_in_the_folder_of_another_day_is_pruned(root: Path) -> None:
    file = next((root / "cache").rglob("schema=core/date=2025-01-06/*.parquet"))
    copy = file.parents[1] / "date=2025-01-07" / file.name
    shutil.copy(file, copy)
    of = source(root)
    found = removals(of.cache_root, Judge(of.catalog.root, of.data.venue, of.data.symbol))
    assert [(each.path, each.reason) for each in found] == [(copy, "in the folder of another day or schema")]


def test_what_was_mended_meanwhile_is_not_pruned(root: Path) -> None:
    of = source(root)
    file = next((root / "cache").rglob("schema=core/date=2025-01-06/*.parquet"))
    whole = file.read_bytes()
    file.write_bytes(whole[:-9])
    found = removals(of.cache_root, Judge(of.catalog.root, of.data.venue, of.data.symbol))
    (damaged,) = (each for each in found if each.path == file)
    assert damaged.reason.startswith("damaged: ")
    file.write_bytes(whole)  # another process builds it again
    assert remove([damaged]).removed == 0
    assert file.read_bytes() == whole
    file.write_bytes(whole[:-9])
    assert remove([damaged]).removed == 1
    assert not file.exists()


@pytest.mark.parametrize(
    "words", [("--schema", "cor"), ("--from", "06.01.2025"), ("--from", "2025-02-01", "--to", "2025-01-01")]
)
def test_wrong_words_are_refused_before_events_are_made(words: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        run("build", tmp_path, *words, code=2)
    assert not (tmp_path / "data").exists()


def test_a_horizon_beyond_the_data_has_no_labels(root: Path) -> None:
    of = source(root)
    features, _ = build(of)
    far = label_days(of, of.days, features, LabelSpec.over([3 * 86_400.0]), make_executor=HERE)
    read = read_rows("X", features.files, far.files, COLUMNS)
    assert len(read.r_bps) > 0
    assert np.isnan(read.r_bps).all()


class Scripted:
    """An executor that tells for each day in turn what a test says, one at a time."""

    capacity = 2

    def __init__(self, *outcomes: DayOutcome) -> None:
        self.outcomes = list(outcomes)
        self.under_way: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, number: int, job: DayJob) -> None:
        self.under_way.append(number)

    def wait(self, seconds: float) -> list[tuple[int, DayOutcome]]:
        return [(self.under_way.pop(0), self.outcomes.pop(0))]


@pytest.mark.parametrize("late", [DayOutcome(locked_by="process 1 on here"), DayOutcome(lost="killed")])
def test_after_what_stops_all_nothing_is_waited_for(root: Path, late: DayOutcome) -> None:
    """Another builder may hold its day for long; a full disk is told at once."""
    of = source(root)
    executor = Scripted(DayOutcome(failure="the disk is full", stops_all=True), late)
    with pytest.raises(DataError, match="the disk is full"):
        feature_days(of, of.days, ("kyle_lambda_300s",), make_executor=lambda _: executor)
    assert executor.outcomes == executor.under_way == []


def test_each_reason_is_told_once(root: Path) -> None:
    of = source(root)
    first, second = (f"features of {of.data.symbol}, business day {day}" for day in of.days)
    for others, said in (("spoilt", "nor can be built: 2025-01-07"), ("gone", f"{second}: gone")):
        executor = Scripted(DayOutcome(failure=f"{first}: spoilt"), DayOutcome(failure=f"{second}: {others}"))
        with pytest.raises(DataError) as caught:
            feature_days(of, of.days, ("kyle_lambda_300s",), make_executor=lambda _, it=executor: it)
        assert str(caught.value).splitlines()[:2] == [f"{first}: spoilt", said]


def test_a_day_that_only_its_worker_sees_is_told(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a cluster whose machines share no folder."""
    of = source(root)
    shutil.rmtree(of.cache_root)
    monkeypatch.setattr(building, "SEEN_WITHIN_S", 0.0)
    monkeypatch.setattr(build_day_module, "write_whole", lambda file, content: None)
    with pytest.raises(DataError, match=r"folders that all machines share"):
        feature_days(of, of.days, COLUMNS, make_executor=HERE)


def test_a_cache_that_cannot_be_written_is_told_once_and_can_be_read(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = source(root)
    tried: list[Path] = []

    def refused(file: Path) -> object:
        tried.append(file)
        raise PermissionError(errno.EACCES, "Permission denied", str(file))

    monkeypatch.setattr(build_day_module, "day_lock", refused)
    monkeypatch.setattr(building, "sweep_locks", refused)
    assert feature_days(of, of.days, COLUMNS, make_executor=HERE).cached == DAYS
    assert tried == []
    with pytest.raises(DataError, match=r"nothing can be written to .*paths\.outputs"):
        feature_days(of, of.days, ("kyle_lambda_300s",), make_executor=HERE)
    assert len(tried) == 2  # the first day, and the sweep of locks


def test_judging_reads_each_manifest_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not once an ingest: with an ingest a day that would be a million files."""
    of = source(root)
    manifests = root / "data/canonical/_ingests"
    (only,) = manifests.glob("*.json")
    for number in range(5):
        (manifests / f"other{number}.json").write_text(
            only.read_text().replace(only.stem, f"other{number}"), encoding="utf-8"
        )
    reads: list[Path] = []
    read = catalog_module.read_manifests
    monkeypatch.setattr(catalog_module, "read_manifests", lambda path: reads.append(path) or read(path))
    judge = Judge(of.catalog.root, of.data.venue, of.data.symbol)
    reasons = [judge.why_stale(file) for file in cached_files(of.cache_root, of.data.venue, of.data.symbol)]
    assert reasons == [None] * 3 * DAYS
    assert len(reads) == 1


def test_a_catalog_of_some_ingests_is_the_same_as_one_made_of_them(root: Path) -> None:
    whole = source(root).catalog
    (name,) = whole.manifests
    assert whole.streams()
    assert whole.only([name]).streams() == Catalog(whole.root, only=[name]).streams()
    assert whole.only([]).streams() == []


def test_a_day_without_rows_stands_between_the_others(root: Path) -> None:
    """No print, no row: its files are there, whole and empty."""
    shutil.rmtree(root / "cache")
    (manifest,) = (root / "data/canonical/_ingests").glob("*.json")
    content = json.loads(manifest.read_text(encoding="utf-8"))
    content["files"] = [
        entry for entry in content["files"] if (entry["kind"], entry["date"]) != ("trade", "2025-01-06")
    ]
    manifest.write_text(json.dumps(content), encoding="utf-8")
    features, labels = build(source(root))
    counts = [read_footer(files["core"]).rows for files in features.files]
    assert counts[0] == 0
    assert counts[1] > 0
    assert len(read_rows("X", features.files, labels.files, COLUMNS).x) == counts[1]
    assert len(read_rows("X", features.files[:1], labels.files[:1], COLUMNS).x) == 0
    said = run("verify", root, "--schema", "core", "--schema", "ofi", "--rows", "0", code=0)
    assert said.startswith("clean: 6 files (2 of labels) read")

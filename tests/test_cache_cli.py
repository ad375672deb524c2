"""`atc features build | status | verify | prune`: what they print, and what they find."""

from __future__ import annotations

import re
import socket
import subprocess
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from cached_market import SETTINGS
from typer.testing import CliRunner, Result

import atc
from atc.cli import application
from atc.errors import UsageError
from atc.features import declarations
from atc.features.compute import KEYS
from atc.features.day_file import manifest_of, packed, read_footer
from atc.features.day_lock import LOCKS, day_lock
from atc.features.matrix_cache import shared_columns, shared_matrix
from atc.features.matrix_file import MatrixDay, MatrixPlan
from atc.features.row_file import RowColumn, RowPlan

DAYS = 3
SMALL = ["data.days=3", *SETTINGS[1:]]


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("events")


@pytest.fixture
def settings(events: Path, tmp_path: Path) -> list[str]:
    """Of a cache of its own."""
    return [*SMALL, f"paths.events={events}", f"paths.outputs={tmp_path}", "runtime.progress=off"]


def features(*words: str) -> Result:
    return CliRunner().invoke(application(), ["features", *words])


def run(*words: str, code: int = 0) -> str:
    """What a command prints."""
    result = features(*words)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.output


def build(*words: str) -> str:
    """In this process: starting others would be most of the time."""
    return run("build", *words, "--workers", "1")


def files_of(settings: list[str]) -> list[Path]:
    folder = next(Path(word.split("=")[1]) for word in settings if word.startswith("paths.outputs"))
    return sorted(folder.rglob("schema=*/*/*.parquet"))


def numbers(line: str) -> list[str]:
    return line.split()


def test_build_status_and_build_again(settings: list[str]) -> None:
    said = build(*settings, "--to", "2025-01-07")
    assert re.search(
        r"^core-\d+ of simulated-target-\w+/ETH_JPY: 2 days built, 0 were there, \d\.\d MB", said
    )
    header, core, *rest = run("status", *settings).splitlines()[1:]
    assert header.split() == [
        "schema", "code", "days", "missing", "stale", "other", "rows", "MB", "bytes/row", "s/day",
    ]  # fmt: skip
    schema = declarations.schema_named("core")
    version, code = schema.version, schema.code[:12]
    rows = sum(read_footer(file).rows for file in files_of(settings))
    assert numbers(core)[:7] == [f"core-{version}", code, "2", "1", "0", "0", f"{rows:,}"]
    assert rest == [f"core-{version} misses 2025-01-08"]
    assert len(header) == len(core)
    assert "1 days built, 2 were there" in build(*settings)
    assert "0 days built, 3 were there" in build(*settings)


def test_status_lists_the_files(settings: list[str]) -> None:
    build(*settings)
    lines = run("status", *settings, "--files").splitlines()[3:]
    assert lines[0].split() == [
        "date",
        "schema",
        "key",
        "events",
        "from",
        "to",
        "rows",
        "null",
        "%",
        "MB",
        "s",
    ]
    for line, file in zip(lines[1:], files_of(settings), strict=True):
        day, _, key, begin, end, rows, *_ = line.split()
        manifest = read_footer(file)
        assert (day, key, rows) == (manifest.day.isoformat(), file.stem, f"{manifest.rows:,}")
        assert begin < f"{day}T" < end


def test_status_makes_nothing(settings: list[str], tmp_path: Path) -> None:
    said = run("status", *settings, f"paths.events={tmp_path / 'none'}")
    assert "no events yet" in said
    assert not (tmp_path / "none").exists()
    assert not (tmp_path / "cache").exists()


def test_status_tells_the_columns(settings: list[str]) -> None:
    build(*settings, "--schema", "core", "--schema", "ticker")
    lines = run("status", *settings, "--columns", "--schema", "core", "--schema", "ticker").splitlines()
    shown = {line.split()[0]: line.split()[1:] for line in lines}
    assert shown["column"] == [
        *["schema", "null", "%", "min", "p1", "p5", "p25", "p50", "p75", "p95", "p99", "max", "mean"]
    ]
    core = [file for file in files_of(settings) if "schema=core" in str(file)]
    values = pa.concat_tables([pq.read_table(file, partitioning=None) for file in core])["spread_bps"]
    schema, nulls, least, *_, most, mean = shown["spread_bps"]
    assert (schema, nulls) == ("core", f"{100 * values.null_count / len(values):.2f}")
    assert (least, most) == (f"{pc.min(values).as_py():.4g}", f"{pc.max(values).as_py():.4g}")
    assert mean == f"{pc.mean(values).as_py():.4g}"
    assert set(shown) >= {name for schema in declarations.schemas()[:2] for name in schema.columns}


def test_verify_is_clean_and_finds_a_flipped_bit(settings: list[str]) -> None:
    build(*settings)
    words = ["--stretches", "3", "--rows", "0"]
    said = run("verify", *settings, *words)
    assert said.startswith("clean: 3 files read, ")
    assert " rows of 3 stretches computed again" in said
    file = files_of(settings)[1]
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    found = run("verify", *settings, *words, code=1)
    assert str(file) in found
    assert "1 findings: 3 files read" in found
    assert "removed 1 files" in run("verify", *settings, *words, "--remove", code=1)
    assert not file.exists()
    assert "1 days built, 2 were there" in build(*settings)
    assert run("verify", *settings, *words).startswith("clean: ")


def test_verify_finds_a_value_that_the_engine_does_not_give(settings: list[str]) -> None:
    """A forgery with checksums and statistics of its own: only another computation can tell."""
    build(*settings)
    for file in files_of(settings):
        manifest, table = read_footer(file), pq.read_table(file, partitioning=None)
        place = table.schema.names.index("trade_vol_1s")
        forged = pa.array([x * 1.0000002 for x in table["trade_vol_1s"].to_pylist()], pa.float32())
        table = table.set_column(place, table.schema.field(place), forged)
        named = (manifest.venue, manifest.symbol, manifest.day)
        file.write_bytes(packed(table, manifest_of(table, named, manifest.inputs, KEYS)))
    said = run("verify", *settings, "--stretches", "2", "--rows", "0", code=1)
    assert "column trade_vol_1s at ts_recv" in said
    assert "the engine gives" in said


def test_verify_asks_the_reference(settings: list[str]) -> None:
    build(*settings, "--to", "2025-01-06")
    said = run("verify", *settings, "--stretches", "1", "--rows", "1")
    assert said.startswith("clean: ")
    assert "1 of them by the reference" in said


def test_prune_says_first_and_removes_then(
    settings: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    build(*settings, "--schema", "core", "--schema", "ticker")
    assert "0 files, 0.0 MB would go" in run("prune", *settings)
    newer = tuple(
        replace(schema, version=schema.version + 1) if schema.name == "ticker" else schema
        for schema in declarations.schemas()
    )
    old = newer[1].version - 1
    monkeypatch.setattr(declarations, "schemas", lambda: newer)
    ticker = numbers(run("status", *settings, "--schema", "ticker").splitlines()[2])
    assert [ticker[0], *ticker[2:6]] == [f"ticker-{old + 1}", "0", "3", "3", "0"]
    said = run("prune", *settings)
    assert f"version {old}, now {old + 1}" in said
    assert re.search(r"3 files, \d\.\d MB would go; --yes removes them", said)
    assert len(files_of(settings)) == 2 * DAYS
    # A day that is being built is left alone.
    instrument = files_of(settings)[0].parents[2]
    with day_lock(instrument / LOCKS / "2025-01-07"):
        held = run("prune", *settings, "--yes")
    assert "left alone: 2025-01-07, which process " in held
    assert "2 files, " in held
    assert "1 files, " in run("prune", *settings, "--yes")
    assert [file.parents[1].name for file in files_of(settings)] == ["schema=core"] * DAYS
    assert not list(instrument.glob("schema=ticker/date=*"))


def test_prune_removes_days_whose_events_are_gone_and_what_killed_processes_left(
    settings: list[str], events: Path, tmp_path: Path
) -> None:
    build(*settings)
    other = [*settings, f"paths.events={tmp_path / 'fewer'}"]
    # The same settings over a root where nothing is filed.
    (tmp_path / "fewer").mkdir()
    assert "the events of the day are gone" in run("prune", *other)
    assert len(files_of(settings)) == DAYS
    dead = subprocess.Popen(["true"])
    dead.wait()
    import socket

    left = files_of(settings)[0].with_name(f".abc@{socket.gethostname()}@{dead.pid}@00000000.part")
    left.write_bytes(b"half")
    assert "left by a killed process" in run("prune", *settings, "--yes")
    assert not left.exists()
    assert len(files_of(settings)) == DAYS
    run("prune", *other, "--yes")
    assert files_of(settings) == []


def test_prune_keeps_other_settings_unless_told(settings: list[str]) -> None:
    build(*settings)
    changed = [*settings, "features.engine.min_values=30"]
    build(*changed)
    assert numbers(run("status", *settings).splitlines()[2])[2:6] == ["3", "0", "0", "3"]
    assert "0 files" in run("prune", *settings)
    said = run("prune", *settings, "--others", "--yes")
    assert "other settings" in said
    assert "0 days built, 3 were there" in build(*settings)
    assert "3 days built, 0 were there" in build(*changed)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("build", "--on", "moon"), "--on moon: expected local or ray"),
        (("build", "--address", "1.2.3.4:6379"), "add --on ray"),
        (("build", "--schema", "cor"), "did you mean 'core'"),
        (("build", "--from", "yesterday"), "expected a date such as"),
        (("status", "--from", "2025-01-08", "--to", "2025-01-06"), "is after --to"),
        (("build", "--from", "2031-01-08"), "there are 3 from 2025-01-06 to 2025-01-08"),
        (("prune", "--schema", "cor"), "did you mean 'core'"),
        (("prune", "--all", "--others"), "leave --all out"),
    ],
)
def test_wrong_words_are_refused(settings: list[str], words: tuple[str, ...], message: str) -> None:
    result = features(words[0], *settings, *words[1:])
    assert isinstance(result.exception, UsageError)
    assert message in str(result.exception)


def test_without_ray_the_way_out_is_told(settings: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "ray", None)
    result = features("build", *settings, "--on", "ray")
    assert isinstance(result.exception, UsageError)
    assert "uv sync --extra ray" in str(result.exception)
    assert "--on local" in str(result.exception)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (
            "build",
            ["--from", "--to", "--schema", "--workers", "--on", "--address", "two builds"],
        ),
        ("status", ["--columns", "--schema", "nothing is made"]),
        ("verify", ["--stretches", "--rows", "--seed", "--remove", "same bits"]),
        ("prune", ["--yes", "--others", "--all", "left alone"]),
    ],
)
def test_the_help_tells_the_options(command: str, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    shown = " ".join(run(command, "--help").split())
    for word in words:
        assert word in shown


def test_a_run_finds_what_was_built_for_it(settings: list[str], tmp_path: Path) -> None:
    """The columns of a run are those of its model and of what it is compared with."""
    from atc.tasks.market_data import run_columns

    config = atc.compose([*settings, "features=ticker24"])
    assert [schema.name for schema in declarations.schemas_of(run_columns(config))] == ["core", "ticker"]
    said = build(*settings, "features=ticker24", "--to", "2025-01-06")
    assert re.match(r"core-\d+\+ticker-\d+ of ", said)


def test_matrices_are_told_and_go_with_the_features_they_are_made_of(settings: list[str]) -> None:
    build(*settings, "--schema", "core")
    files = files_of(settings)
    source = Path(next(word.split("=")[1] for word in settings if word.startswith("paths.outputs"))) / "cache"
    folder = source / "matrices" / files[0].parents[2].parent.name / files[0].parents[2].name
    days = [
        MatrixDay(date.fromisoformat(file.parent.name[5:]), read_footer(file).rows, {"core": file.stem})
        for file in files
    ]
    plan = MatrixPlan(("spread_bps",), tuple(days))
    shared_matrix(folder, plan, lambda: (np.zeros((day.rows, 1), dtype=np.float32) for day in days))
    rows = sum(day.rows for day in days)
    told = run("status", *settings, "--schema", "core")
    assert re.search(rf"{plan.key}  2025-01-06  2025-01-08 +3 +{rows:,} +1 +0\.\d", told)
    assert "0 files" in run("prune", *settings)

    part = folder / f".{plan.key}@{socket.gethostname()}@999999999@00000000.part"
    part.write_bytes(b"half")
    assert "left by a killed process" in run("prune", *settings, "--yes")
    assert not part.exists()
    whole = (folder / f"{plan.key}.npy").read_bytes()
    (folder / f"{plan.key}.npy").write_bytes(whole[:-1])
    assert "not whole" in run("status", *settings, "--schema", "core")
    assert re.search(r"matrices +1 .* damaged: not whole", run("prune", *settings))
    (folder / f"{plan.key}.npy").write_bytes(whole)
    assert "0 files" in run("prune", *settings)
    with day_lock(folder / LOCKS / plan.key):
        files[1].unlink()
        assert "its features are gone" in run("prune", *settings, "--yes", "--schema", "matrices")
        assert (folder / f"{plan.key}.npy").exists()  # it is being built
    run("prune", *settings, "--yes", "--schema", "matrices")
    assert not list(folder.glob("*.npy"))


def test_what_is_known_of_rows_goes_with_its_labels(settings: list[str]) -> None:
    build(*settings, "--schema", "core")
    place = files_of(settings)[0].parents[2]
    source = Path(next(word.split("=")[1] for word in settings if word.startswith("paths.outputs"))) / "cache"
    instrument = Path(place.parent.name) / place.name
    labels = source / "labels" / instrument / "date=2025-01-06" / "0123.parquet"
    labels.parent.mkdir(parents=True)
    labels.write_bytes(b"")
    plan = RowPlan((RowColumn("t0", "<i8"),), (MatrixDay(date(2025, 1, 6), 5, {"labels": labels.stem}),))
    folder = source / "matrices" / instrument
    shared_columns(folder, plan, lambda: iter([{"t0": np.arange(5)}]))
    told = run("status", *settings, "--schema", "core")
    assert re.search(rf"{plan.key}  2025-01-06  2025-01-06 +1 +5 +1 +0\.0", told)
    # The labels are damaged, so they go, and what was made of them.
    assert "its labels are gone, or go with this" in run("prune", *settings, "--yes", "--schema", "matrices")
    assert not list(folder.glob("*.rows"))

"""The localiser on a tiny market: silent where nothing leaks, and exact where something does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from leak_market import SMALL, TREES, market, searched
from leaks_in_features import other_column, rows_ahead
from leaks_in_fits import scaled_on
from typer.testing import CliRunner

from atc.cli import application
from atc.config.schema import RunConfig
from atc.errors import DataError
from atc.leaks.localise import Effort
from atc.leaks.stages import TICK_STAGES
from atc.leaks.streams import Stream

BY_ROWS = TICK_STAGES[:3]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("market")


@pytest.fixture(scope="module")
def small(root: Path) -> tuple[RunConfig, Stream]:
    return market(root)


def test_a_clean_run_raises_no_alarm(root: Path, small: tuple[RunConfig, Stream], tmp_path: Path) -> None:
    report = searched(*small, tmp_path, Effort(windows=1, aims=1), outputs=root)
    assert report.leak is None
    assert [one.stage for one in report.stages] == [stage.name for stage in TICK_STAGES]
    assert report.stages[0].checked > 0


@pytest.mark.slow
def test_a_whole_search_looks_at_every_stage(
    root: Path, small: tuple[RunConfig, Stream], tmp_path: Path
) -> None:
    report = searched(*small, tmp_path, Effort(windows=1), outputs=root)
    assert all(one.checked > 0 and one.moved == 0 for one in report.stages), report.stages
    assert not [finding.not_run for finding in report.findings if finding.not_run]


def test_a_column_that_looks_one_row_ahead_is_named(
    root: Path, small: tuple[RunConfig, Stream], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other_column("rv_5s", rows_ahead(1))(monkeypatch)
    report = searched(*small, tmp_path, Effort(windows=1), BY_ROWS, outputs=root)
    assert report.leak is not None
    moved = report.leak.moved
    assert moved is not None
    assert (moved.stage, moved.table, moved.column) == ("feature", "features", "rv_5s")
    assert set(moved.row) == {"ts_recv", "ev_seq"}
    assert moved.row["ts_recv"] == moved.known_ns <= report.leak.probe.t
    # Nothing else is blamed: the other columns, the rows, the events and the labels are as they were.
    for finding in report.findings:
        for one in finding.comparisons:
            assert set(one.columns) <= ({"rv_5s"} if one.table == "features" else set())


def test_a_scaler_that_saw_the_holdout_is_named(
    root: Path, small: tuple[RunConfig, Stream], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scaled_on("all rows")(monkeypatch)
    effort = Effort(windows=1, stop_at_first=True)
    report = searched(*small, tmp_path, effort, TICK_STAGES[:5], outputs=root)
    assert report.leak is not None
    assert report.leak.moved is not None
    assert report.leak.moved.stage == "scaler"


def settings(root: Path) -> list[str]:
    return [*SMALL[1:], *TREES, "backtest=none", f"paths.outputs={root}", "runtime.progress=off"]


def test_the_command_leaves_a_folder_that_shows_the_leak_again(
    root: Path, small: tuple[RunConfig, Stream], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, stream = small
    atc, folder, file = CliRunner(), tmp_path / "leak", tmp_path / "leaks.json"
    options = [
        *("--days", "2", "--windows", "1", "--aims", "1", "--seed", "3"),
        *("--reproducer", str(folder), "--json", str(file)),
    ]
    with pytest.MonkeyPatch.context() as patch:
        other_column("trade_vol_1s", rows_ahead(1))(patch)
        found = atc.invoke(application(), ["leaks", SMALL[0], *settings(root), *options])
        assert found.exit_code == 1, found.output
        assert "LEAK in stage 'feature': features.trade_vol_1s of row ts_recv=" in found.output
        content = json.loads(file.read_bytes())
        assert not content["clean"]
        assert next(one["stage"] for one in content["stages"] if one["moved"]) == "feature"

        leak = json.loads((folder / "leak.json").read_bytes())
        assert leak["moved"]["column"] == "trade_vol_1s"
        again = atc.invoke(application(), ["leaks", "--replay", str(folder)])
        assert again.exit_code == 1, again.output
        assert "features.trade_vol_1s of row ts_recv=" in again.output
    # A few minutes of the two days.
    kept = sum(path.stat().st_size for path in (folder / "events" / "original").rglob("*.parquet"))
    whole = sum(table.estimated_size() for table in stream.tables.values())
    assert kept < whole / 20
    # Mended: the same folder shows nothing any more.
    mended = atc.invoke(application(), ["leaks", "--replay", str(folder)])
    assert mended.exit_code == 0, mended.output
    assert "it moves no more" in mended.output


def test_what_is_no_reproducer_is_refused(tmp_path: Path) -> None:
    from atc.leaks.reproducer import replay

    with pytest.raises(DataError, match="no reproducer of a leak"):
        replay(tmp_path, tmp_path)


def test_too_few_days_say_so(root: Path) -> None:
    asked = ["leaks", SMALL[0], *settings(root), "--days", "9"]
    found = CliRunner().invoke(application(), asked)
    assert isinstance(found.exception, DataError)
    assert "--days 9 asks for more" in str(found.exception)

"""A sweep in W&B: a run of its own with the leaderboard, once for each that there is."""

from __future__ import annotations

import io
import json
import logging
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from made_sweeps import FAILED, Sweeps
from wandb_files import Offline, read_offline

from atc.left_out import leave_out_unused
from atc.report import sweep_tracking
from atc.report.leaderboard import print_leaderboard
from atc.report.publishing import publication_of
from atc.report.sweep_tracking import track_sweep
from atc.sweep.folder import MANIFEST, TRIALS
from atc.sweep.state import JobState


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Two finished jobs and a failed one, with the leaderboard in its folder."""
    sweeps = Sweeps(tmp_path)
    runs = sweeps.run("gbdt_36feat", 0.05), sweeps.run("logistic_36feat", 0.01, key=1)
    folder = sweeps.sweep(*runs, FAILED)
    print_leaderboard(folder, io.StringIO())
    return folder


def test_it_holds_the_leaderboard_and_how_the_jobs_ended(sweep: Path, tmp_path: Path) -> None:
    track_sweep(sweep)
    told = read_offline(tmp_path)
    assert told.folder.name.endswith("5" * 16)
    assert (told.run["job_type"], told.run["run_group"]) == ("sweep", "top3")
    assert told.run["display_name"] == sweep.name
    assert set(told.run["tags"]) == {"sweep: top3", "holdout: open"}
    assert told.config["command"] == ["+sweep=top3"]
    assert {key: told.summary[key] for key in ("jobs", "jobs/finished", "jobs/failed")} == {
        **{"jobs": 3, "jobs/finished": 2, "jobs/failed": 1}
    }
    for name in ("leaderboard", "cost"):
        kept, table = pl.read_parquet(sweep / f"{name}.parquet"), told.table(name)
        assert (table["columns"], len(table["data"])) == (kept.columns, kept.height)
    files = [f"{name}.{ending}" for name in ("cost", "leaderboard") for ending in ("csv", "md", "parquet")]
    assert told.files_in("top3-leaderboard") == [*files, "manifest.jsonl"]
    assert told.exit_codes == [1]
    found = publication_of(sweep)
    assert told.folder in found.runs_to_send
    # Keys of one of the models alone are no axis, and those of the baseline change what is lifted from.
    assert found.shown("team").varied == ("model.kind",)


def test_what_multiruns_leave_out_is_there_for_wandb(sweep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    leave_out_unused()
    left_out, filled = [*sys.meta_path], []
    monkeypatch.setattr(sweep_tracking, "_fill", lambda _run, _sweep: filled.append([*sys.meta_path]))
    track_sweep(sweep)
    assert filled == [left_out[1:]]
    assert sys.meta_path == left_out


def test_trials_that_were_ended_early_are_no_failure(tmp_path: Path) -> None:
    sweeps = Sweeps(tmp_path)
    track_sweep(sweeps.sweep(sweeps.run("gbdt_36feat"), JobState("pruned", 1)))
    assert read_offline(tmp_path).exit_codes == [0]


def test_of_a_search_it_keeps_the_trials(sweep: Path, tmp_path: Path) -> None:
    job = json.loads((sweep / MANIFEST).read_text().splitlines()[-1])
    (sweep / TRIALS).write_text(json.dumps({**job, "number": job["number"] + 1}) + "\n")
    track_sweep(sweep)
    assert {"manifest.jsonl", "trials.jsonl"} <= set(read_offline(tmp_path).files_in("top3-leaderboard"))


def test_the_same_leaderboard_is_recorded_once_and_another_takes_its_place(
    sweep: Path, tmp_path: Path
) -> None:
    track_sweep(sweep)
    first = read_offline(tmp_path).folder
    track_sweep(sweep)
    assert read_offline(tmp_path).folder == first
    page = tmp_path / "reports" / f"{sweep.name}.html"
    page.parent.mkdir()
    page.write_text("<title>the sweep</title>")
    time.sleep(1.1)  # W&B names folders by the second
    track_sweep(sweep)
    told = read_offline(tmp_path)
    assert told.folder != first
    assert told.files_in("top3-report") == [page.name]
    assert Offline(tmp_path / "wandb" / "earlier" / first.name).exit_codes == [1]


def test_a_failure_of_wandb_costs_a_warning(
    sweep: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "wandb").write_text("in the way")
    track_sweep(sweep)
    (told,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "its folder is whole without it" in told.message

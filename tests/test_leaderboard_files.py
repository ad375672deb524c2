"""What the leaderboard prints and writes, and what it lists apart."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from made_sweeps import FAILED, INTERRUPTED, Sweeps, metrics_with, shown, top3
from typer.testing import CliRunner

from atc.cli import application
from atc.report.candidates import candidates_in
from atc.sweep.state import JobError, JobState
from atc.tracking.run_files import METRICS

FILES = [f"{name}.{ending}" for name in ("leaderboard", "cost") for ending in ("md", "csv", "parquet")]


@pytest.fixture
def sweeps(tmp_path: Path) -> Sweeps:
    return Sweeps(tmp_path)


def test_tables_fit_the_terminal_and_files_hold_everything(sweeps: Sweeps, tmp_path: Path) -> None:
    long = "gbdt_36feat_with_a_very_long_name_that_nobody_should_use"
    runs = [*top3(sweeps), sweeps.run(long, 0.02, key=5)]
    folder = sweeps.sweep(*runs, FAILED, name="wide")
    text = shown(folder)
    assert max(map(len, text.splitlines())) <= 100
    csv, parquet, file = tmp_path / "b.csv", tmp_path / "b.parquet", tmp_path / "b.json"
    marked = shown(folder, "--markdown", "--csv", csv, "--parquet", parquet, "--json", file)
    assert marked.startswith((folder / "leaderboard.md").read_text())
    assert long in marked
    rows = pl.read_parquet(parquet)
    assert rows.equals(pl.read_csv(csv, schema=rows.schema))
    assert rows["rank"].to_list() == [1, 2, 3, 1, None]
    assert rows["label.kind"].to_list()[0] == "multihorizon_up"
    first = rows.row(0, named=True)
    assert first["run"] == "multihorizon_ticker_24feat"
    assert first["lift"] == pytest.approx(0.015)
    assert (first["expects"], first["share"]) == pytest.approx((0.02, 0.75))
    assert (first["fit_cpu_seconds"], first["rest_cpu_seconds"]) == (1800.0, 2 * 9e4)
    content = json.loads(file.read_text())
    assert [row["run"] for row in content["rows"]] == rows["run"].to_list()
    assert len(content["cost"]) == 4
    elsewhere = tmp_path / "there"
    shown(*(run.folder for run in runs), "--to", elsewhere)
    assert sorted(path.name for path in elsewhere.iterdir()) == sorted(FILES)


def test_the_files_say_the_same_whatever_the_clocks_say(sweeps: Sweeps) -> None:
    runs = top3(sweeps)
    folder = sweeps.sweep(*runs)
    shown(folder)
    assert sorted(path.name for path in folder.iterdir() if path.is_file()) == sorted(
        [*FILES, "manifest.jsonl"]
    )
    before = {name: (folder / name).read_bytes() for name in FILES}
    for run, times in zip(runs, (1.07, 0.95, 1.1), strict=True):
        fit = json.loads((run.folder / "manifest.json").read_bytes())["stages"]["fit"]["cpu_seconds"]
        sweeps.priced(run, fit * times)
    shown(folder)
    for name, content in before.items():
        assert ((folder / name).read_bytes() == content) is name.startswith("leaderboard"), name


def test_what_cannot_be_ranked_is_listed_with_its_reason(sweeps: Sweeps) -> None:
    good = sweeps.run("gbdt_36feat", key=1)
    half = sweeps.run("logistic_36feat", key=2)
    (half.folder / METRICS).write_bytes((half.folder / METRICS).read_bytes()[:100])
    control = sweeps.run(
        "gbdt_36feat_random",
        metrics={**metrics_with("lift/holdout/auc", 0.2, 0.01), "warning/random_split": 1},
    )
    undefined = {**metrics_with("lift/holdout/auc", 0.2, 0.01), "lift/holdout/auc": None, "holdout/auc": None}
    empty = sweeps.run("gbdt_13feat", metrics=undefined, key=3)
    folder = sweeps.sweep(good, FAILED, INTERRUPTED, None, half, control, empty, good, name="mixed")
    text = shown(folder)
    assert "leaderboard of mixed-555555555555: 1 run on it, 7 apart" in text
    why = {row["job"]: row["why_apart"] for row in pl.read_csv(folder / "leaderboard.csv").to_dicts()}
    assert why[1] is None
    assert why[2] == "failed: DataError: the disk is full"
    assert why[3] == "unfinished: it was stopped before its end"
    assert why[4] == "unfinished: it has not begun"
    assert why[5].startswith("runs/logistic_36feat-")
    assert "metrics.json has 100 bytes" in why[5]
    assert str(sweeps.outputs) not in (folder / "leaderboard.md").read_text()
    assert why[6] == "a control and no result: a random split flatters"
    assert why[7].startswith("it has no lift over its baseline")
    assert why[8] == "it is the run of job 1, whose config means the same"


def test_runs_given_one_by_one_are_not_lost_for_one_that_cannot_be_read(sweeps: Sweeps) -> None:
    good, half = sweeps.run("gbdt_36feat", key=1), sweeps.run("logistic_36feat", key=2)
    whole = (half.folder / METRICS).read_bytes()
    (half.folder / METRICS).write_bytes(whole[:-2] + b"  ")
    text = shown(half.folder, good.folder)
    assert "apart, each for its reason" in text
    assert "metrics.json is not whole JSON" in " ".join(text.split())
    assert text.splitlines()[0].startswith("5,880 holdout rows")  # the pairs begin with the first that can


def test_a_reason_says_once_that_a_job_was_interrupted(sweeps: Sweeps) -> None:
    stopped = JobState("interrupted", 1, error=JobError("Interrupted", "SIGTERM reached the launcher"))
    (one,) = candidates_in([sweeps.sweep(stopped)])
    assert one.unusable == "interrupted: SIGTERM reached the launcher"


def test_nothing_finished_is_said(sweeps: Sweeps) -> None:
    folder = sweeps.sweep(FAILED, None, name="none")
    text = shown(folder)
    assert "0 runs on it, 2 apart" in text
    done = CliRunner().invoke(application(), ["compare", str(folder / "jobs")])
    assert "is no run" in str(done.exception)

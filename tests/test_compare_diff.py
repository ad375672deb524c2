"""`atc compare --diff`: the keys in which two runs differ, and what these moved."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from compared_runs import ROWS, Folder, compared, known, predictions
from record_example import METRICS
from typer.testing import CliRunner

from atc.cli import application
from atc.errors import UsageError
from atc.report.comparison import compare_runs


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_what_differs_and_what_it_moved(folder: Folder, tmp_path: Path) -> None:
    r_bps, signal = known()
    noise = np.random.default_rng(1).standard_normal(ROWS)
    first = folder.run("good", predictions(r_bps, signal))
    metrics = {**METRICS, "holdout/auc": 0.59, "train/rows": 7}
    second = folder.run(
        "worse", predictions(r_bps, signal + 2 * noise), "model.num_leaves=31", "seed=3", metrics=metrics
    )
    file = tmp_path / "moved.json"
    text = compared(first, second, options=("--diff", "--json", str(file)))
    lines = text.splitlines()
    assert lines[1].split() == ["model.num_leaves", "63", "31", "run", "id,", "training", "only"]
    assert lines[2].split()[:3] == ["seed", "1", "3"]
    assert "label" not in text
    (_, other) = compare_runs([first, second]).same
    paired = other.differences[""].auc
    assert paired.interval is not None
    moved = next(line for line in lines if line.startswith("holdout/auc "))
    assert f"{paired.value:+.4f}" in moved
    assert f"{paired.interval.lo:+.4f} … {paired.interval.hi:+.4f}" in moved
    assert "the same rows" in text
    assert "train/rows" not in text
    assert "further figures differ" in text
    told = json.loads(file.read_text())
    assert told["same_rows"] is True
    assert told["moved"]["train/rows"]["right"] == 7
    assert told["moved"]["holdout/auc"]["lo"] == pytest.approx(paired.interval.lo)
    assert [one["key"] for one in told["differences"]] == ["model.num_leaves", "seed"]


def test_other_rows_are_said_and_nothing_is_paired(folder: Folder) -> None:
    r_bps, signal = known()
    first = folder.run("one", predictions(r_bps, signal))
    metrics = {**METRICS, "holdout/auc": 0.7}
    second = folder.run(
        "two", predictions(r_bps, signal, threshold=-1.0), "label.exit_bps=1", metrics=metrics
    )
    text = compared(first, second, options=("--diff", "--markdown"))
    assert "| `label.exit_bps` | 2.0 | 1.0 | run id, labels |" in text
    assert "no paired difference: judged on other rows or labels: its label is not the first run's" in text
    row = next(line for line in text.splitlines() if line.startswith("| holdout/auc |"))
    assert "…" not in row


@pytest.mark.parametrize("words", [["--csv", "x.csv"], ["--to", "x"]])
def test_words_of_the_leaderboard_are_refused(folder: Folder, words: list[str]) -> None:
    r_bps, signal = known()
    runs = [str(folder.run(name, predictions(r_bps, signal)).folder) for name in ("one", "two")]
    refuse(["compare", *runs, "--diff", *words], "no leaderboard")
    refuse(["compare", runs[0], "--diff"], "two runs, and 1")
    refuse(["compare", runs[0], runs[0], "--diff"], "given twice")


def refuse(words: list[str], says: str) -> None:
    result = CliRunner().invoke(application(), words)
    assert isinstance(result.exception, UsageError)
    assert says in str(result.exception)

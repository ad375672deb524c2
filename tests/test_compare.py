"""`atc compare` on runs made of figures and predictions that are known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from compared_runs import ROWS, Folder, Vector, compared, curve, known, predictions
from record_example import METRICS
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

from atc.cli import application
from atc.report.cells import p_value
from atc.report.comparison import compare_runs


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.0, "< 0.0001"),
        (0.000099, "< 0.0001"),
        (0.0001, "0.0001"),
        (0.02504, "0.0250"),
        (1.0, "1.0000"),
        (None, "–"),
    ],
)
def test_no_p_value_is_told_as_zero(value: float | None, said: str) -> None:
    assert p_value(value) == said


def test_two_runs_on_the_same_rows(folder: Folder, tmp_path: Path) -> None:
    r_bps, signal = known()
    noise = np.random.default_rng(1).standard_normal(ROWS)
    good, worse = predictions(r_bps, signal), predictions(r_bps, signal + 2 * noise)
    first, second = folder.run("good", good), folder.run("worse", worse, "model=logistic")
    (_, other) = compare_runs([first, second]).same
    difference = other.differences[""]
    judged = good.filter("judged")
    areas = [roc_auc_score(judged["y"], frame.filter("judged")["p_hold"]) for frame in (good, worse)]
    assert difference.auc.value == pytest.approx(areas[1] - areas[0], abs=1e-12)
    assert difference.auc.interval is not None
    assert difference.auc.interval.hi < 0
    assert difference.delong is not None
    assert 1400 < difference.delong.rows <= 1500  # 300 s of rows 90 s apart: one in four

    file = tmp_path / "comparison.json"
    text = compared(first, second, options=("--json", str(file))).splitlines()
    assert text[0] == "5,880 holdout rows; looks at this holdout: 2"
    assert any(line.startswith("good") and "0.6081  0.5982 … 0.6180" in line for line in text)
    # Beside the AUC stands the direction, beside the lift the one over volatility alone.
    assert "interval  direction  lift over baseline" in text[1]
    assert "0.5811" in text[2] and "+0.0569" in text[2]
    assert any(line.startswith("worse") and f"{areas[1] - areas[0]:+.4f}" in line for line in text)
    content = json.loads(file.read_text())
    assert content["looks"] == 2
    assert content["runs"][0]["differences"] == {}
    assert content["runs"][1]["differences"][""]["auc"] == pytest.approx(areas[1] - areas[0])
    assert content["backtest"] is None
    # DeLong's p, told as text, is a number in the file.
    assert 0.0 < content["runs"][1]["differences"][""]["delong"]["p_value"] < 1e-6
    assert any(line.startswith("worse") and line.endswith("  < 0.0001          1,500") for line in text)
    marked, _, board = compared(first, second, options=("--markdown",)).partition("leaderboard of")
    table = marked.splitlines()
    assert board.count("| good ") == board.count("| worse ") > 0
    assert sum(line.startswith("| ") for line in table) == 5
    assert all(line.count("|") == 9 for line in table if line.startswith("| good"))


def test_heads_are_compared_one_by_one_and_of_three_classes_the_last_against_the_rest(folder: Folder) -> None:
    r_bps, signal = known()
    noise = np.random.default_rng(1).standard_normal(ROWS)

    def of_heads(score: Vector) -> pl.DataFrame:
        frame = predictions(r_bps, score)
        near = frame.rename(
            {name: f"{name}_30s" for name in ("y", "t0", "t1", "r_bps")} | {"p_hold": "p_up_30s"}
        )
        far = frame.select(*(pl.col(name).alias(f"{name}_300s") for name in ("y", "t0", "t1", "r_bps")))
        return near.with_columns(far.get_columns()).with_columns(pl.Series("p_up_300s", -score))

    first, second = folder.run("a", of_heads(signal)), folder.run("b", of_heads(signal + noise))
    (_, other) = compare_runs([first, second]).same
    assert list(other.differences) == ["30s", "300s"]
    near, far = (other.differences[head].auc.value for head in ("30s", "300s"))
    assert near is not None
    assert far == pytest.approx(-near, abs=1e-12)  # the other head's scores are turned round
    text = compared(first, second)
    assert text.count(f"{second.folder.name} @30s ") == 1
    assert text.count(f"{second.folder.name} @300s") == 1

    def of_classes(score: Vector) -> pl.DataFrame:
        high = 1 / (1 + np.exp(-score))
        codes = pl.Series("y", np.digitize(r_bps, [-4.0, -2.0]).astype(np.float64))
        parts = {"p_short": 0.7 * (1 - high), "p_flat": 0.3 * (1 - high), "p_hold": high}
        frame = predictions(r_bps, score).with_columns(
            pl.when(pl.col("y").is_not_null()).then(codes).alias("y")
        )
        return frame.drop("p_hold").with_columns(**{name: pl.Series(of) for name, of in parts.items()})

    frames = [of_classes(score) for score in (signal, signal + noise)]
    first, second = (folder.run(f"three{i}", frame) for i, frame in enumerate(frames))
    (_, other) = compare_runs([first, second]).same
    judged = [frame.filter("judged") for frame in frames]
    areas = [roc_auc_score(frame["y"].to_numpy() == 2, frame["p_hold"]) for frame in judged]
    assert other.differences[""].auc.value == pytest.approx(areas[1] - areas[0], abs=1e-12)
    moved = judged[0].filter(pl.col("r_bps").abs() > 2.0)["r_bps"].to_numpy()
    direction = []
    for frame in judged:
        score = frame.filter(pl.col("r_bps").abs() > 2.0)
        direction.append(roc_auc_score(moved > 0, score["p_hold"] - score["p_short"]))
    assert other.differences[""].direction_auc.value == pytest.approx(direction[1] - direction[0], abs=1e-12)


def test_runs_on_other_rows_are_listed_apart_with_the_reason(folder: Folder) -> None:
    r_bps, signal = known()
    first = folder.run("first", predictions(r_bps, signal))
    sealed = folder.run("sealed", predictions(r_bps, signal, sealed=True))
    label = folder.run("label", predictions(r_bps, signal, threshold=-3.0), "label.exit_bps=3")
    rows = folder.run("rows", predictions(r_bps, signal).tail(ROWS - 50))
    found = compare_runs([first, sealed, label, rows])
    assert [one.name for one in found.same] == [first.folder.name]
    reasons = {run.folder.name.split("-")[0]: reason for run, reason in found.apart}
    assert reasons["sealed"] == "no holdout figures: sealed, or a protocol without a holdout"
    assert reasons["label"] == "judged on other rows or labels: its label is not the first run's"
    assert reasons["rows"] == "judged on other rows or labels: 5,831 rows, the first run has 5,880"
    text = compared(first, sealed, label, rows)
    assert "not compared" in text
    assert "difference to" not in text
    # Sealed trials are chosen by validation.
    (line,) = (line for line in text.splitlines() if line.startswith(sealed.folder.name))
    assert line.endswith(f"{METRICS['valid/auc']:.4f}")
    assert compared(sealed, first).startswith("the first run has no holdout figures")
    warned = folder.run("warned", predictions(r_bps, signal), metrics={**METRICS, "warning/random_split": 1})
    assert f"{warned.folder.name} warns: random_split" in compared(first, warned)


def test_a_look_that_the_ledger_does_not_know_is_told(folder: Folder) -> None:
    r_bps, signal = known()
    first = folder.run("first", predictions(r_bps, signal))
    lost = folder.run("lost", predictions(r_bps, -signal), entered=False)
    found = compare_runs([first, lost])
    assert (found.looks, found.unentered) == (1, (lost.folder.name,))
    assert f"{lost.folder.name} has holdout figures, and its look is in no ledger" in compared(first, lost)
    assert "an unknown number of looks" in compared(lost, first)


def test_unknown_looks_deflate_nothing(folder: Folder) -> None:
    gains = np.random.default_rng(4).standard_t(5, (40 * 24, 2)) * 100
    frame = predictions(*known())
    lost = folder.run("lost", frame, equity=curve(gains[:, 0]), entered=False)
    other = folder.run("other", frame, equity=curve(gains[:, 1]))
    found, counted = compare_runs([lost, other]).records, compare_runs([other, lost]).records
    assert found is not None
    assert counted is not None
    assert (found.trials, found.best_of_luck) == (None, None)
    assert [run.deflated for run in found.runs] == [None, None]
    assert None not in [run.probabilistic for run in found.runs]
    assert counted.trials is None  # whichever is given first
    assert "the looks are, so no Sharpe ratio is deflated" in compared(lost, other)


def test_a_model_that_its_gate_rejected_is_told(folder: Folder) -> None:
    r_bps, signal = known()
    first = folder.run("first", predictions(r_bps, signal), metrics={**METRICS, "gate/verdict": 1})
    rejected = folder.run("learnt", predictions(r_bps, -signal), metrics={**METRICS, "gate/verdict": 0})
    text = compared(first, rejected)
    assert f"{rejected.folder.name}: its gate rejected the model" in text
    assert f"{first.folder.name}: its gate" not in text


def test_claims_below_the_power_are_marked(folder: Folder) -> None:
    r_bps, signal = known()
    said = {"power/holdout/auc/min_detectable": 0.05, "power/holdout/lift/min_detectable": 0.03}
    run = folder.run("weak", predictions(r_bps, signal), metrics={**METRICS, **said})
    text = compared(run)
    assert "+0.0204 †" in text
    assert "0.6081 †" not in text
    assert "† smaller than" in text


def test_a_folder_of_runs_is_all_runs_in_it(folder: Folder) -> None:
    r_bps, signal = known()
    one, two = (folder.run(name, predictions(r_bps, signal)) for name in ("one", "two"))
    manifest = json.loads((two.folder / "manifest.json").read_bytes())
    for path in (one.folder.parent, folder.root):
        done = CliRunner().invoke(application(), ["compare", str(path)], catch_exceptions=False)
        assert done.output == compared(one, two)
    (two.folder / "manifest.json").write_text(json.dumps({**manifest, "status": "failed"}))
    done = CliRunner().invoke(application(), ["compare", str(folder.root)], catch_exceptions=False)
    pairs, _, board = done.stdout.partition("leaderboard of the 2 given: 1 run on it, 1 apart")
    assert pairs == compared(one).partition("leaderboard of")[0]
    assert "two  failed" in board


def test_a_run_twice_and_no_run(folder: Folder) -> None:
    run = folder.run("first", predictions(*known()))
    for words, told in (
        ([str(run.folder)] * 2, "is given twice"),
        ([str(run.folder), str(run.folder.parent)], "is given twice"),
        ([str(run.folder / "nothing")], "there is no run"),
    ):
        done = CliRunner().invoke(application(), ["compare", *words])
        assert told in str(done.exception)

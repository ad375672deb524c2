"""The experiments on rows at 1 Hz as they are run, with small budgets on a few quiet days."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from shown_run import require_figures_beside_the_baseline, require_what_its_name_says
from typer.testing import CliRunner

import atc
from atc.cli import application
from atc.config.problems import ConfigError
from atc.errors import UsageError
from atc.models.artifact import load_model
from atc.models.checks import Check
from atc.opened_run import OpenedRun
from atc.run import run
from atc.tasks.market_data import look_back_ns
from atc.tasks.scoring import file_rows
from atc.tasks.verifying_model import verify_model

SECOND = 1_000_000_000
EACH_SECOND = ("multihorizon_ticker_16feat", "multihorizon_ticker_24feat", "multihorizon_transformer_24feat")
"""The experiments that are run here."""
DAYS = (
    # The last one is a Saturday, whose maintenance breaks the feed.
    *("data.days=2", "data.start_date=2025-01-10", "data.rate=0.05"),
    *("window.train_days=1", "window.holdout_days=1", "label.horizons_s=[5,300]"),
    *("evaluation.resamples=20", "evaluation.adversarial.enabled=false", "backtest=none"),
    *("tracking=none", "runtime.progress=off"),
)
LENGTH = 20
SMALL = (
    *(f"model.sequence_length={LENGTH}", "model.layers=1", "model.d_model=8", "model.nhead=2"),
    *("model.dim_feedforward=16", "model.epochs=1", "model.batch_size=256", "model.trainer.num_threads=1"),
    "thinning.k=64",
)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outputs")


def made(outputs: Path, experiment: str, *words: str) -> OpenedRun:
    overrides = [f"+experiment={experiment}", *DAYS, *words, f"paths.outputs={outputs}"]
    return atc.open_run(run(atc.compose(overrides)))


@pytest.fixture(scope="module")
def ticker(outputs: Path) -> OpenedRun:
    return made(outputs, "multihorizon_ticker_24feat")


@pytest.fixture(scope="module")
def sixteen(outputs: Path) -> OpenedRun:
    return made(outputs, "multihorizon_ticker_16feat")


@pytest.fixture(scope="module")
def windows(outputs: Path) -> OpenedRun:
    return made(outputs, "multihorizon_transformer_24feat", *SMALL)


@pytest.mark.parametrize("name", EACH_SECOND)
def test_it_runs_on_the_demo(name: str, sixteen: OpenedRun, ticker: OpenedRun, windows: OpenedRun) -> None:
    found = dict(zip(EACH_SECOND, (sixteen, ticker, windows), strict=True))[name]
    require_what_its_name_says(found, name)
    require_figures_beside_the_baseline(found, name)


def test_rows_come_each_second_and_every_head_has_its_figures(ticker: OpenedRun) -> None:
    rows = ticker.predictions.filter(split="holdout")
    steps = np.diff(rows["ts_recv"].to_numpy())
    assert set((steps // SECOND)[steps < 60 * SECOND].tolist()) == {1}
    assert 70_000 < rows.height <= 86_400
    for horizon in (5, 300):
        assert f"p_up_{horizon}s" in rows.columns
        for figure in ("holdout/auc", "baseline/holdout/auc", "lift/holdout/auc"):
            assert ticker.metrics[f"{figure}@{horizon}s"] is not None
    figures = ticker.metrics
    before = figures["train/rows_before_thinning"]
    assert before is not None
    assert 60_000 < before < 86_400
    assert ticker.manifest["status"] == "finished"


def test_the_sixteen_have_no_lift_over_themselves(sixteen: OpenedRun, ticker: OpenedRun) -> None:
    for horizon in (5, 300):
        key = f"holdout/auc@{horizon}s"
        assert sixteen.metrics[f"lift/{key}"] == 0.0
        assert sixteen.metrics[key] == ticker.metrics[f"baseline/{key}"]


def test_the_transformer_decides_where_a_whole_window_ends(windows: OpenedRun, ticker: OpenedRun) -> None:
    every, found = (one.predictions.filter(split="holdout") for one in (ticker, windows))
    times = every["ts_recv"].to_numpy()
    unbroken = np.ones(len(times), dtype=bool)
    for back in range(1, LENGTH):
        # Across the day's cut the window reaches into the day before.
        reached = np.concatenate([times[:1] - SECOND * np.arange(back, 0, -1), times[:-back]])
        unbroken &= times - reached == back * SECOND
    assert 0 < (~unbroken).sum() < 10 * LENGTH
    assert found["ts_recv"].to_list() == times[unbroken].tolist()
    for horizon in (5, 300):
        assert windows.metrics[f"holdout/auc@{horizon}s"] is not None
    # Calibrated, a temperature a head; the raw scores stand beside.
    model = load_model(windows.folder / "model")
    assert model.calibration is not None
    assert len(model.calibration.content()["temperatures"]) == 2
    assert "p_up_300s_raw" in found.columns
    assert model.manifest["model_type"] == "multihorizon_transformer"
    assert not found.select(pl.col("p_up_300s").is_null().any()).item()


def test_the_embargo_counts_the_window() -> None:
    words = ["+experiment=multihorizon_transformer_24feat", "protocol=cpcv"]
    config = atc.compose(words)
    alone = atc.compose([*words, "model=multihorizon"])
    assert look_back_ns(config) - look_back_ns(alone) == 127 * SECOND
    seconds = look_back_ns(config) / SECOND
    with pytest.raises(ConfigError, match=r"protocol\.embargo_s"):
        atc.compose([*words, f"protocol.embargo_s={seconds - 1}"])
    atc.compose([*words, f"protocol.embargo_s={seconds}"])
    trades = atc.compose([*words, "sampling=trade"])
    assert look_back_ns(trades) - look_back_ns(alone) == 127 * 60 * SECOND


def test_heads_share_the_width_evenly() -> None:
    with pytest.raises(ConfigError, match="nhead=3 heads cannot share d_model=64"):
        atc.compose(["+experiment=multihorizon_transformer_24feat", "model.nhead=3"])


def test_the_stored_transformer_scores_as_in_its_run(windows: OpenedRun, tmp_path: Path) -> None:
    checks = {check.name: check for check in verify_model(windows.folder / "model", windows)}
    assert all(check.passed for check in checks.values()), checks
    held = windows.predictions.filter(split="holdout")
    assert checks["predictions"].said.startswith(f"{windows.predictions.height:,} of")
    out = tmp_path / "scores.parquet"
    day = str(windows.config.data.start_date.replace(day=11))  # type: ignore[union-attr]
    words = ["model", "score", str(windows.folder), "--from", day, "--out", str(out)]
    assert CliRunner().invoke(application(), words).exit_code == 0
    scores = pl.read_parquet(out)
    assert scores.select(held.columns[:4]).equals(held.select(held.columns[:4]))
    assert scores["p_up_300s"].equals(held["p_up_300s"])
    held.write_parquet(tmp_path / "rows.parquet")
    with pytest.raises(UsageError, match="the 20 rows up to each"):
        file_rows(windows.model, windows.folder, tmp_path / "rows.parquet", by_name=True)


def test_without_the_day_before_the_windows_that_are_whole_are_checked(
    windows: OpenedRun, tmp_path: Path
) -> None:
    outputs = tmp_path / "outputs"
    shutil.copytree(windows.config.paths.outputs, outputs)
    copied = outputs / "runs" / windows.folder.name
    config = copied / "config.yaml"
    config.write_text(config.read_text().replace(str(windows.config.paths.outputs), str(outputs)))
    held = windows.predictions.filter(split="holdout")
    for folder in [*(outputs / "cache" / "features").rglob("date=2025-01-10")]:
        shutil.rmtree(folder)

    def predictions() -> Check:
        manifest = json.loads((copied / "manifest.json").read_text())
        for name in ("config.yaml", "predictions.parquet"):
            manifest["files"][name] = (copied / name).stat().st_size
        (copied / "manifest.json").write_text(json.dumps(manifest))
        return [*verify_model(copied / "model", atc.open_run(copied))][-1]

    found = predictions()
    assert found.passed, found
    compared = int(found.said.split()[0].replace(",", ""))
    assert held.height - LENGTH < compared <= held.height
    last = windows.predictions.height - 1
    spoiled = windows.predictions.with_columns(ev_seq=pl.col("ev_seq") + (pl.row_index() == last))
    spoiled.write_parquet(copied / "predictions.parquet")
    assert "1 more are of cached days and not among the rows" in predictions().said


def test_the_transformer_is_explained_by_permuting_paths(windows: OpenedRun) -> None:
    found = pl.read_parquet(windows.folder / "importance.parquet")
    assert found.height == 24 * 2
    assert not (windows.folder / "dependence.parquet").exists()  # an input is a path, not a value

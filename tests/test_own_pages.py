"""Pages of docs/ on what to add of one's own, followed on a copy of the project: their code works."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from docs_pages import DOCS, PROJECT, copy_of_the_project, follow

import atc

SMALL = (
    *("window.train_days=4", "window.holdout_days=1", "data.days=5", "data.rate=0.1"),
    *("evaluation.resamples=20", "evaluation.min_blocks=4", "evaluation.adversarial.enabled=false"),
    *("explain=none", "tracking=none", "runtime.progress=off"),
)

# Beside the run: the page's model has the scores of scikit-learn's.
JUDGE = """
import sys
import numpy as np
from sklearn.naive_bayes import GaussianNB
from atc.config.naive_bayes import NaiveBayes
from atc.models.base import fit_model
from atc.models.naive_bayes import NaiveBayesModel
from atc.protocol.dataset import Block

rng = np.random.default_rng(1)
y = rng.integers(0, 3, 5000).astype(np.float32)
x = (rng.normal(size=(5000, 4)) * [1, 2, 3, 4] + y[:, None] * [1, 0, -2, 1]).astype(np.float32)
names = dict(features=("a", "b", "c", "d"), classes=("SHORT", "FLAT", "HOLD"))
block = Block(x=x, y=y[:, None], **names)
model = NaiveBayesModel(NaiveBayes(kind="naive_bayes", smoothing=0))
fit_model(model, block, block, seed=1)
theirs = GaussianNB(var_smoothing=0).fit(x.astype(np.float64), y).predict_proba(x.astype(np.float64))
np.testing.assert_allclose(model.predict(x), theirs, atol=1e-9)
x[:, 1] = np.nan
assert np.isfinite(model.predict(x)).all()
"""


def run(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Python in the copy, which comes before the checkout."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(root),
        "ATC_ROOT": str(root),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [sys.executable, *words], cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done


def test_a_model_and_a_label_of_one_s_own(tmp_path: Path) -> None:
    root = copy_of_the_project(tmp_path)
    for page in ("own_model.md", "own_label.md"):
        follow(DOCS / page, root)
    run(root, "-c", JUDGE)
    made = run(root, "-m", "atc.run", "+experiment=naive_bayes_36feat", "label=rise", "backtest=none", *SMALL)
    folder = root / made.stdout.splitlines()[-1].removeprefix("run: ")
    manifest = json.loads((folder / "model" / "manifest.json").read_text())
    assert manifest["model_type"] == "naive_bayes" and manifest["label"]["threshold_bps"] > 0
    metrics = json.loads((folder / "metrics.json").read_text())
    assert 0 < metrics["train/class/HOLD/share"] < 0.5  # more than half the typical move upwards
    assert metrics["lift/holdout/auc"] is not None
    assert "failed" not in run(root, "-m", "atc.cli", "model", "verify", str(folder)).stdout


def recording(folder: Path, days: float = 0.1) -> None:
    """quotes.csv and trades.csv of a random walk."""
    rng, begin = np.random.default_rng(1), 1_736_121_600_000_000_000
    n = round(days * 86_400)
    mid = 10_000 + np.cumsum(rng.integers(-2, 3, n))
    times = begin + np.arange(n) * 1_000_000_000
    sizes = rng.integers(1, 500, (2, n)) / 100
    quotes = {"bid": (mid - 1) / 2, "bid_size": sizes[0], "ask": (mid + 1) / 2, "ask_size": sizes[1]}
    pl.DataFrame({"time_ns": times, **quotes}).write_csv(folder / "quotes.csv")
    buys = rng.random(n) < 0.5
    prices = np.where(buys, quotes["ask"], quotes["bid"])
    trades = {"price": prices, "size": rng.integers(1, 200, n) / 100, "side": np.where(buys, "buy", "sell")}
    pl.DataFrame({"time_ns": times + 300_000_000, **trades}).write_csv(folder / "trades.csv")


def test_data_of_one_s_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("conf", "experiments", "sweeps"):
        shutil.copytree(PROJECT / name, tmp_path / name)
    follow(DOCS / "own_data.md", tmp_path)
    recording(tmp_path)
    script = [sys.executable, "ingest_mine.py", ".", "events"]
    for _ in range(2):  # the second changes nothing
        subprocess.run(script, cwd=tmp_path, check=True, env={**os.environ, "PYTHONPATH": str(PROJECT)})
    monkeypatch.setenv("ATC_ROOT", str(tmp_path))
    monkeypatch.setenv("ATC_EVENTS", str(tmp_path / "events"))

    from typer.testing import CliRunner

    from atc.cli import application
    from atc.run import run as make

    told = CliRunner().invoke(application(), ["doctor", "data=mine"])
    assert told.exit_code == 0, told.output
    assert "errors 0" in told.output
    small = [word for word in SMALL if not word.startswith(("data.", "window."))]
    found = atc.open_run(
        make(atc.compose(["+experiment=logistic_13feat", "data=mine", "label.horizon_s=10", *small]))
    )
    assert found.config.cost.name == "mine" and found.metrics["holdout/rows"] is not None
    assert found.metrics["backtest/pnl"] is not None


def test_a_size_that_is_no_multiple_is_told(tmp_path: Path) -> None:
    follow(DOCS / "own_data.md", tmp_path)
    recording(tmp_path, days=0.001)
    odd = pl.read_csv(tmp_path / "trades.csv").with_columns(pl.col("size") + 0.005)
    odd.write_csv(tmp_path / "trades.csv")
    done = subprocess.run(
        [sys.executable, "ingest_mine.py", ".", "events"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and "size" in done.stderr and "no multiple of 0.01" in done.stderr
    assert not [*(tmp_path / "events").rglob("*.parquet")]

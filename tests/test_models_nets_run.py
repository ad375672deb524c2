"""Experiments of nets as a user runs them: their own process, a clean terminal, and after kill -9."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from test_end_to_end import SMALL_LINEAR, arguments, atc_run, folder_of

import atc

ROOT = Path(__file__).resolve().parent.parent
FEW = (
    *SMALL_LINEAR,
    *("model.epochs=4", "model.batch_size=2048", "model.trainer.num_threads=1", "backtest=none"),
    "tracking=none",
)
PATIENCE_S = 300.0


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outputs")


def test_softmax_mlp_runs_scores_and_says_nothing_of_its_own(outputs: Path) -> None:
    done = atc_run(
        "+experiment=hold10_softmax_mlp_36feat", *FEW, "model.trainer.profiler=simple", outputs=outputs
    )
    folder = folder_of(done)
    run = atc.open_run(folder)
    assert done.stderr.splitlines() == [line for line in done.stderr.splitlines() if "before the fit" in line]
    for word in ("GPU", "Tip", "Lightning", "lightning", "torch", "Warning"):
        assert word not in done.stdout + done.stderr
    assert run.metrics["baseline/holdout/macro_f1"] is not None
    assert 0.0 < float(run.metrics["holdout/auc"] or 0) < 1.0
    names = sorted(Path(name).suffix for name in run.model.manifest["model_files"])
    assert names == [".json", ".onnx", ".safetensors"]
    assert not (folder / "checkpoints").exists()
    assert "run_training_batch" in (folder / "log.txt").read_text()
    scores = run.predictions.select("p_short", "p_flat", "p_hold").to_numpy()
    np.testing.assert_allclose(scores.sum(axis=1), 1.0, atol=1e-9)


@pytest.mark.slow
def test_multihorizon_goes_on_after_kill_9(outputs: Path, tmp_path: Path) -> None:
    words = ("+experiment=multihorizon_full_36feat", *FEW, "model.epochs=400", "model.early_stopping=400")
    first = json.loads((folder_of(atc_run(*words, outputs=outputs)) / "metrics.json").read_text())
    events = f"paths.events={outputs / 'data'}"
    process = subprocess.Popen(
        arguments(*words, events, outputs=tmp_path),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ,
    )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not list(tmp_path.glob("runs/*/checkpoints/fit-seed1.safetensors")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        process.kill()
        process.wait()
    folder = folder_of(atc_run(*words, events, outputs=tmp_path))
    assert json.loads((folder / "metrics.json").read_text()) == first
    log = (folder / "log.txt").read_text()
    assert "fit-seed1.safetensors: going on after epoch" in log
    assert json.loads((folder / "attempts/1/manifest.json").read_text())["status"] == "interrupted"
    heads = [
        name for name in pl.read_parquet(folder / "predictions.parquet").columns if name.startswith("p_up_")
    ]
    assert heads == ["p_up_1s", "p_up_5s", "p_up_30s", "p_up_300s"]

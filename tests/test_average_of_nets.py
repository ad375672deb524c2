"""Nets in a mean: several seeds of one, a model of windows in an ensemble, and what W&B keeps of both."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from test_sequences_run import DAYS, LENGTH, SMALL
from wandb_files import read_offline

import atc
from atc.models.artifact import load_model
from atc.models.average import AverageModel
from atc.opened_run import OpenedRun
from atc.run import run
from atc.tasks.verifying_model import verify_model

SIX_DAYS = (
    *("data.days=6", "window.train_days=4", "window.holdout_days=2", "data.rate=0.1"),
    *("evaluation.resamples=20", "backtest=none", "runtime.progress=off"),
    "evaluation.adversarial.enabled=false",
    "explain=none",
)
NET = (
    *("name=net", "label=hold10_3class", "baseline=softmax_13feat", "model=softmax_mlp", "features=legacy13"),
    *("model.hidden=[8]", "model.epochs=2", "model.batch_size=4096", "model.trainer.accelerator=cpu"),
    "model.trainer.num_threads=1",
)
KEYS = ["ts_recv", "ev_seq"]


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outputs")


def made(outputs: Path, *words: str) -> OpenedRun:
    return atc.open_run(run(atc.compose([*words, f"paths.outputs={outputs}"])))


@pytest.fixture(scope="module")
def singles(outputs: Path) -> list[OpenedRun]:
    return [made(outputs, *SIX_DAYS, *NET, "tracking=none", f"seed={seed}") for seed in (4, 5)]


@pytest.fixture(scope="module")
def tracked(outputs: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, OpenedRun]:
    """Two seeds of a net, with W&B's file of it alone in a folder."""
    own = tmp_path_factory.mktemp("tracked")
    words = (
        *SIX_DAYS,
        *NET,
        "seed=4",
        "seeds.count=2",
        "explain=default",
        f"paths.events={outputs / 'data'}",
    )
    return own, made(own, *words)


def test_seeds_of_a_net_are_the_mean_of_runs_with_one_each(
    tracked: tuple[Path, OpenedRun], singles: list[OpenedRun]
) -> None:
    _, both = tracked
    for score in ("p_short", "p_flat", "p_hold"):
        each = np.array([one.predictions[score].to_numpy() for one in singles])
        assert not np.array_equal(each[0], each[1])
        np.testing.assert_allclose(both.predictions[score].to_numpy(), each.mean(axis=0), rtol=1e-13)
    values = [one.metrics["holdout/macro_f1"] for one in singles]
    assert both.metrics["seeds/holdout/macro_f1/mean"] == pytest.approx(np.mean(values), rel=1e-12)  # type: ignore[arg-type]
    # Each seed's three files, and the whole loads and scores as in the run.
    for seed in (4, 5):
        files = sorted(path.suffix for path in (both.folder / "model" / f"seed{seed}").iterdir())
        assert files == [".json", ".onnx", ".safetensors"]
    model = load_model(both.folder / "model").model
    assert isinstance(model, AverageModel)
    assert [member.name for member in model.members] == ["seed4", "seed5"]
    checks = {check.name: check for check in verify_model(both.folder / "model", both)}
    assert all(check.passed for check in checks.values()), checks
    assert not (both.folder / "checkpoints").exists()


def files_of(run: OpenedRun) -> list[str]:
    folder = run.folder / "model"
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_wandb_keeps_the_spread_over_seeds_and_every_seeds_files(tracked: tuple[Path, OpenedRun]) -> None:
    own, both = tracked
    told = read_offline(own)
    summary = told.summary
    spread = {key: value for key, value in both.metrics.items() if key.startswith("seeds/")}
    assert spread["seeds/count"] == 2
    assert {"seeds/holdout/macro_f1/sd", "seeds/valid/log_loss/mean"} <= set(spread)
    assert {key: summary[key] for key in spread} == spread
    kept = told.files_in(f"{both.config.name}-model")
    assert kept == files_of(both)
    assert any(name.startswith("seed5/") and name.endswith(".onnx") for name in kept)
    assert (told.config["seed"], told.config["seeds"]) == (4, {"count": 2})
    # A curve of each seed.
    curves = {key for line in told.history for key in line}
    assert {"model/valid/log_loss@seed4", "model/valid/log_loss@seed5"} <= curves, sorted(curves)


def test_wandb_keeps_the_members_of_an_ensemble(
    singles: list[OpenedRun], outputs: Path, tmp_path: Path
) -> None:
    words = (*SIX_DAYS, "name=both", "label=hold10_3class", "baseline=softmax_13feat", "model=ensemble")
    members = f"model.runs=[{','.join(str(one.folder) for one in singles)}]"
    both = made(tmp_path, *words, members, "model.weights=[3,1]", f"paths.events={outputs / 'data'}")
    kept = read_offline(tmp_path)
    summary = kept.summary
    spread = {key: value for key, value in both.metrics.items() if key.startswith("members/")}
    assert spread["members/count"] == 2
    assert "members/holdout/macro_f1/max" in spread
    assert {key: summary[key] for key in both.metrics} == dict(both.metrics)
    files = kept.files_in("both-model")
    assert files == files_of(both)
    assert "members.json" in files
    told = json.loads((both.folder / "model" / "members.json").read_text())
    assert [member["origin"]["run_id"] for member in told["members"]] == [one.run_id for one in singles]
    assert kept.config["model"]["weights"] == [3.0, 1.0]


def test_an_ensemble_with_a_model_of_windows_decides_where_its_windows_end(tmp_path: Path) -> None:
    """The other member sees the last row of each window, and says there what it said in its own run."""
    words = (*DAYS, "thinning.k=64")
    windows = made(tmp_path, "+experiment=multihorizon_transformer_24feat", *DAYS, *SMALL)
    heads = made(tmp_path, "+experiment=multihorizon_ticker_16feat", *words, "model.trainer.num_threads=1")
    both = made(
        tmp_path,
        "+experiment=multihorizon_ticker_24feat",
        *words,
        *("name=both", "model=ensemble", f"model.runs=[{windows.folder.name},{heads.folder.name}]"),
    )
    rows = both.predictions.filter(split="holdout")
    own, fewer = (one.predictions.filter(split="holdout") for one in (heads, windows))
    assert rows.select(KEYS).equals(fewer.select(KEYS))
    assert 0 < own.height - rows.height < 10 * LENGTH
    for score in ("p_up_5s", "p_up_300s"):
        said = rows.select(KEYS).join(own.select(*KEYS, score), on=KEYS, how="left", maintain_order="left")
        # The transformer's run calibrates its scores: those count, and not the raw ones beside them.
        mean = (fewer[score].to_numpy() + said[score].to_numpy()) / 2
        np.testing.assert_allclose(rows[score].to_numpy(), mean, rtol=1e-12)
    assert both.metrics["members/count"] == 2
    assert both.metrics["holdout/auc@300s"] is not None
    # It loads alone, with windows, and scores as it did.
    checks = {check.name: check for check in verify_model(both.folder / "model", both)}
    assert all(check.passed for check in checks.values()), checks
    table = pl.read_parquet(both.folder / "members.parquet")
    assert set(table["member"].unique()) == {windows.folder.name, heads.folder.name}

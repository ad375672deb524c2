"""seeds.count through the whole task: each seed is the run that it would be alone, their mean is the run."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

import atc
from atc.config.problems import ConfigError
from atc.models.artifact import load_model
from atc.models.average import AverageModel
from atc.opened_run import OpenedRun
from atc.report.summary import print_summary
from atc.run import run

SIX_DAYS = (
    *("data.days=6", "window.train_days=4", "window.holdout_days=2", "data.rate=0.1"),
    *("evaluation.resamples=20", "backtest=none", "tracking=none", "runtime.progress=off"),
    "evaluation.adversarial.enabled=false",
    "explain=none",
)
TREES = (
    *("+experiment=gbdt_36feat", "model.n_estimators=8", "model.min_child_samples=50"),
    *("model.num_leaves=7", "model.num_threads=1"),
)
SEEDS = (4, 5, 6)
THREE = ("seed=4", "seeds.count=3")


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outputs")


def made(outputs: Path, *words: str) -> OpenedRun:
    return atc.open_run(run(atc.compose([*SIX_DAYS, *words, f"paths.outputs={outputs}"])))


@pytest.fixture(scope="module")
def three(outputs: Path) -> OpenedRun:
    return made(outputs, *TREES, *THREE, "explain=default")


@pytest.fixture(scope="module")
def alone(outputs: Path) -> list[OpenedRun]:
    return [made(outputs, *TREES, f"seed={seed}") for seed in SEEDS]


def test_scores_are_the_mean_of_runs_with_one_seed_each(three: OpenedRun, alone: list[OpenedRun]) -> None:
    singles = np.array([one.predictions["p_hold"].to_numpy() for one in alone])
    assert not np.array_equal(singles[0], singles[1])
    np.testing.assert_allclose(three.predictions["p_hold"].to_numpy(), singles.mean(axis=0), rtol=1e-14)
    assert three.predictions["baseline_p_hold"].equals(alone[0].predictions["baseline_p_hold"])
    held = (three.predictions["split"] == "holdout").to_numpy() & three.predictions["judged"].to_numpy()
    own = roc_auc_score(three.predictions["y"].to_numpy()[held], singles.mean(axis=0)[held])
    assert three.metrics["holdout/auc"] == pytest.approx(own, abs=1e-12)


def test_the_spread_is_that_of_runs_with_one_seed_each(three: OpenedRun, alone: list[OpenedRun]) -> None:
    figures = three.metrics
    assert figures["seeds/count"] == 3
    for key in ("valid/auc", "holdout/auc", "holdout/log_loss", "holdout/direction_auc", "valid/macro_f1"):
        values = np.array([one.metrics[key] for one in alone], dtype=float)
        assert len(set(values)) > 1, key
        expected = values.mean(), values.std(ddof=1), values.min(), values.max()
        for end, value in zip(("mean", "sd", "min", "max"), expected, strict=True):
            assert figures[f"seeds/{key}/{end}"] == pytest.approx(value, rel=1e-12), (key, end)
    table = pl.read_parquet(three.folder / "seeds.parquet")
    for seed, one in zip(SEEDS, alone, strict=True):
        of_seed = table.filter(member=f"seed{seed}", split="holdout", figure="auc")["value"].item()
        assert of_seed == pytest.approx(one.metrics["holdout/auc"], rel=1e-12)


def test_a_run_with_one_seed_says_nothing_of_seeds(alone: list[OpenedRun]) -> None:
    assert not [key for key in alone[0].metrics if key.startswith("seeds")]
    assert not (alone[0].folder / "seeds.parquet").exists()


def test_all_seeds_are_in_the_artifact_which_loads_as_one_model(
    three: OpenedRun, alone: list[OpenedRun]
) -> None:
    found = load_model(three.folder / "model")
    assert found.manifest["model_type"] == "seeds"
    assert found.manifest["model_config"]["kind"] == "gbdt"
    assert isinstance(found.model, AverageModel)
    for seed, one, member in zip(SEEDS, alone, found.model.members, strict=True):
        assert member.origin == {"seed": seed}
        own = (one.folder / "model" / "model.txt").read_text()
        assert (three.folder / "model" / f"seed{seed}" / "model.txt").read_text() == own
    x = np.random.default_rng(1).standard_normal((50, 36)).astype(np.float32)
    expected = np.mean([one.model.model.predict(x) for one in alone], axis=0)
    np.testing.assert_allclose(found.scores(x), expected, rtol=1e-14)
    names = json.loads((three.folder / "model" / "manifest.json").read_text())["files"]
    assert all(Path(name).suffix in {".json", ".txt"} for name in names)


def test_gain_and_splits_are_the_sums_over_the_seeds(three: OpenedRun, alone: list[OpenedRun]) -> None:
    found = {item["feature"]: item for item in three.model.manifest["fit"]["importance"]}
    single = [{item["feature"]: item for item in one.model.manifest["fit"]["importance"]} for one in alone]
    for name, item in found.items():
        assert item["value"] == pytest.approx(sum(one[name]["value"] for one in single), rel=1e-12)
        assert item["splits"] == sum(one[name]["splits"] for one in single)
    assert sum(item["splits"] for item in found.values()) > 0


def test_the_summary_shows_average_and_spread(three: OpenedRun) -> None:
    told = io.StringIO()
    print_summary(three.folder, told)
    text = told.getvalue()
    line = next(line for line in text.splitlines() if line.startswith("holdout auc"))
    figures = three.metrics
    ends = (figures[f"seeds/holdout/auc/{end}"] for end in ("mean", "sd", "min", "max"))
    assert line.split()[2:] == [f"{value:.4f}" for value in (figures["holdout/auc"], *ends)]
    assert "fitted with seeds 4 … 6 on the same rows" in " ".join(text.split())


def test_what_draws_nothing_says_so_instead_of_a_spread_of_0(outputs: Path) -> None:
    line = made(outputs, "+experiment=logistic_36feat", "seeds.count=3")
    assert line.metrics["seeds/count"] == 1
    assert line.metrics["seeds/holdout/auc/sd"] is None
    assert any("model.solver=newton" in note and "no spread" in note for note in line.manifest["notes"])
    alone = made(outputs, "+experiment=logistic_36feat")
    assert line.metrics["holdout/auc"] == alone.metrics["holdout/auc"]
    # Trees that sample neither rows nor columns, of fewer rows than LightGBM draws its bins from.
    whole = made(outputs, *TREES, "model.feature_fraction=1", "model.bagging_freq=0", "seeds.count=2")
    assert whole.metrics["seeds/count"] == 2
    assert whole.metrics["seeds/valid/auc/sd"] is None
    assert any("gave the same scores to the last bit" in note for note in whole.manifest["notes"])


def test_the_count_is_part_of_the_run_id(three: OpenedRun, alone: list[OpenedRun]) -> None:
    assert three.run_id not in {one.run_id for one in alone}
    with pytest.raises(ConfigError, match=r"seeds\.count"):
        atc.compose([*TREES, "seeds.count=0"])


CALIBRATED = ("calibration=temperature", "protocol=walk_forward", "protocol.folds=2")
REFITS = ("refit=daily_update", "refit.trees=2", "protocol.valid_fraction=0.3")


def test_folds_refits_and_calibration_see_all_seeds(outputs: Path) -> None:
    words = (*TREES, *CALIBRATED, *REFITS)
    both = made(outputs, *words, "seed=4", "seeds.count=2")
    alone = [made(outputs, *words, f"seed={seed}") for seed in (4, 5)]
    rows = both.predictions
    folds = rows["split"].str.starts_with("fold").to_numpy()
    raw = np.mean([one.predictions["p_hold_raw"].to_numpy() for one in alone], axis=0)
    np.testing.assert_allclose(rows["p_hold_raw"].to_numpy(), raw, rtol=1e-14)
    assert folds.any()
    # A seed is calibrated as if it were alone, the mean of all by itself.
    for key in ("valid/log_loss", "holdout/ece"):
        values = [one.metrics[key] for one in alone]
        assert both.metrics[f"seeds/{key}/mean"] == pytest.approx(np.mean(values), rel=1e-9)
    assert both.metrics["refit/holdout/fits"] == alone[0].metrics["refit/holdout/fits"] > 0
    assert both.metrics["refit/holdout/auc"] not in [one.metrics["refit/holdout/auc"] for one in alone]
    note = next(note for note in both.manifest["notes"] if note.startswith("seeds.count=2"))
    assert "2 fits of the final model, 4 in 2 folds, 2 at each refit" in note

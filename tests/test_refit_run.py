"""Refits through the whole task: what is learnt on the way is the past alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

import atc
from atc.config.problems import ConfigError
from atc.opened_run import OpenedRun
from atc.run import run

SIX_DAYS = (
    *("data.days=6", "window.train_days=4", "window.holdout_days=2", "data.rate=0.1"),
    *(
        "evaluation.resamples=50",
        "backtest=none",
        "tracking=none",
        "runtime.progress=off",
        "protocol.valid_fraction=0.3",
        "evaluation.adversarial.enabled=false",
        "explain=none",
    ),
)
TREES = (
    *("+experiment=gbdt_36feat", "model.n_estimators=12", "model.min_child_samples=50"),
    *("model.num_leaves=15", "model.num_threads=1"),
)
KINDS = {
    "expanding": ("refit=expanding", "refit.every_days=1", "refit.label_delay_s=600"),
    "rolling": ("refit=rolling", "refit.every_days=1", "refit.window_days=2"),
    "daily_update": ("refit=daily_update", "refit.trees=5"),
}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outputs")


def made(outputs: Path, *words: str) -> OpenedRun:
    return atc.open_run(run(atc.compose([*TREES, *SIX_DAYS, *words, f"paths.outputs={outputs}"])))


@pytest.mark.parametrize("kind", KINDS)
def test_refitted_scores_stand_beside_those_of_the_model_that_stayed(kind: str, outputs: Path) -> None:
    stayed, kept = made(outputs), made(outputs, *KINDS[kind])
    for key, value in stayed.metrics.items():
        assert kept.metrics[key] == value, key
    assert kept.metrics["refit/holdout/fits"] == kept.metrics["refit/valid/fits"] == 2
    for split in ("valid", "holdout"):
        rows = kept.predictions.filter(pl.col("judged"), split=split)
        young, old = (roc_auc_score(rows["y"], rows[name]) for name in ("refit_p_hold", "p_hold"))
        assert kept.metrics[f"refit/{split}/auc"] == pytest.approx(young, abs=1e-12)
        assert kept.metrics[f"lift_of_refit/{split}/auc"] == pytest.approx(young - old, abs=1e-12)
    ages = pl.read_parquet(kept.folder / "age.parquet")
    assert set(ages.filter(model="refit")["age_days"]) == {0}
    # The model that stayed was fitted on rows before the validation, a day and a bit before the holdout.
    assert set(ages.filter(model="model", split="holdout")["age_days"]) == {1, 2, 3}
    assert ages.filter(model="model").equals(pl.read_parquet(stayed.folder / "age.parquet"))


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory, outputs: Path) -> Path:
    """Outputs with the same events and features, in which no run is finished."""
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "cache").symlink_to(outputs / "cache")
    (folder / "data").symlink_to(outputs / "data")
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_a_score_knows_nothing_that_comes_later(
    kind: str, outputs: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the inputs and returns of the holdout's second half: the first half's scores stay the same."""
    from atc.tasks import rows as rows_module

    honest = made(outputs, *KINDS[kind]).predictions.filter(split="holdout")
    middle = int(honest["t0"].mean())
    read = rows_module.read_rows

    def spoiled(*arguments: Any, **named: Any) -> Any:
        rows = read(*arguments, **named)
        later = np.flatnonzero(rows.t0 >= middle)
        rng = np.random.default_rng(1)
        rows.x[later] = rng.normal(size=(len(later), rows.x.shape[1]))
        rows.r_bps[later] = rng.normal(scale=500.0, size=(len(later), 1))
        return rows

    monkeypatch.setattr(rows_module, "read_rows", spoiled)
    other = made(elsewhere, *KINDS[kind]).predictions.filter(split="holdout")
    before = (honest["t0"] < middle).to_numpy()
    scores = [frame["refit_p_hold"].to_numpy() for frame in (honest, other)]
    np.testing.assert_array_equal(scores[0][before], scores[1][before])
    assert not np.array_equal(scores[0][~before], scores[1][~before])


def test_a_sealed_run_is_refitted_on_validation_alone(outputs: Path) -> None:
    sealed = made(outputs, *KINDS["rolling"], "protocol.sealed=true")
    assert sealed.metrics["refit/valid/auc"] is not None
    opened = made(outputs, *KINDS["rolling"])
    keys = {key for key in opened.metrics if "refit/holdout/" in key}
    assert len(keys) == 7
    assert {key for key in sealed.metrics if "refit/holdout/" in key} == keys
    assert {sealed.metrics[key] for key in keys} == {None}
    assert set(pl.read_parquet(sealed.folder / "age.parquet")["split"]) == {"valid"}


def test_too_few_known_labels_let_the_model_go_on(outputs: Path) -> None:
    late = made(outputs, "refit=rolling", "refit.every_days=1", "refit.label_delay_s=31622400")
    assert late.metrics["refit/holdout/fits"] == 0
    assert late.metrics["lift_of_refit/holdout/auc"] == 0.0
    assert any("too few labels were known" in note for note in late.manifest["notes"])


def test_what_has_grown_is_calibrated_anew(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from atc.tasks import fitting

    fitted: list[np.ndarray] = []
    fit = fitting.fit_calibration

    def watched(kind: str, scores: np.ndarray, y: np.ndarray) -> Any:
        fitted.append(scores)
        return fit(kind, scores, y)

    monkeypatch.setattr(fitting, "fit_calibration", watched)
    kept = made(outputs, *KINDS["daily_update"], "calibration=temperature")
    # Baseline, volatility and the named model on validation, then what grew on rows of its own.
    fits = kept.metrics["refit/holdout/fits"] + kept.metrics["refit/valid/fits"]
    assert fits == 4
    assert len(fitted) == 3 + fits
    assert all(len(scores) < len(fitted[0]) for scores in fitted[3:])


def test_what_cannot_grow_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"daily_update grows further trees, and model\.kind=logistic"):
        atc.compose(["+experiment=logistic_13feat", "refit=daily_update"])

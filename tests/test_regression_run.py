"""A label that is the return itself, through the whole task: on simulated days, with ridge."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import atc
from atc.config.problems import ConfigError
from atc.opened_run import OpenedRun
from atc.report.summary import print_summary
from atc.run import run

SIX_DAYS = (
    *("data.days=6", "window.train_days=5", "window.holdout_days=1", "data.rate=0.1"),
    *("evaluation.resamples=50", "tracking=none", "runtime.progress=off", "+experiment=linear_36feat"),
)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outputs")


def made(outputs: Path, *words: str) -> OpenedRun:
    return atc.open_run(run(atc.compose([*SIX_DAYS, *words, f"paths.outputs={outputs}"])))


def words_of(one: OpenedRun, capsys: pytest.CaptureFixture[str]) -> str:
    print_summary(one.folder)
    return " ".join(capsys.readouterr().out.split())


@pytest.fixture(scope="module")
def plain(outputs: Path) -> OpenedRun:
    return made(outputs)


def test_figures_are_those_of_the_predictions(plain: OpenedRun) -> None:
    held = plain.predictions.filter("judged", split="holdout")
    y, predicted = held["y"].to_numpy(), held["predicted_bps"].to_numpy()
    np.testing.assert_array_equal(y, held["r_bps"].to_numpy())
    figures = plain.metrics
    assert figures["holdout/pearson"] == pytest.approx(np.corrcoef(y, predicted)[0, 1], abs=1e-12)
    assert figures["holdout/spearman"] == pytest.approx(stats.spearmanr(y, predicted)[0], abs=1e-9)
    assert figures["holdout/mse"] == pytest.approx(np.mean((y - predicted) ** 2))
    base = np.corrcoef(y, held["baseline_predicted_bps"].to_numpy())[0, 1]
    assert figures["lift/holdout/pearson"] == pytest.approx(figures["holdout/pearson"] - base, abs=1e-12)
    moved = y != 0
    right = np.mean(np.sign(y[moved]) == np.sign(predicted[moved]))
    assert figures["holdout/directional_accuracy"] == pytest.approx(right)
    assert figures["holdout/return/mean_bps"] == pytest.approx(y.mean())
    assert figures["holdout/return/std_bps"] == pytest.approx(y.std())
    assert not any("auc" in key.split("/") and "direction" not in key for key in figures if "adv" not in key)


def test_the_model_folder_loads_and_says_what_it_is(plain: OpenedRun) -> None:
    loaded = plain.model
    assert loaded.manifest["model_type"] == "ridge"
    assert loaded.manifest["scores"] == ["predicted_bps"]
    assert loaded.manifest["valid_metrics"]["pearson"] == plain.metrics["valid/pearson"]
    assert loaded.manifest["valid_metrics"]["mse"] == pytest.approx(plain.metrics["valid/mse"])
    (file,) = loaded.manifest["model_files"]
    assert file.startswith("ridge_ETH_JPY_2025-")
    assert (plain.folder / "model" / file).stat().st_size < 16_000


def test_the_summary_says_what_a_return_has_and_has_not(
    plain: OpenedRun, capsys: pytest.CaptureFixture[str]
) -> None:
    said = words_of(plain, capsys)
    assert "Pearson 95 % interval Spearman 95 % interval" in said
    assert "no backtest: label.kind=fwd_logret is a return" in said
    assert "collinear inputs: " in said and "biz_day_frac" in said
    assert "verdict" in said


def test_folds_refits_and_weights_take_a_return(outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    walked = made(
        outputs,
        *("protocol=walk_forward", "protocol.folds=2", "protocol.first_train_fraction=0.4"),
        *(
            "weights=uniqueness",
            "refit=expanding",
            "refit.every_days=1",
            "evaluation.adversarial.enabled=false",
        ),
    )
    figures = walked.metrics
    each = [figures[f"fold/{name}/test/pearson"] for name in ("1", "2")]
    assert figures["folds/pearson/mean"] == pytest.approx(np.mean(each))
    assert figures["gate/verdict"] is None
    assert figures["refit/holdout/pearson"] is not None
    said = words_of(walked, capsys)
    assert "gate undecided: it compares the AUCs" in said
    assert "test Pearson" in said
    assert walked.predictions.filter(split="fold1")["predicted_bps"].null_count() == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("label=hold10_oracle",), "hold10_oracle has classes, and model.kind=ridge and baseline.model.kind"),
        (("model=gbdt",), "fwd_logret is a return, and model.kind=gbdt can only fit classes"),
        (("calibration=temperature",), "temperature mends probabilities, and label fwd_logret has none"),
        (("refit=daily_update",), "model.kind=ridge has none"),
    ],
)
def test_what_does_not_go_together_is_refused_before_the_run(words: tuple[str, ...], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        atc.compose([*SIX_DAYS, *words])

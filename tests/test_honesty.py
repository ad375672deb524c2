"""What the simulated markets are for: a signal that is there is found, one that is not there is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

import atc
from atc.config.schema import RunConfig
from atc.evaluation.controls import shuffled_control
from atc.protocol.dataset import Block
from atc.report.progress import Progress
from atc.run import run
from atc.tasks.base import Desk
from atc.tasks.loaded import Loaded
from atc.tasks.tick_classification import TickClassification
from atc.tracking.stages import Stages

ALONE = ("backtest=none", "explain=none", "evaluation.adversarial.enabled=false")
"""Nothing that these tests do not ask for."""
# A sixth of the demo.
TEN_DAYS = (*("data.days=10", "window.train_days=7", "window.holdout_days=3"), *ALONE)
# A third of it, in the same proportions.
TWENTY_DAYS = ("data.days=20", "window.train_days=15", "window.holdout_days=5")
# Twice what the demo plants.
PLAIN_TO_SEE = ("data.scenario.yielding_lean=0.23", "data.scenario.absorbing_lean=-0.27")


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("honesty")


def figures(outputs: Path, *words: str) -> dict[str, float]:
    settings = (f"paths.outputs={outputs}", "tracking=none", "runtime.progress=off")
    made = run(atc.compose(["+experiment=gbdt_36feat", *words, *settings]))
    return {key: value for key, value in atc.open_run(made).metrics.items() if value is not None}


def loaded(outputs: Path, *words: str) -> tuple[RunConfig, Loaded]:
    config = atc.compose(
        ["+experiment=gbdt_36feat", *words, f"paths.outputs={outputs}", "runtime.progress=off"]
    )
    task = TickClassification(config)
    desk = Desk(Stages().stage, Progress("off").bar, look=lambda _holdout, _reason: None)
    task.prepare(desk)
    return config, task.load(desk)


def test_trees_beat_a_line_on_the_same_columns_where_an_interaction_is_planted(outputs: Path) -> None:
    """On a few days that plant it plainly. Of the demo it takes the whole: see the slow test of it."""
    found = figures(outputs, *TEN_DAYS, *PLAIN_TO_SEE, "baseline=logistic_36feat")
    assert found["lift/holdout/auc/lo"] > 0.0
    assert found["lift_over_volatility/holdout/auc/lo"] > 0.0
    assert found["holdout/direction_auc/lo"] > 0.5


def test_nothing_is_found_where_nothing_is(outputs: Path) -> None:
    found = figures(outputs, *TWENTY_DAYS, *ALONE, "data=demo_null")
    assert found["holdout/auc/lo"] <= 0.5 <= found["holdout/auc/hi"]
    assert found["baseline/holdout/auc/lo"] <= 0.5 <= found["baseline/holdout/auc/hi"]
    assert found["lift/holdout/auc/lo"] <= 0.0 <= found["lift/holdout/auc/hi"]


def test_shuffled_labels_score_chance(outputs: Path) -> None:
    from atc.models.build import build_model

    config, rows = loaded(outputs, *TEN_DAYS)
    holdout = rows.parts.holdout.open("the shuffled-label control of this test")
    judged = Block(holdout.x, holdout.y, holdout.features)
    control = shuffled_control(
        lambda: build_model(config.model), rows.parts.train, rows.parts.valid, judged, seed=1
    )
    assert control.standard_error < 0.01
    assert control.scores_chance, control


@pytest.mark.parametrize(
    "label",
    [
        ("label=hold10_oracle_q14", "model.n_estimators=20"),
        ("label=tlob", "label.threshold=mean_spread", "model=softmax", "weights=uniqueness"),
    ],
    ids=["quantile", "mean_spread"],
)
def test_the_holdout_decides_nothing(
    label: tuple[str, ...], outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever its inputs, returns and spreads: threshold, model and validation scores stay the same to the
    bit.
    """
    from atc.tasks import rows as rows_module

    words = (*TEN_DAYS, *label)
    read = rows_module.read_rows

    def spoiled(*arguments: Any, **named: Any) -> Any:
        rows = read(*arguments, **named)
        if spoiling:
            held = rows.t0 >= holdout_start
            rng = np.random.default_rng(1)
            rows.x[held] = rng.normal(size=(int(held.sum()), rows.x.shape[1]))
            rows.r_bps[held] = rng.normal(scale=500.0, size=(int(held.sum()), 1))
            rows.spread_bps[held] = rng.uniform(100.0, 900.0, size=int(held.sum()))
        return rows

    monkeypatch.setattr(rows_module, "read_rows", spoiled)
    fitted = []
    for spoiling in (False, True):  # noqa: B007  # read by `spoiled`
        config = atc.compose(["+experiment=gbdt_36feat", *words, f"paths.outputs={outputs}"])
        task, desk = TickClassification(config), Desk(Stages().stage, Progress("off").bar)
        task.prepare(desk)
        holdout_start = task.market.spans.holdout[0]
        data = task.load(desk)
        models = task.fit(data, desk)
        named = models.by_name["model"].model
        fitted.append((data.label.constants, named.predict(data.valid.select(named.features).x)))
    assert fitted[0][0] == fitted[1][0]
    np.testing.assert_array_equal(fitted[0][1], fitted[1][1])


@pytest.mark.slow
def test_the_whole_demo_says_the_same(outputs: Path) -> None:
    found = figures(outputs, "baseline=logistic_36feat")
    assert found["lift/holdout/auc/lo"] > 0.0
    assert found["lift_over_volatility/holdout/auc/lo"] > 0.0
    assert found["holdout/direction_auc/lo"] > 0.5
    null = figures(outputs, "data=demo_null")
    assert null["holdout/auc/lo"] <= 0.5 <= null["holdout/auc/hi"]


@pytest.mark.slow
def test_trees_gain_nothing_where_a_line_has_the_signal_whole(
    outputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("data/scenario=linear_only", "baseline=logistic_36feat", "backtest=none")
    lifts = []
    for seed in range(1, 6):
        found = figures(outputs, *TWENTY_DAYS, *words, f"data.seed={seed}")
        lifts.append(found["lift/holdout/auc"])
        with capsys.disabled():
            print(
                f"\nlinear_only, seed {seed}: trees {found['holdout/auc']:.4f}, line "
                f"{found['baseline/holdout/auc']:.4f}, lift {found['lift/holdout/auc']:+.4f} "
                f"({found['lift/holdout/auc/lo']:+.4f} to {found['lift/holdout/auc/hi']:+.4f})",
                end="",
            )
        assert found["baseline/holdout/auc"] > 0.6
        assert found["lift/holdout/auc/lo"] <= 0.0
    # Nor on average, where five markets would show what one of them cannot.
    assert np.mean(lifts) < 0.003


@pytest.mark.slow
def test_volatility_that_can_be_foreseen_is_no_direction(outputs: Path) -> None:
    found = figures(outputs, "data/scenario=null_vol")
    assert found["holdout/direction_auc/lo"] <= 0.5 <= found["holdout/direction_auc/hi"]
    # The label rewards knowing volatility, and nothing beyond it is there.
    assert found["lift_over_volatility/holdout/auc"] < 0.01


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 6))
def test_other_seeds_of_the_null_market_say_nothing_either(outputs: Path, seed: int) -> None:
    found = figures(outputs, *TWENTY_DAYS, "data=demo_null", f"data.seed={seed}")
    # One interval of 95 % in twenty may miss: this one asks for three standard errors.
    half = (found["holdout/auc/hi"] - found["holdout/auc/lo"]) / 2
    assert abs(found["holdout/auc"] - 0.5) < 1.5 * half


def test_the_reported_auc_is_that_of_an_outside_library(outputs: Path) -> None:
    found = figures(outputs, *TEN_DAYS, "baseline=logistic_36feat")
    (folder,) = (
        path
        for path in (outputs / "runs").glob("gbdt_36feat-*")
        if found.items() <= dict(atc.open_run(path).metrics).items()
    )
    held = atc.open_run(folder).predictions.filter(pl.col("judged"), split="holdout")
    assert roc_auc_score(held["y"], held["p_hold"]) == pytest.approx(found["holdout/auc"], abs=1e-12)

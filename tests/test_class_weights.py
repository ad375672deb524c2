"""weights.classes: what a class counts in a fit, and what that does to probabilities."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from planted_heads import blocks, three_classes, two_heads
from planted_rows import planted_rows
from sklearn.linear_model import LogisticRegression
from sklearn.utils.class_weight import compute_sample_weight

import atc
from atc.config.model import Gbdt, Logistic
from atc.config.nets import Multihorizon, Trainer
from atc.config.problems import ConfigError
from atc.models.base import fit_model
from atc.models.build import build_model
from atc.models.calibration import calibrated, fit_calibration
from atc.models.standardise import fit_standardiser
from atc.protocol.class_weights import balanced, class_weighted, given
from atc.protocol.dataset import CHUNK_ROWS, Block
from atc.run import run


def rare(seed: int = 0) -> tuple[Block, Block]:
    """Rows of which about one in eight is of class 0."""
    data = planted_rows(4000, seed=seed)
    y = np.where(np.isnan(data.r_bps), np.nan, (data.r_bps > -4.0).astype(np.float64))
    return blocks(replace(data, y=y))


@pytest.mark.parametrize("rows", [rare, lambda: blocks(three_classes()), lambda: blocks(two_heads())])
def test_balanced_is_what_scikit_learn_calls_balanced_head_by_head(rows: object) -> None:
    train, _ = rows()  # type: ignore[operator]
    found = class_weighted(train, balanced(train)).weights
    assert found is not None
    for head in range(len(train.heads)):
        known = ~np.isnan(train.y[:, head])
        expected = compute_sample_weight("balanced", train.y[known, head])
        np.testing.assert_allclose(found[known, head], expected, rtol=1e-12)


def test_it_goes_with_the_weights_that_rows_have() -> None:
    train, _ = rare()
    own = np.random.default_rng(1).uniform(0.1, 2.0, train.n_rows)
    found = class_weighted(replace(train, weights=own), balanced(replace(train, weights=own))).weights
    assert found is not None
    sums = [found[train.y[:, 0] == code, 0].sum() for code in (0, 1)]
    assert sums[0] == pytest.approx(sums[1])
    assert found.mean() == pytest.approx(1.0)
    of_class = train.y[:, 0] == 1
    np.testing.assert_allclose(found[of_class, 0] / own[of_class], found[of_class, 0][0] / own[of_class][0])


def test_it_costs_the_weights_and_little_beside() -> None:
    n = 16 * CHUNK_ROWS
    y = (np.arange(n) % 7 == 0).astype(np.float32)[:, None]
    y[::3] = np.nan
    block = Block(np.zeros((n, 1), dtype=np.float32), y, ("a",))
    tracemalloc.start()
    try:
        weights = class_weighted(block, balanced(block)).weights
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert weights is not None
    assert peak < 1.5 * weights.nbytes
    known = ~np.isnan(y[:, 0])
    assert weights[known].mean() == pytest.approx(1.0, rel=1e-12)
    np.testing.assert_allclose(weights[known, 0], compute_sample_weight("balanced", y[known, 0]), rtol=1e-12)
    assert set(weights[~known, 0]) == {1.0}


def test_a_class_without_rows_takes_nothing_from_the_others() -> None:
    train, _ = blocks(three_classes())
    two = replace(train, y=np.where(train.y == 1, 2.0, train.y))
    assert balanced(two)[0, 1] == 1.0
    weights = class_weighted(two, balanced(two)).weights
    assert weights is not None
    assert weights[two.y[:, 0] == 0].sum() == pytest.approx(weights[two.y[:, 0] == 2].sum())


def test_the_logistic_regression_is_that_of_scikit_learn() -> None:
    train, valid = rare()
    model = build_model(Logistic(kind="logistic", l2=1e-3, tol=1e-10))
    fit_model(model, class_weighted(train, given(train, (3.0, 0.5))), valid, seed=1)
    scaler = fit_standardiser(train.x, 10.0)
    other = LogisticRegression(C=1.0 / 1e-3, class_weight={0: 3.0, 1: 0.5}, tol=1e-12, max_iter=10_000)
    # Its penalty is on the sum of the losses: of weights that sum to 1 it is the mean's.
    weights = np.where(train.y[:, 0] == 0, 3.0, 0.5)
    other.C /= weights.sum()
    other.fit(scaler.apply(np.asarray(train.x)), train.y[:, 0])
    expected = other.predict_proba(scaler.apply(np.asarray(valid.x)))[:, 1]
    np.testing.assert_allclose(model.predict(valid.x)[:, 0], expected, atol=2e-5)


def test_trees_are_those_of_lightgbm_with_these_weights() -> None:
    import lightgbm

    train, valid = rare()
    factors = balanced(train)
    config = Gbdt(
        kind="gbdt", n_estimators=10, min_child_samples=40, num_leaves=7, num_threads=1, early_stopping=10
    )
    model = build_model(config)
    fit_model(model, class_weighted(train, factors), class_weighted(valid, factors), seed=1)
    other = lightgbm.LGBMClassifier(
        n_estimators=10,
        min_child_samples=40,
        num_leaves=7,
        max_depth=config.max_depth,
        learning_rate=config.learning_rate,
        subsample=config.bagging_fraction,
        subsample_freq=config.bagging_freq,
        colsample_bytree=config.feature_fraction,
        max_bin=config.max_bin,
        class_weight="balanced",
        n_jobs=1,
        deterministic=True,
        force_col_wise=True,
        verbosity=-1,
        **dict.fromkeys(("seed", "bagging_seed", "feature_fraction_seed", "data_random_seed"), 1),
    ).fit(np.asarray(train.x), train.y[:, 0])
    expected = other.predict_proba(np.asarray(valid.x))[:, 1]  # type: ignore[index, call-overload]
    np.testing.assert_allclose(model.predict(valid.x)[:, 0], expected, rtol=1e-6)


NET = Multihorizon(
    kind="multihorizon",
    epochs=4,
    batch_size=512,
    trainer=Trainer(accelerator="cpu", num_threads=1),
)


@pytest.mark.parametrize("config", [Logistic(kind="logistic"), NET], ids=["logistic", "net"])
def test_isotonic_calibration_brings_probabilities_back_and_temperature_cannot(
    config: Logistic | Multihorizon,
) -> None:
    train, valid = rare()
    factors = balanced(train)
    model = build_model(config)
    fit_model(model, class_weighted(train, factors), class_weighted(valid, factors), seed=1)
    raw, happened = model.predict(valid.x), float(valid.y.mean())
    assert happened > 0.8
    assert abs(raw.mean() - 0.5) < 0.1
    back = calibrated(raw, fit_calibration("isotonic", raw, valid.y))
    assert back.mean() == pytest.approx(happened, abs=0.01)
    hot = calibrated(raw, fit_calibration("temperature", raw, valid.y))
    assert abs(hot.mean() - happened) > 0.1


SMALL = (
    *("data.days=6", "window.train_days=4", "window.holdout_days=2", "data.rate=0.1"),
    *("evaluation.resamples=20", "backtest=none", "tracking=none", "runtime.progress=off"),
    *(
        "evaluation.adversarial.enabled=false",
        "explain=none",
        "+experiment=logistic_13feat",
        "weights=uniqueness",
    ),
)


def test_a_run_says_what_the_classes_count(tmp_path: Path) -> None:
    words = [*SMALL, "weights.classes=balanced", f"paths.outputs={tmp_path}"]
    found = atc.open_run(run(atc.compose(words)))
    (note,) = [one for one in found.manifest["notes"] if one.startswith("weights.classes=balanced")]
    assert "FLAT counts" in note
    assert "calibration=isotonic" in note
    held = found.predictions.filter(split="valid")
    assert abs(held["p_hold"].mean() - 0.5) < 0.15  # type: ignore[operator]


def test_weights_that_cannot_be_are_refused() -> None:
    for words, said in (
        (("weights.classes=[1,2,3]",), r"weights\.classes.*3 weights.*2 classes"),
        (("weights.classes=[1,0]",), r"weights\.classes"),
        (("weights.classes=rare",), r"weights\.classes"),
        (
            ("weights.classes=balanced", "label=fwd_logret", "model=ridge", "baseline=ridge_13feat"),
            r"weights\.classes.*no classes",
        ),
    ):
        with pytest.raises(ConfigError, match=said):
            atc.compose(list(words))

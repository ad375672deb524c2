"""Labels of three classes and of several heads through every kind of model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from planted_heads import blocks, three_classes, two_heads
from planted_rows import FEATURES
from sklearn.metrics import roc_auc_score
from test_models_artifact import PROVENANCE

from atc.config.model import REGRESSORS, Gbdt, Logistic, Softmax
from atc.config.model import Model as ModelConfig
from atc.models.artifact import load_model, save_model
from atc.models.base import FitReport, Model, fit_model
from atc.models.build import build_model
from atc.models.kinds import KINDS, NET_KINDS, one_head_class
from atc.models.per_head import PerHead
from atc.models.profile import reference_profile
from atc.protocol.dataset import Block

CONFIGS: dict[str, ModelConfig] = {
    "gbdt": Gbdt(kind="gbdt", n_estimators=30, min_child_samples=40, num_leaves=7, num_threads=1),
    "logistic": Logistic(kind="logistic"),
    "softmax": Softmax(kind="softmax"),
}
kinds = pytest.mark.parametrize("kind", sorted(CONFIGS))


def fitted(kind: str, train: Block, valid: Block) -> tuple[Model, FitReport]:
    model = build_model(CONFIGS[kind])
    return model, fit_model(model, train, valid, seed=1)


def saved_and_loaded(kind: str, model: Model, report: FitReport, train: Block, folder: Path) -> Model:
    profile = reference_profile(train.x, train.features)
    save_model(
        model,
        folder,
        config=CONFIGS[kind],
        provenance=PROVENANCE,
        report=report,
        valid_metrics={},
        profile=profile,
    )
    return load_model(folder, features=FEATURES).model


@kinds
def test_three_classes(kind: str, tmp_path: Path) -> None:
    train, valid = blocks(three_classes())
    model, report = fitted(kind, train, valid)
    assert model.score_names == ("p_short", "p_flat", "p_hold")
    p = model.predict(valid.x)
    np.testing.assert_allclose(p.sum(axis=1), 1.0, atol=1e-9)
    for code in (0, 2):
        assert roc_auc_score(valid.y[:, 0] == code, p[:, code]) > 0.6
    shares = [np.mean(train.y == code) for code in range(3)]
    np.testing.assert_allclose(model.predict(train.x).mean(axis=0), shares, atol=0.02)
    assert report.curves["valid/log_loss"][-1] < report.curves["valid/log_loss"][0]
    loaded = saved_and_loaded(kind, model, report, train, tmp_path / "model")
    assert (loaded.kind, loaded.score_names) == (kind, model.score_names)
    assert loaded.predict(valid.x).tobytes() == p.tobytes()


@kinds
def test_each_head_is_the_model_of_its_own_rows(kind: str, tmp_path: Path) -> None:
    train, valid = blocks(two_heads())
    model, report = fitted(kind, train, valid)
    assert model.score_names == ("p_near", "p_far")
    p = model.predict(valid.x)
    for number, head in enumerate(("near", "far")):
        own = []
        for block in (train, valid):
            rows = np.flatnonzero(~np.isnan(block.y[:, number]))
            x, y = np.asarray(block.x)[rows], block.y[rows, number, None]
            own.append(replace(block, x=x, y=y, heads=("",)))
        alone, of_head = fitted(kind, own[0], own[1])
        assert alone.predict(valid.x)[:, 0].tobytes() == p[:, number].tobytes()
        assert report.curves[f"valid/log_loss@{head}"] == of_head.curves["valid/log_loss"]
        assert report.parameters[f"best_iteration@{head}"] == of_head.best_iteration
    assert {item.feature for item in report.importance} == set(FEATURES)
    loaded = saved_and_loaded(kind, model, report, train, tmp_path / "model")
    assert loaded.score_names == model.score_names
    assert loaded.predict(valid.x).tobytes() == p.tobytes()
    assert sorted(path.name for path in (tmp_path / "model").iterdir() if path.is_dir()) == ["far", "near"]


def test_progress_goes_on_from_head_to_head() -> None:
    train, valid = blocks(two_heads(2000))
    steps: list[tuple[int, int]] = []
    model = build_model(CONFIGS["softmax"])
    fit_model(model, train, valid, seed=1, progress=lambda done, of: steps.append((done, of)))
    assert steps == sorted(steps)
    assert steps[-1][0] <= steps[-1][1] == 2 * 50


def test_an_unfitted_model_says_so() -> None:
    with pytest.raises(RuntimeError, match="not fitted"):
        _ = build_model(CONFIGS["gbdt"]).features


@kinds
def test_a_label_of_a_row_has_its_own_weight(kind: str) -> None:
    train, valid = blocks(two_heads(2500))
    weights = np.random.default_rng(3).uniform(0.2, 3.0, train.y.shape)
    model, _ = fitted(kind, replace(train, weights=weights), valid)
    for number in range(2):
        alone, _ = fitted(kind, replace(train, weights=weights[:, number]), valid)
        one, other = model.predict(valid.x), alone.predict(valid.x)
        assert one[:, number].tobytes() == other[:, number].tobytes()
        assert one[:, 1 - number].tobytes() != other[:, 1 - number].tobytes()
    with pytest.raises(ValueError, match="weights have shape"):
        replace(train, weights=weights[:, :1])


def test_one_head_takes_its_weights_as_a_column_too() -> None:
    train, valid = blocks(three_classes(2000))
    weights = np.random.default_rng(3).uniform(0.2, 3.0, train.y.shape)
    one, _ = fitted("softmax", replace(train, weights=weights), valid)
    other, _ = fitted("softmax", replace(train, weights=weights[:, 0]), valid)
    assert one.predict(valid.x).tobytes() == other.predict(valid.x).tobytes()


def test_every_kind_that_a_config_can_name_has_a_class_of_that_kind() -> None:
    configs = get_args(get_args(ModelConfig)[0])
    named = {kind for config in configs for kind in get_args(config.model_fields["kind"].annotation)}
    # An ensemble is gathered from finished runs, and has no class that fits.
    assert named - {"ensemble"} == set(KINDS) == {*CONFIGS, *REGRESSORS, *NET_KINDS}
    for config in CONFIGS.values():
        assert one_head_class(config, 2).kind == config.kind
    assert one_head_class(CONFIGS["logistic"], 3).kind == "softmax"


def test_heads_show_the_rows_that_their_fits_saw() -> None:
    train, valid = blocks(two_heads())
    model, _ = fitted("gbdt", train, valid)
    weights = np.ones_like(train.y)
    assert isinstance(model, PerHead)
    for number, (_, _, rows) in enumerate(model.of_heads(replace(train, weights=weights))):
        assert rows.n_rows == np.count_nonzero(~np.isnan(train.y[:, number]))
        assert rows.weights is not None
        assert rows.weights.shape == (rows.n_rows,)
    train, valid = blocks(three_classes())
    model, _ = fitted("gbdt", train, valid)
    assert isinstance(model, PerHead)
    (only,) = model.of_heads(replace(train, weights=np.ones_like(train.y)))
    assert only[2].weights is not None
    assert only[2].weights.shape == (train.n_rows,)

"""Softmax regression against scikit-learn, and against logistic regression of two classes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from planted_heads import CLASSES, blocks, three_classes
from planted_rows import planted_rows
from sklearn.linear_model import LogisticRegression

from atc.config.model import Logistic, Softmax
from atc.errors import DataError
from atc.models.base import FitReport, fit_model
from atc.models.logistic import LogisticModel
from atc.models.softmax import SoftmaxModel, _Problem
from atc.models.standardise import fit_standardiser
from atc.protocol.dataset import Block

NEWTON = Softmax(kind="softmax", l2=1e-3)


@pytest.fixture(scope="module")
def rows() -> tuple[Block, Block]:
    return blocks(three_classes())


def fitted(config: Softmax, rows: tuple[Block, Block], seed: int = 1) -> tuple[SoftmaxModel, FitReport]:
    model = SoftmaxModel(config)
    return model, fit_model(model, *rows, seed=seed)


def test_the_optimum_is_scikit_learns(rows: tuple[Block, Block]) -> None:
    train, valid = rows
    model, report = fitted(NEWTON, rows)
    assert report.converged
    standardiser = fit_standardiser(train.x, NEWTON.clip)
    z, z_valid = (standardiser.apply(np.asarray(block.x)) for block in rows)
    # scikit-learn minimises the sum of losses and ½‖W‖²/C.
    peer = LogisticRegression(
        C=1 / (NEWTON.l2 * train.n_rows), solver="newton-cholesky", tol=1e-13, max_iter=500
    )
    peer.fit(z, train.y[:, 0])
    np.testing.assert_allclose(model.coefficients[:, :-1], peer.coef_, rtol=0, atol=1e-6)
    biases, others = model.coefficients[:, -1], peer.intercept_
    np.testing.assert_allclose(biases - biases.mean(), others - others.mean(), rtol=0, atol=1e-6)
    np.testing.assert_allclose(model.predict(valid.x), peer.predict_proba(z_valid), atol=1e-6)
    assert model.score_names == ("p_short", "p_flat", "p_hold")


def test_value_gradient_and_hessian_belong_together(rows: tuple[Block, Block]) -> None:
    train, _ = rows
    rng = np.random.default_rng(1)
    weights = rng.random(train.n_rows)
    problem = _Problem(
        config=replace_l2(0.3),
        standardiser=fit_standardiser(train.x, 10.0),
        x=train.x,
        codes=train.y[:, 0].astype(np.int64),
        classes=3,
        weights=weights / weights.sum(),
    )
    theta = rng.standard_normal(len(problem.free))
    here = problem.at(theta, curvature=True)
    assert here.hessian is not None
    np.testing.assert_allclose(here.hessian, here.hessian.T, rtol=1e-12, atol=1e-16)
    for place in rng.choice(len(theta), 8, replace=False):
        step = np.zeros(len(theta))
        step[place] = 1e-5
        above, below = (problem.at(theta + sign * step, curvature=False) for sign in (1, -1))
        assert (above.value - below.value) / 2e-5 == pytest.approx(here.gradient[place], abs=1e-8)
        slope = (above.gradient - below.gradient) / 2e-5
        np.testing.assert_allclose(slope, here.hessian[place], atol=1e-8)


def replace_l2(l2: float) -> Softmax:
    return NEWTON.model_copy(update={"l2": l2})


def test_of_two_classes_it_is_logistic_regression() -> None:
    """Two halves of half the weight: the same probabilities at twice the penalty."""
    data = planted_rows(2000)
    train, valid = blocks(data)
    softmax, _ = fitted(replace_l2(2e-3), (train, valid))
    logistic = LogisticModel(Logistic(kind="logistic", l2=1e-3))
    fit_model(logistic, train, valid, seed=1)
    assert softmax.score_names == ("p",)
    np.testing.assert_allclose(softmax.predict(valid.x), logistic.predict(valid.x), atol=1e-8)


def test_adam_comes_near_and_repeats(rows: tuple[Block, Block]) -> None:
    config = Softmax(kind="softmax", solver="adam", l2=1e-3, batch_size=512)
    assert config.epochs == 60
    model, report = fitted(config, rows)
    best, _ = fitted(NEWTON, rows)
    np.testing.assert_allclose(model.predict(rows[1].x), best.predict(rows[1].x), atol=0.06)
    assert len(report.curves["valid/log_loss"]) == 60
    again, _ = fitted(config, rows)
    assert again.coefficients.tobytes() == model.coefficients.tobytes()
    other, _ = fitted(config, rows, seed=2)
    assert other.coefficients.tobytes() != model.coefficients.tobytes()


def test_a_row_scores_the_same_wherever_it_stands(rows: tuple[Block, Block]) -> None:
    model, _ = fitted(NEWTON, rows)
    x = np.asarray(rows[1].x)
    whole = model.predict(x)
    np.testing.assert_allclose(whole.sum(axis=1), 1.0, atol=1e-12)
    for start in (0, 3, 17):
        assert model.predict(x[start : start + 5]).tobytes() == whole[start : start + 5].tobytes()


def test_weights_count_rows(rows: tuple[Block, Block]) -> None:
    """A row of weight 2 is two rows."""
    train, valid = rows
    twice = np.arange(train.n_rows) % 3 == 0
    weighted = replace(train, weights=np.where(twice, 2.0, 1.0))
    order = np.sort(np.concatenate([np.arange(train.n_rows), np.flatnonzero(twice)]))
    standardiser_of_twice = replace(train, x=np.asarray(train.x)[order], y=train.y[order])
    one, _ = fitted(NEWTON, (weighted, valid))
    other, _ = fitted(NEWTON, (standardiser_of_twice, valid))
    # The inputs are standardised without weights, which moves the penalty a little.
    np.testing.assert_allclose(one.predict(valid.x), other.predict(valid.x), atol=2e-3)


def test_a_class_without_rows_is_rare_not_wrong(rows: tuple[Block, Block]) -> None:
    train, valid = rows
    no_flat = np.flatnonzero(train.y[:, 0] != 1.0)
    some = replace(train, x=np.asarray(train.x)[no_flat], y=train.y[no_flat])
    model, _ = fitted(NEWTON, (some, valid))
    assert float(model.predict(valid.x)[:, 1].max()) < 0.01


def test_the_file_is_the_model(rows: tuple[Block, Block], tmp_path: Path) -> None:
    model, _ = fitted(NEWTON, rows)
    (name,) = model.save(tmp_path, "softmax_X")
    content = json.loads((tmp_path / name).read_text())
    assert content["scores"] == ["p_short", "p_flat", "p_hold"]
    loaded = SoftmaxModel.load(NEWTON, tmp_path / name, model.score_names)
    assert loaded.predict(rows[1].x).tobytes() == model.predict(rows[1].x).tobytes()
    (tmp_path / name).write_text(json.dumps({**content, "format": "other"}))
    with pytest.raises(DataError, match="'atc-softmax-1' was expected"):
        SoftmaxModel.load(NEWTON, tmp_path / name, model.score_names)


def test_what_is_no_class_is_named(rows: tuple[Block, Block]) -> None:
    train, valid = rows
    y = train.y.copy()
    y[7] = 3.0
    with pytest.raises(DataError, match=r"label 3.0 in row 7 \(1 such rows\), 0, 1 or 2 was expected"):
        fitted(NEWTON, (replace(train, y=y), valid))
    assert train.classes == CLASSES

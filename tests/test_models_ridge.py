"""Ridge regression against scikit-learn, what it says of collinear columns, what it can and cannot learn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from planted_rows import FEATURES, planted_rows
from sklearn.linear_model import Ridge as OtherRidge
from threadpoolctl import threadpool_limits

from atc.config.model import Ridge
from atc.errors import DataError
from atc.models.base import FitReport, fit_model
from atc.models.per_head import PerHead
from atc.models.ridge import RidgeModel
from atc.models.standardise import fit_standardiser
from atc.protocol.dataset import Block, Dataset
from atc.protocol.row_runs import RowRuns


def of_return(n: int = 4000, seed: int = 0) -> Dataset:
    data = planted_rows(n, seed=seed)
    return replace(data, y=data.r_bps, classes=())


def blocks(n: int = 4000, seed: int = 0) -> tuple[Block, Block]:
    data = of_return(n, seed)
    known = np.flatnonzero(~np.isnan(data.r_bps[:, 0]))
    cut = int(len(known) * 0.8)
    return data.block(known[:cut]), data.block(known[cut:])


def fitted(train: Block, valid: Block, **config: float) -> tuple[RidgeModel, FitReport]:
    model = RidgeModel(Ridge(kind="ridge", **config))
    return model, fit_model(model, train, valid, seed=1)


def expected(train: Block, alpha: float, clip: float = 10.0) -> NDArray[np.float64]:
    """scikit-learn's, by singular values of the float64 matrix itself, not by normal equations."""
    z = fit_standardiser(train.x, clip).apply(train.x[:])
    other = OtherRidge(alpha=alpha, solver="svd").fit(z, train.y[:, 0], sample_weight=train.weights)
    return np.append(other.coef_, other.intercept_)


@pytest.mark.parametrize("alpha", [0.0, 1.0, 300.0])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("clip", [1.5, 10.0])
def test_coefficients_are_those_of_scikit_learn(alpha: float, weighted: bool, clip: float) -> None:
    train, valid = blocks()
    if weighted:
        train = replace(train, weights=np.random.default_rng(2).uniform(0.1, 3.0, train.n_rows))
    model, report = fitted(train, valid, alpha=alpha, clip=clip)
    np.testing.assert_allclose(model.coefficients, expected(train, alpha, clip), rtol=0, atol=1e-6)
    assert report.converged is True
    assert report.null_columns == ("absent",)
    assert report.constant_columns == ("constant",)
    assert report.importance[0].feature == "linear"
    assert report.notes == ()


def test_offsets_and_units_of_columns_cost_no_digits() -> None:
    train, valid = blocks()
    x = train.x.copy()
    x[:, 3] = x[:, 3] * 1e-6
    x[:, 4] = x[:, 4] * 1e5 + 3e6
    shifted = replace(train, x=x, y=train.y + 1e6)
    model, report = fitted(shifted, replace(valid, y=valid.y + 1e6))
    np.testing.assert_allclose(model.coefficients[:-1], expected(shifted, 1.0)[:-1], rtol=0, atol=1e-6)
    assert report.converged is True


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_collinear_columns_are_named_and_share_their_weight(alpha: float) -> None:
    def doubled(block: Block) -> Block:
        x = np.concatenate([block.x[:], -2.0 * block.x[:, 2:3]], axis=1)
        return replace(block, x=x, features=(*FEATURES, "mirror"))

    train, valid = (doubled(block) for block in blocks())
    model, report = fitted(train, valid, alpha=alpha)
    z = fit_standardiser(train.x, 10.0).apply(train.x[:])
    other = OtherRidge(alpha=alpha, solver="svd").fit(z, train.y[:, 0]).coef_
    if alpha == 0.0:  # scikit-learn keeps directions of rounding; the least norm is NumPy's
        other = np.linalg.lstsq(z - z.mean(axis=0), train.y[:, 0] - train.y.mean(), rcond=1e-9)[0]
    np.testing.assert_allclose(model.coefficients[:-1], other, rtol=0, atol=1e-6)
    assert model.coefficients[2] == pytest.approx(-model.coefficients[7], rel=1e-5)
    (note,) = report.notes
    assert note.startswith("collinear inputs: linear, mirror;")
    assert ("model.alpha=1" in note) is (alpha == 1.0)
    assert report.parameters["rank"] == 5
    assert report.parameters["condition_of_inputs"] is None
    condition = report.parameters["condition"]
    assert condition is None if alpha == 0 else isinstance(condition, float) and condition > 1e3


def test_copies_up_to_the_rounding_of_float32_get_no_huge_weights() -> None:
    """As `biz_day_frac` = 1 − `ttc_sec_norm`, each rounded: their difference is rounding alone, and without a
    penalty least squares would fit that, with weights of millions.
    """

    def doubled(block: Block) -> Block:
        x = np.concatenate([block.x[:], 1.0 - block.x[:, 2:3]], axis=1)
        return replace(block, x=x, features=(*FEATURES, "mirror"))

    train, valid = (doubled(block) for block in blocks())
    model, report = fitted(train, valid, alpha=0.0)
    assert np.abs(expected(train, 0.0)).max() > 1e5
    assert np.abs(model.coefficients).max() < 2.0
    assert report.notes[0].startswith("collinear inputs: linear, mirror; of all weights that fit as well")
    alone, _ = fitted(*blocks(), alpha=0.0)
    np.testing.assert_allclose(model.predict(valid.x), alone.predict(valid.x[:, :-1]), rtol=0, atol=1e-5)


def test_nothing_depends_on_blas_threads_or_on_where_the_rows_lie() -> None:
    train, valid = blocks(3001)
    model, _ = fitted(train, valid)
    with threadpool_limits(1):
        alone, _ = fitted(train, valid)
    assert alone.coefficients.tobytes() == model.coefficients.tobytes()
    assert isinstance(train.x, np.ndarray)
    between = np.zeros((100, train.x.shape[1]), dtype=np.float32)
    runs = RowRuns(
        np.concatenate([train.x[:1000], between, train.x[1000:]]),
        np.array([0, 1100]),
        np.array([1000, train.n_rows + 100]),
    )
    apart, _ = fitted(replace(train, x=runs), valid)
    np.testing.assert_allclose(apart.coefficients, model.coefficients, rtol=0, atol=1e-12)


def test_it_recovers_a_line_and_not_a_product() -> None:
    """The planted return is 0.9·a·b + 0.5·linear: no line knows the first."""
    train, valid = blocks(20_000)
    model, _ = fitted(train, valid)
    x = np.nan_to_num(valid.x[:].astype(np.float64))
    predicted = model.predict(valid.x)[:, 0]
    line = float(np.corrcoef(predicted, x[:, 2])[0, 1])
    product = float(np.corrcoef(predicted, x[:, 0] * x[:, 1])[0, 1])
    assert line > 0.9
    assert abs(product) < 0.2
    of_line, of_product = (
        float(np.corrcoef(signal, valid.y[:, 0])[0, 1]) for signal in (x[:, 2], x[:, 0] * x[:, 1])
    )
    assert of_product > 0.4 > of_line > 0.2, "both are there to be found"


def test_exact_lines_are_found_to_rounding() -> None:
    rng = np.random.default_rng(3)
    x = rng.standard_normal((5000, 4)).astype(np.float32)
    truth = np.array([3.0, 0.0, -2.0, 0.5])
    block = Block(x, (x @ truth + 7.0)[:, None], ("a", "b", "c", "d"), classes=())
    model, report = fitted(block, block, alpha=0.0)
    np.testing.assert_allclose(model.predict(x), block.y, rtol=0, atol=1e-9)
    assert report.parameters["r_squared"] == pytest.approx(1.0, abs=1e-12)


def test_saved_and_loaded_it_predicts_the_same(tmp_path: Path) -> None:
    train, valid = blocks()
    model = PerHead(Ridge(kind="ridge"))
    fit_model(model, train, valid, seed=1)
    assert model.score_names == ("predicted_bps",)
    files = model.save(tmp_path, "ridge")
    assert files == ("ridge.json",)
    manifest = {
        "model_config": {"kind": "ridge", "alpha": 1.0, "clip": 10.0},
        "model_files": list(files),
        "scores": list(model.score_names),
        "features": list(FEATURES),
    }
    again = PerHead.load(tmp_path, manifest)
    assert again.features == FEATURES
    assert again.score_names == model.score_names
    assert again.predict(valid.x).tobytes() == model.predict(valid.x).tobytes()
    one_by_one = np.concatenate([again.predict(row[None]) for row in valid.x[:50]])
    assert one_by_one.tobytes() == model.predict(valid.x[:50]).tobytes()


def test_a_head_of_its_own_for_each_horizon() -> None:
    train, valid = blocks()

    def two(block: Block) -> Block:
        return replace(block, y=np.column_stack([block.y[:, 0], -2.0 * block.y[:, 0]]), heads=("30s", "300s"))

    model = PerHead(Ridge(kind="ridge"))
    fit_model(model, two(train), two(valid), seed=1)
    assert model.score_names == ("predicted_bps_30s", "predicted_bps_300s")
    near, far = model.predict(valid.x).T
    np.testing.assert_allclose(far, -2.0 * near, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("returns", "says"),
    [
        ("null", r"training rows: return nan in row 5 \(1 such rows\), a finite number of bps"),
        ("infinite", r"training rows: return inf in row 5"),
        ("constant", r"training rows: all .* returns are 1\.5, so there is nothing to learn"),
    ],
)
def test_returns_that_cannot_be_fitted_are_named(returns: str, says: str) -> None:
    train, valid = blocks(1000)
    y = train.y.copy()
    y[5] = {"null": np.nan, "infinite": np.inf, "constant": 1.5}[returns]
    if returns == "constant":
        y[:] = 1.5
    with pytest.raises(DataError, match=says):
        fitted(replace(train, y=y), valid)


def test_inputs_without_any_spread_leave_the_mean() -> None:
    train, valid = blocks(1000)
    flat = np.full((train.n_rows, 2), 4.0, dtype=np.float32)
    flat[:, 1] = np.nan
    block = Block(flat, train.y, ("constant", "absent"), classes=())
    model, report = fitted(block, block)
    np.testing.assert_allclose(model.predict(flat)[:, 0], train.y.mean(), rtol=0, atol=1e-12)
    assert report.parameters["rank"] == 0
    del valid

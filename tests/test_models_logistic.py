"""Logistic regression against scikit-learn, and what it says of itself."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from planted_rows import planted_rows
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from atc.config.model import Logistic
from atc.errors import DataError
from atc.models import base, row_chunks
from atc.models.base import FitReport, fit_model
from atc.models.logistic import LogisticModel
from atc.models.row_chunks import over_tasks
from atc.models.standardise import fit_standardiser
from atc.protocol.dataset import Block


def blocks(n: int = 4000, seed: int = 0) -> tuple[Block, Block]:
    data = planted_rows(n, seed=seed)
    known = np.flatnonzero(~np.isnan(data.r_bps[:, 0]))
    cut = int(len(known) * 0.8)
    return data.block(known[:cut]), data.block(known[cut:])


def fitted(config: Logistic, train: Block, valid: Block, seed: int = 1) -> tuple[LogisticModel, FitReport]:
    model = LogisticModel(config)
    return model, fit_model(model, train, valid, seed=seed)


def standardised(train: Block, clip: float = 10.0) -> NDArray[np.float64]:
    """Written out: mean and population deviation of what is known, null → 0, clipped."""
    x = train.x.astype(np.float64)
    columns = []
    for column in x.T:
        known = column[~np.isnan(column)]
        spread = known.std() if len(known) and known.min() < known.max() else 0.0
        z = (column - known.mean()) / spread if spread else np.zeros_like(column)
        columns.append(np.clip(np.where(np.isnan(z), 0.0, z), -clip, clip))
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("l2", [1e-4, 0.03])
def test_newton_equals_scikit_learn(l2: float) -> None:
    train, valid = blocks()
    model, report = fitted(Logistic(kind="logistic", l2=l2), train, valid)
    # mean loss + λ/2·‖w‖² is scikit-learn's objective at C = 1/(n·λ).
    other = LogisticRegression(C=1.0 / (train.n_rows * l2), solver="newton-cholesky", tol=1e-13, max_iter=500)
    other.fit(standardised(train), train.y[:, 0])
    expected = np.append(other.coef_[0], other.intercept_)
    np.testing.assert_allclose(model.coefficients, expected, rtol=0, atol=1e-6)
    assert report.converged is True
    assert report.gradient_norm is not None
    assert report.gradient_norm <= 1e-8
    assert report.null_columns == ("absent",)
    assert report.constant_columns == ("constant",)
    assert model.coefficients[5:7].tolist() == [0.0, 0.0]
    assert report.importance[0].feature == "linear"


def test_weights_as_in_scikit_learn() -> None:
    train, valid = blocks(1500)
    weights = np.random.default_rng(2).uniform(0.1, 3.0, train.n_rows)
    model, report = fitted(
        Logistic(kind="logistic", l2=0.01), Block(train.x, train.y, train.features, weights), valid
    )
    other = LogisticRegression(
        C=1.0 / (weights.sum() * 0.01), solver="newton-cholesky", tol=1e-13, max_iter=500
    )
    other.fit(standardised(train), train.y[:, 0], sample_weight=weights)
    np.testing.assert_allclose(
        model.coefficients, np.append(other.coef_[0], other.intercept_), rtol=0, atol=1e-6
    )
    assert report.converged is True


def test_collinear_inputs_without_penalty_converge() -> None:
    train, valid = blocks(2000)

    def doubled(block: Block) -> Block:
        x = np.concatenate([block.x, -block.x[:, 2:3]], axis=1)
        return Block(x, block.y, (*block.features, "mirror"))

    model, report = fitted(Logistic(kind="logistic", l2=0.0), doubled(train), doubled(valid))
    assert report.converged is True
    # The least-norm direction shares the weight out.
    assert model.coefficients[2] == pytest.approx(-model.coefficients[7], rel=1e-6)


def test_separable_classes_without_penalty_say_that_there_is_no_optimum() -> None:
    x = np.linspace(-1, 1, 60, dtype=np.float32)[:, None]
    block = Block(x, (x > 0).astype(np.float64), ("a",))
    _, report = fitted(Logistic(kind="logistic", l2=0.0, max_iter=8), block, block)
    assert report.converged is False
    assert "no optimum" in report.notes[0]


def test_adam_comes_near_the_same_optimum_and_repeats() -> None:
    train, valid = blocks()
    exact, best = fitted(Logistic(kind="logistic", l2=1e-2), train, valid)
    config = Logistic(kind="logistic", solver="adam", l2=1e-2, batch_size=512)
    near, report = fitted(config, train, valid)
    assert report.iterations == 40
    assert len(report.curves["valid/auc"]) == 40
    assert isinstance(report.parameters["objective"], float)
    assert isinstance(best.parameters["objective"], float)
    assert (
        best.parameters["objective"] <= report.parameters["objective"] < best.parameters["objective"] + 1e-3
    )
    assert np.abs(near.coefficients - exact.coefficients).max() < 0.1
    again, _ = fitted(config, train, valid)
    other, _ = fitted(config, train, valid, seed=2)
    assert again.coefficients.tobytes() == near.coefficients.tobytes()
    assert other.coefficients.tobytes() != near.coefficients.tobytes()


def test_nothing_depends_on_blas_threads_or_on_the_batch_that_a_row_is_in() -> None:
    train, valid = blocks(3001)
    results = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            model, _ = fitted(Logistic(kind="logistic"), train, valid)
            results.append((model.coefficients.tobytes(), model.predict(valid.x).tobytes()))
    assert results[0] == results[1]
    one_by_one = np.concatenate([model.predict(row[None]) for row in valid.x[:50]])
    assert one_by_one.tobytes() == model.predict(valid.x)[:50].tobytes()


@pytest.mark.parametrize("weighted", [False, True])
def test_sums_do_not_depend_on_the_number_of_threads(monkeypatch: pytest.MonkeyPatch, weighted: bool) -> None:
    monkeypatch.setattr("atc.models.row_chunks.TASK_ROWS", 300)
    monkeypatch.setattr("atc.models.row_chunks.CHUNK_ROWS", 100)
    train, valid = blocks(3001)
    if weighted:
        train = replace(train, weights=np.random.default_rng(2).uniform(0.1, 3.0, train.n_rows))
    results = []
    for threads in (1, 2, 7):
        monkeypatch.setattr("atc.models.row_chunks.threads", lambda number=threads: number)
        model, _ = fitted(Logistic(kind="logistic"), train, valid)
        results.append((model.coefficients.tobytes(), model.predict(valid.x).tobytes()))
    assert len(set(results)) == 1


def test_an_error_in_a_thread_is_the_errors_of_the_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("atc.models.row_chunks.threads", lambda: 2)

    def work(rows: slice) -> int:
        if rows.start == 20:
            raise DataError("row 20")
        return rows.start

    assert list(over_tasks(35, lambda rows: rows.start, task_rows=10)) == [0, 10, 20, 30]
    with pytest.raises(DataError, match="row 20"):
        list(over_tasks(35, work, task_rows=10))


def test_workers_of_a_sweep_take_no_more_threads_than_they_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert row_chunks.threads() == 1
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert row_chunks.threads() >= 1


def test_many_rows_begin_at_the_optimum_of_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    train, valid = blocks()
    plain, from_base = fitted(Logistic(kind="logistic"), train, valid)
    monkeypatch.setattr("atc.models.solvers.START_ROWS", 500)
    model, report = fitted(Logistic(kind="logistic"), train, valid)
    np.testing.assert_allclose(model.coefficients, plain.coefficients, rtol=0, atol=1e-7)
    assert report.converged is True
    assert report.iterations < from_base.iterations
    # A sample without one of the classes has no optimum.
    rare = np.zeros(train.n_rows)
    rare[1::400] = 1.0
    model, report = fitted(Logistic(kind="logistic"), replace(train, y=rare[:, None]), valid)
    assert report.converged is True


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_epochs_that_end_before_the_optimum_say_so(solver: Literal["adam", "sgd"]) -> None:
    train, valid = blocks(1000)
    _, report = fitted(Logistic(kind="logistic", solver=solver, epochs=3, batch_size=128), train, valid)
    assert report.converged is False
    assert report.gradient_norm is not None and report.gradient_norm > 1e-8
    (note,) = report.notes
    assert note.startswith(f"logistic: not converged after 3 epochs of {solver}, gradient ")
    assert "model.solver=newton" in note


def test_sgd_is_the_loop_written_out() -> None:
    train, valid = blocks(1200)
    model, report = fitted(
        Logistic(kind="logistic", solver="sgd", l2=0.01, epochs=4, batch_size=256), train, valid, seed=5
    )
    z, y = np.column_stack([standardised(train), np.ones(train.n_rows)]), train.y[:, 0]
    rng, theta = np.random.default_rng(5), np.zeros(z.shape[1])
    for _ in range(4):
        order = rng.permutation(train.n_rows)
        for start in range(0, train.n_rows, 256):
            rows = order[start : start + 256]
            error = 1.0 / (1.0 + np.exp(-z[rows] @ theta)) - y[rows]
            slope = z[rows].T @ error / len(rows) + 0.01 * np.append(theta[:-1], 0.0)
            theta = theta - 0.05 * slope
    np.testing.assert_allclose(model.coefficients, theta, rtol=0, atol=1e-12)
    assert report.iterations == 4


def test_a_centre_far_from_the_mean_costs_no_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A column that the sample finds null, and one whose level the sample does not know."""
    monkeypatch.setattr("atc.models.standardise._SAMPLE_ROWS", 2)
    rng = np.random.default_rng(4)
    x = rng.standard_normal((3000, 4)).astype(np.float32)
    x[:, 0] += 3e5
    x[[0, -1], 0] = np.nan
    x[:, 1] = x[:, 1] * 1e-3 - 7e2
    x[[0, -1], 1] = 9e2
    x[1:-1, 2] = 0.1
    x[[0, -1], 2] = np.nan
    x[:, 3] = np.float32(1 / 3)
    found = fit_standardiser(x, 10.0)
    known = np.ma.masked_invalid(x.astype(np.float64))
    np.testing.assert_allclose(found.mean, known.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.std[:2], known.std(axis=0)[:2], rtol=1e-9)
    assert found.std[2:].tolist() == [0.0, 0.0]


def test_chunks_leave_no_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    train, valid = blocks(1000)
    whole, _ = fitted(Logistic(kind="logistic"), train, valid)
    monkeypatch.setattr("atc.models.row_chunks.CHUNK_ROWS", 77)
    monkeypatch.setattr("atc.models.row_chunks.TASK_ROWS", 154)
    parts, _ = fitted(Logistic(kind="logistic"), train, valid)
    np.testing.assert_allclose(parts.coefficients, whole.coefficients, rtol=0, atol=1e-9)


def test_standardisation_as_written_out() -> None:
    train, _ = blocks(1000)
    x = train.x.copy()
    x[0, 0], x[1, 0] = 1e4, -1e4  # beyond the clip
    x[:, 4] += 1e6  # a large offset
    block = Block(x, train.y, train.features)
    standardiser = fit_standardiser(x, 3.0)
    np.testing.assert_allclose(standardiser.apply(x), standardised(block, 3.0), rtol=0, atol=1e-9)
    assert standardiser.apply(x).min() == -3.0
    assert np.isnan(x[:, 0]).any()  # the input is left as it was
    # What was constant or null in training says nothing later either.
    later = np.full((1, x.shape[1]), 7.0, dtype=np.float32)
    assert standardiser.apply(later)[0, 5:7].tolist() == [0.0, 0.0]


def test_extreme_margins_do_not_overflow() -> None:
    train, valid = blocks(1000)
    model, _ = fitted(Logistic(kind="logistic", clip=1e30), train, valid)
    far = np.full((2, len(train.features)), 1e30, dtype=np.float32)
    far[1] *= -1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        p = model.predict(far)
    assert sorted(p[:, 0].tolist()) == [0.0, 1.0]


def test_an_infinite_input_names_column_and_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "CHUNK_ROWS", 16)
    train, valid = blocks(1000)
    x = valid.x.copy()
    x[37, 2] = np.inf
    x[40, 2] = -np.inf
    with pytest.raises(
        DataError, match=r"validation rows: infinite values in linear \(2 rows, the first is 37\)"
    ):
        fit_model(LogisticModel(Logistic(kind="logistic")), train, Block(x, valid.y, valid.features), seed=1)


@pytest.mark.parametrize("value", [np.nan, 2.0])
def test_a_label_that_is_no_class_is_named(value: float) -> None:
    train, valid = blocks(1000)
    y = train.y.copy()
    y[5] = value
    with pytest.raises(DataError, match=rf"training rows: label {value} in row 5 \(1 such rows\)"):
        fit_model(LogisticModel(Logistic(kind="logistic")), Block(train.x, y, train.features), valid, seed=1)


def test_one_class_is_refused() -> None:
    train, valid = blocks(1000)
    ones = Block(valid.x, np.ones_like(valid.y), valid.features)
    with pytest.raises(DataError, match=r"validation rows: all .* labels are of class 1"):
        fit_model(LogisticModel(Logistic(kind="logistic")), train, ones, seed=1)

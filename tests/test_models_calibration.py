"""Calibration against scikit-learn and scipy, and its way into the artifact and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import log_loss, roc_auc_score

from atc.errors import DataError
from atc.evaluation.metrics import expected_calibration_error
from atc.models.calibration import (
    HOTTEST,
    Calibration,
    Isotonic,
    Temperature,
    calibrated,
    fit_calibration,
    isotonic_curve,
    load_calibration,
    save_calibration,
)

Matrix = NDArray[np.float64]

pairs = st.lists(
    st.tuples(st.sampled_from(np.linspace(0, 1, 13).tolist()), st.booleans()), min_size=2, max_size=60
)


def rows(n: int = 4000, classes: int = 2, sharpness: float = 3.0, seed: int = 0) -> tuple[Matrix, Matrix]:
    """Scores too sure of themselves, and what happened."""
    rng = np.random.default_rng(seed)
    margins = rng.standard_normal((n, classes))
    p = np.exp(margins)
    p /= p.sum(axis=1, keepdims=True)
    y = np.array([rng.choice(classes, p=row) for row in p], dtype=np.float64)
    loud = np.exp(sharpness * margins)
    loud /= loud.sum(axis=1, keepdims=True)
    return (loud[:, 1:] if classes == 2 else loud), y[:, None]


def fitted(kind: str, scores: Matrix, y: Matrix) -> Calibration:
    found = fit_calibration(kind, scores, y)
    assert found is not None
    return found


@given(pairs)
def test_the_isotonic_curve_is_that_of_scikit_learn(found: list[tuple[float, bool]]) -> None:
    p = np.array([a for a, _ in found])
    positive = np.array([b for _, b in found])
    least = 1 / (len(p) + 2)
    judge = IsotonicRegression(y_min=least, y_max=1 - least, out_of_bounds="clip").fit(p, positive)
    at = np.linspace(-0.1, 1.1, 97)
    np.testing.assert_allclose(isotonic_curve(p, positive).apply(at), judge.predict(at), atol=1e-12)


def test_the_temperature_is_the_one_of_least_log_loss() -> None:
    scores, y = rows()
    found = fitted("temperature", scores, y)
    assert isinstance(found, Temperature)
    (temperature,) = found.temperatures
    logit = np.log(scores[:, 0] / (1 - scores[:, 0]))

    def loss(t: float) -> float:
        return float(log_loss(y[:, 0], 1 / (1 + np.exp(-logit / t))))

    best = minimize_scalar(loss, bounds=(0.1, 10), method="bounded", options={"xatol": 1e-9})
    assert temperature == pytest.approx(best.x, rel=1e-4)
    assert temperature == pytest.approx(3.0, rel=0.1)
    np.testing.assert_allclose(found.apply(scores)[:, 0], 1 / (1 + np.exp(-logit / temperature)))
    assert roc_auc_score(y[:, 0], found.apply(scores)[:, 0]) == roc_auc_score(y[:, 0], scores[:, 0])


@pytest.mark.parametrize("kind", ["temperature", "isotonic"])
@pytest.mark.parametrize("classes", [2, 3])
def test_calibration_mends_other_rows_than_its_own(kind: str, classes: int) -> None:
    found = fitted(kind, *rows(classes=classes))
    scores, y = rows(classes=classes, seed=1)
    mended = found.apply(scores)
    assert mended.shape == scores.shape
    labels = list(range(classes))
    assert log_loss(y[:, 0], mended, labels=labels) < log_loss(y[:, 0], scores, labels=labels) - 0.1
    if classes == 3:
        np.testing.assert_allclose(mended.sum(axis=1), 1.0)
    positive = y[:, 0] == classes - 1
    before, after = (expected_calibration_error(positive, p[:, -1]) for p in (scores, mended))
    assert before is not None
    assert after is not None
    assert after < before / 3


def test_heads_have_their_own_temperature_and_curve_and_leave_null_labels_out() -> None:
    (first, y), (second, other) = rows(), rows(sharpness=0.5, seed=2)
    both, labels = np.column_stack([first, second]), np.column_stack([y, other])
    labels[:500, 1] = np.nan
    for kind in ("temperature", "isotonic"):
        mended = fitted(kind, both, labels).apply(both)
        np.testing.assert_array_equal(mended[:, [0]], fitted(kind, first, y).apply(first))
        alone = fitted(kind, second[500:], other[500:]).apply(second)
        np.testing.assert_array_equal(mended[:, [1]], alone)


def test_a_worthless_score_becomes_as_unsure_as_it_may() -> None:
    rng = np.random.default_rng(0)
    scores, y = rng.random((2000, 1)), (rng.random(2000) < 0.5).astype(np.float64)[:, None]
    backwards = fitted("temperature", np.where(y == 1, 0.1, 0.9), y)
    assert isinstance(backwards, Temperature)
    assert backwards.temperatures[0] == pytest.approx(HOTTEST)
    flat = fitted("isotonic", scores, y).apply(scores)
    assert np.std(flat) < 0.1
    assert 0 < flat.min() < flat.max() < 1


@pytest.mark.parametrize("kind", ["temperature", "isotonic"])
def test_json_gives_the_same_scores_back(tmp_path: Path, kind: str) -> None:
    scores, y = rows(classes=3)
    found = fitted(kind, scores, y)
    assert save_calibration(found, tmp_path) == "calibration.json"
    again = load_calibration(tmp_path / "calibration.json")
    assert isinstance(again, Temperature | Isotonic)
    assert again == found
    np.testing.assert_array_equal(again.apply(scores), found.apply(scores))
    text = (tmp_path / "calibration.json").read_text()
    (tmp_path / "calibration.json").write_text(text.replace("atc-calibration-1", "atc-calibration-9"))
    with pytest.raises(DataError, match=r"calibration.json: format 'atc-calibration-9'"):
        load_calibration(tmp_path / "calibration.json")


def test_none_leaves_scores_alone_and_wrong_shapes_are_refused() -> None:
    scores, y = rows(classes=3)
    assert fit_calibration("none", scores, y) is None
    assert calibrated(scores, None) is scores
    with pytest.raises(ValueError, match="3 score columns and 2 heads"):
        fit_calibration("isotonic", scores, np.column_stack([y, y]))

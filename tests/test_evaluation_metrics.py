"""Point figures against scikit-learn and against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score
from sklearn.metrics import log_loss as sklearn_log_loss

from atc.evaluation.confusion import class_shares, prior_adjusted_argmax
from atc.evaluation.metrics import (
    auc,
    brier,
    direction_auc,
    expected_calibration_error,
    log_loss,
    two_classes,
)
from atc.evaluation.precision_recall import average_precision
from atc.models.ranking import rank

rows = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0])), min_size=2, max_size=60
)


def arrays(pairs: list[tuple[bool, float]]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    return np.array([a for a, _ in pairs]), np.array([b for _, b in pairs])


@given(rows)
def test_ranking_figures_with_ties_equal_scikit_learn(pairs: list[tuple[bool, float]]) -> None:
    positive, score = arrays(pairs)
    if positive.all() or not positive.any():
        assert auc(positive, score) is None
        return
    assert auc(positive, score) == pytest.approx(roc_auc_score(positive, score), abs=1e-12)
    assert average_precision(positive, rank(score)) == pytest.approx(
        average_precision_score(positive, score), abs=1e-12
    )


@given(rows)
def test_probability_figures_equal_scikit_learn(pairs: list[tuple[bool, float]]) -> None:
    positive, p = arrays(pairs)
    assert log_loss(positive, p) == pytest.approx(
        sklearn_log_loss(positive, p, labels=[False, True]), abs=1e-12
    )
    assert brier(positive, p) == pytest.approx(
        brier_score_loss(positive, p, labels=[False, True], pos_label=True)
    )


@given(rows)
def test_auc_is_the_share_of_ordered_pairs(pairs: list[tuple[bool, float]]) -> None:
    positive, score = arrays(pairs)
    won = [float(a > b) + 0.5 * float(a == b) for a in score[positive] for b in score[~positive]]
    assert auc(positive, score) == (sum(won) / len(won) if won else None)


def test_auc_of_many_rows_does_not_overflow() -> None:
    n = 400_000
    positive = np.arange(n) % 2 == 0
    assert auc(positive, positive.astype(np.float64)) == 1.0
    assert auc(positive, np.zeros(n)) == 0.5


def test_nan_scores_are_an_error() -> None:
    with pytest.raises(ValueError, match="1 of 2 scores are NaN"):
        auc(np.array([True, False]), np.array([0.5, np.nan]))


def test_no_rows_give_no_figures() -> None:
    nobody, nothing = np.zeros(0, dtype=np.bool_), np.zeros(0)
    for figure in (auc, log_loss, brier, expected_calibration_error):
        assert figure(nobody, nothing) is None
    assert average_precision(nobody, rank(nothing)) is None


def test_calibration_error_as_written_out() -> None:
    rng = np.random.default_rng(0)
    p = rng.permutation(np.linspace(0.01, 0.99, 400))
    positive = rng.random(400) < p**2
    order = np.argsort(p)
    parts = np.array_split(order, 20)
    expected = sum(len(i) / 400 * abs(p[i].mean() - positive[i].mean()) for i in parts)
    assert expected_calibration_error(positive, p) == pytest.approx(expected, abs=1e-12)
    assert expected > 0.1
    # A constant score is off by its distance from the base rate, in whatever order the rows come.
    constant = expected_calibration_error(positive, np.full(400, 0.9))
    assert constant == pytest.approx(0.9 - positive.mean(), abs=1e-12)


def test_direction_auc_looks_at_moves_alone() -> None:
    r_bps = np.array([5.0, -5.0, 3.0, -3.0, 2.0, -2.0, 0.0, 1.0])
    # Right on every move beyond 2 bps; wrong on every other.
    score = np.array([0.9, 0.1, 0.8, 0.2, 0.0, 1.0, 0.5, 0.0])
    assert direction_auc(r_bps, score, 2.0) == 1.0
    moved = np.abs(r_bps) > 1.5
    assert direction_auc(r_bps, score, 1.5) == pytest.approx(roc_auc_score(r_bps[moved] > 0, score[moved]))
    assert direction_auc(r_bps, score, 5.0) is None  # strictly more
    assert direction_auc(np.abs(r_bps), score, 0.5) is None


def test_direction_auc_sees_through_the_volatility_trap() -> None:
    rng = np.random.default_rng(1)
    volatility = rng.uniform(0.5, 3.0, 20_000)
    r_bps = volatility * rng.standard_normal(20_000) * 8
    hold = r_bps > -20.0
    calm = -volatility
    area = auc(hold, calm)
    assert area is not None
    assert area > 0.65
    assert direction_auc(r_bps, calm, 20.0) == pytest.approx(0.5, abs=0.02)


def test_two_classes_are_called_by_the_share_of_validation() -> None:
    shares = class_shares((np.arange(50) < 43).astype(np.int64), 2)
    assert shares.tolist() == [0.14, 0.86]
    # argmax of p/π against (1 − p)/(1 − π)
    p = np.linspace(0.001, 0.999, 999)
    np.testing.assert_array_equal(prior_adjusted_argmax(two_classes(p), shares) == 1, p >= 0.86)

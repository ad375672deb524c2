"""Means over folds and the gate, against scipy and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from atc.config.protocol import Gate
from atc.protocol.fold_mean import mean_over_folds, student_t_beyond, student_t_quantile
from atc.protocol.gate import judge

MODEL = "the named model (gbdt on plan36)"


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 6, 7, 30, 101])
@pytest.mark.parametrize("p", [0.5, 0.6, 0.9, 0.975, 0.995, 0.9999])
def test_quantiles_are_scipy_s(p: float, degrees: int) -> None:
    assert student_t_quantile(p, degrees) == pytest.approx(stats.t.ppf(p, degrees), rel=1e-9, abs=1e-9)
    t = stats.t.ppf(p, degrees)
    assert student_t_beyond(-t, degrees) == pytest.approx(2 * stats.t.sf(t, degrees), rel=1e-9, abs=1e-12)


def test_the_interval_is_scipy_s() -> None:
    values = np.random.default_rng(0).normal(0.6, 0.02, 6)
    found = mean_over_folds(values.tolist(), 0.9)
    expected = stats.t.interval(0.9, 5, values.mean(), stats.sem(values))
    assert found.mean == pytest.approx(values.mean())
    assert (found.lo, found.hi) == pytest.approx(expected)
    assert found.half_width == pytest.approx((expected[1] - expected[0]) / 2)


def test_what_cannot_be_told_is_null() -> None:
    assert mean_over_folds([0.5, None, 0.7], 0.95).mean is None
    assert mean_over_folds([], 0.95).mean is None
    one = mean_over_folds([0.5], 0.95)
    assert (one.mean, one.half_width) == (0.5, None)
    shared = mean_over_folds([0.5, 0.7], None)
    assert (shared.mean, shared.lo) == (pytest.approx(0.6), None)


@pytest.mark.parametrize(
    ("gaps", "verdict", "said"),
    [
        ([0.010, 0.012, 0.008, 0.011], 1, "gate accepts"),
        ([0.050, 0.052, 0.048, 0.051], 0, "gate rejects"),
        # Its mean is far beyond the bound, and its interval holds it all the same.
        ([0.20, 0.02, 0.30, 0.10], None, "these data cannot tell, and nothing falls back"),
        # As wide, and wholly on one side: how large the gap is stays open, on which side it lies does not.
        ([0.20, 0.26, 0.24], 0, "wider than ±0.03, yet all of it on one side of 0.03; more than 0.03"),
        ([-0.20, -0.26, -0.24], 1, "wider than ±0.03, yet all of it on one side of 0.03; at most 0.03"),
        ([0.0, 0.06, -0.05, 0.03], None, "these data cannot tell, and nothing falls back"),
        ([0.05, None, 0.05, 0.05], None, "a fold has no train or validation AUC"),
    ],
)
def test_the_gate(gaps: list[float | None], verdict: int | None, said: str) -> None:
    found = judge(gaps, Gate(), MODEL)
    assert found.verdict == verdict
    assert said in found.why
    assert MODEL in found.why
    figures = found.figures()
    assert figures["gate/verdict"] == verdict
    if None not in figures.values():
        assert figures["gate/gap/lo"] < figures["gate/gap"] < figures["gate/gap/hi"]  # type: ignore[operator]


def test_the_bounds_are_included() -> None:
    gaps = [0.03, 0.03, 0.03]
    assert judge(gaps, Gate(max_gap=0.03), MODEL).verdict == 1
    assert judge(gaps, Gate(max_gap=0.0299), MODEL).verdict == 0

"""DeLong against its definition, and two scores on the same rows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from planted_rows import SECOND, planted_rows, planted_signal
from scipy import stats
from sklearn.metrics import roc_auc_score

from atc.config.evaluation import Evaluation
from atc.evaluation.blocks import disjoint_rows
from atc.evaluation.delong import delong
from atc.evaluation.paired import JudgedRows, PairedDifference, Score, paired_difference

Vector = NDArray[np.float64]


def pair_by_pair(positive: NDArray[np.bool_], first: Vector, second: Vector) -> tuple[float, float]:
    """Difference and standard error from the definition: every pair of a positive and a negative row."""
    won = []
    for score in (first, second):
        above = score[positive][:, None] - score[~positive][None, :]
        won.append((above > 0) + 0.5 * (above == 0))
    gained = won[0] - won[1]
    by_positive, by_negative = gained.mean(axis=1), gained.mean(axis=0)
    variance = by_positive.var(ddof=1) / len(by_positive) + by_negative.var(ddof=1) / len(by_negative)
    return float(gained.mean()), math.sqrt(variance)


@pytest.mark.parametrize("seed", range(6))
def test_delong_pair_by_pair(seed: int) -> None:
    rng = np.random.default_rng(seed)
    positive = rng.random(150) < rng.choice([0.14, 0.5, 0.86])
    common = positive + rng.standard_normal(150)
    decimals = int(rng.integers(0, 3))  # with many ties, and with few
    first, second = (np.round(common + rng.standard_normal(150), decimals) for _ in range(2))
    found = delong(positive, first, second)
    assert found is not None
    difference, error = pair_by_pair(positive, first, second)
    assert found.difference == pytest.approx(difference, abs=1e-14)
    assert found.difference == pytest.approx(
        roc_auc_score(positive, first) - roc_auc_score(positive, second), abs=1e-12
    )
    assert found.standard_error == pytest.approx(error, rel=1e-12)
    assert found.p_value == pytest.approx(2 * stats.norm.sf(abs(difference) / error), rel=1e-10)
    lo, hi = found.interval(0.9)
    assert (lo, hi) == pytest.approx(stats.norm.interval(0.9, difference, error), rel=1e-10)
    assert found.rows == 150


def test_delong_covers_the_truth_of_independent_rows() -> None:
    """A thousand small samples of equally good scores: the 90 % interval holds 0 about 900 times."""
    rng = np.random.default_rng(11)
    held = 0
    for _ in range(1000):
        positive = np.arange(120) < 60
        common = positive + rng.standard_normal(120)
        found = delong(positive, common + rng.standard_normal(120), common + rng.standard_normal(120))
        assert found is not None
        lo, hi = found.interval(0.9)
        held += lo <= 0 <= hi
    assert 870 <= held <= 930


def test_delong_without_rows_of_a_class_or_without_a_difference() -> None:
    score = np.arange(10.0)
    assert delong(np.arange(10) < 1, score, -score) is None
    assert delong(np.arange(10) < 9, score, -score) is None
    same = delong(np.arange(10) % 2 == 0, score, 3 * score + 1)
    assert same is not None
    assert (same.difference, same.standard_error, same.p_value) == (0.0, 0.0, None)


def test_thinned_rows_do_not_overlap_and_none_could_be_added() -> None:
    rng = np.random.default_rng(2)
    t0 = np.sort(rng.integers(0, 10_000, 400))
    t1 = t0 + rng.integers(1, 120, 400)
    chosen = disjoint_rows(t0, t1)
    assert chosen[0] == 0
    assert (t0[chosen[1:]] > t1[chosen[:-1]]).all()
    for row, following in zip(chosen, [*chosen[1:], len(t0)], strict=True):
        assert (t0[row + 1 : following] <= t1[row]).all()  # each row that was left out overlaps
    assert len(disjoint_rows(t0[:0], t1[:0])) == 0


def judged() -> tuple[JudgedRows, Vector]:
    data = planted_rows(12_000, seed=3, spacing_s=10.0, horizon_s=60.0)
    there = ~np.isnan(data.r_bps[:, 0])
    rows = JudgedRows(
        positive=data.y[there, 0] == 1.0,
        r_bps=data.r_bps[there, 0],
        t0=data.t0[there],
        t1=data.t1[there, 0],
        days=data.days[there],
    )
    return rows, planted_signal(data)[there]


SETTINGS = {"config": Evaluation(resamples=400), "horizon_ns": 60 * SECOND, "exit_bps": 0.5, "seed": 1}


def difference(rows: JudgedRows, first: Vector, second: Vector) -> PairedDifference:
    return paired_difference(rows, Score(first, first), Score(second, second), **SETTINGS)


def test_a_better_score_is_told_apart_and_a_relabelled_one_is_not() -> None:
    rows, signal = judged()
    rng = np.random.default_rng(5)
    worse = signal + rng.standard_normal(len(signal)) * signal.std()
    found = difference(rows, signal, worse)
    assert found.auc.value == pytest.approx(
        roc_auc_score(rows.positive, signal) - roc_auc_score(rows.positive, worse), abs=1e-12
    )
    assert found.auc.interval is not None
    assert found.auc.interval.lo > 0
    assert found.direction_auc.interval is not None
    assert found.direction_auc.interval.lo > 0
    assert found.delong is not None
    assert found.delong.interval(0.95)[0] > 0
    assert 1500 < found.delong.rows < 2001  # of 12,000 rows, one a minute
    # Both say about the same of the difference's error, although DeLong sees a sixth of the rows.
    swapped = difference(rows, worse, signal)
    assert swapped.auc.value == -found.auc.value
    same = difference(rows, signal, np.exp(signal / 10))
    assert same.auc.value == 0.0
    assert same.auc.interval is not None
    assert (same.auc.interval.lo, same.auc.interval.hi) == (0.0, 0.0)


def test_too_few_rows_have_no_interval_and_no_test() -> None:
    rows, signal = judged()
    few = slice(0, 60)  # ten minutes
    short = JudgedRows(rows.positive[few], rows.r_bps[few], rows.t0[few], rows.t1[few], rows.days[few])
    found = difference(short, signal[few], -signal[few])
    assert found.auc.value is not None
    assert found.auc.interval is None
    assert found.delong is None

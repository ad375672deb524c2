"""Blocks and their bootstrap: the concordance matrix against resampling row by row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from atc.evaluation.blocks import auc_standard_error, blocks_of, chance_standard_error, disjoint_windows
from atc.evaluation.bootstrap import concordance, multiplicities, percentile_interval, resampled_aucs
from atc.evaluation.lift import resampling
from atc.evaluation.metrics import auc
from atc.models.ranking import rank

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR

row = st.tuples(st.booleans(), st.integers(0, 6), st.integers(0, 4))


def by_rows(
    positive: NDArray[np.bool_],
    score: NDArray[np.float64],
    block: NDArray[np.int64],
    times: NDArray[np.int64],
) -> list[float | None]:
    """The AUC of each resample, its rows written out as often as their block was drawn."""
    picked = [np.repeat(np.arange(len(score)), w[block]) for w in times]
    return [auc(positive[i], score[i]) for i in picked]


@given(st.lists(row, min_size=1, max_size=50), st.integers(0, 1000))
def test_the_trick_is_resampling_exactly(rows: list[tuple[bool, int, int]], seed: int) -> None:
    positive = np.array([a for a, _, _ in rows])
    score = np.array([b / 7 for _, b, _ in rows])
    block = np.array([c for _, _, c in rows])
    times = multiplicities(5, 20, seed)
    found = resampled_aucs(concordance(positive, rank(score), block, 5), times)
    expected = by_rows(positive, score, block, times)
    assert [None if np.isnan(value) else value for value in found.tolist()] == expected


@pytest.mark.parametrize("base_rate", [0.14, 0.5, 0.86])
def test_the_trick_over_base_rates(base_rate: float) -> None:
    rng = np.random.default_rng(3)
    positive = rng.random(600) < base_rate
    score = np.round(rng.standard_normal(600) + positive, 1)
    block = rng.integers(0, 9, 600)
    times = multiplicities(9, 30, 1)
    pairs = concordance(positive, rank(score), block, 9)
    assert pairs.positives.sum() == positive.sum()
    assert (pairs.positives + pairs.negatives).tolist() == np.bincount(block, minlength=9).tolist()
    assert resampled_aucs(pairs, times).tolist() == by_rows(positive, score, block, times)
    ones = np.ones((1, 9), dtype=np.int64)
    assert resampled_aucs(pairs, ones)[0] == pytest.approx(roc_auc_score(positive, score), abs=1e-12)


def test_counts_of_resamples_are_exact_however_wide_they_are_held() -> None:
    """Small counts go through float32: what it could not hold goes through float64."""
    rng = np.random.default_rng(0)
    draws = resampling(np.zeros(1, int), 30, enough=True, resamples=50, confidence=0.95, seed=1)
    assert draws.times is not None
    for most in (2**24 // 30, 2**24 // 30 + 2, 2**40):
        counts = rng.integers(0, most, (30, 7))
        counts[0, 0] = most
        drawn: list[NDArray[np.float64]] = []

        def kept(sums: NDArray[np.float64], into: list[NDArray[np.float64]] = drawn) -> NDArray[np.float64]:
            into.append(sums)
            return sums[:, 0]

        draws.figure(counts, kept)
        expected = [
            [sum(w * s for w, s in zip(row, of, strict=True)) for of in counts.T.tolist()]
            for row in draws.times.tolist()
        ]
        assert np.concatenate(drawn[1:]).tolist() == expected


def test_draws_are_blocks_with_replacement_and_repeat() -> None:
    times = multiplicities(12, 4000, 5)
    assert times.sum(axis=1).tolist() == [12] * 4000
    assert times.mean(axis=0) == pytest.approx(np.ones(12), abs=0.08)
    assert times.var(axis=0) == pytest.approx(np.full(12, 11 / 12), abs=0.12)
    assert multiplicities(12, 4000, 5).tobytes() == times.tobytes()
    assert multiplicities(12, 4000, 6).tobytes() != times.tobytes()


def test_one_class_resamples_are_left_out_or_forbid_the_interval() -> None:
    few = np.concatenate([np.full(4, np.nan), np.linspace(0.4, 0.6, 96)])
    interval = percentile_interval(few, 0.95)
    assert interval is not None
    assert interval.undefined == 4
    assert (interval.lo, interval.hi) == pytest.approx(np.quantile(few[4:], [0.025, 0.975]))
    assert interval.contains(0.5)
    assert not interval.contains(0.61)
    assert percentile_interval(np.concatenate([np.full(6, np.nan), few[6:]]), 0.95) is None


def test_results_do_not_depend_on_threads() -> None:
    rng = np.random.default_rng(0)
    n, blocks = 20_000, 60
    positive, score, block = rng.random(n) < 0.86, rng.standard_normal(n), rng.integers(0, blocks, n)
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            pairs = concordance(positive, rank(score), block, blocks)
            found.append(resampled_aucs(pairs, multiplicities(blocks, 500, 1)).tobytes())
    assert found[0] == found[1]


def test_paired_differences_use_the_same_draws() -> None:
    rng = np.random.default_rng(4)
    block = np.repeat(np.arange(30), 20)
    positive = rng.random(600) < 0.5
    score = positive + rng.standard_normal(600)
    draws = resampling(block, 30, enough=True, resamples=300, confidence=0.95, seed=1)
    same = draws.auc(positive, score).minus(draws.auc(positive, 2 * score + 1))
    assert same.value == 0.0
    assert same.interval is not None
    assert (same.interval.lo, same.interval.hi) == (0.0, 0.0)
    slightly = draws.auc(positive, score).minus(draws.auc(positive, score + 0.3 * rng.standard_normal(600)))
    alone = draws.auc(positive, score).estimate
    assert slightly.interval is not None
    assert alone.interval is not None
    assert slightly.interval.hi - slightly.interval.lo < 0.5 * (alone.interval.hi - alone.interval.lo)
    none = resampling(block, 30, enough=False, resamples=300, confidence=0.95, seed=1).auc(positive, score)
    assert none.value == alone.value
    assert none.estimate.interval is None


def test_intervals_cover_a_worthless_score_of_dependent_rows() -> None:
    """Score and label are each constant for half a block: a bootstrap of rows would cover far too seldom."""
    covered, by_rows_alone = 0, 0
    for seed in range(120):
        rng = np.random.default_rng(seed)
        positive = np.repeat(rng.random(80) < 0.5, 10)
        score = np.repeat(rng.standard_normal(80), 10) + 0.01 * rng.standard_normal(800)

        def covers(block: NDArray[np.int64], seed: int = seed) -> bool:
            pairs = concordance(positive, rank(score), block, int(block[-1]) + 1)  # noqa: B023  # called at once
            areas = resampled_aucs(pairs, multiplicities(int(block[-1]) + 1, 200, seed))
            interval = percentile_interval(areas, 0.95)
            assert interval is not None
            return interval.contains(0.5)

        covered += covers(np.arange(800) // 20)
        if seed < 30:
            by_rows_alone += covers(np.arange(800))
    assert 106 <= covered <= 120
    assert by_rows_alone < 20


def days_of(t0: NDArray[np.int64]) -> NDArray[np.datetime64]:
    return t0.astype("datetime64[ns]").astype("datetime64[D]")


def test_thirty_days_are_day_blocks_and_fewer_are_not() -> None:
    t0 = np.arange(0, 30 * DAY, 600 * SECOND)
    whole = blocks_of(t0, days_of(t0), 300 * SECOND, min_blocks=20)
    assert (whole.count, whole.length_ns, whole.described) == (30, None, "30 business days")
    assert np.bincount(whole.index).tolist() == [144] * 30
    fewer = t0[t0 < 29 * DAY]
    hours = blocks_of(fewer, days_of(fewer), 300 * SECOND, min_blocks=20)
    assert hours.length_ns == HOUR
    assert hours.described == f"{hours.count} blocks of 3600 s"


@pytest.mark.parametrize(
    ("span_s", "horizon_s", "length_s", "count", "enough"),
    [
        (200 * 3600, 300, 3600, 200, True),  # max(1 h, 10 H) = 1 h
        (200 * 3600, 900, 9000, 80, True),  # 10 H
        (10 * 3600, 300, 1800, 20, True),  # a twentieth of the time
        (11_000, 300, 600, 18, False),  # 2 H
        (195, 10, 20, 9, False),  # six minutes of Binance
        (5, 10, 20, 1, False),
    ],
)
def test_block_lengths_of_the_rule(
    span_s: int, horizon_s: int, length_s: int, count: int, enough: bool
) -> None:
    t0 = 7 * SECOND + np.arange(0, span_s * SECOND, SECOND)
    t0[-1] = 7 * SECOND + span_s * SECOND - 1
    found = blocks_of(t0, days_of(t0), horizon_s * SECOND, min_blocks=20)
    assert (found.length_ns, found.count, found.enough) == (length_s * SECOND, count, enough)
    # No block is shorter than the rule's length: the last one takes the rest.
    assert np.all(np.diff(found.index) >= 0)
    assert np.bincount(found.index).min() >= min(length_s, span_s) - 1


def test_gaps_make_no_empty_blocks() -> None:
    t0 = np.concatenate([start * HOUR + np.arange(0, 1800 * SECOND, 10 * SECOND) for start in (0, 100, 200)])
    found = blocks_of(t0, days_of(t0), 30 * SECOND, min_blocks=20)
    assert np.unique(found.index).tolist() == list(range(found.count))
    assert found.length_ns == 60 * SECOND
    assert found.enough


def test_no_rows_no_blocks() -> None:
    none = np.zeros(0, dtype=np.int64)
    found = blocks_of(none, days_of(none), SECOND, min_blocks=20)
    assert (found.count, found.enough) == (0, False)


def test_independent_windows_and_what_chance_does_with_them() -> None:
    t0 = np.arange(0, DAY, SECOND)
    assert disjoint_windows(t0, 300 * SECOND) == 288
    assert chance_standard_error(288, 0.5) == pytest.approx(0.034, abs=0.0005)  # SPEC 5
    assert chance_standard_error(288, 1.0) is None
    rng = np.random.default_rng(0)
    areas = [auc(rng.random(100) < 0.3, rng.random(100)) for _ in range(3000)]
    assert chance_standard_error(100, 0.3) == pytest.approx(np.std(np.array(areas, dtype=float)), rel=0.07)


def test_standard_error_of_a_good_score() -> None:
    rng = np.random.default_rng(0)
    areas = []
    for _ in range(3000):
        positive = rng.random(100) < 0.4
        areas.append(auc(positive, rng.standard_normal(100) + 0.954 * positive))  # a true AUC of 0.75
    assert np.mean(np.array(areas, dtype=float)) == pytest.approx(0.75, abs=0.005)
    assert auc_standard_error(100, 0.4, 0.75) == pytest.approx(np.std(np.array(areas, dtype=float)), rel=0.1)
    assert auc_standard_error(100, 0.0, 0.75) is None

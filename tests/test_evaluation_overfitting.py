"""Overfitting statistics against the papers' example, purgedcv, scipy, and slow versions written out."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import purgedcv
import pytest
from numpy.typing import NDArray
from scipy import stats

from atc.evaluation.overfitting import (
    DAYS_TO_DEFLATE,
    MIN_BLOCK_PERIODS,
    TrackRecord,
    backtest_overfitting,
    deflated_sharpe,
    expected_best_sharpe,
    minimum_track_record,
    probabilistic_sharpe,
    track_record,
)

Vector = NDArray[np.float64]


def fat_tailed(periods: int, seed: int, *, trials: int | None = None, mean: float = 0.05) -> Vector:
    shape = periods if trials is None else (periods, trials)
    drawn: Vector = 1e4 * (mean + np.random.default_rng(seed).standard_t(5, shape))
    return drawn


def test_the_example_of_the_deflated_sharpe_ratio() -> None:
    """N = 100 trials, V = ½/250, T = 1250 days, SR = 2.5/√250, skew −3, kurtosis 10 (the paper's example)."""
    best = expected_best_sharpe(100, 0.5 / 250)
    assert best == pytest.approx(0.1132, abs=5e-5)
    record = TrackRecord(periods=1250, sharpe=2.5 / math.sqrt(250), skew=-3.0, kurtosis=10.0)
    assert deflated_sharpe(record, 100, 0.5 / 250) == pytest.approx(0.9004, abs=5e-5)


def test_sr0_is_the_mean_of_the_best_of_many_worthless_trials() -> None:
    """The approximation of the paper, against the mean maximum of N normal draws."""
    rng = np.random.default_rng(3)
    for trials in (5, 50, 500):
        best = np.mean(rng.standard_normal((4000, trials)).max(axis=1)) * 0.3
        assert expected_best_sharpe(trials, 0.09) == pytest.approx(best, rel=0.04)


@pytest.mark.parametrize("seed", range(3))
def test_against_purgedcv(seed: int) -> None:
    pnl = fat_tailed(300, seed)
    record = track_record(pnl)
    assert record is not None
    assert record.skew == pytest.approx(stats.skew(pnl), rel=1e-9)
    assert record.kurtosis == pytest.approx(stats.kurtosis(pnl, fisher=False), rel=1e-9)
    # Its Sharpe ratio divides by the standard deviation with ddof 0, SPEC 6 with ddof 1; its skew and
    # kurtosis are corrected for small samples.
    theirs = TrackRecord(
        300,
        record.sharpe * math.sqrt(300 / 299),
        float(stats.skew(pnl, bias=False)),
        float(stats.kurtosis(pnl, fisher=False, bias=False)),
    )
    for benchmark in (0.0, 0.1):
        assert probabilistic_sharpe(theirs, benchmark) == pytest.approx(
            purgedcv.probabilistic_sharpe_ratio(pnl, benchmark), rel=1e-9
        )
    assert deflated_sharpe(theirs, 20, 0.01) == pytest.approx(
        purgedcv.deflated_sharpe_ratio(pnl, n_trials=20, var_sharpe=0.01), rel=1e-9
    )


def test_pbo_against_purgedcv() -> None:
    pnl = fat_tailed(103, 4, trials=6) * np.linspace(0.5, 2.0, 6)
    ours = backtest_overfitting(pnl, blocks=8)
    theirs = purgedcv.probability_of_backtest_overfitting(pnl.T, n_splits=8)
    assert ours is not None
    assert ours.probability == theirs.pbo  # an even number of trials: no logit is 0
    # They take out of sample first, so the ways come in another order.
    np.testing.assert_allclose(np.sort(ours.logits), np.sort(theirs.logits), atol=1e-12)
    assert ours.loss == np.mean(theirs.is_oos_performance[:, 1] < 0)


def written_out(pnl: Vector, blocks: int) -> list[float]:
    """The logits of every way, from the definition."""
    parts = np.array_split(np.arange(len(pnl)), blocks)

    def sharpe(values: Vector) -> float:
        spread = values.std(ddof=1)
        return 0.0 if spread == 0.0 else float(values.mean() / spread)

    logits = []
    for chosen in combinations(range(blocks), blocks // 2):
        inside = np.concatenate([parts[i] for i in chosen])
        outside = np.concatenate([parts[i] for i in range(blocks) if i not in chosen])
        best = int(np.argmax([sharpe(pnl[inside, k]) for k in range(pnl.shape[1])]))
        ranks = stats.rankdata([sharpe(pnl[outside, k]) for k in range(pnl.shape[1])])
        omega = ranks[best] / (pnl.shape[1] + 1)
        logits.append(math.log(omega / (1 - omega)))
    return logits


@pytest.mark.parametrize(("periods", "trials", "blocks"), [(60, 2, 4), (97, 5, 6), (83, 3, 8)])
def test_pbo_from_its_definition(periods: int, trials: int, blocks: int) -> None:
    pnl = fat_tailed(periods, trials, trials=trials)
    pnl[:, -1] = 0.0  # a trial that never trades
    expected = written_out(pnl, blocks)
    found = backtest_overfitting(pnl, blocks)
    assert found is not None
    np.testing.assert_allclose(found.logits, expected, atol=1e-12)
    assert found.probability == np.mean(np.array(expected) <= 0)


def test_pbo_of_noise_of_skill_and_of_what_turns_round() -> None:
    noise = [backtest_overfitting(fat_tailed(320, s, trials=10, mean=0.0)) for s in range(12)]
    assert all(one is not None for one in noise)
    assert np.mean([one.probability for one in noise if one is not None]) == pytest.approx(0.5, abs=0.12)
    skilled = fat_tailed(320, 1, trials=10, mean=0.0)
    skilled[:, 4] += 1e4
    found = backtest_overfitting(skilled)
    assert found is not None
    assert len(found.logits) == 12_870  # C(16, 8)
    assert (found.probability, found.loss) == (0.0, 0.0)
    # Each trial is good in one block and pays for it everywhere else: the best in sample is worst outside.
    lucky = fat_tailed(320, 2, trials=16, mean=0.0) - 5e3
    for k in range(16):
        lucky[20 * k : 20 * (k + 1), k] += 1e5
    turned = backtest_overfitting(lucky)
    assert turned is not None
    assert turned.probability > 0.9
    assert turned.loss > 0.9


def test_pbo_does_not_depend_on_a_large_mean() -> None:
    pnl = fat_tailed(160, 5, trials=4)
    offset = 1e12
    shifted = backtest_overfitting(pnl + offset)
    exact = written_out(pnl[:, :] + offset, 4)
    small = backtest_overfitting(pnl + offset, 4)
    assert shifted is not None
    assert small is not None
    np.testing.assert_allclose(small.logits, exact, atol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_equal_trials_tie_wherever_they_stand(seed: int) -> None:
    trials = 9  # a product of BLAS by two threads rounds the last of nine columns otherwise
    one = fat_tailed(1440, seed, trials=1)
    assert backtest_overfitting(np.repeat(one, trials, axis=1)) is None  # nothing was chosen
    far = np.repeat(one, trials, axis=1)
    far[:, -1] = one[:, 0] - 1e9  # one that nobody chooses
    same = backtest_overfitting(far)
    assert same is not None
    assert len(set(same.logits.tolist())) == 1  # they share the places above it
    assert same.probability == 4 / 8  # of the places 2 … 9 those up to the fifth
    others = fat_tailed(1440, seed + 4, trials=trials - 2)
    first = backtest_overfitting(np.concatenate([one, one, others], axis=1))
    last = backtest_overfitting(np.concatenate([one, others, one], axis=1))
    assert first is not None
    assert last is not None
    np.testing.assert_array_equal(first.logits, last.logits)


@pytest.mark.parametrize("copies", [(2, 1), (2, 2), (1, 3, 1), (3, 2, 2)])
def test_pbo_of_equal_trials_is_that_of_lots_drawn(copies: tuple[int, ...]) -> None:
    """Each equal trial has in turn each of the places that they share."""
    own = fat_tailed(80, len(copies), trials=len(copies), mean=0.0)
    pnl = np.repeat(own, copies, axis=1)
    trials, parts = pnl.shape[1], np.split(np.arange(80), 4)
    shares = []
    for chosen in combinations(range(4), 2):
        inside, outside = (
            np.concatenate([part for place, part in enumerate(parts) if (place in chosen) is wanted])
            for wanted in (True, False)
        )
        best = int(np.argmax(pnl[inside].mean(axis=0) / pnl[inside].std(axis=0, ddof=1)))
        ratios = np.round(pnl[outside].mean(axis=0) / pnl[outside].std(axis=0, ddof=1), 12)
        first, last = (int(stats.rankdata(ratios, method=how)[best]) for how in ("min", "max"))
        shares.append(np.mean([place / (trials + 1) <= 0.5 for place in range(first, last + 1)]))
    found = backtest_overfitting(pnl, 4)
    assert found is not None
    assert found.probability == pytest.approx(np.mean(shares), abs=1e-12)


def test_the_track_record_that_is_long_enough_proves_it_exactly() -> None:
    record = TrackRecord(periods=200, sharpe=0.1, skew=-0.5, kurtosis=6.0)
    needed = minimum_track_record(record, benchmark=0.02, confidence=0.95)
    assert needed is not None
    at_that = TrackRecord(periods=1, sharpe=0.1, skew=-0.5, kurtosis=6.0)
    proven = stats.norm.cdf((0.1 - 0.02) * math.sqrt(needed - 1) / at_that.spread)
    assert proven == pytest.approx(0.95, abs=1e-12)
    assert minimum_track_record(record, benchmark=0.1) is None
    assert minimum_track_record(record, benchmark=0.2) is None


def test_what_cannot_be_told_is_none() -> None:
    assert track_record(np.array([1.0])) is None
    assert track_record(np.zeros(40)) is None
    assert track_record(np.full(40, 0.1)) is None
    short, long = (track_record(fat_tailed(n, 1)) for n in (DAYS_TO_DEFLATE - 1, DAYS_TO_DEFLATE))
    assert short is not None
    assert long is not None
    assert deflated_sharpe(short, 10, 0.01) is None
    assert deflated_sharpe(long, 1, 0.01) is None
    assert deflated_sharpe(long, 2, 0.01) is not None
    assert expected_best_sharpe(1, 0.01) is None
    # Two values only: the fourth moment is as small as can be, and the ratio has no error that way.
    certain = TrackRecord(periods=100, sharpe=1.0, skew=2.0, kurtosis=5.0)
    assert certain.spread == 0.0
    assert probabilistic_sharpe(certain) is None
    assert backtest_overfitting(fat_tailed(16 * MIN_BLOCK_PERIODS - 1, 1, trials=3)) is None
    assert backtest_overfitting(fat_tailed(400, 1, trials=1)) is None
    assert backtest_overfitting(np.zeros((400, 3))) is None
    assert backtest_overfitting(np.full((400, 3), 0.1)) is None
    assert backtest_overfitting(np.column_stack([np.zeros(400), fat_tailed(400, 1, trials=1)])) is not None
    with pytest.raises(ValueError, match="even number"):
        backtest_overfitting(fat_tailed(400, 1, trials=3), blocks=5)

"""Power before the run: the standard errors of its pilot, how they scale, and whether the promise holds."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter
from sklearn.metrics import roc_auc_score

from atc.evaluation.blocks import blocks_of, disjoint_windows
from atc.evaluation.bootstrap import concordance
from atc.evaluation.lift import resampling
from atc.evaluation.power import (
    Moves,
    Power,
    described,
    jackknife_error,
    left_out_aucs,
    power_before,
    power_figures,
    power_marks,
    reference,
)
from atc.models.ranking import rank

MINUTE = 60_000_000_000
AHEAD = 5
"""Minutes that a label looks ahead; a row a minute, so five labels overlap."""

Vector = NDArray[np.float64]


def times(rows: int) -> tuple[NDArray[np.int64], NDArray[np.datetime64]]:
    t0 = np.arange(rows) * MINUTE
    return t0, t0.astype("datetime64[ns]").astype("datetime64[D]")


class Market:
    """Rows whose drift leans on three persistent signals, under a volatility that clusters over hours."""

    def __init__(self, seed: int, rows: int) -> None:
        rng = np.random.default_rng(seed)
        self.rows = rows
        self._signals = [persistent(rng, rows + AHEAD, 0.9) for _ in range(3)]
        volatility = np.exp(0.5 * persistent(rng, rows + AHEAD, 0.995))
        self._shocks = volatility * rng.standard_normal(rows + AHEAD)

    def score(self, number: int) -> Vector:
        """(rows,) one of the signals."""
        return self._signals[number][: self.rows]

    def rises(self, *strengths: float) -> NDArray[np.bool_]:
        """(rows,) whether the price goes up over `AHEAD` minutes, with signals of these strengths."""
        steps = self._shocks + sum(a * s for a, s in zip(strengths, self._signals, strict=True))
        path = np.concatenate([[0.0], np.cumsum(steps)])
        up: NDArray[np.bool_] = path[AHEAD : self.rows + AHEAD] > path[: self.rows]
        return up


def persistent(rng: np.random.Generator, rows: int, memory: float) -> Vector:
    innovations = rng.standard_normal(rows + 500)
    drawn: Vector = lfilter([math.sqrt(1 - memory**2)], [1, -memory], innovations)[500:]
    return drawn


def power_of(market: Market, up: NDArray[np.bool_], holdout_windows: int) -> Power:
    t0, days = times(market.rows)
    found = power_before(
        positive=up,
        scores=(market.score(0), market.score(2)),
        t0=t0,
        days=days,
        horizon_ns=AHEAD * MINUTE,
        pilot_windows=disjoint_windows(t0, AHEAD * MINUTE),
        holdout_windows=holdout_windows,
        min_blocks=20,
        confidence=0.95,
    )
    assert found is not None
    return found


def test_the_auc_without_each_block() -> None:
    rng = np.random.default_rng(1)
    block = rng.integers(0, 7, 400)
    positive = rng.random(400) < 0.8
    score = np.round(rng.standard_normal(400) + 0.5 * positive, 1)
    expected = [roc_auc_score(positive[block != b], score[block != b]) for b in range(7)]
    found = left_out_aucs(concordance(positive, rank(score), block, 7))
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_the_jackknife_of_a_mean_is_its_standard_error() -> None:
    values = np.random.default_rng(2).standard_normal(60)
    left_out = (values.sum() - values) / 59
    assert jackknife_error(left_out) == pytest.approx(values.std(ddof=1) / math.sqrt(60), rel=1e-12)


def test_power_follows_its_normal_formulas_and_the_number_of_windows() -> None:
    market = Market(3, 4000)
    up = market.rises(0.06, 0.06, 0.06)
    near, far = power_of(market, up, 1000), power_of(market, up, 4000)
    for one, four in ((near.auc, far.auc), (near.lift, far.lift)):
        assert one.standard_error == pytest.approx(2 * four.standard_error, rel=1e-12)
        assert one.half_width == pytest.approx(1.959964 * one.standard_error, rel=1e-6)
        assert one.effect == pytest.approx((1.959964 + 0.841621) * one.standard_error, rel=1e-6)
    assert near.pilot_windows == 800
    figures = power_figures({"": near, "300s": far})
    assert figures["power/holdout/lift/min_detectable"] == near.lift.effect
    assert figures["power/holdout/auc/expected_half_width"] == near.auc.half_width
    assert figures["power/holdout/lift@300s/min_detectable"] == far.lift.effect
    alone, of_head = described({"": near, "300s": far})
    assert f"{near.lift.effect:.4f}" in alone
    assert of_head.startswith("300s: before the fit")


def test_the_power_of_direction_comes_from_the_rows_that_moved() -> None:
    market = Market(5, 4000)
    up = market.rises(0.06, 0.06, 0.06)
    t0, days = times(market.rows)
    moved = np.random.default_rng(3).random(market.rows) < 0.3

    def found(moves: Moves | None) -> Power:
        power = power_before(
            positive=up,
            scores=(market.score(0), market.score(2)),
            t0=t0,
            days=days,
            horizon_ns=AHEAD * MINUTE,
            pilot_windows=800,
            holdout_windows=3200,
            min_blocks=20,
            confidence=0.95,
            moves=moves,
        )
        assert power is not None
        return power

    power = found(Moves(moved, up, market.score(0)))
    block = blocks_of(t0, days, AHEAD * MINUTE, min_blocks=20)
    left_out = np.array(
        [
            roc_auc_score(up[kept], market.score(0)[kept])
            for kept in (moved & (block.index != one) for one in range(block.count))
        ]
    )
    assert power.direction is not None
    assert power.direction.standard_error == pytest.approx(jackknife_error(left_out) / 2, rel=1e-9)
    assert power.direction.effect > power.auc.effect  # fewer rows
    figures = power_figures({"": power})
    assert figures["power/holdout/direction_auc/min_detectable"] == power.direction.effect
    nobody = found(Moves(np.zeros_like(moved), up, market.score(0)))
    assert nobody.direction is None
    assert power_figures({"": nobody})["power/holdout/direction_auc/min_detectable"] is None


def test_claims_below_the_power_are_marked_in_the_metrics() -> None:
    metrics: dict[str, int | float | None] = {
        "power/holdout/auc@300s/min_detectable": 0.05,
        "power/holdout/lift@300s/min_detectable": 0.03,
        **{"holdout/auc@300s": 0.56, "holdout/auc@300s/lo": 0.52, "holdout/auc@300s/hi": 0.6},
        **{"lift/holdout/auc@300s": 0.02, "lift/holdout/auc@300s/lo": 0.01},
        **{"lift_over_volatility/holdout/auc@300s": 0.02, "lift_over_volatility/holdout/auc@300s/lo": -0.01},
        **{"holdout/auc@1s": 0.56, "holdout/auc@1s/lo": 0.52, "baseline/holdout/auc@300s": 0.54},
        **{"lift/holdout/auc": None, "lift/holdout/auc/lo": None},
        "power/holdout/direction_auc@300s/min_detectable": 0.07,
        **{"holdout/direction_auc@300s": 0.56, "holdout/direction_auc@300s/lo": 0.52},
    }
    # A lift in direction AUC is none in AUC: nothing was said of it.
    assert reference(metrics, "lift/holdout/direction_auc@300s") == (0.0, None)
    assert power_marks(metrics) == {
        "holdout/auc@300s/below_power": 0,
        "holdout/direction_auc@300s/below_power": 1,
        "lift/holdout/auc@300s/below_power": 1,
        "lift_over_volatility/holdout/auc@300s/below_power": 0,  # its interval contains 0: nothing is claimed
        "holdout/auc@1s/below_power": None,  # nothing was said of it beforehand
        "lift/holdout/auc/below_power": None,
    }


def test_the_plans_example() -> None:
    """62 days of disjoint 300 s windows of equal classes and a worthless score: about ±0.0085 AUC."""
    from atc.evaluation.blocks import chance_standard_error
    from atc.evaluation.power import Detectable

    error = chance_standard_error(62 * 288, 0.5)
    assert error is not None
    assert Detectable(error, 0.95).half_width == pytest.approx(0.0085, abs=5e-5)
    two_scores = Detectable(math.sqrt(2) * error, 0.95)
    assert two_scores.effect == pytest.approx(0.0171, abs=5e-5)  # barely under the hoped-for 0.02
    wide = chance_standard_error(62 * 288, 0.86)
    assert wide is not None
    assert Detectable(math.sqrt(2) * wide, 0.95).effect > 0.02  # of unequal classes it is not


def test_overlap_counts_once() -> None:
    """Rows five times as dense, of the same windows, promise no more: not five times the evidence."""
    market = Market(5, 6000)
    up = market.rises(0.06, 0.06, 0.06)
    t0, days = times(6000)
    sparse = np.arange(0, 6000, AHEAD)
    errors = []
    for rows in (np.arange(6000), sparse):
        power = power_before(
            positive=up[rows],
            scores=(market.score(0)[rows], market.score(2)[rows]),
            t0=t0[rows],
            days=days[rows],
            horizon_ns=AHEAD * MINUTE,
            pilot_windows=1200,
            holdout_windows=1200,
            min_blocks=20,
            confidence=0.95,
        )
        assert power is not None
        errors.append(power.auc.standard_error)
    assert errors[0] == pytest.approx(errors[1], rel=0.35)  # √5 = 2.24 if rows were independent


@pytest.mark.parametrize("what", ["few blocks", "no holdout", "one class"])
def test_without_a_pilot_nothing_is_promised(what: str) -> None:
    rows = 60 if what == "few blocks" else 2000
    market = Market(1, rows)
    up = np.ones(rows, dtype=np.bool_) if what == "one class" else market.rises(0.1, 0.1, 0.1)
    t0, days = times(rows)
    power = power_before(
        positive=up,
        scores=(market.score(0), market.score(2)),
        t0=t0,
        days=days,
        horizon_ns=AHEAD * MINUTE,
        pilot_windows=rows // AHEAD,
        holdout_windows=0 if what == "no holdout" else 500,
        min_blocks=20,
        confidence=0.95,
    )
    assert power is None
    figures = power_figures({"": power})
    assert set(figures.values()) == {None}
    assert len(figures) == 6
    assert described({"": power})[0].startswith("power unknown")


@pytest.mark.slow
def test_the_promised_lift_is_detected_in_eighty_percent_of_200_markets() -> None:
    """Planted lifts of a second score over a first one, judged as runs are: paired, by blocks, 95 %.

    The pilot is another span of a market of the same kind, half as long, with a third score in the place of
    volatility alone.
    """
    strength, steps = 0.06, (0.25, 0.5, 0.75, 1.0)
    pilot_rows, rows = 7200, 14_400
    t0, days = times(rows)
    blocks = blocks_of(t0, days, AHEAD * MINUTE, min_blocks=20)
    draws = resampling(blocks.index, blocks.count, enough=True, resamples=400, confidence=0.95, seed=1)
    promised, found, lifts = [], [], []
    for seed in range(200):
        pilot = Market(10_000 + seed, pilot_rows)
        power = power_of(pilot, pilot.rises(*[strength] * 3), disjoint_windows(t0, AHEAD * MINUTE))
        promised.append(power.lift.effect)
        market = Market(seed, rows)
        estimates = []
        for step in steps:
            up = market.rises(strength, strength * (1 + step), strength)
            estimates.append(draws.auc(up, market.score(1)).minus(draws.auc(up, market.score(0))))
        found.append([one.interval is not None and one.interval.lo > 0 for one in estimates])
        lifts.append([one.value for one in estimates])
    said, shown, sizes = np.array(promised), np.array(found), np.array(lifts)
    share = shown.mean(axis=0)
    assert share[0] < 0.4  # the steps reach from seldom to nearly always
    assert share[-1] > 0.9
    needed, kept = detected_in(0.8, shown, sizes), share_of(said.mean(), shown, sizes)
    rng = np.random.default_rng(1)
    again = [rng.integers(0, len(said), len(said)) for _ in range(400)]
    error = np.std([said[rows].mean() / detected_in(0.8, shown[rows], sizes[rows]) for rows in again])
    print(
        f"\npredicted {said.mean():.4f}, empirical {needed:.4f}; predicted / empirical "
        f"{said.mean() / needed:.3f} ± {error:.3f} (s.e.); a lift as predicted is detected in {kept:.0%}"
    )
    assert said.mean() == pytest.approx(needed, rel=0.1)


def detected_in(power: float, shown: NDArray[np.bool_], sizes: Vector) -> float:
    """The lift that is detected with this probability, on a line through the probits of the planted steps."""
    slope, level = probit_line(shown, sizes)
    return level + slope * NormalDist().inv_cdf(power)


def share_of(lift: float, shown: NDArray[np.bool_], sizes: Vector) -> float:
    """How often such a lift is detected, on the same line."""
    slope, level = probit_line(shown, sizes)
    return NormalDist().cdf((lift - level) / slope)


def probit_line(shown: NDArray[np.bool_], sizes: Vector) -> tuple[float, float]:
    """Slope and level of the mean lift of each step over the probit of its share of detections."""
    # Half a market added to both sides: a resample may detect a step always.
    shares = (shown.sum(axis=0) + 0.5) / (len(shown) + 1)
    deviates = [NormalDist().inv_cdf(share) for share in shares]
    slope, level = np.polyfit(deviates, sizes.mean(axis=0), 1)
    return float(slope), float(level)

"""How much of a track record may be the luck of the best of many trials (SPEC 6).

Sharpe ratios here are of one period, not annualised. None stands for what the data cannot tell.

- Probabilistic Sharpe ratio and minimum track record length: Bailey and López de Prado, "The Sharpe Ratio
  Efficient Frontier", Journal of Risk 15(2), 2012.
- Deflated Sharpe ratio: Bailey and López de Prado, "The Deflated Sharpe Ratio", Journal of Portfolio
  Management 40(5), 2014.
- Probability of backtest overfitting: Bailey, Borwein, López de Prado and Zhu, "The Probability of Backtest
  Overfitting", Journal of Computational Finance 20(4), 2017.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

DAYS_TO_DEFLATE = 30
"""Days of PnL below which a Sharpe ratio is not deflated."""
CSCV_BLOCKS = 16
MIN_BLOCK_PERIODS = 10
"""Periods that a block of the CSCV needs: 160 days make daily blocks, fewer call for hourly PnL."""

_NORMAL = NormalDist()
_ROUNDING = 1e-12
"""A spread below this share of the largest value is rounding, not risk."""


@dataclass(frozen=True)
class TrackRecord:
    """What a series of PnL says of its own Sharpe ratio."""

    periods: int
    sharpe: float
    """Mean over standard deviation (ddof 1), of one period."""
    skew: float
    """Third standardised moment, ddof 0."""
    kurtosis: float
    """Fourth standardised moment, ddof 0; 3 for a normal distribution."""

    @property
    def spread(self) -> float:
        """√(periods − 1) times the standard error of the Sharpe ratio."""
        square = 1.0 - self.skew * self.sharpe + (self.kurtosis - 1.0) / 4.0 * self.sharpe**2
        return math.sqrt(max(square, 0.0))


def track_record(pnl: Vector) -> TrackRecord | None:
    """The record of `pnl` (periods,), any currency; None with fewer than two periods or without any risk."""
    if len(pnl) < 2:
        return None
    mean, deviation = float(np.mean(pnl)), float(np.std(pnl, ddof=1))
    if deviation <= _ROUNDING * float(np.max(np.abs(pnl))):
        return None
    z = (pnl - mean) / float(np.std(pnl))
    return TrackRecord(len(pnl), mean / deviation, float(np.mean(z**3)), float(np.mean(z**4)))


def probabilistic_sharpe(record: TrackRecord, benchmark: float = 0.0) -> float | None:
    """The probability that the true Sharpe ratio is above `benchmark`, of one period like the record's.

    Φ((SR − SR*)·√(T − 1) / √(1 − γ₃·SR + (γ₄ − 1)/4·SR²)).
    """
    if record.spread == 0.0:
        return None
    return _NORMAL.cdf((record.sharpe - benchmark) * math.sqrt(record.periods - 1) / record.spread)


def expected_best_sharpe(trials: int, variance: float) -> float | None:
    """SR₀: the Sharpe ratio that the best of `trials` worthless ones is expected to show.

    √V·((1 − γ)·Φ⁻¹(1 − 1/N) + γ·Φ⁻¹(1 − 1/(N·e))), γ being Euler's constant and V the variance of the
    trials' Sharpe ratios. None with fewer than two trials.
    """
    if trials < 2:
        return None
    best = (1.0 - np.euler_gamma) * _NORMAL.inv_cdf(1.0 - 1.0 / trials)
    best += np.euler_gamma * _NORMAL.inv_cdf(1.0 - 1.0 / (trials * math.e))
    return float(math.sqrt(variance) * best)


def variance_of_trials(groups: Sequence[Sequence[float]]) -> float | None:
    """V of the deflated Sharpe ratio: the variance of the Sharpe ratios of trials, in `groups` of near copies
    (one config under several seeds).

    The paper's trials are independent; in a plain sample variance copies would shrink it, and flatter the
    best. So it is what the sample variance of one trial of each group, drawn at random, is on average: the
    variance (ddof 1) of the groups' means and the mean of the variances (ddof 0) within. Of groups of one it
    is the plain sample variance. None with fewer than two groups.
    """
    if len(groups) < 2:
        return None
    between = np.var([np.mean(group) for group in groups], ddof=1)
    return float(between + np.mean([np.var(group) for group in groups]))


def deflated_sharpe(record: TrackRecord, trials: int, variance: float) -> float | None:
    """The probability that the true Sharpe ratio is above what the best of `trials` worthless ones shows.

    `record` is of daily PnL. None with fewer than two trials or `DAYS_TO_DEFLATE` days.
    """
    best = expected_best_sharpe(trials, variance)
    if best is None or record.periods < DAYS_TO_DEFLATE:
        return None
    return probabilistic_sharpe(record, best)


def minimum_track_record(
    record: TrackRecord, benchmark: float = 0.0, confidence: float = 0.95
) -> float | None:
    """Periods until such a Sharpe ratio is above `benchmark` with `confidence`.

    1 + (1 − γ₃·SR + (γ₄ − 1)/4·SR²)·(Φ⁻¹(confidence)/(SR − SR*))². None for one that is not above it: no
    length will do.
    """
    if record.sharpe <= benchmark:
        return None
    return 1.0 + (record.spread * _NORMAL.inv_cdf(confidence) / (record.sharpe - benchmark)) ** 2


@dataclass(frozen=True)
class Overfitting:
    """What became out of sample of the trial that was best in sample, over all ways to halve the time."""

    probability: float
    """PBO: share of the ways in which it is not in the better half out of sample (logit ≤ 0). Where others
    are exactly as good there, the share of their places that are not, as if lots were drawn: seeds that
    change nothing are no overfitting.
    """
    logits: Vector
    """(ways,) ln(ω/(1 − ω)) of its relative rank ω out of sample; of ties the mean rank."""
    loss: float
    """Share of the ways in which its Sharpe ratio out of sample is below 0."""


def backtest_overfitting(pnl: Vector, blocks: int = CSCV_BLOCKS) -> Overfitting | None:
    """Combinatorially symmetric cross-validation of `pnl` (periods, trials).

    The time is cut into `blocks` (even) of equal length, the first ones a period longer where it does not go
    up; every half of them is in sample once, the other half out of sample. Trials are compared by Sharpe
    ratio, 0 without risk. None with fewer than two trials or `MIN_BLOCK_PERIODS` periods a block, where no
    trial has any risk, as when none did anything but hold, and where all earned the same: nothing was chosen.
    """
    if blocks < 2 or blocks % 2:
        raise ValueError(f"{blocks} blocks: an even number was expected")
    periods, trials = pnl.shape
    floor = _ROUNDING * np.abs(pnl).max(axis=0, initial=0.0)
    if trials < 2 or periods < MIN_BLOCK_PERIODS * blocks or not (pnl.std(axis=0) > floor).any():
        return None
    if (pnl == pnl[:, :1]).all():
        return None
    edges = np.cumsum([0] + [periods // blocks + (i < periods % blocks) for i in range(blocks)])
    centre = pnl.mean(axis=0)  # else the sums of squares cancel where the mean is large
    around = pnl - centre
    sums = np.add.reduceat(around, edges[:-1], axis=0)
    squares = np.add.reduceat(around**2, edges[:-1], axis=0)
    counts = np.diff(edges).astype(np.float64)

    chosen = np.array(list(combinations(range(blocks), blocks // 2)))
    inside = np.zeros((len(chosen), blocks))
    np.put_along_axis(inside, chosen, 1.0, axis=1)

    def sharpes(ways: Vector) -> Vector:
        n = (ways @ counts)[:, None]
        mean = _summed(ways, sums) / n
        deviation = np.sqrt(np.maximum(_summed(ways, squares) - n * mean**2, 0.0) / (n - 1.0))
        ratio: Vector = np.zeros_like(mean)
        np.divide(mean + centre, deviation, out=ratio, where=deviation > floor)
        return ratio

    best = np.argmax(sharpes(inside), axis=1)
    outside = sharpes(1.0 - inside)
    ways = np.arange(len(best))
    of_best = outside[ways, best]
    beaten = np.count_nonzero(outside < of_best[:, None], axis=1)
    tied = np.count_nonzero(outside == of_best[:, None], axis=1)
    omega = (beaten + (tied + 1.0) / 2.0) / (trials + 1.0)
    logits = np.log(omega / (1.0 - omega))
    worse = np.clip((trials + 1) // 2 - beaten, 0, tied)  # of the places that it shares
    return Overfitting(float(np.mean(worse / tied)), logits, float(np.mean(of_best < 0.0)))


def _summed(ways: Vector, values: Vector) -> Vector:
    """(ways, trials) sums of the `values` (blocks, trials) over the blocks in each of `ways` (ways, blocks).

    Not by BLAS, whose rounding depends on the place of a column and the number of threads: equal trials
    would not tie.
    """
    total: Vector = np.zeros((len(ways), values.shape[1]))
    for block, value in enumerate(values):
        total += ways[:, block, None] * value
    return total

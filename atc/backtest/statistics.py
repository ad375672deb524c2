"""Figures of a path of equity."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from atc.evaluation.blocks import Blocks
from atc.evaluation.bootstrap import Interval, multiplicities, percentile_interval

MIN_DAYS = 10
"""Fewer say nothing of a standard deviation."""
DAYS_A_YEAR = 365
"""The venue never closes for a day."""

Vector = NDArray[np.float64]


def sharpe(daily: Vector) -> float | None:
    """Mean over standard deviation (ddof 1) of daily figures (n,), times √365; None for fewer than `MIN_DAYS`
    or without variation.
    """
    if len(daily) < MIN_DAYS:
        return None
    deviation = float(np.std(daily, ddof=1))
    return float(np.mean(daily)) / deviation * float(np.sqrt(DAYS_A_YEAR)) if deviation > 0 else None


def drawdown(equity: Vector) -> float:
    """The largest fall from a peak so far, of a path (n,) that begins at 0."""
    path = np.concatenate([[0.0], equity])
    return float(np.max(np.maximum.accumulate(path) - path))


def mean_interval(
    increments: Vector, blocks: Blocks, per: float, *, resamples: int, confidence: float, seed: int
) -> Interval | None:
    """Bootstrap interval of the sum of `increments` (n,) over `per` units, blocks of them drawn whole; None
    with too few blocks.
    """
    if not blocks.enough:
        return None
    sums = np.bincount(blocks.index, weights=increments, minlength=blocks.count)
    drawn = multiplicities(blocks.count, resamples, seed) @ sums
    return percentile_interval(drawn / per, confidence)

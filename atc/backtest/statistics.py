"""Figures of daily gains and of gains in blocks; no sum depends on the machine."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from atc.evaluation.blocks import Blocks
from atc.evaluation.bootstrap import Interval, multiplicities, percentile_interval

MIN_DAYS = 10
"""Fewer say nothing of a standard deviation."""
DAYS_A_YEAR = 365
"""The venue never closes for a day."""


def sharpe(daily: Sequence[float] | NDArray[np.float64]) -> float | None:
    """Mean over standard deviation (ddof 1) of daily figures (n,), times √365; None for fewer than `MIN_DAYS`
    or without variation.
    """
    if len(daily) < MIN_DAYS:
        return None
    figures = [float(figure) for figure in daily]
    mean = math.fsum(figures) / len(figures)
    variance = math.fsum((figure - mean) ** 2 for figure in figures) / (len(figures) - 1)
    return mean / math.sqrt(variance) * math.sqrt(DAYS_A_YEAR) if variance > 0 else None


def mean_interval(
    increments: NDArray[np.int64], blocks: Blocks, per: float, *, resamples: int, confidence: float, seed: int
) -> Interval | None:
    """Bootstrap interval of the sum of `increments` (n,), money units, over `per`, blocks of them drawn
    whole; None with too few blocks.
    """
    if not blocks.enough:
        return None
    sums = np.zeros(blocks.count, dtype=np.int64)
    np.add.at(sums, blocks.index, increments)
    # Products of integers: no rounding, in whatever order they are added.
    drawn = multiplicities(blocks.count, resamples, seed) @ sums
    return percentile_interval(drawn / per, confidence)

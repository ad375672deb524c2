"""Pearson's and Spearman's correlation of a score and a return, and their resamples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from atc import _rust
from atc.evaluation.lift import Resampling, Sample
from atc.evaluation.rank_bins import rank_bins
from atc.models.ranking import Ranked

Vector = NDArray[np.float64]

BINS = 100
"""Of each of the two rankings in a resample of Spearman's ρ."""


def pearson(draws: Resampling, x: Vector, y: Vector) -> Sample:
    """Pearson's ρ of `x` and `y` (n,); undefined where either is constant. Exact in every resample."""
    if len(x) == 0:
        return Sample(None, None, draws.confidence)
    # About the mean of all rows, so that little is lost where means of resamples are subtracted.
    u, v = x - x.mean(), y - y.mean()
    of_blocks = [draws.sums(column) for column in (u, v, u * u, v * v, u * v)]
    return draws.figure(np.column_stack([draws.counted(), *of_blocks]), _pearson_of_sums)


def _pearson_of_sums(sums: NDArray[np.float64]) -> Vector:
    n, u, v, uu, vv, uv = sums.T
    with np.errstate(divide="ignore", invalid="ignore"):
        spread_u, spread_v = uu - u * u / n, vv - v * v / n
        rho = (uv - u * v / n) / np.sqrt(spread_u * spread_v)
    # A constant leaves nothing but rounding.
    defined = (spread_u > 1e-12 * np.abs(uu)) & (spread_v > 1e-12 * np.abs(vv))
    return np.where(defined, rho, np.nan)


def spearman(draws: Resampling, x: Ranked, y: Ranked) -> Sample:
    """Spearman's ρ: Pearson's of the mid-ranks; the value is exact.

    In a resample the ranks themselves change, so no sums over the rows give it. Its resamples are those of
    the rankings cut into 100 bins of equal count each, moved by what the cut does to the value. With ranks
    evenly in K bins the cut loses a share 1/K² of the variance of either ranking, so ρ loses about 1/10⁴ of
    itself. Exact where neither ranking has more than 100 distinct values.
    """
    whole = pearson(draws.undrawn, x.mid_ranks, y.mid_ranks)
    if whole.value is None or draws.times is None:
        return whole
    (left, left_bins), (right, right_bins) = (_coarse(one) for one in (x, y))
    # All blocks once, then the resamples.
    times = np.concatenate([np.ones_like(draws.times[:1]), draws.times])
    found = _rust.spearman_by_blocks(left, right, [left_bins, right_bins], draws.block, times, draws.n_blocks)
    cut = np.frombuffer(found, dtype=np.float64)
    if np.isnan(cut[0]):
        return Sample(whole.value, None, draws.confidence)
    return Sample(whole.value, cut[1:] + (whole.value - cut[0]), draws.confidence, draws.n_blocks)


def _coarse(score: Ranked) -> tuple[NDArray[np.int64], int]:
    return (score.ranks, score.distinct) if score.distinct <= BINS else (rank_bins(score, BINS), BINS)

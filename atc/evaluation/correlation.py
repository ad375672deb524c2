"""Pearson's and Spearman's correlation of a score and a return, and their resamples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

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
    (row, rows), (column, columns) = (_coarse(one) for one in (x, y))
    counts = draws.counts(row * columns + column, rows * columns)
    shape = (rows, columns)
    cut = draws.figure(counts, lambda drawn: _spearman_of_counts(drawn.reshape(-1, *shape)))
    if cut.value is None or cut.resampled is None:
        return Sample(whole.value, None, draws.confidence)
    return replace(cut, value=whole.value, resampled=cut.resampled + (whole.value - cut.value))


def _coarse(score: Ranked) -> tuple[NDArray[np.int64], int]:
    return (score.ranks, score.distinct) if score.distinct <= BINS else (rank_bins(score, BINS), BINS)


def _spearman_of_counts(counts: NDArray[np.float64]) -> Vector:
    """(m,) ρ of the tables `counts` (m, rows, columns)."""
    left, right = counts.sum(axis=2), counts.sum(axis=1)
    n = left.sum(axis=1, keepdims=True)
    # Mid-ranks less their mean, as shares of n: of size one, whatever n.
    x, y = ((np.cumsum(margin, axis=1) - margin / 2) / n - 0.5 for margin in (left, right))
    covariance = np.einsum("mrc,mr,mc->m", counts, x, y)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.sqrt(np.einsum("mr,mr,mr->m", left, x, x) * np.einsum("mc,mc,mc->m", right, y, y))
        return np.where(scale > 0, covariance / scale, np.nan)

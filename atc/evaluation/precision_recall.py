"""Average precision and its resamples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from atc.evaluation.lift import Resampling, Sample
from atc.evaluation.rank_bins import rank_bins
from atc.models.ranking import Ranked

Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]

BINS = 1024
"""Of the ranking in a resample."""


def average_precision(positive: Mask, score: Ranked) -> float | None:
    """Area under the precision-recall curve as Σ (Rₙ − Rₙ₋₁)·Pₙ over falling thresholds; None without a
    positive.
    """
    if not positive.any():
        return None
    hits, called = score.hits(positive)[::-1], score.counts[::-1]
    return float(_area(np.stack([hits, np.cumsum(hits), np.cumsum(called)])[None].astype(np.float64))[0])


def average_precision_sample(draws: Resampling, positive: Mask, score: Ranked) -> Sample:
    """Average precision; the value is exact.

    Precision is a ratio at each threshold, so a resample needs a pass over the thresholds. Its resamples are
    those of 1024 bins of equal count, inside which positives lie evenly, moved by what the cut does to the
    value. Exact where there are no more distinct scores than bins. None where either class lies in too few
    blocks.
    """
    value = average_precision(positive, score)
    if value is None or draws.times is None:
        return Sample(value, None, draws.confidence)
    blocks = min(draws.blocks_with(positive), draws.blocks_with(~positive))
    if blocks < draws.min_blocks:
        return Sample(value, None, draws.confidence)
    exact = score.distinct <= BINS
    bins = score.distinct if exact else BINS
    member = score.ranks if exact else rank_bins(score, BINS)
    # From the highest bin down, as thresholds fall.
    hits, called = (draws.counts(member, bins, rows)[:, ::-1] for rows in (positive, None))
    reached = [
        np.cumsum(one, axis=1) if exact else 2 * np.cumsum(one, axis=1) - one for one in (hits, called)
    ]
    cut = draws.figure(
        np.concatenate([hits, *reached], axis=1), lambda drawn: _area(drawn.reshape(-1, 3, bins))
    )
    if cut.value is None or cut.resampled is None:
        return Sample(value, None, draws.confidence)
    return Sample(value, cut.resampled + (value - cut.value), draws.confidence, blocks)


def _area(sums: NDArray[np.float64]) -> Vector:
    """(m,) average precision of `sums` (m, 3, bins) over falling bins: positives in each, positives called
    by then, rows called by then; NaN without a positive.

    Where the rows of a bin have one score, all of them are called at once; else its positives lie evenly
    among them, and on average half of them have been called: then both numbers come doubled, which are whole.
    """
    hits, reached, called = (sums[:, side] for side in range(3))
    with np.errstate(divide="ignore", invalid="ignore"):
        area = np.sum(np.where(hits > 0, hits * (reached / called), 0.0), axis=1) / hits.sum(axis=1)
    return np.asarray(area)

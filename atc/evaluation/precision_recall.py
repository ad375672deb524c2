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
    hits = np.bincount(score.ranks[positive], minlength=score.distinct)
    called = np.bincount(score.ranks, minlength=score.distinct)
    return float(_area(np.stack([hits, called])[None].astype(np.float64), ties=True)[0])


def average_precision_sample(draws: Resampling, positive: Mask, score: Ranked) -> Sample:
    """Average precision; the value is exact.

    Precision is a ratio at each threshold, so a resample needs a pass over the thresholds. Its resamples are
    those of 1024 bins of equal count, inside which positives lie evenly, moved by what the cut does to the
    value. Exact where there are no more distinct scores than bins. None where either class lies in too few
    blocks.
    """
    value = average_precision(positive, score)
    if value is None or not (draws.bears_interval(positive) and draws.bears_interval(~positive)):
        return Sample(value, None, draws.confidence)
    exact = score.distinct <= BINS
    bins = score.distinct if exact else BINS
    member = score.ranks if exact else rank_bins(score, BINS)
    counts = np.stack([draws.counts(member, bins, positive), draws.counts(member, bins)], axis=1)
    cut = draws.figure(
        counts.reshape(len(counts), 2 * bins), lambda drawn: _area(drawn.reshape(-1, 2, bins), ties=exact)
    )
    if cut.value is None or cut.resampled is None:
        return Sample(value, None, draws.confidence)
    return Sample(value, cut.resampled + (value - cut.value), draws.confidence)


def _area(counts: NDArray[np.float64], *, ties: bool) -> Vector:
    """(m,) average precision of the positives and of all rows in rising bins, `counts` (m, 2, bins); NaN
    without a positive.

    `ties`: a bin's rows have one score, and all of them are called at once; else its positives lie evenly
    among them, and on average half of them have been called.
    """
    # All at once, or on average the half of the bin.
    part = 1.0 if ties else 0.5
    hits, called = (counts[:, side, ::-1] for side in (0, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = (np.cumsum(hits, axis=1) - (1 - part) * hits) / (
            np.cumsum(called, axis=1) - (1 - part) * called
        )
        area = np.sum(np.where(hits > 0, hits * precision, 0.0), axis=1) / hits.sum(axis=1)
    return np.asarray(area)

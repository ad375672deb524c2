"""Rows in bins of equal count by their score: what makes figures of ranks quick to resample."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from atc.models.ranking import Ranked


def rank_bins(score: Ranked, bins: int) -> NDArray[np.int64]:
    """(n,) bin of each row, from 0 to `bins` − 1, rising with the score.

    Bins go by the middle rank, so equal scores share a bin and the order of the rows does not matter.
    """
    n = len(score.ranks)
    twice_middle = 2 * np.cumsum(score.counts) - score.counts  # of the tied rows, counted from half a row
    bin_of_rank = np.minimum(twice_middle * bins // (2 * max(n, 1)), bins - 1)
    members: NDArray[np.int64] = bin_of_rank[score.ranks]
    return members

"""What a score finds over falling thresholds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atc.models.ranking import rank, twice_concordant_of


@dataclass(frozen=True)
class Rates:
    """Hits, false alarms and precision, from the highest threshold to the lowest."""

    recall: NDArray[np.float64]
    """(n,), rising from 0 to 1."""
    false_positive: NDArray[np.float64]
    """(n,), likewise."""
    precision: NDArray[np.float64]
    auc: float


def rates(happened: NDArray[np.bool_], score: NDArray[np.float64]) -> Rates:
    """Of scores (n,) by one model; `happened` has both classes."""
    ranked = rank(score)
    hits, called = ranked.hits(happened)[::-1], ranked.counts[::-1]
    reached, of = np.cumsum(hits), np.cumsum(called)
    positives, negatives = int(happened.sum()), int((~happened).sum())
    area = twice_concordant_of(hits[::-1], called[::-1]) / (2 * positives * negatives)
    return Rates(
        np.concatenate([[0.0], reached / positives]),
        np.concatenate([[0.0], (of - reached) / negatives]),
        np.concatenate([[reached[0] / of[0]], reached / of]),
        area,
    )

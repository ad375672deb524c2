"""What the figures lose where the model is not told an input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atc.evaluation.head import HeadRows
from atc.evaluation.headline import mean_of
from atc.evaluation.lift import Estimate, Resampling, Sample
from atc.evaluation.metrics import log_losses
from atc.evaluation.report import ranking_sample

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Lost:
    """Of one head; more than 0 is worse without the input."""

    ranking: Estimate
    """AUC (of a return Pearson's ρ) as it is minus that without the input."""
    loss: Estimate
    """Log loss (of a return squared error) without the input minus that as it is."""


@dataclass(frozen=True)
class AsItIs:
    """How one head does with every input known, to compare with."""

    rows: HeadRows
    draws: Resampling
    ranking: Sample
    losses: NDArray[np.float64]
    """(n,)."""

    @classmethod
    def of(cls, rows: HeadRows, scores: Matrix, draws: Resampling) -> AsItIs:
        """`scores` (all rows, columns) of a model on `rows`; `draws`: resamples of their blocks."""
        own = rows.scores(scores)
        return cls(rows, draws, ranking_sample(rows.head, rows.y, own, draws), _losses(rows, own))

    def lost(self, without: Sequence[Matrix]) -> Lost:
        """What is lost where the scores (all rows, columns) are those of `without` instead, of which the
        figures' mean is taken.
        """
        rows, others = self.rows, [self.rows.scores(one) for one in without]
        instead = mean_of([ranking_sample(rows.head, rows.y, one, self.draws) for one in others])
        more = np.mean([_losses(rows, one) for one in others], axis=0) - self.losses
        return Lost(self.ranking.minus(instead), self.draws.mean(more).estimate)


def _losses(rows: HeadRows, scores: Matrix) -> NDArray[np.float64]:
    """(n,) of the head's own scores."""
    if rows.head.classes:
        return log_losses(rows.codes, scores)
    return np.asarray((scores[:, 0] - rows.y) ** 2)

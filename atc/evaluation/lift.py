"""AUCs of several scores on the same rows, and their paired differences, from one set of resamples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atc.evaluation.bootstrap import (
    Interval,
    concordance,
    multiplicities,
    percentile_interval,
    resampled_aucs,
)
from atc.evaluation.metrics import auc


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval; the value is None where undefined, the interval where the blocks do not
    bear one.
    """

    value: float | None
    interval: Interval | None


@dataclass(frozen=True)
class AucSample:
    """The AUC of one score on some rows, and on each resample of their blocks."""

    value: float | None
    resampled: NDArray[np.float64] | None
    """(resamples,); None without enough blocks."""
    confidence: float

    @property
    def estimate(self) -> Estimate:
        """The AUC with its interval."""
        if self.value is None or self.resampled is None:
            return Estimate(self.value, None)
        return Estimate(self.value, percentile_interval(self.resampled, self.confidence))

    def minus(self, other: AucSample) -> Estimate:
        """This AUC minus `other`'s on the same rows and resamples."""
        if self.value is None or other.value is None:
            return Estimate(None, None)
        difference = self.value - other.value
        if self.resampled is None or other.resampled is None:
            return Estimate(difference, None)
        return Estimate(difference, percentile_interval(self.resampled - other.resampled, self.confidence))


@dataclass(frozen=True)
class Resampling:
    """How the blocks of a set of rows are drawn; the same draws for every score make differences paired."""

    block: NDArray[np.int64]
    """(n,) block of each row."""
    times: NDArray[np.int64] | None
    """(resamples, blocks); None: too few blocks, no intervals."""
    confidence: float

    def auc(
        self, positive: NDArray[np.bool_], score: NDArray[np.float64], rows: NDArray[np.bool_] | None = None
    ) -> AucSample:
        """The AUC of `score` (n,) on `rows` (n,), all of them if None."""
        chosen = np.ones(len(score), dtype=np.bool_) if rows is None else rows
        value = auc(positive[chosen], score[chosen])
        if self.times is None or value is None:
            return AucSample(value, None, self.confidence)
        pairs = concordance(positive[chosen], score[chosen], self.block[chosen], self.times.shape[1])
        return AucSample(value, resampled_aucs(pairs, self.times), self.confidence)


def resampling(
    block: NDArray[np.int64], n_blocks: int, *, enough: bool, resamples: int, confidence: float, seed: int
) -> Resampling:
    """Draw `resamples` times from `n_blocks` blocks, if they are `enough`."""
    times = multiplicities(n_blocks, resamples, seed) if enough else None
    return Resampling(block, times, confidence)

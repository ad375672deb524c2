"""Block bootstrap of AUCs and of their paired differences, exact and without sorting again.

The AUC of a resample of blocks is a ratio of two quadratic forms in the blocks' multiplicities w: Σ
w_a·w_b·C_ab over Σ w_a·P_a · Σ w_b·N_b, where C_ab counts the concordant pairs of a positive row in block a
and a negative one in block b (ties ½). C costs one sort and one pass; then every resample is a product of
small integers, exact, so that neither the order of sums nor the number of threads shows in a result.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atc import _rust
from atc.models.ranking import Ranked

Counts = NDArray[np.int64]

MAX_UNDEFINED = 0.05
"""Share of one-class resamples beyond which there is no interval."""


@dataclass(frozen=True)
class Concordance:
    """The pairs of positive and negative rows, by the blocks that they are in."""

    twice: Counts
    """(blocks, blocks): twice the concordant pairs plus the tied ones; positive's block first."""
    positives: Counts
    """(blocks,)."""
    negatives: Counts
    """(blocks,)."""


@dataclass(frozen=True)
class Interval:
    """A percentile interval of a statistic over the resamples."""

    lo: float
    hi: float
    undefined: int
    """Resamples that were left out because they hold one class only."""

    def contains(self, value: float) -> bool:
        """Whether `value` cannot be told from the statistic."""
        return self.lo <= value <= self.hi


def concordance(positive: NDArray[np.bool_], score: Ranked, block: Counts, n_blocks: int) -> Concordance:
    """Count the pairs of `positive` and other rows (n,) by their blocks (n,), from 0 to `n_blocks` − 1.

    O(n + blocks · rows of the rarer class) time and O(n + blocks²) memory.
    """
    twice = _rust.twice_concordant_by_block(
        score.order, score.ranks, block, np.ascontiguousarray(positive).view(np.uint8), n_blocks
    )
    return Concordance(
        twice=np.frombuffer(twice, dtype=np.int64).reshape(n_blocks, n_blocks),
        positives=np.bincount(block[positive], minlength=n_blocks),
        negatives=np.bincount(block[~positive], minlength=n_blocks),
    )


def multiplicities(n_blocks: int, resamples: int, seed: int) -> Counts:
    """(resamples, n_blocks): how often each block is drawn when as many are drawn, with replacement, as
    there are.
    """
    draws = np.random.default_rng(seed).integers(0, n_blocks, size=(resamples, n_blocks))
    flat = draws + np.arange(resamples)[:, None] * n_blocks
    return np.bincount(flat.ravel(), minlength=resamples * n_blocks).reshape(resamples, n_blocks)


def resampled_aucs(pairs: Concordance, times: Counts) -> NDArray[np.float64]:
    """The AUC (resamples,) of each resample; NaN where it holds one class only.

    Exact up to one rounding while twice the pairs of a resample stay below 2⁵³ (1.3·10⁸ rows).
    """
    # Rows of a regime or of one class lie in some of the blocks only.
    above, below = np.flatnonzero(pairs.positives), np.flatnonzero(pairs.negatives)
    w_above, w_below = (times[:, some].astype(np.float64) for some in (above, below))
    twice = pairs.twice[np.ix_(above, below)].astype(np.float64)
    concordant = np.sum((w_above @ twice) * w_below, axis=1)
    total = 2.0 * (w_above @ pairs.positives[above]) * (w_below @ pairs.negatives[below])
    aucs: NDArray[np.float64] = np.full(len(times), np.nan)
    np.divide(concordant, total, out=aucs, where=total > 0)
    return aucs


def percentile_interval(statistics: NDArray[np.float64], confidence: float) -> Interval | None:
    """The central interval that holds `confidence` of the defined `statistics` (resamples,).

    Resamples of one class have no AUC (NaN) and are left out, which is drawing on the condition that both
    classes occur; where more than 5 % are so, that condition is the result, and there is no interval.
    """
    undefined = np.isnan(statistics)
    if np.mean(undefined) > MAX_UNDEFINED:
        return None
    tail = (1.0 - confidence) / 2.0
    lo, hi = np.quantile(statistics[~undefined], [tail, 1.0 - tail])
    return Interval(float(lo), float(hi), int(np.count_nonzero(undefined)))

"""Two runs on the same rows: is one score better than the other?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atc.config.evaluation import Evaluation
from atc.evaluation import metrics
from atc.evaluation.blocks import disjoint_rows
from atc.evaluation.delong import DeLong, delong
from atc.evaluation.lift import Estimate, drawn_blocks

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class JudgedRows:
    """What happened in the rows that both scores are judged on, in order of time."""

    positive: NDArray[np.bool_]
    """(n,)."""
    r_bps: Vector
    """(n,) forward return."""
    t0: NDArray[np.int64]
    """(n,) ns, first instant of the label."""
    t1: NDArray[np.int64]
    """(n,) ns, its last instant, included."""
    days: NDArray[np.datetime64]
    """(n,) business day."""


@dataclass(frozen=True)
class Score:
    """What one model says of the rows."""

    up: Vector
    """(n,) of the class that is asked for."""
    direction: Vector
    """(n,) the same for two classes; of three p(HOLD) − p(SHORT)."""


@dataclass(frozen=True)
class PairedDifference:
    """One score's figure minus the other's, on the same rows."""

    auc: Estimate
    """With a block-bootstrap interval, the same blocks drawn for both."""
    direction_auc: Estimate
    delong: DeLong | None
    """On rows thinned until their labels do not overlap; None with too few of a class."""


def paired_difference(
    rows: JudgedRows,
    first: Score,
    second: Score,
    *,
    config: Evaluation,
    horizon_ns: int,
    exit_bps: float,
    seed: int,
) -> PairedDifference:
    """`first` minus `second`. DeLong's test needs `config.min_blocks` thinned rows of each class."""
    draws, _ = drawn_blocks(rows.t0, rows.days, horizon_ns, config, seed)
    moved, up = metrics.direction_rows(rows.r_bps, exit_bps), rows.r_bps > 0.0
    thin = disjoint_rows(rows.t0, rows.t1)
    classes = np.bincount(rows.positive[thin], minlength=2)
    return PairedDifference(
        auc=draws.auc(rows.positive, first.up).minus(draws.auc(rows.positive, second.up)),
        direction_auc=draws.auc(up, first.direction, moved).minus(draws.auc(up, second.direction, moved)),
        delong=delong(rows.positive[thin], first.up[thin], second.up[thin])
        if classes.min() >= config.min_blocks
        else None,
    )

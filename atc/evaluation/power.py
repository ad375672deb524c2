"""What the holdout of a run can show, said before the run trains (docs/power.md).

A pilot is scored on validation: the baseline and volatility alone, which a run fits anyway. Leaving out one
block of time after another (jackknife) gives the standard errors of an AUC and of a paired difference as the
overlap and the clustering of the labels make them; a holdout with k times as many disjoint label windows has
them smaller by √k.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from atc.evaluation.blocks import Blocks, blocks_of
from atc.evaluation.bootstrap import Concordance, concordance
from atc.models.ranking import rank

Vector = NDArray[np.float64]

Metrics = Mapping[str, int | float | None]

POWER = 0.8
CLAIMS = (
    *("holdout/auc", "holdout/direction_auc"),
    *("lift/holdout/auc", "lift_over_volatility/holdout/auc"),
)
"""Figures that claim something where their interval lies above chance."""


@dataclass(frozen=True)
class Detectable:
    """What a figure with this standard error can show."""

    standard_error: float
    confidence: float
    """Of the two-sided interval that decides."""

    @property
    def half_width(self) -> float:
        """Expected half-width of the interval."""
        return NormalDist().inv_cdf(0.5 + self.confidence / 2.0) * self.standard_error

    @property
    def effect(self) -> float:
        """The smallest true effect whose interval leaves 0 out in `POWER` of all repetitions."""
        return self.half_width + NormalDist().inv_cdf(POWER) * self.standard_error


@dataclass(frozen=True)
class Power:
    """What the holdout can show of an AUC and of a lift."""

    auc: Detectable
    """Against ½."""
    lift: Detectable
    """Of a model that differs from its baseline about as much as the baseline from volatility alone."""
    direction: Detectable | None
    """Of a direction AUC, against ½; None where too few rows of validation moved."""
    pilot_blocks: int
    """Blocks of validation that the standard errors come from."""
    pilot_windows: int
    """Disjoint label windows of validation."""
    windows: int
    """Disjoint label windows of the holdout."""
    horizon_ns: int


@dataclass(frozen=True)
class Moves:
    """The direction of the rows that count for it, and what the pilot says of it."""

    moved: NDArray[np.bool_]
    """(n,) rows whose return is beyond the threshold."""
    up: NDArray[np.bool_]
    """(n,) whether the return is above 0."""
    score: Vector
    """(n,) of the baseline."""


PowerByHead = dict[str, Power | None]
"""By the name of the head, empty for the only one; None where the pilot cannot tell."""


def power_before(
    *,
    positive: NDArray[np.bool_],
    scores: tuple[Vector, Vector],
    t0: NDArray[np.int64],
    days: NDArray[np.datetime64],
    horizon_ns: int,
    pilot_windows: int,
    holdout_windows: int,
    min_blocks: int,
    confidence: float,
    moves: Moves | None = None,
) -> Power | None:
    """Power of a holdout with `holdout_windows` disjoint label windows, from validation with `pilot_windows`.

    positive, t0 (ns), days: (n,) of the validation rows that have the label; scores: the baseline's and
    volatility's (n,). The windows are those that all rows have room for, so that rows without a label are
    taken to be as frequent in both. None where validation has
    fewer than `min_blocks` blocks, or one class only where a block is left out.
    """
    blocks = blocks_of(t0, days, horizon_ns, min_blocks=min_blocks)
    if not blocks.enough or holdout_windows == 0:
        return None
    first, second = (
        left_out_aucs(concordance(positive, rank(score), blocks.index, blocks.count)) for score in scores
    )
    errors = jackknife_error(first), jackknife_error(first - second)
    if not all(map(math.isfinite, errors)):
        return None
    shrink = math.sqrt(pilot_windows / holdout_windows)
    auc, lift = (Detectable(error * shrink, confidence) for error in errors)
    direction = None if moves is None else _direction_error(moves, blocks)
    return Power(
        auc=auc,
        lift=lift,
        direction=None if direction is None else Detectable(direction * shrink, confidence),
        pilot_blocks=blocks.count,
        pilot_windows=pilot_windows,
        windows=holdout_windows,
        horizon_ns=horizon_ns,
    )


def _direction_error(moves: Moves, blocks: Blocks) -> float | None:
    """Standard error of the direction AUC; None where a block holds all that went one way."""
    rows = moves.moved
    pairs = concordance(moves.up[rows], rank(moves.score[rows]), blocks.index[rows], blocks.count)
    error = jackknife_error(left_out_aucs(pairs))
    return error if math.isfinite(error) else None


def left_out_aucs(pairs: Concordance) -> Vector:
    """(blocks,) the AUC without each block; NaN where only one class is left."""
    twice = pairs.twice.astype(np.float64)
    concordant = twice.sum() - twice.sum(axis=0) - twice.sum(axis=1) + np.diag(twice)
    positives = pairs.positives.sum() - pairs.positives
    negatives = pairs.negatives.sum() - pairs.negatives
    total = 2.0 * positives * negatives
    left: Vector = np.full(len(total), np.nan)
    np.divide(concordant, total, out=left, where=total > 0)
    return left


def jackknife_error(left_out: Vector) -> float:
    """Standard error of a statistic from its values without each block, (blocks,): √((B − 1)/B·Σ(θ₍b₎ − θ̄)²).

    Quenouille 1956; Tukey 1958; for blocks of dependent rows Künsch, Annals of Statistics 17(3), 1989.
    """
    blocks = len(left_out)
    return math.sqrt((blocks - 1) / blocks * float(np.sum((left_out - left_out.mean()) ** 2)))


def power_figures(powers: PowerByHead) -> dict[str, float | None]:
    """As `metrics.json` has them; null where the pilot could not tell."""
    figures: dict[str, float | None] = {}
    for head, power in powers.items():
        for name, part in (("auc", "auc"), ("direction_auc", "direction"), ("lift", "lift")):
            of: Detectable | None = None if power is None else getattr(power, part)
            key = f"power/holdout/{name}@{head}" if head else f"power/holdout/{name}"
            figures[f"{key}/min_detectable"] = None if of is None else of.effect
            figures[f"{key}/expected_half_width"] = None if of is None else of.half_width
    return figures


def below_power(metrics: Metrics, key: str) -> bool:
    """Whether the figure `key` (an AUC, or a lift) is claimed, its interval being above chance, and yet
    nearer to chance than what was said before the fit to be detected in 80 % of such holdouts.
    """
    value, low = metrics.get(key), metrics.get(f"{key}/lo")
    chance, least = reference(metrics, key)
    if value is None or low is None or least is None:
        return False
    return low > chance and value - chance < least


def reference(metrics: Metrics, key: str) -> tuple[float, int | float | None]:
    """What chance gives, and the distance from it that the holdout was said to detect; None where nothing was
    said, as of lifts in anything but the AUC.
    """
    figure, at, head = key.partition("@")
    measure = figure.rpartition("/")[2]
    if not figure.startswith("lift"):
        return 0.5, metrics.get(f"power/holdout/{measure}{at}{head}/min_detectable")
    least = metrics.get(f"power/holdout/lift{at}{head}/min_detectable") if measure == "auc" else None
    return 0.0, least


def power_marks(metrics: Metrics) -> dict[str, int | None]:
    """`<claim>/below_power` of each claim of `metrics`: 1 where `below_power` marks it, else 0; null where it
    has no interval or nothing was said beforehand.
    """
    marks: dict[str, int | None] = {}
    for key in metrics:
        if key.partition("@")[0] in CLAIMS and "/" not in key.partition("@")[2]:
            known = metrics.get(f"{key}/lo") is not None and reference(metrics, key)[1] is not None
            marks[f"{key}/below_power"] = int(below_power(metrics, key)) if known else None
    return marks


def described(powers: PowerByHead) -> list[str]:
    """A sentence for each head on what the holdout can show."""
    return [
        (f"{head}: " if head else "") + (_UNKNOWN if power is None else _sentence(power))
        for head, power in powers.items()
    ]


_UNKNOWN = (
    "power unknown: validation has too few blocks, or too few of one class, for a pilot; nothing says "
    "beforehand which lift the holdout could show"
)


def _sentence(power: Power) -> str:
    lift, auc = power.lift, power.auc
    return (
        f"before the fit: the holdout has {power.windows:,} disjoint label windows of "
        f"{power.horizon_ns / 1e9:g} s. It shows a lift of {lift.effect:.4f} AUC in {POWER:.0%} of such "
        f"holdouts (expected interval ±{lift.half_width:.4f}), and an AUC {auc.effect:.4f} from 0.5 "
        f"(±{auc.half_width:.4f}); pilot: {power.pilot_windows:,} windows of validation in "
        f"{power.pilot_blocks} blocks"
    )

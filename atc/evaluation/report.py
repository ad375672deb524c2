"""The figures of one run: a model, its baseline and the volatility baseline on the same rows (SPEC 5, 7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atc.config.schema import Evaluation
from atc.evaluation import metrics
from atc.evaluation.blocks import Blocks, blocks_of, chance_standard_error, disjoint_windows
from atc.evaluation.lift import AucSample, Estimate, Resampling, resampling
from atc.protocol.dataset import Dataset

Vector = NDArray[np.float64]
Metrics = dict[str, float | None]

VOLATILITY_FEATURES = ("rv_5s", "rv_30s", "tod_sin", "tod_cos")
"""Inputs of the volatility baseline: how much the price moves and when, nothing of which way."""

MODEL, BASELINE, VOLATILITY = "model", "baseline", "volatility"

_HOLDOUT_FIGURES = (
    *("auc", "auc/lo", "auc/hi", "direction_auc", "direction_auc/lo", "direction_auc/hi"),
    *("pr_auc", "log_loss", "brier", "ece", "base_rate", "always_hold_accuracy", "accuracy"),
    *("rows", "blocks", "direction_rows", "independent_windows"),
)
_LIFTS = (("lift", BASELINE), ("lift_over_volatility", VOLATILITY))
_WITHOUT_FOLDS = ("gate/verdict", "gate/gap", "gate/gap/lo", "gate/gap/hi", "fallback/holdout/auc")


@dataclass(frozen=True)
class Outcomes:
    """What happened in a set of rows; no inputs."""

    y: Vector
    """(n,) 1 or 0."""
    r_bps: Vector
    """(n,) forward return."""
    t0: NDArray[np.int64]
    """(n,) ns, start of the label."""
    days: NDArray[np.datetime64]
    """(n,) business day."""

    @classmethod
    def of(cls, rows: Dataset, head: int = 0) -> Outcomes:
        """The outcomes of one head of `rows`."""
        return cls(y=rows.y[:, head], r_bps=rows.r_bps[:, head], t0=rows.t0, days=rows.days)


@dataclass(frozen=True)
class Scored:
    """One model's probabilities of class 1 on the rows of each part."""

    train: Vector
    valid: Vector
    holdout: Vector | None
    """None in a sealed run."""


@dataclass(frozen=True)
class EvaluationReport:
    """Flat figures, and in words what they can and cannot say."""

    metrics: Metrics
    notes: tuple[str, ...]


def evaluate(
    *,
    train_y: Vector,
    valid_y: Vector,
    holdout: Outcomes | None,
    scores: Mapping[str, Scored],
    config: Evaluation,
    horizon_ns: int,
    exit_bps: float,
    seed: int,
) -> EvaluationReport:
    """All figures of the run.

    `train_y` (n,), `valid_y` (m,): labels of the fitted rows. `holdout`: None in a sealed run, whose
    holdout figures are all null. `scores`: of MODEL, BASELINE and VOLATILITY. `exit_bps`: |r| above which a
    row counts for the direction AUC; of a fitted label its fitted threshold.
    """
    figures: Metrics = {}
    notes: list[str] = []
    for name, scored in scores.items():
        prefix = _prefix(name)
        figures[f"{prefix}train/auc"] = metrics.auc(train_y == 1.0, scored.train)
        figures[f"{prefix}valid/auc"] = metrics.auc(valid_y == 1.0, scored.valid)
        figures[f"{prefix}valid/log_loss"] = metrics.log_loss(valid_y == 1.0, scored.valid)
    for lift, other in _LIFTS:
        figures[f"{lift}/valid/auc"] = _minus(figures["valid/auc"], figures[f"{_prefix(other)}valid/auc"])
    figures |= {"train/rows": len(train_y), "valid/rows": len(valid_y)}
    figures |= {"train/base_rate": float(np.mean(train_y)), "valid/base_rate": float(np.mean(valid_y))}
    figures |= dict.fromkeys(_WITHOUT_FOLDS)

    if holdout is None:
        for name in scores:
            figures |= {f"{_prefix(name)}holdout/{figure}": None for figure in _HOLDOUT_FIGURES}
        for lift, _ in _LIFTS:
            figures |= dict.fromkeys(
                f"{lift}/holdout/{figure}{end}"
                for figure in ("auc", "direction_auc")
                for end in ("", "/lo", "/hi")
            )
        notes.append("sealed: the holdout was not opened, its figures are null")
        return EvaluationReport(figures, tuple(notes))

    blocks = blocks_of(holdout.t0, holdout.days, horizon_ns, min_blocks=config.min_blocks)
    draws = resampling(
        blocks.index,
        blocks.count,
        enough=blocks.enough,
        resamples=config.resamples,
        confidence=config.confidence,
        seed=seed,
    )
    threshold = metrics.prior_adjusted_threshold(valid_y == 1.0)
    windows = disjoint_windows(holdout.t0, horizon_ns)
    areas: dict[str, AucSample] = {}
    directions: dict[str, AucSample] = {}
    for name, scored in scores.items():
        if scored.holdout is None:
            raise ValueError(f"{name} has no holdout scores, the holdout is open")
        prefix = f"{_prefix(name)}holdout/"
        areas[name], directions[name] = _areas(draws, holdout, scored.holdout, exit_bps)
        figures |= _estimate(f"{prefix}auc", areas[name].estimate)
        figures |= _estimate(f"{prefix}direction_auc", directions[name].estimate)
        figures |= {
            f"{prefix}{figure}": value
            for figure, value in _point_figures(holdout, scored.holdout, threshold, exit_bps).items()
        }
        figures |= {f"{prefix}blocks": blocks.count, f"{prefix}independent_windows": windows}
    for lift, other in _LIFTS:
        figures |= _estimate(f"{lift}/holdout/auc", areas[MODEL].minus(areas[other]))
        figures |= _estimate(f"{lift}/holdout/direction_auc", directions[MODEL].minus(directions[other]))

    notes += _notes_on_data(holdout, blocks, windows, horizon_ns=horizon_ns, config=config, exit_bps=exit_bps)
    notes += _notes_on_figures(figures, areas, directions)
    return EvaluationReport(figures, tuple(notes))


def _prefix(name: str) -> str:
    return "" if name == MODEL else f"{name}/"


def _minus(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b


def _areas(draws: Resampling, rows: Outcomes, score: Vector, exit_bps: float) -> tuple[AucSample, AucSample]:
    moved = metrics.direction_rows(rows.r_bps, exit_bps)
    return draws.auc(rows.y == 1.0, score), draws.auc(rows.r_bps > 0.0, score, moved)


def _point_figures(rows: Outcomes, p: Vector, threshold: float, exit_bps: float) -> Metrics:
    positive = rows.y == 1.0
    base_rate = float(np.mean(positive)) if len(positive) else None
    return {
        "pr_auc": metrics.average_precision(positive, p),
        "log_loss": metrics.log_loss(positive, p),
        "brier": metrics.brier(positive, p),
        "ece": metrics.expected_calibration_error(positive, p),
        "base_rate": base_rate,
        # Whoever always holds is right as often as HOLD is: one number for two classes, two for three.
        "always_hold_accuracy": base_rate,
        "accuracy": metrics.accuracy(positive, p, threshold),
        "rows": len(positive),
        "direction_rows": int(np.count_nonzero(metrics.direction_rows(rows.r_bps, exit_bps))),
    }


def _estimate(key: str, estimate: Estimate) -> Metrics:
    interval = estimate.interval
    return {
        key: estimate.value,
        f"{key}/lo": None if interval is None else interval.lo,
        f"{key}/hi": None if interval is None else interval.hi,
    }


def _notes_on_data(
    rows: Outcomes, blocks: Blocks, windows: int, *, horizon_ns: int, config: Evaluation, exit_bps: float
) -> list[str]:
    """What these rows can say, whoever scores them."""
    notes = []
    if blocks.enough:
        notes.append(
            f"intervals: {config.confidence:.0%}, {config.resamples} resamples of {blocks.described} of "
            "the holdout"
        )
    else:
        notes.append(
            f"interval null: {blocks.described}, {config.min_blocks} needed; the figures stand without a "
            "measure "
            "of chance, so no comparison is decided here"
        )
    base_rate = float(np.mean(rows.y))
    error = chance_standard_error(windows, base_rate)
    if error is None:
        notes.append(
            f"single class: all {len(rows.y):,} holdout labels are {int(base_rate)}, so the AUC is null"
        )
    else:
        notes.append(
            f"{len(rows.y):,} holdout rows are {windows:,} disjoint label windows of {horizon_ns / 1e9:g} "
            "s: by "
            f"chance alone the AUC of a worthless score lies {error:.3f} (1 s.e.) from 0.5"
        )
    moved = metrics.direction_rows(rows.r_bps, exit_bps)
    up = int(np.count_nonzero(rows.r_bps[moved] > 0.0))
    down = int(np.count_nonzero(moved)) - up
    if up == 0 or down == 0:
        notes.append(
            f"direction AUC null: of the rows with |r| > {exit_bps:g} bps {up:,} go up and {down:,} down, "
            "both are "
            "needed"
        )
    return notes


def _notes_on_figures(
    figures: Metrics, areas: Mapping[str, AucSample], directions: Mapping[str, AucSample]
) -> list[str]:
    """Claims that the intervals do not carry."""
    notes = []
    for kind, samples in (("AUC", areas), ("direction AUC", directions)):
        for name, sample in samples.items():
            if sample.value is not None and sample.resampled is not None and sample.estimate.interval is None:
                notes.append(
                    f"{kind} interval of the {name} null: more than 5 % of the resamples hold one class only"
                )
    area, direction = areas[MODEL].estimate.interval, directions[MODEL].estimate.interval
    if area is not None and area.contains(0.5):
        notes.append("the AUC's interval contains 0.5: these data do not show that the model ranks at all")
    elif area is not None and area.lo > 0.5 and direction is not None and direction.contains(0.5):
        notes.append(
            "the AUC is above 0.5 and the direction AUC's interval contains 0.5: the score may know how "
            "much the "
            "price moves without knowing which way"
        )
    for lift, other in _LIFTS:
        lo, hi = figures[f"{lift}/holdout/auc/lo"], figures[f"{lift}/holdout/auc/hi"]
        if lo is not None and hi is not None and lo <= 0.0 <= hi:
            notes.append(
                f"the lift's interval over the {other} contains 0: these data do not tell the two apart"
            )
    return notes

"""The figures of one run: a model, its baseline and the volatility baseline on the same rows (SPEC 5, 7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from atc.config.evaluation import Evaluation
from atc.evaluation.blocks import disjoint_windows
from atc.evaluation.confusion import class_shares
from atc.evaluation.correlation import pearson
from atc.evaluation.head import Head, HeadRows, Outcomes
from atc.evaluation.head_scores import HeadScores
from atc.evaluation.headline import Headline, figure_names, headline, mean_of, trivial_headline
from atc.evaluation.lift import Estimate, Resampling, Sample, drawn_blocks
from atc.evaluation.notes import notes_on_data, notes_on_figures
from atc.evaluation.side_by_side import side_by_side
from atc.protocol.dataset import Labels

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Metrics = dict[str, float | None]

VOLATILITY_FEATURES = ("rv_5s", "rv_30s", "tod_sin", "tod_cos")
"""Inputs of the volatility baseline: how much the price moves and when, nothing of which way."""

MODEL, BASELINE, VOLATILITY = "model", "baseline", "volatility"
TRIVIAL = "trivial"
"""Who knows the shares of the classes in training and nothing else, and always holds."""

LIFTS = (("lift", BASELINE), ("lift_over_volatility", VOLATILITY))
_COUNTS = ("rows", "blocks", "direction_rows", "independent_windows")
_RATES = ("base_rate", "always_hold_accuracy")
_ROWS_AT_ONCE = 6_000_000
"""Of all heads that are judged at a time: each takes about 360 bytes a judged row, 75 a training row."""
_WITHOUT_FOLDS = ("gate/verdict", "gate/gap", "gate/gap/lo", "gate/gap/hi")


@dataclass(frozen=True)
class Scored:
    """One model's scores (rows, columns) of the rows of each part."""

    train: Matrix
    valid: Matrix
    holdout: Matrix | None
    """None in a sealed run."""

    def mapped(self, by: Callable[[Matrix], Matrix]) -> Scored:
        """The scores that `by` makes of these."""
        return Scored(
            train=by(self.train),
            valid=by(self.valid),
            holdout=None if self.holdout is None else by(self.holdout),
        )


def as_judged(scores: Mapping[str, Scored], raw: Mapping[str, Scored]) -> dict[str, Scored]:
    """By model, what its figures are made of: the `scores`, of training and validation before calibration
    where the run calibrates (`raw`, else empty).

    Calibration is fitted on validation: a curve ranks those very rows better than the model, and would win
    every choice that is made there.
    """
    return {
        name: replace(one, train=raw[name].train, valid=raw[name].valid) if raw else one
        for name, one in scores.items()
    }


@dataclass(frozen=True)
class _Fitted:
    """The training rows that have the label of a head, of which nothing is known but that."""

    rows: NDArray[np.int64]
    y: Labels

    @classmethod
    def of(cls, y: Labels) -> _Fitted:
        rows = np.flatnonzero(~np.isnan(y))
        return cls(rows, y[rows])


@dataclass(frozen=True)
class EvaluationReport:
    """Flat figures, and in words what they can and cannot say."""

    metrics: Metrics
    notes: tuple[str, ...]


def evaluate(
    *,
    heads: Sequence[Head],
    train_y: Labels,
    valid: Outcomes,
    holdout: Outcomes | None,
    scores: Mapping[str, Scored],
    config: Evaluation,
    seed: int,
) -> EvaluationReport:
    """All figures of the run, of each head on the rows that have its label.

    `train_y` (rows, heads): labels of the fitted rows. `holdout`: None in a sealed run, whose holdout
    figures are all null. `scores`: of MODEL, BASELINE and VOLATILITY.
    """
    # Null unless a gate rejects the named model.
    without = [*_WITHOUT_FOLDS, *(head.key(f"fallback/holdout/{head.ranking}") for head in heads)]
    figures: Metrics = dict.fromkeys(without)
    notes: list[str] = []

    def of_head(number: int) -> tuple[Metrics, list[str]]:
        head = heads[number]
        fitted = _Fitted.of(train_y[:, number])
        chosen = HeadRows.of(valid, head, number)
        shares = class_shares(chosen.codes, len(head.classes)) if head.classes else np.zeros(0)
        before = _before_the_holdout(fitted, chosen, scores, shares, config)
        if holdout is None:
            return before | _sealed(head, tuple(scores)), []
        held = HeadRows.of(holdout, head, number)
        found, said = _on_holdout(held, scores, train_y=fitted.y, shares=shares, config=config, seed=seed)
        return before | found, said

    rows = len((valid if holdout is None else holdout).t0) + len(train_y) // 4
    tasks = [partial(of_head, number) for number in range(len(heads))]
    for found, said in side_by_side(tasks, most=_ROWS_AT_ONCE // max(1, rows)):
        figures |= found
        notes += said
    if holdout is None:
        notes.append("sealed: the holdout was not opened, its figures are null")
    return EvaluationReport(figures, tuple(notes))


def prefix_of(name: str) -> str:
    """What the keys of a model's figures begin with; the named model's with nothing."""
    return "" if name == MODEL else f"{name}/"


def draws_of(rows: HeadRows, config: Evaluation, seed: int) -> tuple[Resampling, int, str]:
    """The resamples of the blocks of `rows`, the number of blocks, and what they are."""
    draws, blocks = drawn_blocks(rows.t0, rows.days, rows.head.horizon_ns, config, seed)
    return draws, blocks.count, blocks.described


def bandwidth_ns(head: Head, config: Evaluation) -> int:
    """Of the HAC t of a correlation with the returns of `head`."""
    return round(config.hac_horizons * head.horizon_ns)


def _before_the_holdout(
    fitted: _Fitted,
    chosen: HeadRows,
    scores: Mapping[str, Scored],
    shares: Vector,
    config: Evaluation,
) -> Metrics:
    """Of training how well the rows are ranked; of validation every figure, without intervals."""
    head = chosen.head
    figures: Metrics = {}
    ranking = head.ranking
    of_valid: dict[str, Headline] = {}
    for name, scored in scores.items():
        prefix = prefix_of(name)
        figures[head.key(f"{prefix}train/{ranking}")] = ranking_of(
            head, fitted.y, head.own(scored.train[fitted.rows])
        )
        said = HeadScores(chosen, chosen.scores(scored.valid))
        of_valid[name] = headline(said, shares, _undrawn(chosen), bandwidth_ns(head, config))
        figures |= {
            head.key(f"{prefix}valid/{figure}"): sample.value
            for figure, sample in of_valid[name].samples.items()
        }
    for lift, other in LIFTS:
        difference = of_valid[MODEL].samples[ranking].minus(of_valid[other].samples[ranking])
        figures[head.key(f"{lift}/valid/{ranking}")] = difference.value
    for part, y in (("train", fitted.y), ("valid", chosen.y)):
        figures[head.key(f"{part}/rows")] = len(y)
        if head.classes:
            held = float(np.mean(y == len(head.classes) - 1)) if len(y) else None
            figures[head.key(f"{part}/base_rate")] = held
    return figures


def ranking_of(head: Head, y: Labels, scores: Matrix) -> float | None:
    """The AUC (of three classes the mean one against the rest; of a return Pearson's ρ) of the head's own
    `scores` (n, classes) or (n, 1): what train, valid and test are compared by.
    """
    return ranking_sample(head, y, scores, Resampling(np.zeros(len(y), dtype=np.int64), None, 0.0)).value


def ranking_sample(head: Head, y: Labels, scores: Matrix, draws: Resampling) -> Sample:
    """As `ranking_of`, on each resample too."""
    if not head.classes:
        return pearson(draws, scores[:, 0], np.asarray(y, dtype=np.float64))
    judged = [1] if len(head.classes) == 2 else range(len(head.classes))
    return mean_of([draws.auc(y == one, scores[:, one]) for one in judged])


def _undrawn(rows: HeadRows) -> Resampling:
    return Resampling(np.zeros(len(rows.y), dtype=np.int64), None, 0.0)


def _sealed(head: Head, names: Sequence[str]) -> Metrics:
    """The keys that an open holdout would fill."""
    samples, points = figure_names(head)
    figures: Metrics = {}
    for name in (*names, TRIVIAL):
        prefix = f"{prefix_of(name)}holdout"
        figures |= _nulls(head, prefix, samples, ("", "/lo", "/hi"))
        figures |= _nulls(head, prefix, points, ("",))
    rates = _RATES if head.classes else ()
    figures |= _nulls(head, "holdout", (*_COUNTS, *rates), ("",))
    for lift, _ in LIFTS:
        figures |= _nulls(head, f"{lift}/holdout", samples, ("", "/lo", "/hi", "/blocks"))
    return figures


def _nulls(head: Head, prefix: str, names: Sequence[str], ends: Sequence[str]) -> Metrics:
    return {f"{head.key(f'{prefix}/{name}')}{end}": None for name in names for end in ends}


def _on_holdout(
    rows: HeadRows,
    scores: Mapping[str, Scored],
    *,
    train_y: Labels,
    shares: Vector,
    config: Evaluation,
    seed: int,
) -> tuple[Metrics, list[str]]:
    head = rows.head
    draws, blocks, described = draws_of(rows, config, seed)
    windows = disjoint_windows(rows.t0, head.horizon_ns)
    found: dict[str, Headline] = {}
    for name, scored in scores.items():
        if scored.holdout is None:
            raise ValueError(f"{name} has no holdout scores, the holdout is open")
        said = HeadScores(rows, rows.scores(scored.holdout))
        found[name] = headline(said, shares, draws, bandwidth_ns(head, config))
    figures: Metrics = {}
    for name, of in (*found.items(), (TRIVIAL, trivial_headline(rows, train_y, draws))):
        prefix = f"{prefix_of(name)}holdout"
        for figure, sample in of.samples.items():
            figures |= estimate_figures(head.key(f"{prefix}/{figure}"), sample.estimate)
        figures |= {head.key(f"{prefix}/{point}"): value for point, value in of.points.items()}
    for lift, other in LIFTS:
        for figure, sample in found[MODEL].samples.items():
            difference = sample.minus(found[other].samples[figure])
            key = head.key(f"{lift}/holdout/{figure}")
            figures |= estimate_figures(key, difference) | {f"{key}/blocks": difference.blocks}
    figures |= {head.key(f"holdout/{name}"): value for name, value in _facts(rows, blocks, windows).items()}
    notes = notes_on_data(rows, described, windows, draws, config)
    notes += notes_on_figures(head, figures, found, LIFTS, drawn=draws.times is not None)
    return figures, notes


def _facts(rows: HeadRows, blocks: int, windows: int) -> Metrics:
    """What these rows are, whoever scores them."""
    moved = np.abs(rows.r_bps) > rows.head.exit_bps
    facts: Metrics = {
        "rows": len(rows.y),
        "blocks": blocks,
        "direction_rows": int(np.count_nonzero(moved)),
        "independent_windows": windows,
    }
    if rows.head.classes:
        held = float(np.mean(rows.codes == len(rows.head.classes) - 1)) if len(rows.y) else None
        # Whoever always holds is right as often as HOLD is.
        facts |= {"base_rate": held, "always_hold_accuracy": held}
    return facts


def estimate_figures(key: str, estimate: Estimate) -> Metrics:
    """A figure and its interval under their keys."""
    interval = estimate.interval
    return {
        key: estimate.value,
        f"{key}/lo": None if interval is None else interval.lo,
        f"{key}/hi": None if interval is None else interval.hi,
    }

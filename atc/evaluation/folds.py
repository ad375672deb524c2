"""Figures of folds, their means, and of CPCV the paths that its folds make (SPEC 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import stdev

import numpy as np
from numpy.typing import NDArray

from atc.config.evaluation import Evaluation
from atc.evaluation.confusion import class_shares
from atc.evaluation.head import Head, HeadRows, Outcomes
from atc.evaluation.head_scores import HeadScores
from atc.evaluation.headline import headline
from atc.evaluation.lift import Resampling
from atc.evaluation.report import LIFTS, MODEL, bandwidth_ns, prefix_of, ranking_of
from atc.protocol.fold_mean import mean_over_folds

Matrix = NDArray[np.float64]
Metrics = dict[str, float | None]

PARTS = ("train", "valid", "test")
OF_THE_MODEL = frozenset(
    {
        *("auc", "direction_auc", "pr_auc", "log_loss", "brier", "ece", "accuracy", "macro_f1"),
        *("pearson", "spearman", "mse", "directional_accuracy"),
    }
)
OF_THE_OTHERS = frozenset({"auc", "direction_auc", "pearson"})


@dataclass(frozen=True)
class JudgedFold:
    """What happened in the rows of a fold, and what each model says of them."""

    name: str
    heads: Sequence[Head]
    """With what was fitted on the training rows of this fold."""
    outcomes: Mapping[str, Outcomes]
    """By part; labels are null in rows that no figure is made of."""
    scores: Mapping[str, Mapping[str, Matrix]]
    """By model, then by part: (n, columns)."""

    def ranking(self, model: str, part: str, number: int) -> float | None:
        """How well `model` ranks `part` for the head with this number: the AUC; of a return Pearson's ρ."""
        rows = HeadRows.of(self.outcomes[part], self.heads[number], number)
        return ranking_of(rows.head, rows.y, rows.scores(self.scores[model][part]))

    def gap(self) -> float | None:
        """Training AUC of the named model less its validation AUC, the mean over the heads; None for a head
        without classes or a part without both of them.
        """
        gaps = []
        for number, head in enumerate(self.heads):
            train, valid = (self.ranking(MODEL, part, number) for part in ("train", "valid"))
            if not head.classes or train is None or valid is None:
                return None
            gaps.append(train - valid)
        return sum(gaps) / len(gaps)


def fold_figures(fold: JudgedFold, config: Evaluation) -> Metrics:
    """`fold/<name>/…`: how well training and validation rows are ranked, and of the test rows every figure
    that has no interval of its own here.
    """
    figures: Metrics = {}
    root = f"fold/{fold.name}"
    for number, head in enumerate(fold.heads):
        rows = {part: HeadRows.of(fold.outcomes[part], head, number) for part in PARTS}
        for part in PARTS:
            figures[head.key(f"{root}/{part}/rows")] = len(rows[part].y)
        valid, test = rows["valid"], rows["test"]
        shares = class_shares(valid.codes, len(head.classes)) if head.classes else np.zeros(0)
        undrawn = Resampling(np.zeros(len(test.y), dtype=np.int64), None, 0.0)
        ranking = head.ranking
        found: dict[str, Metrics] = {}
        for name, of in fold.scores.items():
            prefix = f"{root}/{prefix_of(name)}"
            for part in ("train", "valid"):
                figures[head.key(f"{prefix}{part}/{ranking}")] = fold.ranking(name, part, number)
            judged = headline(
                HeadScores(test, test.scores(of["test"])), shares, undrawn, bandwidth_ns(head, config)
            )
            kept = OF_THE_MODEL if name == MODEL else OF_THE_OTHERS
            found[name] = {
                figure: sample.value for figure, sample in judged.samples.items() if figure in kept
            }
            figures |= {head.key(f"{prefix}test/{figure}"): value for figure, value in found[name].items()}
        for lift, other in LIFTS:
            for figure in (ranking, "direction_auc"):
                one, two = found[MODEL][figure], found[other][figure]
                figures[head.key(f"{root}/{lift}/test/{figure}")] = (
                    None if one is None or two is None else one - two
                )
    return figures


def mean_figures(folds: Sequence[Metrics], names: Sequence[str], confidence: float | None) -> Metrics:
    """`folds/<figure>/mean` with `/lo` and `/hi` over the `fold/<name>/…` figures of each fold.

    Figures of test rows are named without their part: `folds/auc/mean` is over `fold/<name>/test/auc`.
    `confidence`: None for folds that share test rows.
    """
    figures: Metrics = {"folds/count": len(folds)}
    first = f"fold/{names[0]}/"
    for key in folds[0]:
        figure = key.removeprefix(first)
        if figure.endswith("/rows"):
            continue
        over = mean_over_folds(
            [fold[f"fold/{name}/{figure}"] for fold, name in zip(folds, names, strict=True)], confidence
        )
        mean = f"folds/{figure.replace('test/', '')}/mean"
        figures |= {mean: over.mean, f"{mean}/lo": over.lo, f"{mean}/hi": over.hi}
    return figures


def path_figures(
    folds: Sequence[JudgedFold], paths: NDArray[np.int64], edges_ns: NDArray[np.int64]
) -> Metrics:
    """Of CPCV the named model's ranking along each whole path, and how far the paths lie apart.

    `paths` (paths, groups): the fold whose scores of a group belong to a path; `edges_ns` (groups + 1,): the
    times at which groups begin and end. Scores of several fits are ranked together, as a strategy that ran
    along the path would have met them.
    """
    figures: Metrics = {"paths/count": len(paths)}
    group = [np.searchsorted(edges_ns, fold.outcomes["test"].t0, side="right") - 1 for fold in folds]
    for number, head in enumerate(folds[0].heads):
        ranking = head.ranking
        values: list[float | None] = []
        for path_number, path in enumerate(paths, start=1):
            y, scores = [], []
            for of_group, fold_number in enumerate(path):
                fold = folds[fold_number]
                rows = HeadRows.of(fold.outcomes["test"], head, number)
                inside = group[fold_number][rows.rows] == of_group
                y.append(rows.y[inside])
                scores.append(rows.scores(fold.scores[MODEL]["test"])[inside])
            values.append(ranking_of(head, np.concatenate(y), np.concatenate(scores)))
            figures[head.key(f"path/{path_number}/test/{ranking}")] = values[-1]
        known = [value for value in values if value is not None]
        whole = len(known) == len(values)
        root = head.key(f"paths/{ranking}")
        figures[f"{root}/mean"] = mean_over_folds(values, None).mean
        figures[f"{root}/min"] = min(known) if whole else None
        figures[f"{root}/max"] = max(known) if whole else None
        figures[f"{root}/std"] = stdev(known) if whole and len(known) > 1 else None
    return figures

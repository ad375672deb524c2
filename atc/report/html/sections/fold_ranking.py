"""How well scores rank on the test rows of folds. Each fold has a model of its own, and scores of different
models cannot be held against each other: a curve over the rows of all folds would be of none of them. So
there is one a fold, and what is drawn is their mean (Fawcett 2006, vertical averaging) and their spread.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from atc.report.html.content import Block, Figure
from atc.report.html.draw.frame import THIRD
from atc.report.html.draw.lines import Curve, line_chart
from atc.report.html.record import LOOKS, Answers, Record, name_of
from atc.report.html.sections.rates import Rates, rates

_GRID = np.linspace(0.0, 1.0, 201)
_HEIGHT = 300
_WHY = (
    "Each fold has a model of its own, and scores of different models are not comparable: no curve is of all "
    "rows."
)


def fold_blocks(record: Record) -> Iterator[Block]:
    """ROC, and precision over recall, of each class of each head; nothing where no two folds have both
    classes.
    """
    folds = record.fold_answers
    titles = dict.fromkeys(
        (one.head, one.wanted) for answers in folds.values() for one in answers if one.wanted
    )
    for head, wanted in titles:
        some = [
            one for answers in folds.values() for one in answers if (one.head, one.wanted) == (head, wanted)
        ]
        some = [one for one in some if one.has_both]
        if len(some) > 1:
            yield from _of_class(some)


def _of_class(folds: Sequence[Answers]) -> Iterator[Block]:
    models = [model for model in folds[0].scores if all(model in one.scores for one in folds)]
    found = {model: [rates(one.happened, one.scores[model]) for one in folds] for model in models}
    areas = {model: [one.auc for one in of_model] for model, of_model in found.items()}
    said = [
        f"{name_of(model)} {np.mean(some):.4f} ({min(some):.4f} … {max(some):.4f})"
        for model, some in areas.items()
    ]
    of = f", {folds[0].title}" if folds[0].title else ""
    legend = [(LOOKS[model], name_of(model)) for model in models]
    base = float(np.mean([one.happened.mean() for one in folds]))
    low = max(0.0, np.floor((base - 0.15) * 10) / 10)
    yield Figure(
        "fold-roc",
        f"ROC, mean of {len(folds)} folds{of}",
        "Share of hits over share of false alarms in the test rows of each fold, the mean of the folds. Area "
        f"under the curve, mean (least … most of the folds): {', '.join(said)}. The diagonal is chance.",
        line_chart(
            [_curve(model, _hits(found[model])) for model in models],
            x_title="false alarms (of all others)",
            y_title="hits (of all that happened)",
            width=THIRD,
            height=_HEIGHT,
            inside=(0.0, 1.0, 0.0, 1.0),
            diagonal=True,
            digits=3,
        ),
        [(look, area) for (look, _), area in zip(legend, said, strict=True)],
        words=f"Shaded: from the lowest fold of the model to the highest. {_WHY}",
    )
    yield Figure(
        "fold-precision-recall",
        f"Precision and recall, mean of {len(folds)} folds{of}",
        "Precision over recall in the test rows of each fold, the mean of the folds; without skill precision "
        f"is the base rate, {base:.3f} in the mean, the dashed level.",
        line_chart(
            [_curve(model, _precision(found[model])) for model in models],
            x_title="recall",
            y_title="precision",
            width=THIRD,
            height=_HEIGHT,
            inside=(0.0, 1.0, low, 1.0),
            at_y=base,
            digits=3,
        ),
        legend,
        words="Folds have base rates of their own, which the shade has in it.",
    )


def _curve(model: str, of_folds: NDArray[np.float64]) -> Curve:
    """The mean of curves (folds, grid), of the model with their spread."""
    band = model == "model"
    return Curve(
        name_of(model),
        _GRID,
        of_folds.mean(axis=0),
        LOOKS[model],
        low=of_folds.min(axis=0) if band else None,
        high=of_folds.max(axis=0) if band else None,
    )


def _hits(folds: Sequence[Rates]) -> NDArray[np.float64]:
    """(folds, grid) at the same shares of false alarms."""
    return np.stack([np.interp(_GRID, one.false_positive, one.recall) for one in folds])


def _precision(folds: Sequence[Rates]) -> NDArray[np.float64]:
    """(folds, grid) at the first threshold that reaches each recall: between two of them precision is not
    linear (Davis and Goadrich 2006).
    """
    return np.stack([one.precision[np.searchsorted(one.recall, _GRID)] for one in folds])

"""What a run says: figures, notes and predictions of the models on the rows that judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from atc.config.schema import RunConfig
from atc.evaluation.head import Outcomes
from atc.evaluation.power import described, power_figures
from atc.evaluation.report import MODEL, Scored, evaluate
from atc.protocol.dataset import Block, Dataset, labelled
from atc.tasks.base import Desk, Outcome
from atc.tasks.fitting import Fitted, FittedModel
from atc.tasks.heads import heads_of
from atc.tasks.loaded import Loaded, row_notes


@dataclass(frozen=True)
class Judged:
    """Rows at which a decision is taken, and which of them figures are made of."""

    rows: Dataset
    judged: NDArray[np.bool_]
    """(n,)."""

    @classmethod
    def labelled(cls, rows: Dataset) -> Judged:
        """All rows that have a label are judged."""
        return cls(rows, labelled(rows.y))

    def outcomes(self) -> Outcomes:
        """What happened in the judged rows; the labels of the others are null here."""
        rows = self.rows
        y = np.where(self.judged[:, None], rows.y, np.nan)
        return Outcomes(y=y, r_bps=rows.r_bps, t0=rows.t0, days=rows.days)


def outcome_of(config: RunConfig, loaded: Loaded, fitted: Fitted, desk: Desk) -> Outcome:
    """Scores all three models and compares them on the holdout, unless the run is sealed."""
    with desk.stage("evaluate"):
        train, valid = loaded.parts.train, Judged(loaded.valid, loaded.valid_judged)
        sealed = loaded.parts.holdout
        holdout = None if sealed.sealed else Judged.labelled(sealed.open("metrics of the run"))
        scores = {
            name: Scored(
                train=scores_of(one, train),
                valid=scores_of(one, valid.rows),
                holdout=None if holdout is None else scores_of(one, holdout.rows),
            )
            for name, one in fitted.by_name.items()
        }
        report = evaluate(
            heads=heads_of(config, loaded),
            train_y=train.y,
            valid=valid.outcomes(),
            holdout=None if holdout is None else holdout.outcomes(),
            scores=scores,
            config=config.evaluation,
            seed=config.seed,
        )
    named = fitted.by_name[MODEL].report
    return Outcome(
        metrics={**report.metrics, **power_figures(fitted.power)},
        predictions=_predictions(valid, holdout, scores),
        spans=loaded.described,
        notes=(
            *row_notes(loaded),
            *described(fitted.power),
            *_fit_notes(fitted),
            *report.notes,
        ),
        curves={name: one.report.curves for name, one in fitted.by_name.items() if one.report.curves},
        importance=[
            {"feature": item.feature, named.importance_kind: item.value, "splits": item.splits}
            for item in named.importance
        ],
    )


def scores_of(fitted: FittedModel, rows: Block | Dataset) -> NDArray[np.float64]:
    """(n, columns) the model's scores."""
    return fitted.model.predict(rows.select(fitted.model.features).x)


def _predictions(valid: Judged, holdout: Judged | None, scores: Mapping[str, Scored]) -> pl.DataFrame:
    """Rows that selected nothing or only when to stop, with every model's score.

    All rows of their time: a label that a gap makes null is null here too, and `judged` is false for rows
    that no figure is made of.
    """
    frames = []
    for split, place in (("valid", valid), ("holdout", holdout)):
        if place is None:
            continue
        part = place.rows
        columns: list[pl.Expr | pl.Series] = [pl.lit(split).alias("split")]
        for head, name in enumerate(part.heads):
            of_head = {"y": part.y[:, head], "t0": part.t0, "t1": part.t1[:, head]}
            of_head["r_bps"] = part.r_bps[:, head]
            ending = f"_{name}" if name else ""
            columns += [
                pl.Series(f"{column}{ending}", values, nan_to_null=True) for column, values in of_head.items()
            ]
        columns.append(pl.Series("judged", place.judged))
        for name, scored in scores.items():
            values = scored.valid if split == "valid" else scored.holdout
            assert values is not None  # an open holdout is scored by every model
            columns.append(pl.Series("p_hold" if name == MODEL else f"{name}_p_hold", values[:, 0]))
        frames.append(part.keys.with_columns(columns))
    return pl.concat(frames)


def _fit_notes(fitted: Fitted) -> list[str]:
    notes = []
    for name, one in fitted.by_name.items():
        notes += [f"{name}: {note}" for note in one.report.notes]
        if one.report.null_columns:
            notes.append(
                f"{name}: null in every training row, kept as missing: {', '.join(one.report.null_columns)}"
            )
        if one.report.constant_columns:
            notes.append(f"{name}: constant in the training rows: {', '.join(one.report.constant_columns)}")
    return notes

"""predictions.parquet: what was decided on, what happened, and every model's score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from atc.evaluation.head import Outcomes
from atc.evaluation.report import MODEL, Scored
from atc.features.label_spec import of_head
from atc.models.base import PREDICTED_RETURN
from atc.protocol.dataset import Dataset, labelled

Scores = Mapping[str, Scored]


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


@dataclass(frozen=True)
class Decided:
    """The decisions of one split: its rows, and what each model says of them."""

    split: str
    place: Judged
    scores: Mapping[str, NDArray[np.float64]]
    """By model: (n, columns); a model that was not fitted for this split is not among them."""
    raw: Mapping[str, NDArray[np.float64]]
    """The same before calibration; empty where there is none."""

    @classmethod
    def of(cls, part: Literal["valid", "holdout"], place: Judged, scores: Scores, raw: Scores) -> Decided:
        """The validation or holdout rows of the final fit."""
        return cls(part, place, _of_part(scores, part), _of_part(raw, part))

    def with_scores(self, scores: NDArray[np.float64] | None, model: str) -> Decided:
        """The same with the `scores` of one more `model`, where there are any."""
        return self if scores is None else replace(self, scores={**self.scores, model: scores})


def _of_part(scores: Scores, part: Literal["valid", "holdout"]) -> dict[str, NDArray[np.float64]]:
    found = {name: scored.valid if part == "valid" else scored.holdout for name, scored in scores.items()}
    return {name: values for name, values in found.items() if values is not None}


def score_columns(heads: Sequence[str], classes: Sequence[str]) -> list[str]:
    """Names of a model's scores, column by column: `p_hold`; `p_short`, `p_flat`, `p_hold`; `p_up_300s`; of a
    return `predicted_bps`, so that no one takes it for a probability.
    """
    if not classes:
        return [of_head(PREDICTED_RETURN, head) for head in heads]
    scored = classes if len(classes) > 2 else classes[-1:]
    return [of_head(f"p_{name.lower()}", head) for head in heads for name in scored]


def predictions_of(decided: Sequence[Decided]) -> pl.DataFrame:
    """Rows that selected nothing or only when to stop, with every model's score; the last of `decided` has
    all models.

    All rows of their time: a label that a gap makes null is null here too, and `judged` is false for rows
    that no figure is made of. Scores before calibration stand in columns that end in `_raw`. Null: the
    fallback, which is fitted on the rows of the final fit alone, says nothing of a fold.
    """
    frames = []
    for one in decided:
        place, part = one.place, one.place.rows
        columns: list[pl.Expr | pl.Series] = [pl.lit(one.split).alias("split")]
        for head, name in enumerate(part.heads):
            of_label = {"y": part.y[:, head].astype(np.float64), "t0": part.t0, "t1": part.t1[:, head]}
            of_label["r_bps"] = part.r_bps[:, head]
            columns += [
                pl.Series(of_head(column, name), values, nan_to_null=True)
                for column, values in of_label.items()
            ]
        columns.append(pl.Series("judged", place.judged))
        for ending, scored_by, models in (
            ("", one.scores, decided[-1].scores),
            ("_raw", one.raw, decided[-1].raw),
        ):
            for name in models:
                for number, score in enumerate(score_columns(part.heads, part.classes)):
                    column = score if name == MODEL else f"{name}_{score}"
                    values = scored_by[name][:, number] if name in scored_by else [None] * part.n_rows
                    columns.append(pl.Series(f"{column}{ending}", values, dtype=pl.Float64))
        frames.append(part.keys.with_columns(columns))
    return pl.concat(frames)

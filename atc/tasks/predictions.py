"""predictions.parquet: what was decided on, what happened, and every model's score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from atc.evaluation.head import Outcomes
from atc.evaluation.report import MODEL, Scored
from atc.protocol.dataset import Dataset, labelled


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


def predictions_of(
    valid: Judged, holdout: Judged | None, scores: Mapping[str, Scored], raw: Mapping[str, Scored]
) -> pl.DataFrame:
    """Rows that selected nothing or only when to stop, with every model's score.

    All rows of their time: a label that a gap makes null is null here too, and `judged` is false for rows
    that no figure is made of. `raw`: the scores before calibration, empty where there is none; their columns
    end in `_raw`.
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
        for ending, scored_by in (("", scores), ("_raw", raw)):
            for name, scored in scored_by.items():
                values = scored.valid if split == "valid" else scored.holdout
                assert values is not None  # an open holdout is scored by every model
                column = "p_hold" if name == MODEL else f"{name}_p_hold"
                columns.append(pl.Series(f"{column}{ending}", values[:, 0]))
        frames.append(part.keys.with_columns(columns))
    return pl.concat(frames)

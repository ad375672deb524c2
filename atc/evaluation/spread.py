"""How far the figures of the models that are averaged lie apart: of single seeds, or of members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from atc.config.evaluation import Evaluation
from atc.evaluation.confusion import class_shares
from atc.evaluation.head import Head, HeadRows, Outcomes
from atc.evaluation.head_scores import HeadScores
from atc.evaluation.headline import figure_names, headline
from atc.evaluation.lift import Resampling
from atc.evaluation.report import Matrix, Metrics, bandwidth_ns

SPREAD = ("mean", "sd", "min", "max")
"""Of a figure over single models; sd with divisor n − 1."""

SCHEMA = {
    "member": pl.String,
    "head": pl.String,
    "split": pl.String,
    "figure": pl.String,
    "value": pl.Float64,
}


def single_table(
    heads: Sequence[Head],
    outcomes: Mapping[str, Outcomes],
    scores: Mapping[str, Mapping[str, Matrix]],
    config: Evaluation,
) -> pl.DataFrame:
    """Every headline figure of each model alone, with columns as in `SCHEMA`.

    `outcomes`, by split: what happened, validation's among them. `scores`, by model and split: what it says
    of the same rows, (n, columns).
    """
    rows: list[tuple[str, str, str, str, float | None]] = []
    for number, head in enumerate(heads):
        chosen = HeadRows.of(outcomes["valid"], head, number)
        shares = class_shares(chosen.codes, len(head.classes)) if head.classes else np.zeros(0)
        for split, happened in outcomes.items():
            judged = HeadRows.of(happened, head, number)
            undrawn = Resampling(np.zeros(len(judged.y), dtype=np.int64), None, 0.0)
            for member, by_split in scores.items():
                said = HeadScores(judged, judged.scores(by_split[split]))
                found = headline(said, shares, undrawn, bandwidth_ns(head, config))
                rows += [
                    (member, head.name, split, figure, sample.value)
                    for figure, sample in found.samples.items()
                ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def spread_figures(start: str, heads: Sequence[Head], table: pl.DataFrame) -> Metrics:
    """`<start>/<split>/<figure>/<mean, sd, min, max>` of the models in `table`; null for a split that is not
    in it, and where a model has no figure.
    """
    by_figure = {
        key: values["value"].to_numpy()
        for key, values in table.group_by("head", "split", "figure", maintain_order=True)
    }
    figures: Metrics = {}
    for head in heads:
        for split in ("valid", "holdout"):
            for figure in figure_names(head)[0]:
                values = by_figure.get((head.name, split, figure))
                key = head.key(f"{start}/{split}/{figure}")
                spread = (None,) * len(SPREAD) if values is None else _spread(values)
                figures |= {f"{key}/{name}": value for name, value in zip(SPREAD, spread, strict=True)}
    return figures


def _spread(values: Matrix) -> tuple[float | None, ...]:
    if len(values) < 2 or np.isnan(values).any():
        return (None,) * len(SPREAD)
    low, high = float(values.min()), float(values.max())
    # The mean of equal numbers may differ from them in its last digit.
    mean = min(max(float(values.mean()), low), high)
    return mean, float(values.std(ddof=1)), low, high

"""Figures of groups of rows: business days, regimes of the market."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from atc.evaluation.correlation import pearson
from atc.evaluation.head import HeadRows
from atc.evaluation.headline import direction_score, headline, mean_of
from atc.evaluation.lift import Resampling, Sample
from atc.evaluation.metrics import direction_rows

Matrix = NDArray[np.float64]


def group_table(
    rows: HeadRows,
    scores: Mapping[str, Matrix],
    shares: NDArray[np.float64],
    *,
    group: NDArray[np.int64],
    groups: Sequence[Mapping[str, object]],
    draws: Resampling | None = None,
) -> pl.DataFrame:
    """A row a group and model: what the group is, how many rows, and the figures of them alone.

    `scores`: by model (n, classes) or (n, 1) of `rows`; `group` (n,) which of `groups` a row is in. With
    `draws` of `rows` the AUC (of a return Pearson's ρ) and the direction AUC get their intervals. Groups
    without rows are left out; those whose rows lie in too few blocks have no interval.
    """
    found: list[dict[str, object]] = []
    for number, facts in enumerate(groups):
        chosen = group == number
        if not chosen.any():
            continue
        part = rows.take(chosen)
        alone = Resampling(np.zeros(len(part.y), dtype=np.int64), None, 0.0)
        same: dict[str, object] = {"head": rows.head.name, **facts, "rows": len(part.y)}
        if rows.head.classes:
            same["base_rate"] = float(np.mean(part.codes == len(rows.head.classes) - 1))
        same["mean_r_bps"] = float(np.mean(part.r_bps))
        for name, score in scores.items():
            of = headline(part, score[chosen], shares, alone, part.head.horizon_ns)
            figures: dict[str, object] = {
                figure: sample.value for figure, sample in of.samples.items() if "/" not in figure
            }
            if draws is not None:
                for figure, sample in _drawn(part, score[chosen], draws, chosen).items():
                    interval = sample.estimate.interval
                    figures[f"{figure}_lo"] = None if interval is None else interval.lo
                    figures[f"{figure}_hi"] = None if interval is None else interval.hi
            found.append({"model": name, **same, **figures})
    # A figure that no group has is one of numbers too: tables of several heads are put together.
    return pl.DataFrame(found, infer_schema_length=None).with_columns(pl.col(pl.Null).cast(pl.Float64))


def _drawn(part: HeadRows, score: Matrix, draws: Resampling, chosen: NDArray[np.bool_]) -> dict[str, Sample]:
    """The samples that get an interval in a group; blocks are those of all rows."""
    times = draws.times if draws.bears_interval(chosen) else None
    own = Resampling(draws.block[chosen], times, draws.confidence, draws.min_blocks)
    towards = direction_score(score)
    moved = direction_rows(part.r_bps, part.head.exit_bps)
    samples = {"direction_auc": own.auc(part.r_bps > 0.0, towards, moved)}
    if part.head.classes:
        judged = [1] if score.shape[1] == 2 else range(score.shape[1])
        samples["auc"] = mean_of([own.auc(part.codes == one, score[:, one]) for one in judged])
    else:
        samples["pearson"] = pearson(own, towards, part.r_bps)
    return samples


def by_day(rows: HeadRows) -> tuple[NDArray[np.int64], list[dict[str, object]]]:
    """The group (n,) of each row and the facts of each group: its business day."""
    days, group = np.unique(rows.days, return_inverse=True)
    return group.astype(np.int64), [{"day": day.astype(object)} for day in days]

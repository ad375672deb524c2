"""Figures of groups of rows: business days, regimes of the market."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from atc.evaluation.blocks import numbered
from atc.evaluation.correlation import pearson
from atc.evaluation.head import HeadRows
from atc.evaluation.head_scores import HeadScores
from atc.evaluation.headline import direction_auc, headline, mean_of
from atc.evaluation.lift import Resampling, Sample

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
    for facts, chosen in zip(groups, _members(group, len(groups)), strict=True):
        if not len(chosen):
            continue
        part = rows.take(chosen)
        alone = Resampling(np.zeros(len(part.y), dtype=np.int64), None, 0.0)
        same: dict[str, object] = {"head": rows.head.name, **facts, "rows": len(part.y)}
        if rows.head.classes:
            same["base_rate"] = float(np.mean(part.codes == len(rows.head.classes) - 1))
        same["mean_r_bps"] = float(np.mean(part.r_bps))
        for name, score in scores.items():
            said = HeadScores(part, score[chosen])
            of = headline(said, shares, alone, part.head.horizon_ns)
            figures: dict[str, object] = {
                figure: sample.value for figure, sample in of.samples.items() if "/" not in figure
            }
            if draws is not None:
                for figure, sample in _drawn(said, draws, chosen).items():
                    interval = sample.estimate.interval
                    figures[f"{figure}_lo"] = None if interval is None else interval.lo
                    figures[f"{figure}_hi"] = None if interval is None else interval.hi
            found.append({"model": name, **same, **figures})
    # A figure that no group has is one of numbers too: tables of several heads are put together.
    return pl.DataFrame(found, infer_schema_length=None).with_columns(pl.col(pl.Null).cast(pl.Float64))


def _members(group: NDArray[np.int64], groups: int) -> list[NDArray[np.int64]]:
    """The rows of each of so many groups, ascending, of rows in the groups `group` (n,)."""
    # Numbers of 16 bits are sorted in one pass over them.
    order = np.argsort(group.astype(np.int16) if groups < 2**15 else group, kind="stable")
    return np.split(order, np.cumsum(np.bincount(group, minlength=groups))[:-1])


def _drawn(said: HeadScores, draws: Resampling, chosen: NDArray[np.int64]) -> dict[str, Sample]:
    """The samples that get an interval in a group; blocks are those of all rows."""
    part = said.rows
    block = draws.block[chosen]
    all_blocks = Resampling(block, draws.times, draws.confidence, draws.min_blocks)
    own = all_blocks if all_blocks.bears_interval() else all_blocks.undrawn
    samples = {"direction_auc": direction_auc(part, said.ranked_towards, own)}
    if part.head.classes:
        samples["auc"] = mean_of([own.auc(said.happened(one), said.ranked(one)) for one in said.judged])
    else:
        samples["pearson"] = pearson(own, said.towards, part.r_bps)
    return samples


def by_day(rows: HeadRows) -> tuple[NDArray[np.int64], list[dict[str, object]]]:
    """The group (n,) of each row and the facts of each group: its business day."""
    days, group = numbered(rows.days)
    return group, [{"day": day.astype(object)} for day in days]

"""What the named model uses, and how: tables of permutation, SHAP values, curves and pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from atc.evaluation.dependent_inputs import dependent_groups, rank_correlations
from atc.evaluation.head import Head
from atc.evaluation.importance import AsItIs, Lost
from atc.evaluation.lift import Estimate
from atc.features.declarations import declarations
from atc.models.explain.contributions import HeadContributions, tree_contributions
from atc.models.explain.dependence import accumulated_effects, partial_dependence
from atc.models.explain.interactions import interactions
from atc.models.explain.permutation import permuted_answers
from atc.models.explain.response import spaced
from atc.tasks.base import Desk
from atc.tasks.explained_rows import Question


def importance_tables(question: Question, desk: Desk) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Of each input, and of each group of them that say the same."""
    explain, features = question.config.explain, question.features
    asked = question.asked
    clock = {item.name for item in declarations() if item.inputs == "clock"}
    groups = dependent_groups(
        rank_correlations(asked.values[:, -1, :]),
        explain.group_correlation,
        [place for place, name in enumerate(features) if name in clock],
    )
    group_of = {place: number for number, group in enumerate(groups, start=1) for place in group}
    scores = asked.response(asked.values)
    as_it_is = [
        AsItIs.of(rows, scores, draws) for rows, draws in zip(question.of_heads, question.draws, strict=True)
    ]
    singles: list[list[dict[str, object]]] = [[] for _ in question.heads]
    together: list[list[dict[str, object]]] = [[] for _ in question.heads]
    sets = [*((place,) for place in range(len(features))), *groups]
    with desk.bar("explain", len(sets), "inputs") as bar:
        for number, places in enumerate(sets):
            instead = [*permuted_answers(asked, places, repeats=explain.repeats, seed=question.config.seed)]
            facts: dict[str, object] = (
                {"feature": features[number], "group": group_of.get(number)}
                if number < len(features)
                else {"group": group_of[places[0]], "features": [features[place] for place in places]}
            )
            into = singles if number < len(features) else together
            for head, known in enumerate(as_it_is):
                into[head].append(
                    {"head": known.rows.head.name, **facts, **_cells(known.rows.head, known.lost(instead))}
                )
            bar.update(number + 1)
    told = {item.feature: (item.value, item.splits) for item in question.named.report.importance}
    # A model that is made of fitted ones has none of its own.
    fit = [told.get(name, (None, None)) for name in features]
    own = [
        pl.DataFrame(rows, schema_overrides=_SCHEMA).with_columns(
            pl.Series("fit_importance", [value for value, _ in fit], dtype=pl.Float64),
            pl.Series("splits", [splits for _, splits in fit], dtype=pl.Int64),
        )
        for rows in singles
    ]
    grouped = pl.DataFrame([row for rows in together for row in rows], schema_overrides=_SCHEMA)
    return pl.concat([one.sort("loss_increase", descending=True) for one in own]), grouped


_SCHEMA: dict[str, Any] = {
    "head": pl.String,
    "group": pl.Int64,
    **dict.fromkeys(
        [
            f"{name}{end}"
            for name in ("auc_drop", "pearson_drop", "loss_increase")
            for end in ("", "_lo", "_hi")
        ],
        pl.Float64,
    ),
}


def _cells(head: Head, found: Lost) -> dict[str, object]:
    return {**_estimate(f"{head.ranking}_drop", found.ranking), **_estimate("loss_increase", found.loss)}


def _estimate(name: str, estimate: Estimate) -> dict[str, object]:
    interval = estimate.interval
    return {
        name: estimate.value,
        f"{name}_lo": None if interval is None else interval.lo,
        f"{name}_hi": None if interval is None else interval.hi,
    }


def top_inputs(question: Question, table: pl.DataFrame) -> list[int]:
    """The inputs that curves and pairs are asked of: those with the largest loss of any head."""
    best = table.group_by("feature").agg(pl.col("loss_increase").max()).sort("loss_increase", "feature")
    names = best["feature"].to_list()[::-1][: question.config.explain.top]
    return [question.features.index(name) for name in names]


# SHAP


def shap_table(question: Question) -> pl.DataFrame | None:
    """Of each head and sampled row the key, margin and base, and of each input value and contribution."""
    most = question.config.explain.shap_rows
    if most == 0 or not question.asked.is_of_rows:
        return None
    chosen = spaced(question.asked.n_rows, most)
    x = np.ascontiguousarray(question.asked.values[chosen, 0, :])
    found = tree_contributions(question.named.model, x)
    if found is None:
        return None
    keys = question.rows.keys[chosen]
    return pl.concat(
        [
            _shap_rows(head, keys, question.features, x, one)
            for head, one in zip(question.heads, found, strict=True)
        ]
    )


def _shap_rows(
    head: Head,
    keys: pl.DataFrame,
    features: Sequence[str],
    x: NDArray[np.float32],
    found: HeadContributions,
) -> pl.DataFrame:
    margin = found.base + found.values.sum(axis=1)
    return pl.concat(
        [
            pl.DataFrame({"head": [head.name] * len(keys)}),
            keys,
            pl.DataFrame({"margin": margin, "base": found.base}),
            pl.DataFrame({f"shap_{name}": found.values[:, i] for i, name in enumerate(features)}),
            pl.DataFrame({name: x[:, i] for i, name in enumerate(features)}).fill_nan(None),
        ],
        how="horizontal",
    )


def with_shap(table: pl.DataFrame, contributions: pl.DataFrame | None) -> pl.DataFrame:
    """`table` with the mean |SHAP value| of each input; null where there are none."""
    if contributions is None:
        return table.with_columns(mean_abs_shap=pl.lit(None, dtype=pl.Float64))
    shap = pl.col("^shap_.*$")
    means = (
        contributions.group_by("head")
        .agg(shap.abs().mean())
        .unpivot(index="head", variable_name="feature", value_name="mean_abs_shap")
        .with_columns(pl.col("feature").str.strip_prefix("shap_"))
    )
    return table.join(means, on=["head", "feature"], how="left", maintain_order="left")


# Curves and pairs


def curve_table(question: Question, top: Sequence[int]) -> pl.DataFrame:
    explain = question.config.explain
    frames = list(_curve_frames(question, top)) if explain.curve_rows else []
    return pl.concat(frames) if frames else pl.DataFrame()


def _curve_frames(question: Question, top: Sequence[int]) -> Iterator[pl.DataFrame]:
    explain = question.config.explain
    asked = question.margins(explain.curve_rows)
    for place in top:
        for kind, find in (("partial", partial_dependence), ("accumulated", accumulated_effects)):
            curve = find(asked, place, explain.curve_points)
            if curve is None:
                continue
            for number, head in enumerate(question.heads):
                low, high = (None if band is None else band[:, number] for band in (curve.low, curve.high))
                yield pl.DataFrame(
                    {
                        "head": [head.name] * len(curve.at),
                        "feature": [question.features[place]] * len(curve.at),
                        "kind": [kind] * len(curve.at),
                        "value": curve.at,
                        "response": curve.mean[:, number],
                        "low": low,
                        "high": high,
                        "rows": curve.rows,
                    },
                    schema_overrides={"low": pl.Float64, "high": pl.Float64},
                )


def pair_table(question: Question, top: Sequence[int]) -> pl.DataFrame:
    explain = question.config.explain
    if not explain.pair_rows or len(top) < 2:
        return pl.DataFrame()
    asked = question.margins(explain.pair_rows)
    rows: list[dict[str, object]] = []
    for found in interactions(asked, top):
        a, b = (question.features[place] for place in sorted(found.pair))
        for number, head in enumerate(question.heads):
            share = float(found.h_squared[number])
            rows.append(
                {
                    "head": head.name,
                    "feature_a": a,
                    "feature_b": b,
                    "strength": float(found.strength[number]),
                    "h_squared": None if np.isnan(share) else share,
                    "rows": asked.n_rows,
                }
            )
    table = pl.DataFrame(rows, schema_overrides={"h_squared": pl.Float64})
    order = {head.name: number for number, head in enumerate(question.heads)}
    place = pl.col("head").replace_strict(order, return_dtype=pl.Int64)
    return table.sort(place, "strength", descending=[False, True], maintain_order=True)

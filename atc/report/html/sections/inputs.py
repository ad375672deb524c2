"""What the model leans on, and how: importance, SHAP values, curves, pairs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from atc.report.explain_picture import FIGURES
from atc.report.html.content import Block, Cell, Column, DataTable, Figure, Section, Words, between, figure
from atc.report.html.draw.frame import HALF, THIRD
from atc.report.html.draw.lines import Curve, line_chart
from atc.report.html.draw.rows import Mark, Row, row_chart
from atc.report.html.draw.swarm import swarm
from atc.report.html.record import Record

SHOWN, CURVES, PAIRS = 14, 6, 10
_CURVE_WORDS = (
    "Margin above its mean. Solid: partial dependence, with the middle 80 % of single rows as a band; "
    "dashed: accumulated local effects. Where the two part, the local effects are the ones to read."
)


def inputs_section(record: Record) -> Section:
    """Of the last head, and of each head the table."""
    table = record.table("importance")
    if table is None:
        return Section(
            "inputs",
            "What the model leans on",
            empty="The model was not asked: explain=none, or a kind of model that has no inputs of its own.",
        )
    heads = sorted(table["head"].unique().to_list(), key=lambda one: (len(one), one))
    head = heads[-1]
    drop = next(name for name in FIGURES if name in table.columns)
    blocks = [
        *_importance(table.filter(head=head), drop),
        *_shap(record, table.filter(head=head), head, drop),
        *_pairs(record, head),
        *_curves(record, head),
        *(_table(table.filter(head=one), one, drop) for one in heads),
        *_groups(record, drop),
    ]
    of = f" Drawn for {head}; the tables have each head." if len(heads) > 1 else ""
    return Section(
        "inputs",
        "What the model leans on",
        blocks,
        lead=(
            "Asked on validation; the holdout is closed meanwhile. It says what this fit uses, not what "
            "moves the market."
        )
        + of,
    )


def _sorted(table: pl.DataFrame, drop: str) -> pl.DataFrame:
    return table.sort(drop, descending=True, nulls_last=True)


def _importance(table: pl.DataFrame, drop: str) -> Iterator[Block]:
    top = _sorted(table, drop).head(SHOWN)
    rows = [
        Row(row["feature"], (Mark(row[drop], row[f"{drop}_lo"], row[f"{drop}_hi"], "s0", start=0.0),))
        for row in top.iter_rows(named=True)
    ]
    if not rows or rows[0].marks[0].value is None:
        return
    shown = "; ".join(
        f"{row.name} {row.marks[0].value:+.4f}" for row in rows[:5] if row.marks[0].value is not None
    )
    yield Figure(
        "importance",
        f"{FIGURES[drop]} without an input",
        f"The most important: {shown}.",
        row_chart(
            rows, width=HALF, x_title=f"{FIGURES[drop]} where it is permuted; line: interval", sign="+"
        ),
    )


def _shap(record: Record, table: pl.DataFrame, head: str, drop: str) -> Iterator[Block]:
    shap = record.table("shap")
    if shap is None:
        return
    own = shap.filter(head=head)
    names = [name for name in _sorted(table, drop)["feature"].to_list() if f"shap_{name}" in own.columns][
        :SHOWN
    ]
    if own.is_empty() or not names:
        return
    values = [own[f"shap_{name}"].cast(pl.Float64).to_numpy() for name in names]
    colours = [own[name].cast(pl.Float64).fill_null(float("nan")).to_numpy() for name in names]
    means = "; ".join(
        f"{name} {np.abs(one).mean():.3f}" for name, one in zip(names[:5], values, strict=False)
    )
    yield Figure(
        "shap",
        "SHAP values row by row",
        f"A point a validation row, by what the input adds to the answer. Mean size: {means}.",
        swarm(names, values, colours, x_title="SHAP value, log-odds of the last class"),
        [("q0", "low value of the input"), ("q2", "middle"), ("q4", "high"), ("qn", "null")],
        words=f"Of {own.height:,} rows, thinned to the extremes and others between.",
    )


def _pairs(record: Record, head: str) -> Iterator[Block]:
    table = record.table("interactions")
    if table is None:
        return
    rows = []
    for row in table.filter(head=head).head(PAIRS).iter_rows(named=True):
        share = row["h_squared"]
        mark = Mark(row["strength"], look="s3", start=0.0, name="strength")
        rows.append(
            Row(
                f"{row['feature_a']} × {row['feature_b']}",
                (mark,),
                "" if share is None else f"H² {share:.3f}",
            )
        )
    if rows:
        yield Figure(
            "pairs",
            "Pairs that act together",
            "; ".join(f"{row.name} {row.said}" for row in rows[:5]),
            row_chart(rows, width=HALF, x_title="strength, root mean square"),
            words=(
                "H² is the share of what the pair does that is no sum of the two. Greedy trees leave a "
                "little even where the truth is a sum."
            ),
        )


def _curves(record: Record, head: str) -> Iterator[Block]:
    table = record.table("dependence")
    if table is None:
        return
    own = table.filter(head=head)
    names = own["feature"].unique(maintain_order=True).to_list()[:CURVES]
    if names:
        yield Words("How the answers move with an input", [_CURVE_WORDS])
    for name in names:
        curves = []
        for kind, said, look in (
            ("partial", "partial dependence", "s0"),
            ("accumulated", "local effects", "s1"),
        ):
            part = own.filter(feature=name, kind=kind)
            if part.is_empty():
                continue
            x, y, low, high = (
                part[column].cast(pl.Float64).to_numpy() for column in ("value", "response", "low", "high")
            )
            # The extremes are single rows.
            inside = slice(1, -1) if len(x) > 4 else slice(None)
            banded = part["low"].null_count() == 0
            curves.append(
                Curve(
                    said,
                    x[inside],
                    y[inside],
                    look,
                    low=low[inside] if banded else None,
                    high=high[inside] if banded else None,
                )
            )
        if not curves:
            continue
        first = curves[0]
        yield Figure(
            "dependence",
            name,
            f"The margin goes from {first.y[0]:+.3f} at {first.x[0]:.4g} to {first.y[-1]:+.3f} at "
            f"{first.x[-1]:.4g}.",
            line_chart(curves, width=THIRD, height=200, at_y=0.0, sign="+", digits=3),
        )


def _table(table: pl.DataFrame, head: str, drop: str) -> DataTable:
    title = FIGURES[drop]
    columns = [
        Column("input"),
        *(
            Column(one, number=True)
            for one in (title, "interval", "loss gained", "interval", "fit's own", "mean |SHAP|", "group")
        ),
    ]
    rows = []
    for row in _sorted(table, drop).iter_rows(named=True):
        low = row[f"{drop}_lo"]
        rows.append(
            [
                Cell(row["feature"], look="marked" if low is not None and low > 0 else ""),
                figure(row[drop], 4, "+"),
                between(low, row[f"{drop}_hi"], 4, "+"),
                figure(row["loss_increase"], 5, "+"),
                between(row["loss_increase_lo"], row["loss_increase_hi"], 5, "+"),
                figure(row["fit_importance"], 3),
                figure(row.get("mean_abs_shap"), 4),
                figure(row["group"], 0),
            ]
        )
    of = f", {head}" if head else ""
    return DataTable(
        "importance-table",
        f"All inputs{of}",
        columns,
        rows,
        words="Marked: the interval lies above 0. Of 36 intervals of 95 % about one does so by luck.",
        folded=True,
    )


def _groups(record: Record, drop: str) -> Iterator[Block]:
    table = record.table("importance_groups")
    if table is None:
        return
    rows = [
        [
            Cell(row["head"]),
            Cell(", ".join(row["features"]), look="wrap"),
            figure(row[drop], 4, "+"),
            between(row[f"{drop}_lo"], row[f"{drop}_hi"], 4, "+"),
        ]
        for row in table.sort(drop, descending=True, nulls_last=True).iter_rows(named=True)
    ]
    columns = [
        Column("head", chosen=True),
        Column("inputs permuted together"),
        Column(FIGURES[drop], True),
        Column("interval", True),
    ]
    if table["head"].n_unique() == 1:
        columns, rows = columns[1:], [row[1:] for row in rows]
    yield DataTable("group-importance", "Inputs that say the same, together", columns, rows, folded=True)

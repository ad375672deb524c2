"""The same figures by horizon, business day, regime and fold: where they come from, and where they fail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import polars as pl

from atc.report.fold_lines import fold_table
from atc.report.html.content import (
    Block,
    Cell,
    Column,
    DataTable,
    Figure,
    Section,
    between,
    figure,
    from_rich,
)
from atc.report.html.draw.frame import FULL, HALF
from atc.report.html.draw.lines import Curve, line_chart
from atc.report.html.draw.rows import Mark, Row, row_chart
from atc.report.html.record import FOLDS, LOOKS, Record, name_of
from atc.report.verdict import RANKINGS, Metrics, ranking_of

_MODELS = ("model", "baseline")
MOST_FOLDS = 40


def groups_section(record: Record) -> Section:
    """Horizons, days, regimes, folds, as far as the run has them."""
    blocks = [*_horizons(record), *_folds(record), *_days(record), *_regimes(record)]
    return Section(
        "groups",
        "By horizon, day, regime and fold",
        blocks,
        lead=(
            "Every group is one more chance to be lucky: a good one found here is a hypothesis for other "
            "data."
        ),
        empty="This run has no figures by group.",
    )


def _chance(figure_name: str) -> float:
    return 0.5 if figure_name == "auc" else 0.0


def _mark(metrics: Metrics, key: str, model: str) -> Mark:
    return Mark(
        metrics.get(key),
        metrics.get(f"{key}/lo"),
        metrics.get(f"{key}/hi"),
        LOOKS[model],
        name=name_of(model),
    )


def _legend(*models: str) -> list[tuple[str, str]]:
    return [(f"{LOOKS[model]} dot", name_of(model)) for model in models]


def _horizons(record: Record) -> Iterator[Block]:
    if len(record.heads) < 2:
        return
    name, metrics = ranking_of(record.metrics), record.metrics

    def key_of(whose: str, head: str) -> str:
        if record.judges == FOLDS:
            return f"folds/{whose}{name}@{head}/mean"
        return f"{whose}{record.prefix}/{name}@{head}"

    rows = []
    for head in record.heads:
        keys = {"model": key_of("", head), "baseline": key_of("baseline/", head)}
        rows.append(
            Row(head, tuple(_mark(metrics, key, model) for model, key in keys.items() if key in metrics))
        )
    yield Figure(
        "horizons",
        f"{RANKINGS[name]} by horizon",
        "; ".join(f"{row.name} {_said(row.marks[0].value)}" for row in rows if row.marks),
        row_chart(rows, width=HALF, at_x=_chance(name), x_title=f"{RANKINGS[name]}, with interval"),
        _legend(*_MODELS),
    )
    lifts = [
        Row(head, (_mark(metrics, key, "model"),))
        for head in record.heads
        if (key := key_of("lift/", head)) in metrics
    ]
    if lifts:
        yield Figure(
            "horizon-lifts",
            "Lift over the baseline by horizon",
            "; ".join(f"{row.name} {_said(row.marks[0].value, '+')}" for row in lifts),
            row_chart(lifts, width=HALF, at_x=0.0, sign="+", x_title="lift, with interval"),
        )


def _said(value: float | None, sign: str = "") -> str:
    return "unknown" if value is None else f"{value:{sign}.4f}"


def _folds(record: Record) -> Iterator[Block]:
    spans = record.manifest.get("spans")
    if not isinstance(spans, dict):
        return
    names = [name.removeprefix("fold") for name in spans if name.startswith("fold")]
    if not names:
        return
    metrics, name = record.metrics, ranking_of(record.metrics)
    head = f"@{record.heads[-1]}" if record.heads and record.heads[-1] else ""
    rows = []
    for fold in names[:MOST_FOLDS]:
        span = spans[f"fold{fold}"]
        begins = str(span.get("from", ""))[:10] if isinstance(span, dict) else ""
        keys = {
            "model": f"fold/{fold}/test/{name}{head}",
            "baseline": f"fold/{fold}/baseline/test/{name}{head}",
        }
        marks = tuple(_mark(metrics, key, model) for model, key in keys.items() if key in metrics)
        rows.append(Row(f"{fold}, from {begins}", marks))
    left = f"; the first {MOST_FOLDS} of {len(names)} folds" if len(names) > MOST_FOLDS else ""
    of = f", {head[1:]}" if head else ""
    yield Figure(
        "folds",
        f"Test {RANKINGS[name]} by fold{of}",
        "; ".join(f"fold {row.name} {_said(row.marks[0].value)}" for row in rows if row.marks),
        row_chart(rows, width=HALF, at_x=_chance(name), x_title=f"{RANKINGS[name]} of the test rows{left}"),
        _legend(*_MODELS),
    )
    table = fold_table(spans, metrics)
    if table.row_count:
        shown = from_rich(table, "fold-table", "Folds: train, validation and test beside each other")
        # The last rows are means of the others.
        yield replace(shown, fixed=True)


def _by_head(table: pl.DataFrame | None) -> Iterator[tuple[str, str, str, pl.DataFrame]]:
    """The judged split, the ranking figure, and each head with its rows of a table of groups."""
    if table is None:
        return
    split = "holdout" if "holdout" in table["split"].to_list() else "valid"
    name = "auc" if "auc" in table.columns else "pearson"
    if name not in table.columns:
        return
    for head in sorted(table["head"].unique().to_list(), key=lambda one: (len(one), one)):
        yield split, name, head, table.filter((pl.col("split") == split) & (pl.col("head") == head))


def _days(record: Record) -> Iterator[Block]:
    for split, name, head, own in _by_head(record.table("days")):
        if own.is_empty():
            continue
        of = f", {head}" if head else ""
        curves = [
            _by_day(own.filter(model=model), name, model)
            for model in _MODELS
            if model in own["model"].to_list()
        ]
        known = curves[0].y[np.isfinite(curves[0].y)]
        if not len(known):
            continue
        above = int(np.sum(known > _chance(name)))
        yield Figure(
            "days",
            f"{RANKINGS[name]} by business day{of}, {split}",
            f"The model is above chance on {above} of {len(known)} days; least {known.min():.3f}, most "
            f"{known.max():.3f}.",
            line_chart(
                curves,
                times=True,
                width=FULL if len(known) > 40 else HALF,
                height=240,
                at_y=_chance(name),
                digits=4,
            ),
            _legend(*_MODELS),
            data=_day_table(own, name, of),
        )


def _by_day(frame: pl.DataFrame, name: str, model: str) -> Curve:
    noon = [datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp() * 1e9 for day in frame["day"]]
    y = frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return Curve(name_of(model), np.array(noon), y, LOOKS[model], dots=True)


def _day_table(frame: pl.DataFrame, name: str, of: str) -> DataTable:
    figures = [one for one in (name, "direction_auc", "log_loss", "ece", "mse") if one in frame.columns]
    rows = [
        [
            Cell(str(row["day"])),
            Cell(name_of(row["model"])),
            figure(row["rows"], 0),
            *([figure(row["base_rate"], 3)] if "base_rate" in row else []),
            figure(row["mean_r_bps"], 2, "+"),
            *(figure(row[one]) for one in figures),
        ]
        for row in frame.iter_rows(named=True)
    ]
    shares = ["base rate"] if "base_rate" in frame.columns else []
    titles = ["rows", *shares, "mean return, bps", *(one.replace("_", " ") for one in figures)]
    columns = [Column("day"), Column("model", chosen=True), *(Column(title, number=True) for title in titles)]
    return DataTable("day-table", f"Figures by business day{of}", columns, rows)


def _regimes(record: Record) -> Iterator[Block]:
    for split, name, head, own in _by_head(record.table("regimes")):
        rows, cells = [], []
        for (trend, volatility), group in own.group_by("trend", "volatility", maintain_order=True):
            said = "unknown" if trend is None else f"{trend}, {volatility} volatility"
            marks = []
            for row in group.iter_rows(named=True):
                low, high = row.get(f"{name}_lo"), row.get(f"{name}_hi")
                if row["model"] in _MODELS:
                    marks.append(Mark(row[name], low, high, LOOKS[row["model"]], name=name_of(row["model"])))
                cells.append(
                    [
                        Cell(said),
                        Cell(name_of(row["model"])),
                        figure(row["rows"], 0),
                        figure(row[name]),
                        between(low, high),
                        figure(row.get("direction_auc")),
                    ]
                )
            rows.append(Row(said, tuple(marks), f"{group['rows'][0]:,} rows"))
        if not rows:
            continue
        of = f", {head}" if head else ""
        titles = (RANKINGS[name], "interval", "direction")
        columns = [
            Column("regime"),
            Column("model", chosen=True),
            *(Column(one, number=True) for one in ("rows", *titles)),
        ]
        yield Figure(
            "regimes",
            f"{RANKINGS[name]} by regime{of}, {split}",
            "; ".join(f"{row.name} {_said(row.marks[0].value)}" for row in rows if row.marks),
            row_chart(rows, width=HALF, at_x=_chance(name), x_title=f"{RANKINGS[name]}, with interval"),
            _legend(*_MODELS),
            data=DataTable("regime-table", f"Figures by regime{of}", columns, cells),
        )

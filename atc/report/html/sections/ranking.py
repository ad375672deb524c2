"""How well the scores rank, and what the probabilities are worth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from atc.evaluation.reliability import reliability_bins
from atc.report.holdout_tables import holdout_tables
from atc.report.html.content import Block, Cell, Column, DataTable, Figure, Section, figure, from_rich
from atc.report.html.draw.frame import THIRD
from atc.report.html.draw.lines import Curve, line_chart
from atc.report.html.draw.thin import along
from atc.report.html.record import FOLDS, LOOKS, Answers, Record, name_of
from atc.report.html.sections.fold_ranking import fold_blocks
from atc.report.html.sections.rates import rates
from atc.report.oracle_lines import OracleLines
from atc.report.spread_lines import spread_table
from atc.report.summary import other_figures_table

_POINTS = 260
_HEIGHT = 300
_SQUARE = (0.0, 1.0, 0.0, 1.0)


_OF_FOLDS = " Calibration is of all of them together; a row that several folds test counts in each."


def ranking_section(record: Record, known: OracleLines | None) -> Section:
    """ROC, precision and recall, calibration, and the tables of the summary."""
    blocks: list[Block] = []
    for one in record.answers:
        if not one.wanted:
            blocks += _of_return(one)
        elif one.has_both:
            # Of many models no score can be held against another's, but a probability means the same.
            blocks += () if record.judges == FOLDS else _of_class(one)
            blocks.append(_calibration(one))
    blocks += fold_blocks(record)
    for table in (*holdout_tables(record.config, record.metrics, known), spread_table(record.metrics)):
        if table.row_count:
            title = str(table.columns[0].header)
            caption = (
                f"Figures{f' of {title}' if title else ''}, with intervals"
                if "interval" in str(table.columns[-1].header)
                else f"Other figures: {title.replace('@', 'at ')}"
            )
            blocks.append(from_rich(table, "figures", caption))
    others = other_figures_table(record.metrics)
    if others.row_count:
        blocks.append(from_rich(others, "other-figures", "Other figures of the holdout"))
    return Section(
        "ranking",
        "Ranking and calibration",
        blocks,
        lead=(
            f"Of {len(record.rows):,} rows of {record.judged_by}. Baseline and volatility are judged on the "
            f"same rows.{_OF_FOLDS if record.judges == FOLDS else ''}"
        ),
        empty="No row has a label here.",
    )


def _of_class(one: Answers) -> Iterator[Block]:
    base_rate = float(one.happened.mean())
    roc: list[Curve] = []
    precise: list[Curve] = []
    areas: list[str] = []
    for model, score in one.scores.items():
        curve = rates(one.happened, score)
        area = curve.auc
        areas.append(f"{name_of(model)} {area:.4f}")
        for into, (x, y) in (
            (roc, (curve.false_positive, curve.recall)),
            (precise, (curve.recall, curve.precision)),
        ):
            chosen = along(x, y, _POINTS)
            into.append(Curve(name_of(model), x[chosen], y[chosen], LOOKS[model]))
    legend = [(LOOKS[model], name_of(model)) for model in one.scores]
    of = f", {one.title}" if one.title else ""
    yield Figure(
        "roc",
        f"ROC{of}",
        f"Share of hits over share of false alarms. Area under the curve: {', '.join(areas)}. The diagonal "
        "is chance.",
        line_chart(
            roc,
            x_title="false alarms (of all others)",
            y_title="hits (of all that happened)",
            width=THIRD,
            height=_HEIGHT,
            inside=_SQUARE,
            diagonal=True,
            digits=3,
        ),
        [(look, f"{said}") for (look, _), said in zip(legend, areas, strict=True)],
    )
    low = max(0.0, np.floor((base_rate - 0.15) * 10) / 10)
    yield Figure(
        "precision-recall",
        f"Precision and recall{of}",
        f"Precision over recall; without skill precision is the base rate, {base_rate:.3f}, the dashed "
        "level.",
        line_chart(
            precise,
            x_title="recall",
            y_title="precision",
            width=THIRD,
            height=_HEIGHT,
            inside=(0.0, 1.0, low, 1.0),
            at_y=base_rate,
            digits=3,
        ),
        legend,
    )


def _calibration(one: Answers) -> Figure:
    of = f", {one.title}" if one.title else ""
    curves, rows = [], []
    for model, score in one.scores.items():
        if model not in {"model", "baseline"}:
            continue
        found = reliability_bins(score, one.happened)
        curves.append(Curve(name_of(model), found.p, found.share, LOOKS[model]))
        rows += [
            [Cell(name_of(model)), *_bin_cells(int(count), float(p), float(share))]
            for count, p, share in zip(found.rows, found.p, found.share, strict=True)
        ]
    ends = [
        float(end) for curve in curves for end in (curve.x.min(), curve.x.max(), curve.y.min(), curve.y.max())
    ]
    low, high = max(0.0, min(ends) - 0.03), min(1.0, max(ends) + 0.03)
    worst = max((abs(float(y - x)), float(x)) for x, y in zip(curves[0].x, curves[0].y, strict=True))
    titles = ("model", "rows", "mean p", "happened", "difference")
    return Figure(
        "calibration",
        f"Calibration{of}",
        "Share that happened over mean probability, in bins of equal count. The model's largest gap is "
        f"{worst[0]:.3f}, at p = {worst[1]:.3f}. On the diagonal a probability is what it says.",
        line_chart(
            curves,
            x_title="probability that was given",
            y_title="share that happened",
            width=THIRD,
            height=_HEIGHT,
            inside=(low, high, low, high),
            diagonal=True,
            digits=3,
        ),
        [(LOOKS[model], name_of(model)) for model in one.scores if model in {"model", "baseline"}],
        data=DataTable(
            "calibration-bins",
            f"Calibration, bin by bin{of}",
            [Column(title, number=title != "model") for title in titles],
            rows,
        ),
    )


def _bin_cells(rows: int, p: float, share: float) -> list[Cell]:
    return [figure(rows, 0), figure(p), figure(share), figure(share - p, 4, "+")]


def _of_return(one: Answers) -> Iterator[Block]:
    """Mean return by what was predicted."""
    curves: list[Curve] = []
    said: Sequence[str] = []
    for model in ("model", "baseline"):
        if model not in one.scores:
            continue
        found = reliability_bins(one.scores[model], one.r_bps)
        curves.append(Curve(name_of(model), found.p, found.share, LOOKS[model]))
        said = [*said, f"{name_of(model)} from {found.share[0]:+.2f} to {found.share[-1]:+.2f} bps"]
    of = f", {one.head}" if one.head else ""
    yield Figure(
        "returns",
        f"Mean return by prediction{of}, bps",
        "In bins of equal count from the lowest predictions to the highest the mean return goes: "
        f"{'; '.join(said)}.",
        line_chart(
            curves, x_title="prediction", y_title="mean return", height=_HEIGHT, at_y=0.0, digits=2, sign="+"
        ),
        [(curve.look, curve.name) for curve in curves],
        words="Rows in bins of equal count. A prediction that knows nothing gives a level line.",
    )

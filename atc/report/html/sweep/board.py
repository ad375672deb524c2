"""The leaderboard of a sweep as tables and drawings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from atc.report.cells import p_value
from atc.report.html.content import Block, Cell, Column, DataTable, Figure, Section, Words, between, figure
from atc.report.html.draw.frame import FULL
from atc.report.html.draw.rows import Mark, Row, row_chart
from atc.report.html.sweep.rows import Plain, by_ranking, lift_title, number, on_board, text, where
from atc.report.leaderboard import EXPECTATION, Leaderboard, Ranking
from atc.report.leaderboard_notes import MARKED, told_of, warnings_on
from atc.report.verdict import BELOW_POWER

if TYPE_CHECKING:
    from atc.sweep.opened import OpenedSweep

MOST_BARS = 30


def leaderboard_section(sweep: OpenedSweep, board: Leaderboard, rows: Sequence[Plain]) -> Section:
    """A drawing and a table a ranking, and what a reader has to know of them."""
    blocks: list[Block] = []
    for ranking, own in by_ranking(board.rankings, on_board(rows)):
        known = [row for row in own if row["lift"] is not None][:MOST_BARS]
        if known:
            blocks.append(_lifts(ranking, known, len(own)))
        blocks.append(_table(own, where(ranking)))
    if board.best is not None:
        blocks.insert(0, Words("The best trial", [board.best.told, board.best.command]))
    warned = list(warnings_on(board.entries))
    if warned:
        blocks.append(Words("Warnings", warned, "warning"))
    for trials in board.trials:
        blocks.append(Words("Trials", list(told_of(trials))))
    groups = {entry.group.letter: entry.group.told for entry in board.entries}
    if groups:
        said = [f"{letter}: {told}" for letter, told in sorted(groups.items())]
        blocks.append(Words("Groups: absolute figures have places inside these alone", said))
    done = {job.number for job in sweep.with_status("finished")}
    apart = [row for row in rows if row["table"] == "apart" and row["job"] in done]
    if apart:
        columns = [Column("run"), Column("why")]
        cells = [[Cell(text(row, "run")), Cell(text(row, "why_apart"), look="wrap")] for row in apart]
        blocks.append(DataTable("apart", "On no ranking, and why", columns, cells))
    return Section(
        "leaderboard",
        "Leaderboard",
        blocks,
        lead=(
            "Each run by its lift over its own baseline on the same rows, and so for its cost. Only a lift "
            "that is still shown when all of the board are looked at has a rank."
        ),
        empty="No job has finished.",
    )


def _lifts(ranking: Ranking, rows: Sequence[Plain], of: int) -> Figure:
    """Lifts that may stand on one axis: of one group, or as shares of what was expected of each."""
    shares = ranking.unit == EXPECTATION
    bars = []
    for row in rows:
        unit = number(row, "expects") if shares else 1.0
        value, low, high = (
            None if (end := number(row, name)) is None or not unit else end / unit
            for name in ("lift", "lift_lo", "lift_hi")
        )
        bars.append(Row(text(row, "run"), (Mark(value, low, high, "s0", name="lift"),)))
    legend = [("s0 dot", "measured, with interval")]
    left = f"; the first {len(rows)} of {of}" if of > len(rows) else ""
    said = (
        f"{row.name} {row.marks[0].value or 0.0:{'.0%' if shares else '+.4f'}}"
        + (f", {text(of_row, 'figure')} {number(of_row, 'lift') or 0.0:+.4f}" if shares else "")
        for row, of_row in zip(bars[:10], rows, strict=False)
    )
    return Figure(
        "lifts",
        f"Lift over the baseline{where(ranking)}{left}",
        "; ".join(said),
        row_chart(
            bars,
            width=FULL,
            at_x=1.0 if shares else 0.0,
            sign="+",
            digits=2 if shares else 4,
            x_title=f"{lift_title(ranking)} (dashed: all of it)" if shares else lift_title(ranking),
        ),
        legend,
    )


def _table(rows: Sequence[Plain], named: str) -> DataTable:
    objective = next((text(row, "objective") for row in rows if row["objective"]), "")
    columns = [
        Column("run"),
        Column("rank", True),
        *([Column(objective, True)] if objective else []),
        Column("figure", chosen=True),
        *(Column(one, True) for one in ("value", "baseline", "lift", "interval", "p, Holm")),
        Column("verdict", chosen=True),
        *(Column(one, True) for one in ("expected", "share", "over volatility", "interval")),
        *(Column(one, True) for one in ("direction AUC", "place")),
        Column("gate", chosen=True),
        *(Column(one, True) for one in ("alpha", "Sharpe", "DSR", "PBO", "looks")),
    ]
    cells = []
    for row in rows:
        place = f"{row['group']} {row['place']}/{row['place_of']}"
        cells.append(
            [
                Cell(text(row, "run")),
                figure(row["rank"], 0),
                *([figure(row["objective_value"])] if objective else []),
                Cell(text(row, "figure")),
                figure(row["value"]),
                figure(row["baseline"]),
                _marked(row, "lift", "+"),
                between(row["lift_lo"], row["lift_hi"], 4, "+"),
                Cell(p_value(number(row, "p_holm")), number(row, "p_holm")),
                Cell(text(row, "verdict")),
                figure(row["expects"], 4, "+"),
                figure(row["share"], 2),
                _marked(row, "lift_over_volatility", "+"),
                between(row["lift_over_volatility_lo"], row["lift_over_volatility_hi"], 4, "+"),
                _marked(row, "direction_auc", ""),
                Cell(place, number(row, "place")),
                Cell(text(row, "gate")),
                figure(row["alpha"], 0, "+"),
                figure(row["sharpe"], 2),
                figure(row["dsr"], 3),
                figure(row["pbo"], 3),
                figure(row["looks"], 0),
            ]
        )
    marked = any(row[f"{name}_below_power"] for row in rows for name in _CAN_BE_BELOW)
    return DataTable("board", f"Leaderboard{named}", columns, cells, words=MARKED if marked else "")


_CAN_BE_BELOW = ("lift", "lift_over_volatility", "direction_auc")


def _marked(row: Plain, name: str, sign: str) -> Cell:
    cell = figure(row[name], 4, sign)
    return replace(cell, said=f"{cell.said} {BELOW_POWER}") if row[f"{name}_below_power"] else cell

"""What the runs of a sweep cost, and what they give for it."""

from __future__ import annotations

from collections.abc import Sequence

from atc.report.html.content import Block, Cell, Column, DataTable, Figure, Section, figure
from atc.report.html.draw.points import Point, front, scatter
from atc.report.html.sweep.rows import Plain, by_ranking, lift_title, number, on_board, text, where
from atc.report.leaderboard import EXPECTATION, Leaderboard

_WORTH = (
    "Worth: the lift for each core-hour of fit, in units of the plan's expectation where the run has one, "
    "else of the figure. Fit: of the model that has the lift, and of an ensemble's members; rest: what else "
    "the run makes for itself (what the model is held against, folds, refits, figures); all: with what "
    "caches share."
)
_COLUMNS = (
    ("worth a core-hour", "per_core_hour", 4),
    ("fit core-s", "fit_cpu_seconds", 1),
    ("fit s", "fit_seconds", 1),
    ("rest core-s", "rest_cpu_seconds", 1),
    ("rest s", "rest_seconds", 1),
    ("all core-s", "cpu_seconds", 1),
    ("all s", "seconds", 1),
    ("peak MiB", "peak_mib", 0),
    ("fitted", "train_rows", 0),
    ("judged", "judged_rows", 0),
)


def cost_section(board: Leaderboard, rows: Sequence[Plain], costs: Sequence[Plain]) -> Section:
    """Lift over cost with its front, a drawing a ranking, and all costs."""
    blocks: list[Block] = []
    # The rows of both are of the same runs in the same order.
    of_rows, of_costs = by_ranking(board.rankings, on_board(rows)), by_ranking(board.rankings, costs)
    for (ranking, own), (_, spent) in zip(of_rows, of_costs, strict=True):
        pairs = zip(own, spent, strict=True)
        points = [point for pair in pairs if (point := _point(*pair)) is not None]
        if len(points) < 2:
            continue
        best = ", ".join(points[place].name for place in front(points))
        blocks.append(
            Figure(
                "pareto",
                f"Lift and cost{where(ranking)}",
                f"On the front, no other has more lift for less: {best}.",
                scatter(points, x_title="processor seconds of fit", y_title=lift_title(ranking)),
                [("s1 dot", "on the front: no other has more lift for less"), ("s0 ring", "others")],
                words="Whoever stands on the front by luck stands there too: read the intervals.",
            )
        )
    cells = [
        [Cell(text(row, "run")), figure(row["rank"], 0)]
        + [figure(row[name], digits) for _, name, digits in _COLUMNS]
        for row in costs
    ]
    if cells:
        columns = [Column("run"), Column("rank", True), *(Column(title, True) for title, _, _ in _COLUMNS)]
        blocks.append(DataTable("costs", "What the runs cost, as measured", columns, cells, words=_WORTH))
    return Section("cost", "Lift and cost", blocks, empty="No run stands on a ranking.")


def _point(row: Plain, cost: Plain) -> Point | None:
    lift, seconds = number(cost, "lift_in_unit"), number(cost, "fit_cpu_seconds")
    if lift is None or seconds is None:
        return None
    unit = number(row, "expects") if cost["unit"] == EXPECTATION else 1.0
    ends = [None if (end := number(row, name)) is None or not unit else end / unit for name in _ENDS]
    return Point(text(row, "run"), seconds, lift, *ends)


_ENDS = ("lift_lo", "lift_hi")

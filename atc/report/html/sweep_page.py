"""The report of a sweep: who ranks where, at what cost, what told the jobs apart, and what failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from atc.installed import installed_version
from atc.report.html.content import (
    Block,
    Cell,
    Code,
    Column,
    DataTable,
    Figure,
    Page,
    Section,
    Tile,
    Tiles,
    Words,
    between,
    figure,
)
from atc.report.html.draw.frame import FULL
from atc.report.html.draw.parallel import Axis, parallel
from atc.report.html.draw.points import Point, front, scatter
from atc.report.html.draw.rows import Mark, Row, row_chart
from atc.report.leaderboard import EXPECTATION, Leaderboard, leaderboard_of
from atc.report.leaderboard_keys import telling_keys
from atc.report.leaderboard_notes import MARKED, told_of, warnings_on
from atc.report.leaderboard_rows import board_rows, cost_rows, shown_value
from atc.report.summary import shown_path
from atc.report.verdict import BELOW_POWER

if TYPE_CHECKING:
    from atc.sweep.opened import OpenedSweep

Plain = Mapping[str, str | int | float | None]

MOST_BARS, MOST_AXES, MOST_KEYS = 30, 8, 12
_VALID = "validation"


def sweep_page(sweep: OpenedSweep) -> Page:
    """The page of a sweep, finished or not. Raises DataError where a curve or a ledger cannot be read."""
    from atc.report.candidates import candidates_of

    board = leaderboard_of(candidates_of(sweep), sweep.folder.resolve().name)
    rows, costs = board_rows(board), cost_rows(board)
    sections = [
        _summary(sweep, board, rows),
        _leaderboard(sweep, board, rows),
        _cost(rows, costs),
        _keys(board),
        _failures(sweep),
        _provenance(sweep),
    ]
    states = Counter(job.status for job in sweep.jobs)
    told = ", ".join(f"{count} {status}" for status, count in states.items())
    created = sweep.header.created_at[:16].replace("T", " ")
    return Page(
        title=sweep.folder.resolve().name,
        subtitle=f"A sweep of {len(sweep.jobs)} jobs, begun {created} UTC: {told}.",
        sections=sections,
        made_by=f"ATC {installed_version('atc')}",
    )


def _text(row: Plain, name: str) -> str:
    value = row.get(name)
    return "" if value is None else str(value)


def _number(row: Plain, name: str) -> float | None:
    value = row.get(name)
    return float(value) if isinstance(value, int | float) else None


def _on_board(rows: Sequence[Plain]) -> list[Plain]:
    return [row for row in rows if row["table"] != "apart"]


def _summary(sweep: OpenedSweep, board: Leaderboard, rows: Sequence[Plain]) -> Section:
    states = Counter(job.status for job in sweep.jobs)
    ranked = [row for row in rows if row["rank"] is not None]
    tiles = [
        Tile("jobs", f"{len(sweep.jobs)}"),
        Tile("finished", f"{states['finished']}"),
        Tile("failed", f"{states['failed']}", look="bad" if states["failed"] else ""),
        Tile(
            "shown above their baseline",
            f"{len(ranked)}",
            f"of {len(_on_board(rows))}, at level {board.level:g}",
        ),
    ]
    said = []
    if sweep.header.sealed:
        keys = ", ".join(sweep.header.sealing)
        said.append(
            f"The holdout stayed sealed: the jobs vary {keys or 'what could be chosen by it'}. Figures are "
            "of validation, which chose, and flatter."
        )
    if ranked:
        first = ranked[0]
        low, high = _number(first, "lift_lo"), _number(first, "lift_hi")
        interval = "" if low is None or high is None else f" ({low:+.4f} … {high:+.4f})"
        share = _number(first, "share")
        hoped = "" if share is None else f", {share:.0%} of what was expected"
        lift = _number(first, "lift") or 0.0
        said.append(f"Rank 1: {first['run']}, {first['figure']} {lift:+.4f}{interval}{hoped}.")
    else:
        said.append("Nothing is shown to rank above its baseline, so nothing has a rank.")
    said.append(
        f"{board.claims} lifts were looked at together; the verdicts are Holm's, which holds for all of them "
        "at once."
    )
    if states["failed"] or states["interrupted"] or states["unusable"]:
        said.append("Some jobs did not finish: see Failures.")
    return Section("summary", "Summary and verdict", [Tiles(tiles), Words("Verdict", said, "verdict")])


def _leaderboard(sweep: OpenedSweep, board: Leaderboard, rows: Sequence[Plain]) -> Section:
    shown = _on_board(rows)
    blocks: list[Block] = []
    for table, unit in dict.fromkeys((row["table"], row["unit"]) for row in shown):
        own = [row for row in shown if (row["table"], row["unit"]) == (table, unit)]
        known = [row for row in own if row["lift"] is not None][:MOST_BARS]
        where = " on validation" if table == _VALID else ""
        if known:
            blocks.append(_lifts(known, len(own), where))
        blocks.append(_board_table(own, where))
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
        cells = [[Cell(_text(row, "run")), Cell(_text(row, "why_apart"), look="wrap")] for row in apart]
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


def _lifts(rows: Sequence[Plain], of: int, where: str) -> Figure:
    bars = []
    for row in rows:
        marks = [
            Mark(_number(row, "lift"), _number(row, "lift_lo"), _number(row, "lift_hi"), "s0", name="lift")
        ]
        if row["expects"] is not None:
            marks.append(Mark(_number(row, "expects"), look="s1", name="expected"))
        bars.append(Row(_text(row, "run"), tuple(marks)))
    legend = [("s0 dot", "measured, with interval")]
    if any(row["expects"] is not None for row in rows):
        legend.append(("s1 dot", "expected by the plan"))
    left = f"; the first {len(rows)} of {of}" if of > len(rows) else ""
    return Figure(
        "lifts",
        f"Lift over the baseline{where}{left}",
        "; ".join(f"{row['run']} {_number(row, 'lift') or 0.0:+.4f}" for row in rows[:10]),
        row_chart(bars, width=FULL, at_x=0.0, sign="+", x_title="lift"),
        legend,
    )


def _board_table(rows: Sequence[Plain], where: str) -> DataTable:
    columns = [
        Column("run"),
        Column("rank", True),
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
                Cell(_text(row, "run")),
                figure(row["rank"], 0),
                Cell(_text(row, "figure")),
                figure(row["value"]),
                figure(row["baseline"]),
                _marked(row, "lift", "+"),
                between(row["lift_lo"], row["lift_hi"], 4, "+"),
                figure(row["p_holm"], 4),
                Cell(_text(row, "verdict")),
                figure(row["expects"], 4, "+"),
                figure(row["share"], 2),
                _marked(row, "lift_over_volatility", "+"),
                between(row["lift_over_volatility_lo"], row["lift_over_volatility_hi"], 4, "+"),
                _marked(row, "direction_auc", ""),
                Cell(place, _number(row, "place")),
                Cell(_text(row, "gate")),
                figure(row["alpha"], 0, "+"),
                figure(row["sharpe"], 2),
                figure(row["dsr"], 3),
                figure(row["pbo"], 3),
                figure(row["looks"], 0),
            ]
        )
    marked = any(row[f"{name}_below_power"] for row in rows for name in _CAN_BE_BELOW)
    return DataTable("board", f"Leaderboard{where}", columns, cells, words=MARKED if marked else "")


_CAN_BE_BELOW = ("lift", "lift_over_volatility", "direction_auc")


def _marked(row: Plain, name: str, sign: str) -> Cell:
    cell = figure(row[name], 4, sign)
    return replace(cell, said=f"{cell.said} {BELOW_POWER}") if row[f"{name}_below_power"] else cell


def _cost(rows: Sequence[Plain], costs: Sequence[Plain]) -> Section:
    # The rows of both are of the same runs in the same order.
    lifts = list(zip(_on_board(rows), costs, strict=True))
    blocks: list[Block] = []
    for table, unit in dict.fromkeys((row["table"], row["unit"]) for row in costs):
        own = [pair for pair in lifts if (pair[1]["table"], pair[1]["unit"]) == (table, unit)]
        points = [point for pair in own if (point := _point(*pair)) is not None]
        if len(points) < 2:
            continue
        best = ", ".join(points[place].name for place in front(points))
        y_title = "lift, share of what was expected" if unit == EXPECTATION else f"lift, {unit}"
        blocks.append(
            Figure(
                "pareto",
                f"Lift and cost{' on validation' if table == _VALID else ''}",
                f"On the front, no other has more lift for less: {best}.",
                scatter(points, x_title="processor seconds of fits", y_title=y_title),
                [("s1 dot", "on the front: no other has more lift for less"), ("s0 ring", "others")],
                words="Whoever stands on the front by luck stands there too: read the intervals.",
            )
        )
    titles = (
        "worth a core-hour",
        "fit core-s",
        "fit s",
        "rest core-s",
        "rest s",
        "all core-s",
        "all s",
        "peak MiB",
        "fitted",
        "judged",
    )
    names = (
        *("per_core_hour", "fit_cpu_seconds", "fit_seconds", "rest_cpu_seconds", "rest_seconds"),
        *("cpu_seconds", "seconds", "peak_mib", "train_rows", "judged_rows"),
    )
    decimals = (4, 1, 1, 1, 1, 1, 1, 0, 0, 0)
    cells = [
        [Cell(_text(row, "run")), figure(row["rank"], 0)]
        + [figure(row[name], digits) for name, digits in zip(names, decimals, strict=True)]
        for row in costs
    ]
    if cells:
        columns = [Column("run"), Column("rank", True), *(Column(title, True) for title in titles)]
        blocks.append(DataTable("costs", "What the runs cost, as measured", columns, cells, words=_WORTH))
    return Section("cost", "Lift and cost", blocks, empty="No job has finished.")


_WORTH = (
    "Worth: the lift for each core-hour of fits, in units of the plan's expectation where the run has one, "
    "else of the figure. Fit: the stages that fit, and the fits of an ensemble's members; rest: what else "
    "the run makes for itself, by what is switched on; all: with what caches share."
)


def _point(row: Plain, cost: Plain) -> Point | None:
    lift, seconds = _number(cost, "lift_in_unit"), _number(cost, "fit_cpu_seconds")
    if lift is None or seconds is None:
        return None
    unit = _number(row, "expects") if cost["unit"] == EXPECTATION else 1.0
    ends = [None if (end := _number(row, name)) is None or not unit else end / unit for name in _ENDS]
    return Point(_text(row, "run"), seconds, lift, *ends)


_ENDS = ("lift_lo", "lift_hi")


def _keys(board: Leaderboard) -> Section:
    entries = board.entries
    configs = [one.candidate.config for one in entries]
    names = [one.candidate.label for one in entries]
    lifts = [one.claim.lift for one in entries]
    # Names of sets stand for their keys, and what only some have is in the leaderboard's files.
    keys = [
        Axis(key, tuple(_value(shown_value(config, key)) for config in configs))
        for key in telling_keys(board.keys, configs)
    ]
    keys = sorted(keys, key=lambda axis: max(len(str(value)) for value in axis.values) > _LONG)
    blocks: list[Block] = []
    if keys and any(lift is not None for lift in lifts):
        told = ", ".join(axis.name for axis in keys[:MOST_AXES])
        blocks.append(
            Figure(
                "parallel",
                "What told the runs apart, and what came of it",
                f"A line a run over {told} to its lift on the right.",
                parallel(keys[:MOST_AXES], names, Axis("lift", tuple(lifts))),
                [("q0", "low lift"), ("q2", "middle"), ("q4", "high"), ("qn", "unknown")],
                words=f"{len(keys) - MOST_AXES} more keys differ: the table below."
                if len(keys) > MOST_AXES
                else "",
            )
        )
    if keys:
        shown = keys[:MOST_KEYS]
        columns = [Column("run"), *(Column(axis.name, axis.numeric) for axis in shown), Column("lift", True)]
        cells = [
            [
                Cell(name),
                *(_key_cell(axis.values[place]) for axis in shown),
                figure(lifts[place], 4, "+"),
            ]
            for place, name in enumerate(names)
        ]
        blocks.append(DataTable("keys", "Keys that differ", columns, cells, words=_WORDS))
    return Section("keys", "What differed", blocks, empty="The runs differ in no key, or there is one alone.")


_WORDS = "All of them: leaderboard.csv; of two runs in words: atc config diff A B."
_LONG = 24


def _key_cell(value: float | str | None) -> Cell:
    return Cell("" if value is None else value if isinstance(value, str) else f"{value:g}", value)


def _value(said: str | None) -> float | str | None:
    """A number where it is one."""
    try:
        return None if said is None else float(said)
    except ValueError:
        return said


def _failures(sweep: OpenedSweep) -> Section:
    left = [job for job in sweep.jobs if job.status != "finished"]
    columns = [Column("job"), Column("status", chosen=True), Column("what"), Column("why"), Column("log")]
    cells = [
        [
            Cell(f"{job.number}", job.number),
            Cell(job.status, look="bad" if job.status in {"failed", "unusable"} else ""),
            Cell(" ".join(job.overrides) or job.name, look="wrap"),
            Cell(job.why or (f"{job.error.type}: {job.error.message}" if job.error else ""), look="wrap"),
            Cell(shown_path(job.log) if job.log.is_file() else ""),
        ]
        for job in left
    ]
    blocks: list[Block] = (
        [DataTable("failures", "Jobs without a finished run", columns, cells)] if cells else []
    )
    return Section("failures", "Failures", blocks, empty="Every job finished.")


def _provenance(sweep: OpenedSweep) -> Section:
    header, shown = sweep.header, shown_path(sweep.folder)
    again = " ".join(["python -m atc.run -m", *header.command])
    lines = f"{again}\natc sweep resume {shown}\natc report {shown}"
    facts = [
        ("sweep id", header.sweep_id),
        ("code digest", header.code_digest),
        ("begun", header.created_at),
        ("holdout", "sealed" if header.sealed else "open"),
        ("W&B group", header.group),
        ("folder", shown),
    ]
    columns = [Column("part"), Column("value")]
    cells = [[Cell(name), Cell(value, look="wrap")] for name, value in facts]
    return Section(
        "provenance",
        "Provenance",
        [
            Code("To make it again, or to go on", lines),
            DataTable("identity", "What the sweep is", columns, cells, fixed=True),
            DataTable("jobs", "All jobs", *_jobs(sweep), folded=True),
        ],
    )


def _jobs(sweep: OpenedSweep) -> tuple[list[Column], list[list[Cell]]]:
    columns = [
        Column("job"),
        Column("status", chosen=True),
        Column("overrides"),
        Column("run"),
        Column("seconds", True),
    ]
    return columns, list(_job_cells(sweep))


def _job_cells(sweep: OpenedSweep) -> Iterator[list[Cell]]:
    for job in sweep.jobs:
        seconds = None if job.state is None else job.state.seconds
        yield [
            Cell(f"{job.number}", job.number),
            Cell(job.status),
            Cell(" ".join(job.overrides), look="wrap"),
            Cell("" if job.run_folder is None else job.run_folder.name),
            figure(seconds, 1),
        ]

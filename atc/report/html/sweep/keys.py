"""What told the runs of a sweep apart, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence

from atc.report.html.content import Block, Cell, Column, DataTable, Figure, Section, figure
from atc.report.html.draw.parallel import Axis, parallel
from atc.report.html.sweep.rows import lift_title, where
from atc.report.leaderboard import Entry, Leaderboard, Ranking
from atc.report.leaderboard_keys import telling_keys
from atc.report.leaderboard_rows import shown_value
from atc.report.page import counted

MOST_AXES, MOST_KEYS = 8, 12
_WORDS = "All of them: leaderboard.csv; of two runs in words: atc config diff A B."
_LONG = 24


def keys_section(board: Leaderboard) -> Section:
    """Parallel coordinates, a drawing a ranking, and the keys that differ as a table."""
    blocks: list[Block] = []
    for ranking in board.rankings:
        entries = [one.entry for one in ranking.entries]
        axes = [axis for axis in _axes(board, entries) if len(set(axis.values)) > 1]
        if axes and any(one.amount is not None for one in ranking.entries):
            blocks.append(_drawing(ranking, axes))
    axes = _axes(board, board.entries)
    if axes:
        blocks.append(_table(board, axes[:MOST_KEYS]))
    return Section("keys", "What differed", blocks, empty="No two runs on a ranking differ in a key.")


def _axes(board: Leaderboard, entries: Sequence[Entry]) -> list[Axis]:
    configs = [one.candidate.config for one in entries]
    # Names of sets stand for their keys, and what only some have is in the leaderboard's files.
    keys = [
        Axis(key, tuple(_value(shown_value(config, key)) for config in configs))
        for key in telling_keys(board.keys, configs)
    ]
    return sorted(keys, key=lambda axis: max(len(str(value)) for value in axis.values) > _LONG)


def _drawing(ranking: Ranking, axes: Sequence[Axis]) -> Figure:
    names = [one.entry.candidate.label for one in ranking.entries]
    lifts = Axis("lift", tuple(one.amount for one in ranking.entries))
    told = ", ".join(axis.name for axis in axes[:MOST_AXES])
    left = len(axes) - MOST_AXES
    more = "" if left <= 0 else f" {counted(left, 'more key')} in the table below."
    unknown = [("qn", "unknown")] if None in lifts.values else []
    return Figure(
        "parallel",
        f"What told the runs apart, and what came of it{where(ranking)}",
        f"A line a run over {told} to its {lift_title(ranking)}, on the right.",
        parallel(axes[:MOST_AXES], names, lifts),
        [("q0", "low lift"), ("q2", "middle"), ("q4", "high"), *unknown],
        words=f"On the right the {lift_title(ranking)}.{more}",
    )


def _table(board: Leaderboard, axes: Sequence[Axis]) -> DataTable:
    """Keys of all runs; lifts of several figures would be sorted into one column, so each says its own."""
    columns = [
        *(Column("run"), *(Column(axis.name, axis.numeric) for axis in axes)),
        *(Column("lift of", chosen=True), Column("lift", True)),
    ]
    cells = [
        [
            Cell(entry.candidate.label),
            *(_key_cell(axis.values[place]) for axis in axes),
            Cell(f"{entry.claim.name}, {entry.group.letter}"),
            figure(entry.claim.lift, 4, "+"),
        ]
        for place, entry in enumerate(board.entries)
    ]
    return DataTable("keys", "Keys that differ", columns, cells, words=_WORDS)


def _key_cell(value: float | str | None) -> Cell:
    return Cell("" if value is None else value if isinstance(value, str) else f"{value:g}", value)


def _value(said: str | None) -> float | str | None:
    """A number where it is one."""
    try:
        return None if said is None else float(said)
    except ValueError:
        return said

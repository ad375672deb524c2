"""The rows of a leaderboard as the sections of a page ask for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from atc.report.leaderboard import EXPECTATION, Ranking
from atc.report.leaderboard_cost import unit_of
from atc.report.leaderboard_rows import TABLES

Plain = Mapping[str, str | int | float | None]


def text(row: Plain, name: str) -> str:
    """Empty for null."""
    value = row.get(name)
    return "" if value is None else str(value)


def number(row: Plain, name: str) -> float | None:
    """None for null and for words."""
    value = row.get(name)
    return float(value) if isinstance(value, int | float) else None


def on_board(rows: Sequence[Plain]) -> list[Plain]:
    """Those that stand on a ranking."""
    return [row for row in rows if row["table"] != "apart"]


def by_ranking(rankings: Sequence[Ranking], rows: Sequence[Plain]) -> Iterator[tuple[Ranking, list[Plain]]]:
    """Each ranking with its own of `rows`, which are in the order of the rankings."""
    at = 0
    for ranking in rankings:
        own = list(rows[at : at + len(ranking.entries)])
        at += len(own)
        assert all(row["table"] == TABLES[ranking.split] and row["unit"] == ranking.unit for row in own)
        yield ranking, own


def lift_title(ranking: Ranking) -> str:
    """Of an axis on which the lifts of a ranking stand: they are of one figure of rows judged alike, or
    shares of what was expected of each.
    """
    if ranking.unit == EXPECTATION:
        return "lift, share of what was expected"
    return f"lift, {unit_of(ranking)}"


def where(ranking: Ranking) -> str:
    """What follows the title of a table or figure of a ranking."""
    group = "" if ranking.group is None else f", group {ranking.group.letter}"
    return f"{' on validation' if ranking.split == 'valid' else ''}{group}"

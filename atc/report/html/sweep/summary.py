"""What became of a sweep, and who stands first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from atc.report.html.content import Section, Tile, Tiles, Words
from atc.report.html.sweep.rows import Plain, by_ranking, number, on_board, where
from atc.report.leaderboard import Leaderboard
from atc.report.page import counted

if TYPE_CHECKING:
    from atc.sweep.opened import OpenedSweep


def summary_section(sweep: OpenedSweep, board: Leaderboard, rows: Sequence[Plain]) -> Section:
    """Headline figures and the verdict."""
    states = Counter(job.status for job in sweep.jobs)
    shown = on_board(rows)
    ranked = sum(row["rank"] is not None for row in shown)
    tiles = [
        Tile("jobs", f"{len(sweep.jobs)}"),
        Tile("finished", f"{states['finished']}"),
        Tile("failed", f"{states['failed']}", look="bad" if states["failed"] else ""),
        Tile("shown above their baseline", f"{ranked}", f"of {len(shown)}, at level {board.level:g}"),
    ]
    if states["pruned"]:
        tiles.insert(3, Tile("ended early", f"{states['pruned']}", "by the search"))
    said = []
    if sweep.header.sealed:
        keys = ", ".join(sweep.header.sealing)
        said.append(
            f"The holdout stayed sealed: the jobs vary {keys or 'what could be chosen by it'}. Figures are "
            "of validation, which chose, and flatter."
        )
    said += _first(board, shown) if ranked else ["Nothing is shown to rank above its baseline."]
    if board.claims:
        said.append(
            f"{counted(board.claims, 'lift')} {'was' if board.claims == 1 else 'were'} looked at together; "
            "the verdicts are Holm's, which holds for all of them at once."
        )
    if states["failed"] or states["interrupted"] or states["unusable"]:
        said.append("Some jobs did not finish: see Failures.")
    return Section("summary", "Summary and verdict", [Tiles(tiles), Words("Verdict", said, "verdict")])


def _first(board: Leaderboard, rows: Sequence[Plain]) -> Iterator[str]:
    """Who has rank 1 of each ranking."""
    for ranking, own in by_ranking(board.rankings, rows):
        if not own or own[0]["rank"] is None:
            continue
        first = own[0]
        low, high = number(first, "lift_lo"), number(first, "lift_hi")
        interval = "" if low is None or high is None else f" ({low:+.4f} … {high:+.4f})"
        share = number(first, "share")
        hoped = "" if share is None else f", {share:.0%} of what was expected"
        lift = number(first, "lift") or 0.0
        yield f"Rank 1{where(ranking)}: {first['run']}, {first['figure']} {lift:+.4f}{interval}{hoped}."

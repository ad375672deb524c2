"""The report of a sweep."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from atc.installed import installed_version
from atc.report.html.content import Page
from atc.report.html.sweep.board import leaderboard_section
from atc.report.html.sweep.cost import cost_section
from atc.report.html.sweep.jobs import failures_section, provenance_section
from atc.report.html.sweep.keys import keys_section
from atc.report.html.sweep.summary import summary_section
from atc.report.leaderboard import leaderboard_of
from atc.report.leaderboard_rows import board_rows, cost_rows
from atc.report.page import counted

if TYPE_CHECKING:
    from atc.sweep.opened import OpenedSweep


def sweep_page(sweep: OpenedSweep) -> Page:
    """The page of a sweep, finished or not. Raises DataError where a curve or a ledger cannot be read."""
    from atc.report.candidates import candidates_of

    name = sweep.folder.resolve().name
    board = leaderboard_of(candidates_of(sweep), name)
    rows = board_rows(board)
    sections = [
        summary_section(sweep, board, rows),
        leaderboard_section(sweep, board, rows),
        cost_section(board, rows, cost_rows(board)),
        keys_section(board),
        failures_section(sweep),
        provenance_section(sweep),
    ]
    states = Counter(job.status for job in sweep.jobs)
    told = ", ".join(f"{count} {status}" for status, count in states.items())
    created = sweep.header.created_at[:16].replace("T", " ")
    return Page(
        title=name,
        subtitle=f"A sweep of {counted(len(sweep.jobs), 'job')}, begun {created} UTC: {told}.",
        sections=sections,
        made_by=f"ATC {installed_version('atc')}",
    )

"""The jobs of a sweep: what failed, all of them, and the command that makes or goes on with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from atc.report.candidates import why_no_run
from atc.report.html.content import Block, Cell, Code, Column, DataTable, Section, figure
from atc.report.summary import shown_path

if TYPE_CHECKING:
    from atc.sweep.opened import OpenedSweep


def failures_section(sweep: OpenedSweep) -> Section:
    """Jobs without a finished run, each with its reason; those that a search ended early are none."""
    left = [job for job in sweep.jobs if job.status not in {"finished", "pruned"}]
    columns = [Column("job"), Column("status", chosen=True), Column("what"), Column("why"), Column("log")]
    cells = [
        [
            Cell(f"{job.number}", job.number),
            Cell(job.status, look="bad" if job.status in {"failed", "unusable"} else ""),
            Cell(" ".join(job.overrides) or job.name, look="wrap"),
            Cell(why_no_run(job), look="wrap"),
            Cell(shown_path(job.log) if job.log.is_file() else ""),
        ]
        for job in left
    ]
    blocks: list[Block] = (
        [DataTable("failures", "Jobs without a finished run", columns, cells)] if cells else []
    )
    early = len(sweep.with_status("pruned"))
    empty = "No job failed; the search ended some early." if early else "Every job finished."
    return Section("failures", "Failures", blocks, empty=empty)


def provenance_section(sweep: OpenedSweep) -> Section:
    """The command, what identifies the sweep, and all jobs."""
    header, shown = sweep.header, shown_path(sweep.folder)
    lines = f"python -m atc.run -m {header.words}\natc sweep resume {shown}\natc report {shown}"
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
            DataTable("jobs", "All jobs", _JOBS, list(_job_cells(sweep)), folded=True),
        ],
    )


_JOBS = (
    Column("job"),
    Column("status", chosen=True),
    Column("overrides"),
    Column("run"),
    Column("seconds", True),
)


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

"""A sweep in words: a job in one line, what became of all, and where a sweep stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from atc.report.page import counted
from atc.report.summary import shown_path
from atc.report.table import DASH, new_table
from atc.sweep.folder import LOG, job_folder
from atc.sweep.job_progress import read_progress
from atc.sweep.manifest import titles

if TYPE_CHECKING:
    from pathlib import Path

    from rich.table import Table

    from atc.sweep.opened import OpenedSweep
    from atc.sweep.rows import Launched, Row
    from atc.sweep.state import JobState


def told(row: Row) -> str:
    """What has become of a job, in one line."""
    state, title = row.state, row.title
    if state is None:
        return f"pending: {title}"
    if state.status == "failed":
        return f"failed: {title}: {reason(state)}"
    if state.status == "finished":
        found = "was finished before, found" if state.reused else "finished"
        return f"{found} in {duration(state.seconds)}: {title}"
    if state.status in ("pruned", "interrupted"):
        return f"{state.status}: {title}: {reason(state)}"
    return f"{state.status}: {title}"


def closing_lines(done: Launched) -> list[str]:
    """What became of the jobs, failures with their reasons and logs last."""
    total = done.total
    finished = [row for row in done.rows if row.status == "finished"]
    failed = [row for row in done.rows if row.status == "failed"]
    made = [row for row in finished if row.fresh and row.state is not None and not row.state.reused]
    lines = [f"{len(finished)} of {counted(total, 'job')} finished, {len(made)} of them now"]
    pruned = sum(row.status == "pruned" for row in done.rows)
    if pruned:
        lines.append(f"{pruned} of {total} jobs were ended early by the search")
    left = total - len(finished) - len(failed) - pruned
    if left:
        lines.append(_how_to_go_on(left, total, done.folder))
    if failed:
        lines.append(f"{len(failed)} of {counted(total, 'job')} failed:")
        for row in failed:
            lines.append(f"  [{row.job.number}/{total}] {row.title}")
            lines.append(f"      {reason(row.state)}")
            log = job_folder(done.folder, row.job.number) / LOG
            if log.is_file():  # a trial whose values do not fit together never began
                lines.append(f"      {shown_path(log)}")
    if done.interrupted:
        stopped = [row for row in done.rows if row.fresh and row.status == "interrupted"]
        lines += [
            f"interrupted: [{row.job.number}/{total}] {row.title}: {reason(row.state)}" for row in stopped
        ]
        lines += [] if stopped else ["interrupted"]
    return lines


def _how_to_go_on(left: int, total: int, folder: Path) -> str:
    again = f"atc sweep resume {shown_path(folder)}"
    is_left, them = ("is left", "it") if left == 1 else ("are left", "them")
    return f"{left} of {counted(total, 'job')} {is_left}; the same command, or {again}, runs {them}"


def status_tables(sweep: OpenedSweep) -> tuple[list[str], Table]:
    """Sentences on the sweep, and a line a job."""
    header = sweep.header
    called = titles([job.planned for job in sweep.jobs])
    table = new_table("job", "status", "run", right=("seconds", "MiB", "tries"))
    table.add_column("what", overflow="fold")
    # The two that are long share what a narrow terminal leaves, so that the figures are whole.
    table.columns[2].no_wrap, table.columns[2].overflow = False, "fold"
    for job in sweep.jobs:
        state = job.state
        progress = read_progress(job.folder) if job.status == "running" else None
        found = "finished, reused" if job.status == "finished" and state and state.reused else job.status
        table.add_row(
            str(job.number),
            progress.words if progress is not None else found,
            DASH if job.run_folder is None else job.run_folder.name,
            DASH if state is None or state.seconds is None else f"{state.seconds:,.1f}",
            DASH if state is None or state.peak_rss_mib is None else f"{state.peak_rss_mib:,.0f}",
            "0" if state is None else str(state.attempts),
            called[job.number],
        )
    numbers = {status: len(sweep.with_status(status)) for status in _STATUSES}  # type: ignore[arg-type]
    numbers["not yet proposed"] = header.total - len(sweep.jobs)
    sentences = [
        f"sweep {sweep.folder.name} of {header.created_at}: -m {header.words}",
        f"{counted(header.total, 'job')}: "
        + ", ".join(f"{n} {status}" for status, n in numbers.items() if n),
    ]
    if header.sealed:
        sentences.append(f"sealed: the jobs differ in {', '.join(header.sealing)}")
    for job in sweep.with_status("failed", "interrupted", "unusable"):
        why = job.why or reason(job.state)
        log = f" ({shown_path(job.log)})" if job.log.is_file() else ""
        sentences.append(f"job {job.number}, {job.status}: {why}{log}")
    left = header.total - len(sweep.with_status("finished", "pruned"))
    if left and not sweep.alive:
        sentences.append(_how_to_go_on(left, header.total, sweep.folder))
    return sentences, table


_STATUSES = ("finished", "pruned", "running", "pending", "interrupted", "failed", "unusable")


def reason(state: JobState | None) -> str:
    """The first line of why a job failed, was ended early or was interrupted."""
    error = None if state is None else state.error
    return "" if error is None else error.message.partition("\n")[0]


def duration(seconds: float | None) -> str:
    """Seconds as a table has them: 4.2 s, 12 min 3 s, 2 h 5 min."""
    if seconds is None:
        return DASH
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 100:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def rounded(seconds: float) -> str:
    """Seconds that still change, or are only expected: without tenths."""
    return f"{seconds:.0f} s" if seconds < 99.5 else duration(seconds)


def shortened(text: str, width: int) -> str:
    """At most so many characters, the end of the text where it is longer."""
    return text if len(text) <= width else "…" + text[len(text) - width + 1 :]


def with_statuses(rows: Sequence[Row], *wanted: str) -> list[Row]:
    """Those of these statuses, in order."""
    return [row for row in rows if row.status in wanted]

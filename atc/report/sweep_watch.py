"""A sweep while it runs, on stderr: one table that renews itself on a terminal, plain lines anywhere else."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from atc.report.sweep_lines import duration, rounded, shortened, told, with_statuses
from atc.report.table import DASH, new_table
from atc.sweep.folder import job_folder, outputs_of
from atc.sweep.job_progress import read_progress
from atc.sweep.timing import left_of, left_together, recorded_seconds

if TYPE_CHECKING:
    from rich.console import Group
    from rich.live import Live

    from atc.sweep.rows import Progress, Row
    from atc.sweep.watch import Watch

_LINE_EVERY_S = 60.0
_AROUND = 6
"""Lines of a terminal that the table leaves to the rest."""
_NARROW = 90
_STATUS, _STAGE, _TIME, _GAP = 11, 16, 10, 2
"""Columns of the terminal: "interrupted", "explain 100 %", "12 min 3 s", between two."""
_LEAST = 8
"""Of what a job is."""


_STYLES = {"failed": "red", "running": "bold", "finished": "green", "pruned": "green"}


@contextmanager
def watching(mode: Literal["auto", "on", "off"]) -> Iterator[Watch]:
    """Shows a launch; mode `auto`: a table if stderr is a terminal, else lines; `on`: a table; `off`:
    nothing.
    """
    if mode == "off":
        yield Silent()
    elif mode == "on" or sys.stderr.isatty():
        from rich.console import Console
        from rich.live import Live

        console = Console(stderr=True, highlight=False, emoji=False, markup=False)
        with Live(console=console, refresh_per_second=2, transient=True) as live:
            yield LiveTable(live)
    else:
        yield Lines()


class Silent:
    """Shows nothing."""

    def changed(self, row: Row, progress: Progress) -> None:
        """A job was started or has ended."""

    def looked(self, progress: Progress) -> None:
        """Some time has passed."""


class Lines(Silent):
    """A line when a job starts and one when it ends; in between how far all is."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._recorded: dict[str, float] | None = None

    def changed(self, row: Row, progress: Progress) -> None:
        """A job was started or has ended."""
        self._print(f"[{row.job.number}/{progress.total}] {told(row)}")

    def looked(self, progress: Progress) -> None:
        """Some time has passed."""
        if time.monotonic() - self._last < _LINE_EVERY_S:
            return
        if self._recorded is None:
            self._recorded = _recorded(progress)
        under_way = [
            f"[{row.job.number}] {told_stage(row, progress)}"
            for row in with_statuses([*progress.rows.values()], "running")
        ]
        self._print(f"{_together(progress, self._recorded)}; {', '.join(under_way)}")

    def _print(self, text: str) -> None:
        self._last = time.monotonic()
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


class LiveTable(Silent):
    """One line a job: what it is at, since when, how much longer; as many as the terminal has room for."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._recorded: dict[str, float] | None = None

    def changed(self, row: Row, progress: Progress) -> None:  # noqa: ARG002  # the table has all rows
        """A job was started or has ended."""
        self.looked(progress)

    def looked(self, progress: Progress) -> None:
        """Some time has passed."""
        if self._recorded is None:
            self._recorded = _recorded(progress)
        width, height = self._live.console.size
        self._live.update(live_table(progress, self._recorded, width, height), refresh=True)


def live_table(progress: Progress, recorded: dict[str, float], width: int, height: int) -> Group:
    """The table as a terminal of that size has it: below `_NARROW` columns the stage of a job that runs
    stands for its status. Columns keep their widths while the sweep runs.
    """
    from rich.console import Group
    from rich.text import Text

    rows = [*progress.rows.values()]
    shown = _shown(rows, max(3, height - _AROUND))
    narrow = width < _NARROW
    number = max(3, len(str(progress.total)))
    widths = {"job": number, "status": _STAGE if narrow else _STATUS}
    widths |= {} if narrow else {"stage": _STAGE}
    table = new_table(*widths, right=("elapsed", "left"))
    for column, fixed in zip(table.columns, (*widths.values(), _TIME, _TIME), strict=True):
        column.width = fixed
    table.add_column("what", no_wrap=True)
    taken = sum(widths.values()) + 2 * _TIME + _GAP * (len(widths) + 2)
    for row in shown:
        status = "reused" if row.state is not None and row.state.reused else row.status
        stage = told_stage(row, progress) if row.status == "running" else ""
        table.add_row(
            str(row.job.number),
            *([stage or status] if narrow else [status, stage]),
            _elapsed(row),
            _left(row, progress, recorded),
            shortened(row.title, max(_LEAST, width - taken)),
            style=_STYLES.get(row.status, ""),
        )
    hidden = len(rows) - len(shown)
    more = [Text(f"{hidden} more jobs not shown")] if hidden else []
    return Group(table, *more, Text(_together(progress, recorded)))


def _elapsed(row: Row) -> str:
    if row.status == "running" and row.began is not None:
        return rounded(time.monotonic() - row.began)
    return duration(None if row.state is None else row.state.seconds)


def _left(row: Row, progress: Progress, recorded: dict[str, float]) -> str:
    left = left_of(row, progress, recorded) if row.status in ("running", "pending") else None
    return DASH if left is None else rounded(left)


def told_stage(row: Row, progress: Progress) -> str:
    """The stage that a running job is at."""
    found = read_progress(job_folder(progress.folder, row.job.number))
    return "starting" if found is None else found.words


def _shown(rows: list[Row], room: int) -> list[Row]:
    """What is worth a line where not all have room: what runs, what failed, what comes, what was last."""
    if len(rows) <= room:
        return rows
    chosen: list[Row] = []
    for some in (
        with_statuses(rows, "running"),
        with_statuses(rows, "failed"),
        with_statuses(rows, "pending", "interrupted")[: room // 2],
        with_statuses(rows, "finished", "pruned")[::-1],
    ):
        chosen += some[: room - len(chosen)]
    return sorted(chosen, key=lambda row: row.job.number)


def _recorded(progress: Progress) -> dict[str, float]:
    return recorded_seconds(outputs_of(progress.folder), {row.job.name for row in progress.rows.values()})


def _together(progress: Progress, recorded: dict[str, float]) -> str:
    left = left_together(progress, recorded)
    failed, pruned = progress.count("failed"), progress.count("pruned")
    return (
        f"{progress.count('finished')} of {progress.total} finished"
        + (f", {pruned} ended early" if pruned else "")
        + (f", {failed} failed" if failed else "")
        + f" after {rounded(time.monotonic() - progress.began)}"
        + ("" if left is None else f", about {rounded(left)} left")
    )

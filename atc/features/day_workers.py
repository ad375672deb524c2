"""Days as the work of executors."""

from __future__ import annotations

from collections.abc import Callable

from atc.executors import Executor, Work
from atc.executors.local import InProcess, LocalProcesses, cores
from atc.features.day_job import DayJob, DayOutcome

DayExecutor = Executor[DayJob, DayOutcome]
MakeExecutor = Callable[[int], DayExecutor]
"""Makes an executor for so many days."""


def _lost(how: str) -> DayOutcome:
    return DayOutcome(lost=how)


def _crashed(trace: str) -> DayOutcome:
    return DayOutcome(crash=trace)


DAYS: Work[DayJob, DayOutcome] = Work(
    "atc.features.build_day:build_day", _lost, _crashed, begins="atc.features.day_workers:on_one_thread"
)


def on_one_thread() -> None:
    """A day a core is what fills a machine."""
    import pyarrow as pa

    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)


def local(workers: int | None, jobs: int) -> DayExecutor:
    """`workers` processes (None: one a core), no more than there are `jobs`; a single one needs no
    process.
    """
    count = max(1, min(workers or cores(), jobs))
    return InProcess(DAYS) if count == 1 else LocalProcesses(DAYS, count)

"""Where days are built: this process, processes of this machine, or the nodes of a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from atc.features.day_job import DayJob, DayOutcome


class Executor(Protocol):
    """Runs day jobs. A context manager; leaving it ends the workers."""

    @property
    def capacity(self) -> int:
        """How many jobs it takes at a time."""
        ...

    def submit(self, number: int, job: DayJob) -> None:
        """Starts a job; at most `capacity` are under way."""
        ...

    def wait(self, seconds: float) -> list[tuple[int, DayOutcome]]:
        """What has been finished, at least one, unless `seconds` pass first."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


MakeExecutor = Callable[[int], Executor]
"""Makes an executor for so many jobs."""

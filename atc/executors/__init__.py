"""Where work is done: this process, processes of this machine, or the nodes of a Ray cluster."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

Job = TypeVar("Job")
Outcome = TypeVar("Outcome")


@dataclass(frozen=True)
class Work(Generic[Job, Outcome]):
    """What a worker does with a job, by name: a worker imports it, wherever it is."""

    does: str
    """`module:function` from a job to its outcome. The function raises nothing."""
    lost: Callable[[str], Outcome]
    """The outcome of a job whose worker has ended, from words that say how."""
    crashed: Callable[[str], Outcome]
    """The outcome where the function did raise, from the traceback."""
    begins: str = ""
    """`module:function` that a process of its own calls before its first job."""


_Job_contra = TypeVar("_Job_contra", contravariant=True)


class Executor(Protocol[_Job_contra, Outcome]):
    """Does jobs. A context manager; leaving it ends the workers."""

    @property
    def capacity(self) -> int:
        """How many jobs it takes at a time."""
        ...

    def submit(self, number: int, job: _Job_contra) -> None:
        """Starts a job; at most `capacity` are under way."""
        ...

    def wait(self, seconds: float) -> list[tuple[int, Outcome]]:
        """What has been finished, at least one, unless `seconds` pass first."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Leave(Exception):
    """Raised by a job's function with its outcome: where the process is ours, it ends, and the next job gets
    another one.
    """

    def __init__(self, outcome: object) -> None:
        self.outcome = outcome


def outcome_of(does: str, job: Any) -> Any:
    """What the function named `does` makes of the job, in a process that is not ours to end."""
    try:
        return named(does)(job)
    except Leave as leaving:
        return leaving.outcome


def named(function: str) -> Callable[..., Any]:
    """The function that `module:function` names."""
    module, _, name = function.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return found

"""How the jobs of a sweep are run, which no result depends on: the config group `launcher`.

It stands in the composed config beside the keys of a run and is taken out before a run's are judged.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from atc.config.search import Search
from atc.config.slices import Count, Slice, Text

LAUNCHING = ("launcher", "search")
"""Sections of a composed config that are of a whole sweep and not of one run."""


class _Launcher(Slice):
    on_error: Literal["continue", "stop"] = "continue"
    """After a job that failed: run the others, or start none any more."""
    threads: Count | None = None
    """Threads that a job's libraries take where its config says nothing; null: the cores divided by the
    workers."""


class Basic(_Launcher):
    """One job after the other, in one process beside the launcher."""

    kind: Literal["basic"]

    @property
    def workers(self) -> int | None:
        """One."""
        return 1


class Joblib(_Launcher):
    """Jobs side by side in joblib's processes on this machine."""

    kind: Literal["joblib"]
    workers: Count | None = None
    """null: one a core."""


class Ray(_Launcher):
    """Jobs as Ray tasks, on this machine or on a cluster that sees the same folders."""

    kind: Literal["ray"]
    workers: Count | None = None
    """Jobs at a time; null: one a CPU of the cluster."""
    address: Text | None = None
    """HOST:PORT of a cluster's head; null: RAY_ADDRESS, or Ray on this machine alone."""


Launcher = Annotated[Basic | Joblib | Ray, Field(discriminator="kind")]


class Launching(Slice):
    """The sections of a composed config that are of a whole sweep."""

    launcher: Launcher = Basic(kind="basic")
    search: Search | None = None
    """null: the jobs are those that the overrides list."""

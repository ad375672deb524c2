"""Where the jobs of a sweep are done: what the section `launcher` asks for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from atc.config.launcher import Basic, Joblib, Launcher, Ray
from atc.executors.local import LocalProcesses, cores
from atc.sweep.job import WORK

if TYPE_CHECKING:
    from atc.sweep.launch import JobExecutor

_ENDS_WITHIN_S = 30.0
"""So long a job may take to leave a whole record when it is interrupted."""
_OF_PRODUCTS = "OPENBLAS_NUM_THREADS"
_COUNTS = ("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "RAYON_NUM_THREADS")


@dataclass(frozen=True)
class Workers:
    """How many jobs at a time, and how many threads each."""

    launcher: Launcher
    count: int | None
    """None: as many as the cluster has room for."""
    threads: int | None
    """None: what the libraries take by themselves, as in a run alone."""

    @property
    def environment(self) -> dict[str, str]:
        """What a job's libraries read; joblib and Ray would have them take one thread each. Products take one
        all the same, as in a run alone (`atc.waiting_threads`), where the user says nothing else.
        """
        if self.threads is None:
            return {}
        counts = dict.fromkeys(_COUNTS, str(self.threads))
        return counts if _OF_PRODUCTS in os.environ else {**counts, _OF_PRODUCTS: "1"}

    def executor(self) -> JobExecutor:
        """Raises UsageError for what is not installed or does not answer."""
        if isinstance(self.launcher, Basic):
            return LocalProcesses(WORK, 1, ends_within_s=_ENDS_WITHIN_S)
        if isinstance(self.launcher, Joblib):
            from atc.executors.joblib_processes import JoblibProcesses

            assert self.count is not None
            return JoblibProcesses(WORK, self.count, ends_within_s=_ENDS_WITHIN_S)
        from atc.executors.ray_tasks import RayTasks, require_ray

        require_ray("launcher=ray", "launcher=joblib runs jobs side by side on this machine")
        # A job whose worker died is begun again by the launcher, which tells of it. A task cannot end its
        # process when that has grown, so each has one of its own.
        return RayTasks(
            WORK,
            self.launcher.address,
            self.count,
            cpus=self.threads or 1,
            retries=0,
            each=1,
            option="launcher.address=",
        )


def workers_of(launcher: Launcher, jobs: int) -> Workers:
    """For so many jobs that are left."""
    if isinstance(launcher, Basic):
        return Workers(launcher, 1, launcher.threads)
    if isinstance(launcher, Ray):
        count = None if launcher.workers is None else min(launcher.workers, jobs)
        local = launcher.address is None and count is not None
        share = max(1, cores() // count) if local and count is not None else 1
        return Workers(launcher, count, launcher.threads or share)
    count = min(launcher.workers or max(1, cores() // (launcher.threads or 1)), jobs)
    return Workers(launcher, count, launcher.threads or max(1, cores() // count))

"""A sweep, read back: `open_sweep("outputs/sweeps/top3-0123456789ab")`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from atc.errors import DataError
from atc.opened_run import OpenedRun, open_run
from atc.sweep.folder import LOG, MANIFEST, job_folder, lock_file, outputs_of
from atc.sweep.interrupted import interrupted_words, without_a_word
from atc.sweep.manifest import PlannedJob, SweepHeader, read_manifest
from atc.sweep.state import JobError, JobState, read_state
from atc.tracking.lock import is_held

JobStatus = Literal["pending", "running", "finished", "pruned", "failed", "interrupted", "unusable"]


@dataclass(frozen=True)
class OpenedJob:
    """A job of the manifest and what has become of it."""

    planned: PlannedJob
    status: JobStatus
    """`unusable`: its state or its run cannot be read, `interrupted`: something has ended it; `why` tells."""
    state: JobState | None
    folder: Path
    """Of its state and log, there or not."""
    run_folder: Path | None
    why: str = ""

    @property
    def number(self) -> int:
        """From 1."""
        return self.planned.number

    @property
    def name(self) -> str:
        """Of its experiment."""
        return self.planned.name

    @property
    def overrides(self) -> tuple[str, ...]:
        """As they were given."""
        return self.planned.overrides

    @property
    def config(self) -> Mapping[str, Any]:
        """Resolved, as plain values."""
        return self.planned.config

    @property
    def error(self) -> JobError | None:
        """Why it failed."""
        return self.state.error if self.state is not None else None

    @property
    def log(self) -> Path:
        """Everything that it said, tracebacks included."""
        return self.folder / LOG


@dataclass(frozen=True)
class OpenedSweep:
    """The manifest of a sweep and the state of each job, as they were when it was opened."""

    folder: Path
    header: SweepHeader
    jobs: tuple[OpenedJob, ...]
    alive: bool
    """Whether a launcher is at it."""

    def with_status(self, *wanted: JobStatus) -> list[OpenedJob]:
        """Jobs of these statuses, in order."""
        return [job for job in self.jobs if job.status in wanted]

    def finished_runs(self) -> list[OpenedRun]:
        """The runs of finished jobs, in order of jobs and each once."""
        found: dict[str, OpenedRun] = {}
        for job in self.with_status("finished"):
            assert job.run_folder is not None
            run = open_run(job.run_folder)
            found.setdefault(run.run_id, run)
        return list(found.values())


def is_sweep(folder: Path) -> bool:
    """Whether `folder` has the manifest of a sweep."""
    return (folder / MANIFEST).is_file()


def open_sweep(path: str | Path) -> OpenedSweep:
    """The sweep in folder `path`.

    A job whose state or run cannot be used is listed as such. Raises DataError where there is no sweep or its
    manifest is damaged.
    """
    folder = Path(path)
    header, planned = read_manifest(folder)
    alive = is_held(lock_file(folder.resolve()))
    return OpenedSweep(folder, header, tuple(_opened(folder, job, alive) for job in planned), alive)


def _opened(folder: Path, planned: PlannedJob, alive: bool) -> OpenedJob:
    place = job_folder(folder, planned.number)
    try:
        state = read_state(place)
    except DataError as why:
        return OpenedJob(planned, "unusable", None, place, None, str(why))
    if state is None:
        return OpenedJob(planned, "pending", None, place, None)
    run = None if state.run is None else outputs_of(folder) / state.run
    if state.status == "running" and not alive:
        error, last = without_a_word(place)
        state = replace(state, status="interrupted", error=error, at=last)
    if state.status == "interrupted":
        return OpenedJob(planned, "interrupted", state, place, run, interrupted_words(state))
    if state.status == "finished":
        try:
            if run is None:
                raise DataError(f"{place}: finished without the folder of a run")
            _ = open_run(run).metrics
        except DataError as why:
            return OpenedJob(planned, "unusable", state, place, run, str(why))
    return OpenedJob(planned, state.status, state, place, run)

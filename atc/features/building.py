"""Many days: what is missing is handed to an executor, and what happens on the way is dealt with.

A day that another process builds is put off, so that two runs share the work; a day whose worker was killed
is given to another one; a day that cannot be built is named at the end, and the others are built.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from atc.errors import DataError
from atc.features.build_day import is_there
from atc.features.day_job import DayJob, DayOutcome
from atc.features.day_lock import sweep_locks
from atc.features.day_workers import DayExecutor, MakeExecutor

_log = logging.getLogger(__name__)

TRIES = 3
"""So often a day whose worker was killed is begun."""
SEEN_WITHIN_S = 60.0
"""A network file system may say for so long that a new file is not there."""
REASONS_TOLD = 5
"""So many different reasons are told at the end."""
_POLL_S = 0.2
_SHOW_EVERY_S = 1.0


@dataclass(frozen=True)
class Tally:
    """How far a build is."""

    done: int
    total: int
    cached: int = 0
    """Days of `done` that were there before."""
    events: int = 0
    """Messages of the days that were built."""
    seconds: float = 0.0
    waiting: tuple[str, ...] = ()
    """What others build and nobody else may."""

    @property
    def detail(self) -> str:
        """Speed, and what is waited for, in a few words."""
        parts = []
        if self.events and self.seconds > 0:
            parts.append(f"{self.events / self.seconds / 1e6:.2f} M events/s")
        if self.waiting:
            more = f" and {len(self.waiting) - 1} more" if len(self.waiting) > 1 else ""
            parts.append(f"waiting for {self.waiting[0]}{more}")
        return ", ".join(parts)


Watch = Callable[[Tally], object]


def unwatched(_: Tally) -> None:
    """For builds that nobody looks at."""


def build_all(jobs: Sequence[DayJob], make_executor: MakeExecutor, watch: Watch = unwatched) -> int:
    """Builds every file of `jobs` that is not there; how many days were there.

    Raises DataError, naming the day, for what cannot be built: after the other days, or at once where no
    other day can be built either.
    """
    missing = []
    for number, job in enumerate(jobs):
        # What a damaged file is, the builder says.
        wanted = tuple(output for output in job.outputs if not is_there(output, []))
        if wanted:
            missing.append((number, replace(job, outputs=wanted)))
    cached = len(jobs) - len(missing)
    watch(Tally(cached, len(jobs), cached))
    if missing:
        try:
            with make_executor(len(missing)) as executor:
                _Build(executor, dict(missing), Tally(cached, len(jobs), cached), watch).run()
        finally:
            with suppress(OSError):  # a cache that cannot be written has said so
                for folder in {job.lock.parent for _, job in missing}:
                    sweep_locks(folder)
    return cached


@dataclass
class _Build:
    executor: DayExecutor
    jobs: dict[int, DayJob]
    tally: Tally
    watch: Watch
    pending: deque[int] = field(default_factory=deque)
    under_way: set[int] = field(default_factory=set)
    locked: dict[int, str] = field(default_factory=dict)
    """Days that others build, and who."""
    lost: dict[int, list[str]] = field(default_factory=dict)
    """How the workers of a day ended."""
    failures: dict[int, str] = field(default_factory=dict)
    stopped: bool = False
    """What has failed would fail everywhere: nothing is begun any more."""

    def run(self) -> None:
        """Until every day is built, by us or by others, or has failed."""
        began = shown = asked = time.monotonic()
        self.pending += self.jobs
        while self.pending or self.under_way or self.locked:
            if not self.pending and time.monotonic() - asked >= _POLL_S:
                # Each asks for the lock, finds the file there or is back at once.
                self.pending += (number for number in self.locked if number not in self.under_way)
                asked = time.monotonic()
            while self.pending and len(self.under_way) < self.executor.capacity:
                number = self.pending.popleft()
                self.under_way.add(number)
                self.executor.submit(number, self.jobs[number])
            finished = self.executor.wait(_SHOW_EVERY_S) if self.under_way else []
            for number, outcome in finished:
                self.under_way.discard(number)
                self._take(number, outcome)
            if not finished and not self.under_way:
                time.sleep(_POLL_S)
            if finished or time.monotonic() - shown >= _SHOW_EVERY_S:
                shown = time.monotonic()
                self._show(shown - began)
        if self.failures:
            raise DataError(self._message())
        _see([output.file for job in self.jobs.values() for output in job.outputs])

    def _take(self, number: int, outcome: DayOutcome) -> None:
        for note in outcome.notes:
            _log.warning("%s", note)
        self.locked.pop(number, None)
        if outcome.crash is not None:
            raise RuntimeError(outcome.crash)
        if self.stopped and (outcome.locked_by is not None or outcome.lost is not None):
            return
        if outcome.locked_by is not None:
            self.locked[number] = outcome.locked_by
        elif outcome.lost is not None:
            ends = self.lost.setdefault(number, [])
            ends.append(outcome.lost)
            if len(ends) < TRIES:
                _log.warning("%s: %s; the day is begun again", self.jobs[number].title, outcome.lost)
                self.pending.appendleft(number)
            else:
                self._fail(number, _killed(self.jobs[number], ends))
        elif outcome.failure is not None:
            self._fail(number, outcome.failure)
            if outcome.stops_all:
                self.stopped = True
                self.pending.clear()
                self.locked.clear()
        else:
            self.tally = replace(
                self.tally, done=self.tally.done + 1, events=self.tally.events + outcome.events
            )

    def _fail(self, number: int, why: str) -> None:
        self.failures[number] = why

    def _show(self, seconds: float) -> None:
        waiting = tuple(
            f"{self.jobs[number].day}, which {owner} builds" for number, owner in self.locked.items()
        )
        # Nobody waits while there is something else to do.
        idle = not self.pending and not self.under_way.difference(self.locked)
        self.tally = replace(self.tally, seconds=seconds, waiting=waiting if idle else ())
        self.watch(self.tally)

    def _message(self) -> str:
        """Of each reason the first day that failed and how many others did, in order of days."""
        reasons: dict[str, list[int]] = {}
        for number in sorted(self.failures):
            reason = self.failures[number].removeprefix(self.jobs[number].title)
            reasons.setdefault(reason, []).append(number)
        lines = []
        for first, *others in list(reasons.values())[:REASONS_TOLD]:
            lines.append(self.failures[first])
            if others:
                days = ", ".join(str(self.jobs[number].day) for number in others[:5])
                more = f", … ({len(others)} days)" if len(others) > 5 else ""
                lines.append(f"nor can be built: {days}{more}")
        if len(reasons) > REASONS_TOLD:
            lines.append(f"and {len(reasons) - REASONS_TOLD} more reasons for other days")
        lines.append(f"{self.tally.done} of {self.tally.total} days are in the cache")
        return "\n".join(lines)


def _see(files: Sequence[Path]) -> None:
    """Raises DataError where workers have built files that are not here."""
    unseen, until = list(files), time.monotonic() + SEEN_WITHIN_S
    while unseen := [file for file in unseen if not file.exists()]:
        if time.monotonic() > until:
            raise DataError(
                f"{unseen[0]}: built by a worker, and not here ({len(unseen)} files): the worker is on a "
                "machine with another folder under that path, or something has removed it. Give "
                "paths.outputs and paths.events folders that all machines share"
            )
        time.sleep(_POLL_S)


def _killed(job: DayJob, ends: Sequence[str]) -> str:
    return (
        f"{job.title}: given up after {len(ends)} tries: {'; '.join(ends)}. Nothing half written is left in "
        f"{job.outputs[0].file.parent}. If memory ran out, build with fewer workers (--workers 1 shows the "
        "failure itself), then again: what is built stays"
    )

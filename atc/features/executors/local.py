"""Days on this machine: in this process, or in processes of their own.

Processes, not threads: each holds one day and returns its memory with it, and one that is killed takes
nothing with it but its day, which another one builds.
"""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Self

from atc.features.build_day import build_day
from atc.features.day_job import DayJob, DayOutcome
from atc.processes import ctrl_c_waits, start

_ENDS_WITHIN_S = 10.0


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def local(workers: int | None, jobs: int) -> InProcess | LocalProcesses:
    """`workers` processes (None: one a core), no more than there are `jobs`; a single one needs no
    process.
    """
    count = max(1, min(workers or cores(), jobs))
    return InProcess() if count == 1 else LocalProcesses(count)


class InProcess:
    """One day after the other in this process."""

    capacity = 1

    def __init__(self) -> None:
        self._done: list[tuple[int, DayOutcome]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.clear()

    def submit(self, number: int, job: DayJob) -> None:
        """Builds the day now."""
        self._done.append((number, build_day(job)))

    def wait(self, seconds: float) -> list[tuple[int, DayOutcome]]:  # noqa: ARG002  # never has to
        """What was built since the last call."""
        done, self._done = self._done, []
        return done


@dataclass
class _Worker:
    process: subprocess.Popen[bytes]
    pipe: Connection
    number: int | None = None
    """Of the job that it has."""


class LocalProcesses:
    """Up to `capacity` processes, started as they are needed."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._workers: list[_Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.pipe.close()  # an idle worker ends by itself
            if worker.number is not None:
                worker.process.terminate()
        for worker in self._workers:
            try:
                worker.process.wait(_ENDS_WITHIN_S)
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
        self._workers.clear()

    @property
    def pids(self) -> list[int]:
        """Processes that are there."""
        return [worker.process.pid for worker in self._workers]

    def submit(self, number: int, job: DayJob) -> None:
        """Hands the job to an idle process, or starts one."""
        while True:
            idle = next((worker for worker in self._workers if worker.number is None), None)
            worker = idle or self._start()
            try:
                worker.pipe.send(job)
            except OSError:
                self._bury(worker)  # died idle: nothing is lost
                continue
            worker.number = number
            return

    def wait(self, seconds: float) -> list[tuple[int, DayOutcome]]:
        """What has been finished; a process that died reports how."""
        busy = {worker.pipe: worker for worker in self._workers if worker.number is not None}
        finished: list[tuple[int, DayOutcome]] = []
        for pipe in wait(list(busy), seconds):
            worker = busy[pipe]  # type: ignore[index]
            assert worker.number is not None
            try:
                outcome: DayOutcome = worker.pipe.recv()
            except (EOFError, OSError):
                outcome = DayOutcome(lost=self._bury(worker))
            finished.append((worker.number, outcome))
            worker.number = None
        return finished

    def _start(self) -> _Worker:
        with ctrl_c_waits():
            worker = _Worker(*start("atc.features.executors.worker"))
            self._workers.append(worker)
        return worker

    def _bury(self, worker: _Worker) -> str:
        """Takes a dead process off the list; how it ended."""
        self._workers.remove(worker)
        worker.pipe.close()
        try:
            code = worker.process.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            worker.process.kill()
            code = worker.process.wait()
        if code < 0:
            return f"process {worker.process.pid} was ended by {signal.Signals(-code).name}"
        return f"process {worker.process.pid} ended with exit code {code}"

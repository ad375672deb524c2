"""Jobs on this machine: in this process, or in processes of their own.

Processes, not threads: each holds one job and returns its memory with it, and one that is killed takes
nothing with it but its job.
"""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Generic, Self

from atc.executors import Job, Outcome, Work, outcome_of
from atc.processes import ctrl_c_waits, start

_ENDS_WITHIN_S = 10.0


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class InProcess(Generic[Job, Outcome]):
    """One job after the other in this process."""

    capacity = 1

    def __init__(self, work: Work[Job, Outcome]) -> None:
        self._does = work.does
        self._done: list[tuple[int, Outcome]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.clear()

    def submit(self, number: int, job: Job) -> None:
        """Does the job now."""
        self._done.append((number, outcome_of(self._does, job)))

    def wait(self, seconds: float) -> list[tuple[int, Outcome]]:  # noqa: ARG002  # never has to
        """What was done since the last call."""
        done, self._done = self._done, []
        return done


@dataclass
class _Worker:
    process: subprocess.Popen[bytes]
    pipe: Connection
    number: int | None = None
    """Of the job that it has."""


class LocalProcesses(Generic[Job, Outcome]):
    """Up to `capacity` processes, started as they are needed; one that has died is replaced.

    Leaving it ends those that are at work by SIGTERM, and after `ends_within_s` by SIGKILL.
    """

    def __init__(
        self, work: Work[Job, Outcome], capacity: int, *, ends_within_s: float = _ENDS_WITHIN_S
    ) -> None:
        self.capacity = capacity
        self._work = work
        self._ends_within_s = ends_within_s
        self._workers: list[_Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            if worker.number is not None:
                worker.process.terminate()  # one word is enough: its pipe stays open until it has ended
            else:
                worker.pipe.close()  # it ends by itself
        for worker in self._workers:
            try:
                worker.process.wait(self._ends_within_s)
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
            worker.pipe.close()
        self._workers.clear()

    @property
    def pids(self) -> list[int]:
        """Processes that are there."""
        return [worker.process.pid for worker in self._workers]

    def submit(self, number: int, job: Job) -> None:
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

    def wait(self, seconds: float) -> list[tuple[int, Outcome]]:
        """What has been finished; a process that died reports how."""
        busy = {worker.pipe: worker for worker in self._workers if worker.number is not None}
        finished: list[tuple[int, Outcome]] = []
        for pipe in wait(list(busy), seconds):
            worker = busy[pipe]  # type: ignore[index]
            assert worker.number is not None
            try:
                outcome: Outcome
                outcome, leaves = worker.pipe.recv()
            except (EOFError, OSError):
                outcome, leaves = self._work.lost(self._bury(worker)), False
            finished.append((worker.number, outcome))
            worker.number = None
            if leaves:
                self._bury(worker)
        return finished

    def _start(self) -> _Worker:
        with ctrl_c_waits():
            worker = _Worker(*start("atc.executors.worker", self._work.does, self._work.begins))
            self._workers.append(worker)
        return worker

    def _bury(self, worker: _Worker) -> str:
        """Takes a dead process off the list; how it ended, without its number: tables hold what is said."""
        self._workers.remove(worker)
        worker.pipe.close()
        try:
            code = worker.process.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            worker.process.kill()
            code = worker.process.wait()
        if code < 0:
            return f"its process was ended by {signal.Signals(-code).name}"
        return f"its process ended with exit code {code}"

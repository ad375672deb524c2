"""Jobs in the processes of joblib's pool on this machine.

A process that dies breaks the whole pool: the jobs of all its processes come back as lost, and the next job
gets a new pool. So one that is idle does not heed SIGTERM, which would kill those that are at work.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from types import TracebackType
from typing import Any, Generic, Self

from atc.errors import UsageError
from atc.executors import Job, Outcome, Work, named, outcome_of
from atc.executors.worker import LEFT_WITHIN_S

_PARENT_LOOKED_FOR_S = 1.0

_at_work = threading.Event()
"""Whether this process of a pool has a job."""


class JoblibProcesses(Generic[Job, Outcome]):
    """`workers` processes. Leaving it ends those that are at work by SIGTERM, and after `ends_within_s` by
    SIGKILL. Raises UsageError without joblib.
    """

    def __init__(self, work: Work[Job, Outcome], workers: int, *, ends_within_s: float) -> None:
        try:
            from joblib.externals import loky  # type: ignore[import-untyped, unused-ignore]
        except ImportError as why:
            raise UsageError(
                "joblib is not installed; `pip install joblib` installs it, launcher=basic works without it"
            ) from why
        self.capacity = workers
        self._loky: Any = loky
        self._work = work
        self._ends_within_s = ends_within_s
        self._pool: Any = None
        self._futures: dict[Future[Outcome], tuple[int, Any]] = {}
        """With the number of the job and the pool that has it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is None:
            return
        if self._futures:
            for pid in self._pool._processes or ():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
            wait(self._futures, self._ends_within_s)
        self._pool.shutdown(wait=True, kill_workers=True)
        self._pool = None

    def submit(self, number: int, job: Job) -> None:
        """Hands the job to the pool, or to a new one where a process of it has died."""
        try:
            future = self._its_pool().submit(_outcome_of, self._work.does, job)
        except self._loky.BrokenProcessPool:  # an idle one, or nobody has asked yet what became of the others
            self._pool = None
            future = self._its_pool().submit(_outcome_of, self._work.does, job)
        self._futures[future] = number, self._pool

    def _its_pool(self) -> Any:
        if self._pool is None:
            self._pool = self._loky.ProcessPoolExecutor(
                self.capacity, initializer=_begin, initargs=(self._work.begins, os.getpid())
            )
        return self._pool

    def wait(self, seconds: float) -> list[tuple[int, Outcome]]:
        """What has been finished; the jobs of a broken pool report how it broke."""
        ready, _ = wait(self._futures, seconds, FIRST_COMPLETED)
        found = []
        for future in ready:
            number, pool = self._futures.pop(future)
            try:
                found.append((number, future.result()))
            except self._loky.BrokenProcessPool as why:
                found.append((number, self._work.lost(_first_line(why))))
                if self._pool is pool:
                    self._pool = None
            except Exception as why:
                found.append((number, self._work.crashed(f"{type(why).__name__}: {why}")))
        return found


def _begin(begins: str, parent: int) -> None:
    # Ctrl-C reaches the whole group: whoever started us decides, and leaves nothing half written.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    if begins:
        named(begins)()


def _outcome_of(does: str, job: Any) -> Any:
    _at_work.set()
    signal.signal(signal.SIGTERM, _end)  # until the job has a way of its own to end itself
    try:
        return outcome_of(does, job)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _at_work.clear()


def _end(*_: object) -> None:
    raise RuntimeError("ended by SIGTERM")


def _watch(parent: int) -> None:
    """Ends a process whose parent was killed."""
    while os.getppid() == parent:
        time.sleep(_PARENT_LOOKED_FOR_S)
    if not _at_work.is_set():
        os._exit(1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(LEFT_WITHIN_S)
    os._exit(1)


def _first_line(why: BaseException) -> str:
    return (str(why).strip() or type(why).__name__).splitlines()[0]

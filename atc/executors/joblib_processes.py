"""Jobs in the processes of joblib's pools on this machine.

A process that dies breaks its whole pool, and a pool keeps its processes for as long as it lives. So each
process has a pool of its own: one that dies takes no other job with it, and one that has grown is replaced.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Self

from atc.errors import UsageError
from atc.executors import Job, Leave, Outcome, Work, named
from atc.executors.worker import LEFT_WITHIN_S

_PARENT_LOOKED_FOR_S = 1.0

_at_work = threading.Event()
"""Whether this process of a pool has a job."""


@dataclass
class _Slot:
    """Room for one job at a time: a pool of one process, or none yet."""

    pool: Any = None
    number: int | None = None
    """Of the job that it has."""


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
        self._slots = [_Slot() for _ in range(workers)]
        self._futures: dict[Future[tuple[Outcome, bool]], _Slot] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pools = [slot.pool for slot in self._slots if slot.pool is not None]
        if self._futures:
            for slot in self._futures.values():
                for pid in slot.pool._processes or ():
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGTERM)
            wait(self._futures, self._ends_within_s)
        for pool in pools:
            pool.shutdown(wait=True, kill_workers=True)
        self._slots.clear()

    def submit(self, number: int, job: Job) -> None:
        """Hands the job to an idle process, or to a new one where there is none or it has died."""
        slot = next(slot for slot in self._slots if slot.number is None)
        try:
            future = self._pool(slot).submit(_outcome_of, self._work.does, job)
        except self._loky.BrokenProcessPool:  # it died idle, and nothing is lost
            slot.pool = None
            future = self._pool(slot).submit(_outcome_of, self._work.does, job)
        slot.number = number
        self._futures[future] = slot

    def _pool(self, slot: _Slot) -> Any:
        if slot.pool is None:
            slot.pool = self._loky.ProcessPoolExecutor(
                1, initializer=_begin, initargs=(self._work.begins, os.getpid())
            )
        return slot.pool

    def wait(self, seconds: float) -> list[tuple[int, Outcome]]:
        """What has been finished; a process that died reports that it did."""
        ready, _ = wait(self._futures, seconds, FIRST_COMPLETED)
        found: list[tuple[int, Outcome]] = []
        for future in ready:
            slot = self._futures.pop(future)
            number, slot.number = slot.number, None
            assert number is not None
            outcome: Outcome
            leaves = False
            try:
                outcome, leaves = future.result()
            except self._loky.BrokenProcessPool as why:
                outcome, slot.pool = self._work.lost(_first_line(why)), None
            except Exception as why:
                outcome = self._work.crashed(f"{type(why).__name__}: {why}")
            found.append((number, outcome))
            if leaves:
                slot.pool.shutdown(wait=False)  # it ends by itself; what it has started may outlive it
                slot.pool = None
        return found


def _begin(begins: str, parent: int) -> None:
    # They reach the whole group: whoever started us decides, and leaves nothing half written.
    for of_all in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(of_all, signal.SIG_IGN)
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    if begins:
        named(begins)()


def _outcome_of(does: str, job: Any) -> tuple[Any, bool]:
    """What becomes of the job, and whether this process should end."""
    _at_work.set()
    signal.signal(signal.SIGTERM, _end)  # until the job has a way of its own to end itself
    try:
        return named(does)(job), False
    except Leave as leaving:
        return leaving.outcome, True
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

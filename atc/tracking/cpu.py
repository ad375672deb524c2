"""Processor time of a stretch of work, of this process, its threads and the processes that it started."""

from __future__ import annotations

import os
import time
from collections.abc import Set as AbstractSet
from pathlib import Path

from atc.tracking.memory import descendants

_TIMES = slice(11, 15)
"""utime, stime, cutime, cstime among the fields of /proc/…/stat behind the name, which may hold spaces: the
14th to the 17th of proc(5), which counts from 1 and begins before the name.
"""


_taken_over_s = 0.0


def take_over(seconds: float) -> None:
    """Counts as spent now what an attempt that died has spent on what this one goes on from, so that a fit
    costs the same however often it was killed.
    """
    global _taken_over_s  # noqa: PLW0603  # of the process, like its processor time
    _taken_over_s += seconds


class CpuTime:
    """Measures between `start()` and `stop()`: user and system time, seconds, with what was taken over.

    The time of a process that has ended and was waited for is in its parent's, so the sum over this process
    and those below it only grows, and two looks at it are enough; other processes are told to 1/100 s. Left
    out are processes in `ignore` and what they start, and what is no descendant: tasks that a Ray cluster
    elsewhere works on. Where /proc does not tell, a child counts when it has ended.
    """

    def __init__(self, ignore: AbstractSet[int] = frozenset()) -> None:
        self._ignore = ignore
        self._before = 0.0

    def start(self) -> None:
        self._before = self._spent()

    def stop(self) -> float:
        """Seconds since `start()`."""
        return max(self._spent() - self._before, 0.0)

    def _spent(self) -> float:
        times = os.times()
        own = time.process_time() + times.children_user + times.children_system
        return own + _taken_over_s + sum(map(_spent_by, descendants(self._ignore)))


def _spent_by(pid: int) -> float:
    """Seconds of another process and of those that it has waited for; 0 if it has gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    ticks = text.rpartition(")")[2].split()[_TIMES]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")

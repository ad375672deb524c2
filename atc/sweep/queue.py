"""Which job is started next."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from atc.sweep.rows import Row


class Queue:
    """Numbers of the jobs that are left, and of those under way."""

    def __init__(self) -> None:
        self.pending: deque[int] = deque()
        self.under_way: set[int] = set()
        self._lost: set[int] = set()

    def lost(self, number: int) -> bool:
        """The worker of this job has ended, maybe by another one's fault: it is begun once more, last and
        alone, so that nothing else can be why. False: that was done already.
        """
        if number in self._lost:
            return False
        self._lost.add(number)
        self.pending.append(number)
        return True

    def take(self, rows: Mapping[int, Row]) -> int | None:
        """The next job to start, under way from now on; None: nothing may start before something ends. One
        that asks for the same run as a job under way waits, and finds it.
        """
        if self.under_way & self._lost:
            return None
        busy = {rows[number].job.config_digest for number in self.under_way}
        for number in self.pending:
            if number in self._lost and (self.under_way or not self._lost.issuperset(self.pending)):
                continue
            if rows[number].job.config_digest not in busy:
                self.pending.remove(number)
                self.under_way.add(number)
                return number
        return None

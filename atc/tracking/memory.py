"""Peak resident memory of a stretch of work."""

from __future__ import annotations

import resource
import sys
import threading
from collections.abc import Set as AbstractSet
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")
_SAMPLE_S = 0.1
_KIB_PER_MIB = 1024.0


def _status_kib(status: Path, field: str) -> int | None:
    try:
        text = status.read_text()
    except OSError:  # the process has gone since it was listed
        return None
    for line in text.splitlines():
        if line.startswith(field):
            return int(line.split()[1])
    return None


def anonymous_mib() -> float | None:
    """Resident memory of this process that is no file: without libraries and mapped rows, which the kernel
    takes back where others need the room; None where /proc does not tell.
    """
    kib = _status_kib(_STATUS, "RssAnon:")
    return None if kib is None else kib / _KIB_PER_MIB


def descendants(without: AbstractSet[int] = frozenset()) -> set[int]:
    """Process ids of all children, grandchildren … of this process but `without` and what those started;
    empty where /proc does not tell.
    """
    found: set[int] = set()
    waiting = ["self"]
    while waiting:
        try:
            # A list, because the folder is read while it is gone through.
            threads = list(Path(f"/proc/{waiting.pop()}/task").glob("*/children"))
        except OSError:  # the process has gone since its parent named it
            continue
        for children in threads:
            try:
                pids = {int(pid) for pid in children.read_text().split()} - without
            except OSError:
                continue
            waiting.extend(map(str, pids))
            found |= pids
    return found


class PeakMemory:
    """Measures between `start()` and `stop()`.

    On Linux the kernel's own high-water mark of this process is reset at the start, so a spike between two
    samples is not missed; processes that this one started are sampled ten times a second and added: to each
    sample what they hold then, to the high-water mark the least that they ever held (pages they share with
    it count twice, so with forked workers the figure is an upper bound). Elsewhere it is the peak of the
    whole process so far. Processes in `ignore` and what they start are left out, and those that were not
    there at the sample before: a process that is just being started has all pages of its parent for a moment.
    """

    def __init__(self, ignore: AbstractSet[int] = frozenset()) -> None:
        self._ignore = ignore
        self._done = threading.Event()
        self._sampled_kib = 0
        self._seen: set[int] = set()
        self._least_others_kib: int | None = None  # None: not sampled yet
        self._mark_reset = False
        self._thread = threading.Thread(target=self._sample_until_done, name="peak-memory", daemon=True)

    def start(self) -> None:
        if not _STATUS.exists():
            return
        try:
            _CLEAR_REFS.write_text("5")  # 5: reset VmHWM to the present VmRSS, see proc(5)
            self._mark_reset = True
        except OSError:  # some sandboxes do not have it; the samples stand alone then
            self._mark_reset = False
        self._seen = descendants(self._ignore)
        self._thread.start()

    def stop(self) -> float:
        """The peak in MiB since `start()`."""
        if not _STATUS.exists():
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            return peak / _KIB_PER_MIB / (_KIB_PER_MIB if sys.platform == "darwin" else 1.0)
        self._done.set()
        self._thread.join()
        self._sample()
        mark = (_status_kib(_STATUS, "VmHWM:") or 0) if self._mark_reset else 0
        return max(mark + (self._least_others_kib or 0), self._sampled_kib) / _KIB_PER_MIB

    def _sample_until_done(self) -> None:
        self._sample()
        while not self._done.wait(_SAMPLE_S):
            self._sample()

    def _sample(self) -> None:
        own = _status_kib(_STATUS, "VmRSS:") or 0
        present = descendants(self._ignore)
        children = present & self._seen
        self._seen = present
        others = sum(_status_kib(Path(f"/proc/{pid}/status"), "VmRSS:") or 0 for pid in children)
        self._sampled_kib = max(self._sampled_kib, own + others)
        before = self._least_others_kib
        self._least_others_kib = others if before is None else min(before, others)

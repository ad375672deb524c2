"""One process at a time for one run or sweep: a lock that dies with its process, however that dies."""

from __future__ import annotations

import fcntl
import logging
import os
import weakref
from pathlib import Path

_log = logging.getLogger(__name__)


class RunLock:
    """An exclusive `flock` on `path`; `of` is what messages call what it guards.

    The file stays: to unlink it would let two processes lock two files of one name. A forked child drops
    its copy at once, or workers that outlive a killed parent would hold the run for ever.
    """

    def __init__(self, path: Path, of: str = "run") -> None:
        self.path = path
        self._of = of
        self._descriptor: int | None = None
        _locks.add(self)

    def acquire(self) -> None:
        """Takes the lock; if another process has it, says so and waits for as long as that process lives."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
                _log.warning(
                    "process %s is making %s %s; waiting for it (Ctrl-C to stop waiting)",
                    holder or "(unknown)",
                    self._of,
                    self.path.name,
                )
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def release(self) -> None:
        """Gives the lock back; nothing if it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def is_held(path: Path) -> bool:
    """Whether a process has the lock on `path`; takes nothing and waits for nobody."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


_locks: weakref.WeakSet[RunLock] = weakref.WeakSet()


def _release_in_child() -> None:
    for lock in _locks:
        lock.release()


os.register_at_fork(after_in_child=_release_in_child)

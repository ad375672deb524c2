"""One builder a business day, over all processes that share a cache.

The lock is the kernel's (`flock`): it goes with the process that holds it, however that ends. It spares
double work and nothing else: files are renamed into place whole, so on a file system without locks, or after
somebody removed the lock's file, two builders write the same bytes twice.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

LOCKS = ".locks"
"""The folder beside the schemas in which the locks of an instrument's days lie."""

_WITHOUT_LOCKS = frozenset(
    {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL, errno.EBADF}
)


class DayIsLocked(Exception):
    """Another process builds the day; `owner` says which, as far as it is known."""

    def __init__(self, owner: str) -> None:
        super().__init__(owner)
        self.owner = owner


@contextmanager
def day_lock(file: Path) -> Iterator[bool]:
    """Holds the lock `file`; False where the file system has no locks. Raises DayIsLocked, and never
    waits.
    """
    descriptor = _acquire(file)
    if descriptor is None:
        yield False
        return
    try:
        yield True
    finally:
        # Removed while it is held: whoever opened it meanwhile sees that it is gone and makes a new one.
        file.unlink(missing_ok=True)
        os.close(descriptor)


def sweep_locks(folder: Path) -> None:
    """Removes the files of locks that nobody holds: killed processes leave them."""
    for file in folder.glob("*"):
        try:
            with day_lock(file):
                continue
        except DayIsLocked:
            continue


def _acquire(file: Path) -> int | None:
    file.parent.mkdir(parents=True, exist_ok=True)
    while True:
        descriptor = os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = _owner(descriptor)
            os.close(descriptor)
            raise DayIsLocked(owner) from None
        except OSError as why:
            os.close(descriptor)
            if why.errno in _WITHOUT_LOCKS:
                return None
            raise
        if _is_still(file, descriptor):
            _sign(descriptor)
            return descriptor
        os.close(descriptor)


def _is_still(file: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(file.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _sign(descriptor: int) -> None:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    signature = {"pid": os.getpid(), "host": socket.gethostname(), "since": since}
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, json.dumps(signature).encode())
    except OSError:
        # A full disk: the lock holds without a signature.
        return


def _owner(descriptor: int) -> str:
    try:
        found = json.loads(os.pread(descriptor, 4096, 0))
        return f"process {found['pid']} on {found['host']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"

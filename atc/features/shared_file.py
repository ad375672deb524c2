"""One file for all runs that read the same rows: built once, under a lock, and mapped by each."""

from __future__ import annotations

import errno
import logging
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from atc.errors import DataError
from atc.features.day_file import Damaged, sweep_parts
from atc.features.day_lock import LOCKS, DayIsLocked, day_lock
from atc.tracking.durable import own_part

_log = logging.getLogger(__name__)

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NOT_OURS = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_POLL_S = 0.2

T = TypeVar("T")


def shared_file(
    path: Path,
    *,
    name: str,
    size: str,
    read: Callable[[Path], T],
    write: Callable[[Path], None],
    instead: Callable[[], T],
    bytes_: int,
) -> T:
    """What `read` makes of the file at `path`, which `write` builds unless it is there and whole.

    `name`, `size`: what it is and holds, such as `the matrix`, `of 5 rows × 3 columns`; `bytes_` of memory
    that `instead` takes where the cache cannot be written. One process builds, others wait for it. Raises
    DataError, naming place and size, where the disk is full.
    """
    waits_for: str | None = None
    while True:
        found = _there(path, read)
        if found is not None:
            return found
        try:
            with day_lock(path.parent / LOCKS / path.stem):
                if _there(path, read) is None:
                    sweep_parts(path.parent)
                    _build(path, write)
        except DayIsLocked as other:
            if waits_for != other.owner:
                waits_for = other.owner
                _log.warning("%s: %s builds %s; waiting for it", path, other.owner, name)
            time.sleep(_POLL_S)
        except OSError as why:
            if why.errno in _FULL:
                raise DataError(_full(path, f"{name} {size}", bytes_)) from why
            if why.errno not in _NOT_OURS:
                raise
            _log.warning(
                "%s cannot be written (%s): %s takes %.1f GiB of memory instead",
                *(path, why.strerror, name, bytes_ / 2**30),
            )
            return instead()


def _there(path: Path, read: Callable[[Path], T]) -> T | None:
    """The content, every value checked; None where there is none that is whole."""
    try:
        return read(path)
    except FileNotFoundError:
        return None
    except Damaged as why:
        _log.warning("%s: %s; it is built again", path, why)
        return None


def _build(path: Path, write: Callable[[Path], None]) -> None:
    part = own_part(path.parent, path.stem)
    try:
        write(part)
        # Not made durable first: after a power cut the checksums tell, and it is built again.
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _full(path: Path, what: str, needed: int) -> str:
    free = shutil.disk_usage(path.parent).free
    return (
        f"{path.parent}: the disk is full: {what} takes {needed / 2**30:.2f} GiB, {free / 2**30:.2f} GiB are "
        "free. `atc features prune --yes` removes what nobody can ask for again; paths.outputs names another "
        "disk"
    )

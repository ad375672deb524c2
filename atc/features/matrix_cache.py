"""One matrix for all runs that read the same rows: built once, under a lock, and mapped by each."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

import numpy as np
from numpy.typing import NDArray

from atc.errors import DataError
from atc.features.day_file import Damaged, sweep_parts
from atc.features.day_lock import LOCKS, DayIsLocked, day_lock
from atc.features.matrix_file import ENDING, MatrixPlan, in_memory, read_matrix, write_matrix

_log = logging.getLogger(__name__)

MATRICES = "matrices"
"""The folder of the cache, beside `features` and `labels`."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NOT_OURS = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_POLL_S = 0.2

Days = Callable[[], Iterator[NDArray[np.float32]]]
"""Gives the rows (n, k) of each day of a plan, in order."""


def shared_matrix(folder: Path, plan: MatrixPlan, days: Days) -> NDArray[np.float32]:
    """The matrix of `plan` in `folder`, memory-mapped, built by `days` unless it is there and whole.

    One process builds, others wait for it. In a cache that cannot be written it is memory of this process.
    Raises DataError, naming place and size, where the disk is full.
    """
    path = folder / f"{plan.key}{ENDING}"
    waits_for: str | None = None
    while True:
        found = _there(path)
        if found is not None:
            return found
        try:
            with day_lock(folder / LOCKS / plan.key):
                if _there(path) is None:
                    sweep_parts(folder)
                    _build(path, plan, days)
        except DayIsLocked as other:
            if waits_for != other.owner:
                waits_for = other.owner
                _log.warning("%s: %s builds the matrix; waiting for it", path, other.owner)
            time.sleep(_POLL_S)
        except OSError as why:
            if why.errno in _FULL:
                raise DataError(_full(path, plan)) from why
            if why.errno not in _NOT_OURS:
                raise
            _log.warning(
                "%s cannot be written (%s): the matrix takes %.1f GiB of memory instead",
                *(path, why.strerror, plan.bytes / 2**30),
            )
            return in_memory(plan, days())


def _there(path: Path) -> NDArray[np.float32] | None:
    """The matrix, every value checked; None where there is none that is whole."""
    try:
        return read_matrix(path).values()
    except FileNotFoundError:
        return None
    except Damaged as why:
        _log.warning("%s: %s; it is built again", path, why)
        return None


def _build(path: Path, plan: MatrixPlan, days: Days) -> None:
    part = path.with_name(f".{path.stem}@{socket.gethostname()}@{os.getpid()}@{token_hex(4)}.part")
    try:
        write_matrix(part, plan, days())
        # Not made durable first: after a power cut the checksums tell, and it is built again.
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _full(path: Path, plan: MatrixPlan) -> str:
    rows, columns = plan.shape
    free = shutil.disk_usage(path.parent).free
    return (
        f"{path.parent}: the disk is full: the matrix of {rows:,} rows × {columns} columns takes "
        f"{plan.bytes / 2**30:.2f} GiB, {free / 2**30:.2f} GiB are free. `atc features prune --yes` removes "
        "what nobody can ask for again; paths.outputs names another disk"
    )

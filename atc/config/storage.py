"""Folders that cannot be used, in words: which one, why, and the way out."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from atc.config.surroundings import Paths
from atc.errors import DataError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
# A file where a folder should be, or a name that no folder can have.
_IN_THE_WAY = frozenset({errno.EEXIST, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP})


def in_words(failure: Exception, paths: Paths) -> Exception:
    """`failure`, as a message where it is of memory, a folder or a disk, which the user can mend."""
    if isinstance(failure, MemoryError):
        return DataError(
            f"not enough memory ({failure or 'none left'}): a shorter window.train_…, thinning=every_k or "
            "fewer features take less; what was finished before is untouched, and the same command goes on"
        )
    return (isinstance(failure, OSError) and unusable(failure, paths)) or failure


def unusable(failure: OSError, paths: Paths) -> DataError | None:
    """The message for a failure that lies in the folders of `paths`; None where it may be a bug."""
    why = failure.strerror or type(failure).__name__
    if failure.errno in _FULL:
        return DataError(
            f"{failure.filename or paths.outputs_dir}: {why}; free some space, or set paths.outputs to a "
            "folder on another disk"
        )
    if not isinstance(failure.filename, str | os.PathLike):
        return None
    path = Path(failure.filename)
    for key, folder, hint in (
        ("paths.outputs", paths.outputs_dir, ""),
        ("paths.events", paths.events_dir, " (or ATC_EVENTS)"),
    ):
        above = path == folder or path in folder.parents
        # Below the folder a missing file is for us to explain; the folder itself is the user's.
        absent = failure.errno == errno.ENOENT and above
        if absent or (failure.errno in _REFUSED | _IN_THE_WAY and (above or folder in path.parents)):
            return DataError(
                f"{path}: cannot be made or written ({why}); set {key}{hint} to a folder that can"
            )
    return None

"""The files of an ingest as the user gave them: whether they are there, and what they are."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from atc.errors import DataError

Progress = Callable[[int], None]
"""Takes the number of (compressed) bytes read since the last call."""


def no_progress(_: int) -> None:
    """For callers that show none."""


def sha256_of(path: Path) -> str:
    """SHA-256 of the file's bytes. Raises DataError if it is missing."""
    check_exists(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_exists(path: Path) -> None:
    """Raises DataError, naming what lies beside it, if `path` is no file."""
    if path.is_file():
        return
    if path.is_dir():
        inside = sorted(p.name for p in path.iterdir() if p.is_file())
        named = f", among them {', '.join(inside[:3])}" if inside else ""
        raise DataError(
            f"{path}: expected a file, found a folder of {len(inside)} files{named}; give files of it"
        )
    near = [p.name for p in sorted(path.parent.glob(path.name[:4] + "*"))[:5]] if path.parent.is_dir() else []
    beside = f"; its folder has {', '.join(near)}" if near else ""
    raise DataError(f"{path}: expected a file, found nothing{beside}")

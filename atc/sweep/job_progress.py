"""How far a job is, as a small file in its folder, which whoever looks at the sweep reads: the launcher, or
`atc sweep status` beside it, wherever the job is done.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from atc.sweep.folder import PROGRESS
from atc.tracking.heard import heard

_WRITES_EVERY_S = 0.5


@dataclass(frozen=True)
class JobProgress:
    """The stage that is under way."""

    stage: str
    done: float | None = None
    total: float | None = None

    @property
    def words(self) -> str:
        """Its name, and how much of it is done where that is known."""
        if self.done is None or not self.total:
            return self.stage
        return f"{self.stage} {100 * self.done / self.total:.0f} %"


@contextmanager
def told_in(path: Path) -> Iterator[None]:
    """Writes how far this process is to `path` meanwhile; afterwards the file is gone.

    It is no record: it may be lost, and a disk that is full stops no job.
    """
    written = 0.0

    def tell(stage: str, done: float | None, total: float | None) -> None:
        nonlocal written
        if done is not None and time.monotonic() - written < _WRITES_EVERY_S:
            return
        written = time.monotonic()
        part = path.with_name(f".{path.name}.part")
        with suppress(OSError):
            part.write_text(json.dumps(asdict(JobProgress(stage, done, total))), encoding="utf-8")
            part.replace(path)

    try:
        with heard(tell):
            yield
    finally:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def read_progress(folder: Path) -> JobProgress | None:
    """Of the job in `folder`; None where nothing is told."""
    try:
        return JobProgress(**json.loads((folder / PROGRESS).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None

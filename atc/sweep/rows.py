"""The jobs of a sweep as its launcher knows them, and what a launch leaves behind."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from atc.sweep.manifest import PlannedJob
from atc.sweep.state import JobState


@dataclass
class Row:
    """A job as the launcher knows it."""

    job: PlannedJob
    title: str
    state: JobState | None
    began: float | None = None
    """By the monotonic clock, while it is under way."""
    fresh: bool = False
    """It was handed to a worker in this session."""

    @property
    def status(self) -> str:
        """Of its state."""
        return "pending" if self.state is None else self.state.status


@dataclass
class Progress:
    """How far a launch is."""

    folder: Path
    rows: dict[int, Row]
    workers: int = 1
    began: float = field(default_factory=time.monotonic)
    planned: int = 0
    """Jobs of a search, those included that are not yet proposed."""

    @property
    def total(self) -> int:
        """Jobs that there are or will be."""
        return max(self.planned, len(self.rows))

    def count(self, *wanted: str) -> int:
        """Jobs of these statuses."""
        return sum(row.status in wanted for row in self.rows.values())


@dataclass(frozen=True)
class Launched:
    """What a launch left behind."""

    folder: Path
    rows: tuple[Row, ...]
    interrupted: bool
    total: int
    """Jobs that there are or, of a search, would have been."""
    failure: OSError | None = None
    """What the launcher could not write, or start, and stopped at."""

    @property
    def exit_code(self) -> int:
        """0: every job is finished, or was ended early by its search; 130: interrupted; else 1."""
        if self.interrupted:
            return 130
        if self.failure is not None:
            return 1
        return 0 if all(row.status in ("finished", "pruned") for row in self.rows) else 1

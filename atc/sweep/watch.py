"""Who is told how a launch goes on."""

from __future__ import annotations

from typing import Protocol

from atc.sweep.rows import Progress, Row


class Watch(Protocol):
    """Is told what happens; shows it, or does not."""

    def changed(self, row: Row, progress: Progress) -> None:
        """A job was started or has ended."""
        ...

    def looked(self, progress: Progress) -> None:
        """Some time has passed."""
        ...

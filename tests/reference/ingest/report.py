"""What an ingest read, and what it repaired or flagged on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from reference.ingest.message import Origin


class Finding(NamedTuple):
    """One message that did not go through as it came."""

    action: str
    """`repaired`: moved, changed or left out. `flagged`: kept, with a doubt or a mark on it."""
    reason: str
    origin: Origin
    detail: str


class IngestReport:
    """Counts findings by reason, and hands each one to `rows` if that is given."""

    def __init__(self, rows: Callable[[Finding], None] | None = None) -> None:
        self.messages_read = 0
        self.repaired: Counter[str] = Counter()
        self.flagged: Counter[str] = Counter()
        self._rows = rows

    def repair(self, origin: Origin, reason: str, detail: str = "") -> None:
        """A message was moved, changed or left out."""
        self.repaired[reason] += 1
        if self._rows:
            self._rows(Finding("repaired", reason, origin, detail))

    def flag(self, origin: Origin, reason: str, detail: str = "") -> None:
        """A message was kept, with a doubt or a mark on it."""
        self.flagged[reason] += 1
        if self._rows:
            self._rows(Finding("flagged", reason, origin, detail))

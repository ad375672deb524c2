"""What an ingest read, and what it repaired or flagged on the way."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date
from typing import NamedTuple


class Origin(NamedTuple):
    """Where a message was read; a report and an error name it."""

    file: str
    row: int
    """Line of a text file, element of a JSON array; both count from 1. 0: the file as a whole."""

    def __str__(self) -> str:
        return f"{self.file}:{self.row}"


class Finding(NamedTuple):
    """One message that did not go through as it came."""

    action: str
    """`repaired`: moved, changed or left out. `flagged`: kept, with a doubt or a mark on it."""
    reason: str
    origin: Origin
    detail: str


class IngestReport:
    """Findings, counted by business day and reason; each one is handed to `rows` if that is given."""

    def __init__(self, rows: Callable[[Finding], None] | None = None) -> None:
        self.messages_read = 0
        self.events_written = 0
        self.by_day: dict[date | None, dict[str, Counter[str]]] = defaultdict(
            lambda: {"repaired": Counter(), "flagged": Counter()}
        )
        """Counts by action and reason; the day is None for what was found before the first message."""
        self.rows = rows

    @property
    def repaired(self) -> Counter[str]:
        """Messages moved, changed or left out, by reason."""
        return self._total("repaired")

    @property
    def flagged(self) -> Counter[str]:
        """Messages kept with a doubt or a mark on them, by reason."""
        return self._total("flagged")

    def _total(self, action: str) -> Counter[str]:
        return sum((counts[action] for counts in self.by_day.values()), Counter())

    def to_json(self) -> dict[str, dict[str, dict[str, int]]]:
        """`{day: {"repaired": {reason: n}, "flagged": {reason: n}}}`; "" for what has no day."""
        days = sorted(self.by_day, key=lambda day: day or date.min)
        return {
            day.isoformat() if day else "": {
                action: dict(counts) for action, counts in self.by_day[day].items()
            }
            for day in days
        }

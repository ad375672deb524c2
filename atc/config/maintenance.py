"""The venue's dated calendar of scheduled maintenance."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

# So that every time that is reckoned from it, in ns of 64 bits, is there with years to spare.
Day = Annotated[date, Field(ge=date(1971, 1, 1), le=date(2200, 1, 1))]

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NS = 1_000_000_000


class _Rule(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    minutes: int = Field(gt=0, le=7 * 1440)
    """How long the venue is closed."""
    preopen_minutes: int = Field(default=10, ge=0, le=1440)
    """How long only cancels are taken afterwards (SPEC: about 10 minutes)."""


class WeeklyMaintenance(_Rule):
    """The same hours every week, between two dates: venues move their hours over the years."""

    kind: Literal["weekly"]
    weekday: Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    start: time
    """Local time of the venue (`tz_offset_s`)."""
    first: Day
    last: Day | None = None
    """The last local date on which the rule holds; null: still valid."""

    def starts(self, tz_offset_s: int, begin: datetime, end: datetime) -> list[datetime]:
        offset = timedelta(seconds=tz_offset_s)
        day = max(self.first, (begin + offset).date())
        until = min(self.last or date.max, (end + offset).date())
        day += timedelta(days=(_WEEKDAYS.index(self.weekday) - day.weekday()) % 7)
        found = []
        while day <= until:
            found.append(datetime.combine(day, self.start, UTC) - offset)
            day += timedelta(days=7)
        return found


class SingleMaintenance(_Rule):
    """One announced maintenance."""

    kind: Literal["once"]
    start: AwareDatetime
    """With its zone, e.g. 2025-03-08T09:00:00+09:00."""

    def starts(self, tz_offset_s: int, begin: datetime, end: datetime) -> list[datetime]:  # noqa: ARG002
        return [self.start] if begin <= self.start <= end else []


Maintenance = Annotated[WeeklyMaintenance | SingleMaintenance, Field(discriminator="kind")]


def maintenance_windows(
    calendar: Sequence[WeeklyMaintenance | SingleMaintenance], tz_offset_s: int, begin_ns: int, end_ns: int
) -> list[tuple[int, int, int]]:
    """`(start, end, end of pre-open)`, ns UTC, of each maintenance that touches `[begin_ns, end_ns]`.

    One that starts within a day after `end_ns` is included too, for the no-entry window before it.
    """
    # A maintenance can have begun a week before and still touch the span.
    begin = datetime.fromtimestamp(begin_ns // _NS, UTC) - timedelta(days=8)
    end = datetime.fromtimestamp(end_ns // _NS, UTC) + timedelta(days=1)
    windows = []
    for rule in calendar:
        for start in rule.starts(tz_offset_s, begin, end):
            start_ns = int(start.timestamp()) * _NS
            stop_ns = start_ns + rule.minutes * 60 * _NS
            open_ns = stop_ns + rule.preopen_minutes * 60 * _NS
            if open_ns >= begin_ns:
                windows.append((start_ns, stop_ns, open_ns))
    return sorted(windows)

"""The venue's calendar as intervals: day cuts, when it is closed, and when positions are only reduced."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from atc.config.data import InstrumentFacts
from atc.config.maintenance import maintenance_windows
from atc.events.business_day import DAY_NS, day_of, day_start_ns

SECOND_NS = 1_000_000_000
Interval = tuple[int, int]
"""Begin, included, and end, excluded, ns UTC."""


@dataclass(frozen=True)
class Calendar:
    """What of the calendar falls into a span."""

    day_cuts: tuple[int, ...]
    """After the begin of the span, up to its end and including it: carry is due there, ns UTC."""
    closed: tuple[Interval, ...]
    """Maintenance with the pre-open after it, in which only cancels are taken."""
    no_new_entry: tuple[Interval, ...]
    """Before each cut and each maintenance, and until a maintenance is over."""


def calendar_of(facts: InstrumentFacts, no_new_entry_s: float, begin_ns: int, end_ns: int) -> Calendar:
    """The calendar of [begin_ns, end_ns)."""
    cut = day_start_ns(
        day_of(begin_ns, facts.day_cut_utc_s, facts.tz_offset_s), facts.day_cut_utc_s, facts.tz_offset_s
    )
    cuts = tuple(range(cut + DAY_NS, end_ns + 1, DAY_NS))
    before = round(no_new_entry_s * SECOND_NS)
    closed, entries = [], [(cut - before, cut) for cut in (*cuts, cut + DAY_NS * (len(cuts) + 1))]
    for start, _, opened in maintenance_windows(facts.maintenance, facts.tz_offset_s, begin_ns, end_ns):
        closed.append((start, opened))
        entries.append((start - before, opened))
    return Calendar(cuts, _within(closed, begin_ns, end_ns), _within(entries, begin_ns, end_ns))


def _within(intervals: Iterable[Interval], begin_ns: int, end_ns: int) -> tuple[Interval, ...]:
    """Cut to the span, those that touch joined."""
    joined: list[Interval] = []
    for start, stop in sorted(intervals):
        first, last = max(start, begin_ns), min(stop, end_ns)
        if first >= last:
            continue
        if joined and first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return tuple(joined)

"""Which rows there are, and when each became known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .events import REPEAT, SECOND, SNAPSHOT, Advance, Book, Event, Spec, Step, Ticker, Trade, is_market
from .stretches import Stretch


class Row(NamedTuple):
    """A row's key, its time of decision and, for a trade row, the number of its group within the stretch."""

    ts_recv: int
    ev_seq: int
    ts_close: int
    group: int | None


def prints_by_group(events: list[Event], spec: Spec) -> list[list[Trade]]:
    """Runs of consecutive prints with equal (`ts_exch`, `side`), each at most `group_ns` after the last."""
    groups: list[list[Trade]] = []
    for event in events:
        if not isinstance(event, Trade):
            continue
        if groups:
            before = groups[-1][-1]
            same_key = (event.ts_exch, event.side) == (before.ts_exch, before.side)
            if same_key and event.ts_recv - before.ts_recv <= spec.group_ns:
                groups[-1].append(event)
                continue
        groups.append([event])
    return groups


def rows_of(stretch: Stretch, spec: Spec, flushed: bool) -> list[Row]:
    """The rows of one stretch in key order. `flushed`: the data end with it and `flush()` was called."""
    match spec.sampling:
        case "trade":
            return list(_trade_rows(stretch, spec, flushed))
        case "book":
            return list(_message_rows(stretch, Book, flushed))
        case "ticker":
            return list(_message_rows(stretch, Ticker, flushed))
        case "clock_1s":
            return list(_clock_rows(stretch, spec, flushed))
    raise ValueError(spec.sampling)


def _time_of(step: Step) -> int:
    return step.now if isinstance(step, Advance) else step.ts_recv


def _later_steps(stretch: Stretch, place: int) -> Iterator[Step]:
    """What came after the step at `place`, up to the RESET or the event after a gap that ended it."""
    for later in range(place + 1, len(stretch.steps)):
        yield stretch.steps[later]
    if stretch.ended_by is not None:
        yield stretch.ended_by


def _timestamp_closed_at(stretch: Stretch, place: int, t: int, flushed: bool) -> int | None:
    """When the timestamp t of the step at `place` closed; null if it is still open."""
    for step in _later_steps(stretch, place):
        if _time_of(step) > t or step is stretch.ended_by:
            return _time_of(step)
    return t if flushed else None


def _group_closed_at(stretch: Stretch, place: int, t: int, spec: Spec, flushed: bool) -> int | None:
    """When the group whose last print is the step at `place` closed; null if it is still open."""
    for step in _later_steps(stretch, place):
        # A later print has another key or is too late: otherwise it would be the last of this group.
        if isinstance(step, Trade) or step is stretch.ended_by or _time_of(step) > t + spec.group_ns:
            return _time_of(step)
    return t + spec.group_ns if flushed else None


def _trade_rows(stretch: Stretch, spec: Spec, flushed: bool) -> Iterator[Row]:
    place_of = {id(step): place for place, step in enumerate(stretch.steps)}
    for number, prints in enumerate(prints_by_group(stretch.events, spec)):
        last = prints[-1]
        place = place_of[id(last)]
        ts_close = _group_closed_at(stretch, place, last.ts_recv, spec, flushed)
        if ts_close is not None and _timestamp_closed_at(stretch, place, last.ts_recv, flushed) is not None:
            yield Row(last.ts_recv, last.ev_seq, ts_close, number)


def _message_rows(stretch: Stretch, kind: type[Book | Ticker], flushed: bool) -> Iterator[Row]:
    for place, step in enumerate(stretch.steps):
        if isinstance(step, kind) and not _is_inserted_keyframe(step):
            ts_close = _timestamp_closed_at(stretch, place, step.ts_recv, flushed)
            if ts_close is not None:
                yield Row(step.ts_recv, step.ev_seq, ts_close, None)


def _is_inserted_keyframe(message: Book | Ticker) -> bool:
    """ATC's own keyframes in a difference feed: nothing that the venue sent."""
    return isinstance(message, Book) and message.flags & (SNAPSHOT | REPEAT) == SNAPSHOT | REPEAT


def _clock_rows(stretch: Stretch, spec: Spec, flushed: bool) -> Iterator[Row]:
    """Whole seconds from the first market event on, each at most `max_gap` after the last one before it."""
    last_event: Event | None = None
    last_market: Event | None = None
    passed = 0  # the seconds before it have come out
    for step in [*stretch.steps, *([stretch.ended_by] if stretch.ended_by else [])]:
        now = _time_of(step)
        if last_event is not None and last_market is not None:
            for g in _seconds(passed, min(now, last_market.ts_recv + spec.max_gap_ns + 1)):
                yield Row(g, last_event.ev_seq, g, None)
        passed = now
        if not isinstance(step, Advance):
            last_event = step
            last_market = step if is_market(step) else last_market
    if flushed and last_event is not None and last_market is not None:
        g = last_event.ts_recv
        if g % SECOND == 0 and passed <= g <= last_market.ts_recv + spec.max_gap_ns:
            yield Row(g, last_event.ev_seq, g, None)


def _seconds(first: int, end: int) -> range:
    """The whole seconds in [first, end)."""
    return range(-(-first // SECOND) * SECOND, end, SECOND)

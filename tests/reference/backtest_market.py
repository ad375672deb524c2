"""The market of the reference backtest: what the book was after each timestamp that touched it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .events import CLEAR, DELTA, REPEAT, SNAP, SNAPSHOT, SYNTH_DIFF, Book, Control, Event, is_reset

Row = dict[str, Any]


@dataclass(frozen=True)
class Moment:
    """The book after all messages of one timestamp."""

    ts: int
    known: bool
    bids: Mapping[int, int]
    asks: Mapping[int, int]
    messages: tuple[Book, ...]
    """Of this timestamp; none at a RESET alone."""

    @property
    def bid(self) -> int | None:
        return max(self.bids) if self.known and self.bids else None

    @property
    def ask(self) -> int | None:
        return min(self.asks) if self.known and self.asks else None

    @property
    def mid2(self) -> int | None:
        return None if self.bid is None or self.ask is None else self.bid + self.ask


class Market:
    """What the events before `end_ns` say of the book, at any time."""

    def __init__(self, events: Iterable[Event], max_gap_ns: int, end_ns: int) -> None:
        self.max_gap_ns = max_gap_ns
        mine = [event for event in events if event.ts_recv < end_ns and isinstance(event, Book | Control)]
        self.last_event_ts = mine[-1].ts_recv if mine else None
        self.moments = _moments(mine, max_gap_ns)
        self._ts = [moment.ts for moment in self.moments]
        self.book_moments = [moment for moment in self.moments if moment.messages]
        self._book_ts = [moment.ts for moment in self.book_moments]
        self.whole = _whole(message for moment in self.book_moments for message in moment.messages)

    def at(self, t: int) -> Moment | None:
        """The known book at `t`, everything up to and with `t` included; None: unknown."""
        last = self.last_message(t)
        number = bisect_right(self._ts, t) - 1
        if last is None or t - last > self.max_gap_ns or not self.moments[number].known:
            return None
        return self.moments[number]

    def last_message(self, t: int) -> int | None:
        number = bisect_right(self._book_ts, t) - 1
        return None if number < 0 else self._book_ts[number]

    def execution(self, arrival: int, wait_ns: int) -> int | None:
        """When an order that arrives then is executed; None: beyond the data."""
        number = bisect_left(self._book_ts, arrival)
        if number < len(self._book_ts) and self._book_ts[number] <= arrival + wait_ns:
            return self._book_ts[number]
        beyond = self.last_event_ts is None or arrival + wait_ns > self.last_event_ts
        return None if beyond else arrival + wait_ns

    def met(self, e: int | None) -> Row:
        """The book that an order finds at `e`, as it is displayed; None: it finds none."""
        book, last = (None, None) if e is None else (self.at(e), self.last_message(e))
        bid, ask = (None, None) if book is None else (book.bid, book.ask)
        return {
            "exec_bid": bid,
            "exec_bid_lots": None if book is None or bid is None else book.bids[bid],
            "exec_ask": ask,
            "exec_ask_lots": None if book is None or ask is None else book.asks[ask],
            "exec_book_age_ns": None if e is None or last is None else e - last,
        }

    def messages_between(self, after: int, until: int) -> list[Book]:
        """Of the timestamps in (after, until]."""
        first, last = bisect_right(self._book_ts, after), bisect_right(self._book_ts, until)
        return [message for moment in self.book_moments[first:last] for message in moment.messages]

    def last_known(self, what: Callable[[Moment], int | None], before: int) -> int | None:
        """The last value that the book timestamps before that time gave; those without one say nothing."""
        for number in reversed(range(bisect_left(self._book_ts, before))):
            value = what(self.book_moments[number])
            if value is not None:
                return value
        return None

    def mark(self, position: int, before: int) -> int:
        """Where a position would be closed, as of everything before that time."""
        if position == 0:
            return 0
        return _there(self.last_known((lambda m: m.bid) if position > 0 else (lambda m: m.ask), before))

    def mid2(self, before: int) -> int:
        """Twice the mid that was last known."""
        return _there(self.last_known(lambda m: m.mid2, before))

    def mid2_path(self, before: int) -> list[tuple[int, int]]:
        """Each timestamp before that time that had a mid, with twice its mid."""
        return [(m.ts, m.mid2) for m in self.book_moments if m.ts < before and m.mid2 is not None]


def _whole(messages: Iterable[Book]) -> set[int]:
    """Numbers of the messages with which the venue showed its whole book.

    A snapshot feed does so each time, whatever is stored of it. A feed of differences says which it is by a
    difference that no one made of two snapshots, or by a keyframe that the recording inserted; from then on a
    repeat is an empty difference.
    """
    found = set()
    of_differences = False
    for message in messages:
        if message.msg_kind != DELTA:
            if message.flags & SNAPSHOT and message.flags & REPEAT:
                of_differences = True
                continue
            found.add(message.ev_seq)
            continue
        if not message.flags & REPEAT:
            of_differences = not message.flags & SYNTH_DIFF
        if not of_differences:
            found.add(message.ev_seq)
    return found


def _there(value: int | None) -> int:
    assert value is not None
    return value


def _moments(events: Sequence[Event], max_gap_ns: int) -> list[Moment]:
    touching = [event for event in events if isinstance(event, Book) or is_reset(event)]
    found: list[Moment] = []
    lots: dict[int, dict[int, int]] = {1: {}, -1: {}}
    known, last_message = False, None
    here: list[Book] = []
    for number, event in enumerate(touching):
        if isinstance(event, Book):
            if last_message is not None and event.ts_recv - last_message > max_gap_ns:
                known = False
            last_message = event.ts_recv
            here.append(event)
            if event.msg_kind in (SNAP, CLEAR):
                known, lots = True, {1: {}, -1: {}}
            if known:
                for level in event.levels:
                    if level.side:
                        lots[level.side].pop(level.px, None)
                        if level.qty:
                            lots[level.side][level.px] = level.qty
        else:
            known = False
        if number + 1 == len(touching) or touching[number + 1].ts_recv > event.ts_recv:
            found.append(Moment(event.ts_recv, known, dict(lots[1]), dict(lots[-1]), tuple(here)))
            here = []
    return found

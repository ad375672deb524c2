"""What was known at x: book, ticker and trade groups, after each event of a stretch with `ts_recv <= x`."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

from .events import CLEAR, SNAP, Book, Event, Spec, Ticker, Trade
from .exact import ln, to_units
from .rows import prints_by_group

DEEPEST_LEVEL = 10  # of those that a column names whatever the config


class Side(NamedTuple):
    """The levels of one side as (px, qty), the best first; only as many as any column looks at."""

    levels: list[tuple[int, int]]

    @property
    def best(self) -> int | None:
        return self.levels[0][0] if self.levels else None

    def level(self, number: int) -> tuple[int, int] | None:
        """(px, qty) of a level counted from 1; null if there is no such level."""
        return self.levels[number - 1] if number <= len(self.levels) else None

    def qty(self, first: int, last: int) -> int | None:
        """Lots on levels `first` to `last`, counted from 1, both included; null if there is no such level."""
        chosen = self.levels[first - 1 : last]
        return sum(qty for _, qty in chosen) if chosen else None


class BookState(NamedTuple):
    """A known book."""

    bids: Side
    asks: Side


class MidChange(NamedTuple):
    """A return between two consecutive timestamps, in units of 2^-40, at the later one."""

    ts: int
    units: int


class Group(NamedTuple):
    """A taker group as of some moment: what its prints up to then say."""

    ts: int
    side: int
    size: int
    notional: int


def mid(bid: int | None, ask: int | None) -> Fraction | None:
    """In ticks; crossed or not."""
    return None if bid is None or ask is None else Fraction(bid + ask, 2)


class State:
    """All lookups into one stretch. `events`: the not ignored events of the stretch, in order."""

    def __init__(self, events: list[Event], spec: Spec) -> None:
        self.spec = spec
        self.events = events

    # Book

    @cached_property
    def _books(self) -> tuple[list[int], list[BookState | None]]:
        """The closed book timestamps, and the book after each; null: not known."""
        messages = [e for e in self.events if isinstance(e, Book)]
        times: list[int] = []
        states: list[BookState | None] = []
        lots: dict[int, dict[int, int]] | None = None  # by side, then by price
        for k, message in enumerate(messages):
            if k > 0 and message.ts_recv - messages[k - 1].ts_recv > self.spec.max_gap_ns:
                lots = None
            if message.msg_kind in (SNAP, CLEAR):
                lots = {1: {}, -1: {}}
            if lots is not None:
                for level in message.levels:
                    if level.side != 0:
                        lots[level.side].pop(level.px, None)
                        if level.qty > 0:
                            lots[level.side][level.px] = level.qty
            timestamp_goes_on = k + 1 < len(messages) and messages[k + 1].ts_recv == message.ts_recv
            if not timestamp_goes_on:
                times.append(message.ts_recv)
                states.append(None if lots is None else self._looked_at(lots))
        return times, states

    def _looked_at(self, lots: dict[int, dict[int, int]]) -> BookState:
        deepest = max(DEEPEST_LEVEL, self.spec.deep_levels[1])
        bids = sorted(lots[1], reverse=True)[:deepest]
        asks = sorted(lots[-1])[:deepest]
        return BookState(Side([(px, lots[1][px]) for px in bids]), Side([(px, lots[-1][px]) for px in asks]))

    @cached_property
    def book_looks(self) -> list[tuple[int, BookState | None]]:
        """Every closed book timestamp with the book after it; null: not known."""
        return list(zip(*self._books, strict=True))

    def book_at(self, x: int) -> BookState | None:
        """The book, if it is known: a quote is carried forward at most `max_gap`."""
        times, states = self._books
        k = bisect_right(times, x) - 1
        return None if k < 0 or x - times[k] > self.spec.max_gap_ns else states[k]

    def mid_at(self, x: int) -> Fraction | None:
        book = self.book_at(x)
        return None if book is None else mid(book.bids.best, book.asks.best)

    @cached_property
    def mid_changes(self) -> list[MidChange]:
        return list(self._changes(self._books[0], [self.mid_at(u) for u in self._books[0]]))

    # Ticker

    @cached_property
    def _tickers(self) -> tuple[list[int], list[Ticker]]:
        """The closed ticker timestamps, and the last message of each."""
        last_of = {e.ts_recv: e for e in self.events if isinstance(e, Ticker)}
        return list(last_of.keys()), list(last_of.values())

    def ticker_at(self, x: int) -> Ticker | None:
        """The last ticker message, if it is at most `max_gap` old."""
        times, messages = self._tickers
        k = bisect_right(times, x) - 1
        return None if k < 0 or x - times[k] > self.spec.max_gap_ns else messages[k]

    def ticker_mid_at(self, x: int) -> Fraction | None:
        ticker = self.ticker_at(x)
        return None if ticker is None else mid(ticker.bid, ticker.ask)

    @cached_property
    def _ticker_mid_changes(self) -> list[MidChange]:
        return list(self._changes(self._tickers[0], [self.ticker_mid_at(u) for u in self._tickers[0]]))

    def ticker_count(self, x: int, window_ns: int) -> int:
        """Messages in (x - W, x]."""
        times = self._ticker_message_times
        return bisect_right(times, x) - bisect_right(times, x - window_ns)

    @cached_property
    def _ticker_message_times(self) -> list[int]:
        return [e.ts_recv for e in self.events if isinstance(e, Ticker)]

    # Mid changes of either

    def _changes(self, times: list[int], mids: list[Fraction | None]) -> Iterator[MidChange]:
        for k in range(1, len(times)):
            before, after = mids[k - 1], mids[k]
            near = times[k] - times[k - 1] <= self.spec.max_gap_ns
            if near and before is not None and after is not None and before != after:
                yield MidChange(times[k], to_units(ln(after / before)))

    def square_returns(self, x: int, window_ns: int, *, of_ticker: bool = False) -> int:
        """The sum of the squares of the mid changes in (x - W, x], in units of 2^-80."""
        changes = self._ticker_mid_changes if of_ticker else self.mid_changes
        first = bisect_right(changes, x - window_ns, key=lambda change: change.ts)
        last = bisect_right(changes, x, key=lambda change: change.ts)
        return sum(change.units**2 for change in changes[first:last])

    # Taker groups

    @cached_property
    def _prints(self) -> list[list[Trade]]:
        return prints_by_group(self.events, self.spec)

    @cached_property
    def _first_print_times(self) -> list[int]:
        return [prints[0].ts_recv for prints in self._prints]

    @cached_property
    def _whole_groups(self) -> list[Group]:
        return [_group(prints) for prints in self._prints]

    def groups_up_to(self, x: int) -> int:
        """How many groups have begun by x."""
        return bisect_right(self._first_print_times, x)

    def group_at(self, x: int, number: int) -> Group:
        """The group `number` as of x: formed by its prints with `ts_recv <= x`, at least one."""
        prints = self._prints[number]
        if prints[-1].ts_recv <= x:
            return self._whole_groups[number]
        return _group([p for p in prints if p.ts_recv <= x])

    def groups_at(self, x: int, window_ns: int) -> list[Group]:
        """The groups, each as of x, whose t lies in (x - W, x], in order."""
        found = []
        for number in reversed(range(self.groups_up_to(x))):
            group = self.group_at(x, number)
            if group.ts <= x - window_ns:
                break  # times of groups do not decrease
            found.append(group)
        return found[::-1]


def _group(prints: list[Trade]) -> Group:
    return Group(
        ts=prints[-1].ts_recv,
        side=prints[-1].side,
        size=sum(p.qty for p in prints),
        notional=sum(p.px * p.qty for p in prints),
    )

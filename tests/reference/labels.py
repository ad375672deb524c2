"""The forward return, with the interval that it looks at, and the spread at the row."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from .events import Event, Spec, is_market, is_reset
from .exact import ln
from .state import State
from .stretches import Stretch, stretches


class Label(NamedTuple):
    """r in bps over [t0, t1], or why there is none."""

    r: Decimal | None
    t0: int
    t1: int
    null_cause: str | None = None


class Quotes:
    """What was quoted at any time of a stream."""

    def __init__(self, events: Sequence[Event], spec: Spec) -> None:
        self.spec = spec
        parts = stretches(events, spec)
        states = [State(part.events, spec) for part in parts]
        begins = [_begin(part) for part in parts]
        self._begun = [
            (begin, state) for begin, state in zip(begins, states, strict=True) if begin is not None
        ]
        self.market = [event.ts_recv for event in events if is_market(event)]
        self.resets = [event.ts_recv for event in events if is_reset(event)]
        self.silences = [
            (before, after) for before, after in pairwise(self.market) if after - before > spec.max_gap_ns
        ]
        looks = {t for _, state in self._begun for t, _ in state.book_looks}
        # A mid can change with a look, with the beginning of a stretch, and when a quote gets too old.
        aged = {t + spec.max_gap_ns for t in looks}
        self._changes = sorted(looks | aged | {begin for begin, _ in self._begun})

    def state_at(self, x: int) -> State | None:
        """As of every event with ts_recv <= x: the last stretch that has begun by then."""
        begun = [state for begin, state in self._begun if begin <= x]
        return begun[-1] if begun else None

    def mid_at(self, x: int) -> Fraction | None:
        state = self.state_at(x)
        return None if state is None else state.mid_at(x)

    def spread_bps_at(self, x: int) -> Fraction | None:
        """Null unless bid < ask."""
        state = self.state_at(x)
        book = None if state is None else state.book_at(x)
        if book is None or book.bids.best is None or book.asks.best is None:
            return None
        bid, ask = book.bids.best, book.asks.best
        return 20_000 * Fraction(ask - bid, ask + bid) if bid < ask else None

    def mean_mid(self, x: int, length_ns: int) -> Fraction | None:
        """The mean over [x - length, x] in time, null unless there is a mid throughout; of length 0: at x."""
        if length_ns == 0:
            return self.mid_at(x)
        first = bisect_right(self._changes, x - length_ns)
        last = bisect_left(self._changes, x)
        cuts = [x - length_ns, *self._changes[first:last], x]
        total = Fraction(0)
        for start, end in pairwise(cuts):
            # Inside of the piece: its ends may be the last moment of an old quote.
            mid = self.mid_at(start if end - start == 1 else (start + end) // 2)
            if mid is None:
                return None
            total += mid * (end - start)
        return total / length_ns

    def broken(self, begin: int, end: int) -> str | None:
        """What a label over [begin, end] meets first, of what makes it null."""
        if any(begin < tau <= end for tau in self.resets):
            return "reset"
        beyond_the_data = not self.market or end > self.market[-1]
        return "gap" if beyond_the_data or any(e1 < end and e2 > begin for e1, e2 in self.silences) else None


def fwd_logret(
    events: Sequence[Event], spec: Spec, ts: Iterable[int], horizon_ns: int, smooth_ns: int = 0
) -> list[Label]:
    """r = 10^4 ln(m_{t+H} / m_t) at each t of `ts`, where m is the mean mid of the last `smooth_ns`."""
    quotes = Quotes(events, spec)

    def label(t0: int) -> Label:
        t1 = t0 + horizon_ns
        broken = quotes.broken(t0 - smooth_ns, t1)
        if broken is not None:
            return Label(None, t0, t1, broken)
        before, after = quotes.mean_mid(t0, smooth_ns), quotes.mean_mid(t1, smooth_ns)
        if before is None:
            return Label(None, t0, t1, "no_quote_before")
        if after is None:
            return Label(None, t0, t1, "no_quote_after")
        return Label(10_000 * ln(after / before), t0, t1)

    return [label(t0) for t0 in ts]


def _begin(part: Stretch) -> int | None:
    if part.opened_by is not None:
        return part.opened_by.ts_recv
    return part.events[0].ts_recv if part.events else None

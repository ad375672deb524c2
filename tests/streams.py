"""Streams that a venue would not dare to send, from a seed or from hypothesis.

Both kinds of stream come out of one generator: it asks a `Chooser`, which is a seeded `random.Random` for the
long streams and hypothesis' `draw` for the small ones that shrink.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Protocol, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from reference.events import (
    BAD_TS,
    CLEAR,
    DELTA,
    DUP_OTHER_SIDE,
    GAP_END,
    GAP_START,
    REPEAT,
    RESET,
    RULE_CHANGE,
    SECOND,
    SNAP,
    SNAPSHOT,
    STATUS,
    SYNTH_DIFF,
    Advance,
    Book,
    Control,
    Event,
    Level,
    Spec,
    Step,
    Ticker,
    Trade,
)

T = TypeVar("T")
MS = SECOND // 1000
GROUP = 5 * MS
GAP = 60 * SECOND

# Monday 2024-03-04, 21:00 UTC: the cut of ETH_JPY's business day.
CUT = 1_709_586_000 * SECOND

MAINTENANCE = ((CUT + 2000 * SECOND, CUT + 2600 * SECOND, CUT + 3200 * SECOND),)

STARTS = (
    CUT - 20 * SECOND,
    CUT - 900 * SECOND - 3 * SECOND,
    CUT,
    CUT + 7 * 3600 * SECOND + 123_456_789,
    MAINTENANCE[0][0] - 901 * SECOND,
    MAINTENANCE[0][2] - 2 * SECOND - 1,
    CUT + 3 * 3600 * SECOND - 1,  # a nanosecond before 09:00 JST, midnight UTC
    CUT + 18 * 3600 * SECOND - 5 * SECOND,  # before midnight JST
)
SIZES = (0, 1, 1, 2, 3, 7, 10, 25, 100, 1000, 10_000, 522_000, 10**6, 10**12, 2**40, 2**40 + 1, 2**41 + 7)
NEAR = (0, 0, 0, 1, MS, GROUP - 1, GROUP, GROUP, GROUP + 1, 100 * MS, 250 * MS, 505 * MS, SECOND - 1, SECOND)
FAR = (5 * SECOND, 5 * SECOND + 1, 29 * SECOND, 30 * SECOND, 59 * SECOND, GAP - 1, GAP, GAP + 1, 61 * SECOND)
VERY_FAR = (120 * SECOND, 300 * SECOND, 1799 * SECOND, 1831 * SECOND)


class Chooser(Protocol):
    """Where the generator's decisions come from."""

    def choice(self, options: Sequence[T]) -> T: ...

    def integer(self, low: int, high: int) -> int: ...


@dataclass(frozen=True)
class Seeded:
    """Decisions of a seeded generator."""

    rng: random.Random

    def choice(self, options: Sequence[T]) -> T:
        return self.rng.choice(options)

    def integer(self, low: int, high: int) -> int:
        return self.rng.randint(low, high)


@dataclass(frozen=True)
class Drawn:
    """Decisions of hypothesis: they shrink to the first option and to `low`."""

    draw: Callable[[st.SearchStrategy[object]], object]

    def choice(self, options: Sequence[T]) -> T:
        return self.draw(st.sampled_from(options))  # type: ignore[return-value]

    def integer(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))  # type: ignore[return-value]


@dataclass(frozen=True)
class Taste:
    """How likely what is, in percent."""

    far: int = 4
    very_far: int = 0
    to_whole_second: int = 8
    reset: int = 1
    control: int = 3
    advance: int = 0
    sizes: tuple[int, ...] = SIZES
    center: int = 400_000
    reach: int = 4  # prices lie this many ticks around the centre, on both sides: books cross
    deep: int = 0  # snapshots carry so many levels more


@dataclass
class _Venue:
    choose: Chooser
    taste: Taste
    now: int
    ev_seq: int = 0
    volume: int = 1000
    last_trade: Trade | None = None
    steps: list[Step] = field(default_factory=list)

    def chance(self, percent: int) -> bool:
        return percent > 0 and self.choose.integer(0, 99) >= 100 - percent

    def next_seq(self) -> int:
        self.ev_seq += self.choose.choice((1, 1, 1, 2, 50))
        return self.ev_seq

    def wait(self) -> None:
        if self.chance(self.taste.very_far):
            self.now += self.choose.choice(VERY_FAR)
        elif self.chance(self.taste.far):
            self.now += self.choose.choice(FAR)
        elif self.chance(self.taste.to_whole_second):
            self.now = -(-self.now // SECOND) * SECOND
        else:
            self.now += self.choose.choice(NEAR)

    def exchange_time(self) -> int | None:
        return self.choose.choice((self.now - 20 * MS, self.now, None, self.now - SECOND, self.now + 7 * MS))

    def price(self) -> int:
        return self.taste.center + self.choose.integer(-self.taste.reach, self.taste.reach)

    def size(self) -> int:
        return self.choose.choice(self.taste.sizes)

    def book(self) -> None:
        kind = self.choose.choice(
            (
                "delta",
                "delta",
                "delta",
                "delta",
                "snap",
                "snap",
                "repeat",
                "inserted",
                "clear",
                "cleared_snap",
            )
        )
        ts_exch = self.exchange_time()
        seq = self.next_seq()
        if kind == "repeat":
            message = Book(seq, self.now, ts_exch, SYNTH_DIFF | REPEAT, DELTA, (Level(0, 0, 0),))
        elif kind == "clear":
            message = Book(seq, self.now, ts_exch, 0, CLEAR, (Level(0, 0, 0),))
        elif kind == "cleared_snap":
            message = Book(seq, self.now, ts_exch, SNAPSHOT, SNAP, (Level(0, 0, 0),))
        elif kind == "delta":
            message = Book(seq, self.now, ts_exch, SYNTH_DIFF, DELTA, self.levels(self.choose.integer(1, 5)))
        else:
            flags = SNAPSHOT | REPEAT if kind == "inserted" else SNAPSHOT
            levels = self.levels(self.choose.integer(1, 6)) + self.deep_levels()
            message = Book(seq, self.now, ts_exch, flags, SNAP, levels)
        self.steps.append(message)

    def levels(self, count: int) -> tuple[Level, ...]:
        """Bids below and asks above the centre, most of the time."""
        found = []
        for _ in range(count):
            side = self.choose.choice((1, -1))
            away = self.choose.integer(1, self.taste.reach)
            crossing = self.chance(6)
            px = self.taste.center + (side if crossing else -side) * away
            found.append(Level(side, px, self.size()))
        return tuple(found)

    def deep_levels(self) -> tuple[Level, ...]:
        deepest = self.choose.integer(0, self.taste.deep) if self.taste.deep else 0
        return tuple(
            Level(side, self.taste.center - side * (self.taste.reach + k), self.size())
            for k in range(1, deepest + 1)
            for side in (1, -1)
        )

    def trade(self) -> None:
        before = self.last_trade
        if before is not None and self.chance(45):
            ts_exch, side = before.ts_exch, before.side
        else:
            ts_exch, side = self.exchange_time(), self.choose.choice((1, -1, 1, -1, 0))
        late = before is not None and ts_exch is not None and (before.ts_exch or 0) > ts_exch
        flags = BAD_TS if late else 0
        trade = Trade(self.next_seq(), self.now, ts_exch, flags, self.price(), self.size(), side)
        self.steps.append(trade)
        self.last_trade = trade
        if self.chance(12):  # the maker's copy
            self.wait_a_little()
            copy = replace(trade, ev_seq=self.next_seq(), ts_recv=self.now, side=-side)
            self.steps.append(replace(copy, flags=flags | DUP_OTHER_SIDE))
        if self.chance(8):  # delivered twice
            self.wait_a_little()
            self.last_trade = replace(trade, ev_seq=self.next_seq(), ts_recv=self.now)
            self.steps.append(self.last_trade)

    def wait_a_little(self) -> None:
        self.now += self.choose.choice((0, 0, MS, GROUP, GROUP + 1))

    def ticker(self) -> None:
        def maybe(value: int) -> int | None:
            return None if self.chance(7) else value

        bid = self.taste.center - self.choose.integer(0, self.taste.reach)
        ask = bid + self.choose.choice((1, 2, 3, 3, 4, 0, -1))
        self.volume += self.choose.choice((0, 1, 5, 100, -40))
        high = self.taste.center + self.taste.reach + 2
        low = self.choose.choice((self.taste.center - 5, self.taste.center - 9, high))
        self.steps.append(
            Ticker(
                self.next_seq(),
                self.now,
                self.exchange_time(),
                0,
                maybe(bid),
                maybe(ask),
                maybe(self.price()),
                maybe(high),
                maybe(low),
                maybe(self.size()),
                maybe(self.size()),
                maybe(self.volume),
            )
        )

    def control(self, kind: int) -> None:
        self.steps.append(Control(self.next_seq(), self.now, 0, kind))

    def one(self) -> None:
        self.wait()
        if self.chance(self.taste.reset):
            self.control(RESET)
        elif self.chance(self.taste.control):
            self.control(self.choose.choice((STATUS, GAP_START, GAP_END, RULE_CHANGE)))
        elif self.chance(self.taste.advance):
            self.steps.append(Advance(self.now))
        else:
            self.choose.choice((self.trade, self.book, self.ticker, self.trade, self.book))()


def nasty(choose: Chooser, length: int, taste: Taste, start: int) -> list[Step]:
    """`length` decisions of the nasty venue from `start` on."""
    venue = _Venue(choose, taste, start)
    for _ in range(length):
        venue.one()
    return venue.steps


def nasty_stream(seed: int, length: int, taste: Taste | None = None) -> list[Step]:
    """A long stream of a seed."""
    choose = Seeded(random.Random(seed))
    return nasty(choose, length, taste or Taste(), choose.choice(STARTS) + choose.integer(0, 3) * 333_333_333)


def events_of(steps: Sequence[Step]) -> list[Event]:
    """The events of a stream, without the promises."""
    return [step for step in steps if not isinstance(step, Advance)]


SAMPLINGS = ("trade", "book", "ticker", "clock_1s")

# ETH_JPY's own config; one whose statistics come alive after three values; one with all else different.
SPECS = (
    Spec(maintenance=MAINTENANCE),
    Spec(min_values=3, deep_levels=(2, 4), big_quantile_pct=60, maintenance=MAINTENANCE),
    Spec(
        tick=Decimal("0.01"),
        lot=Decimal("0.0001"),
        day_cut_utc_s=0,
        recorded_depth=None,
        min_values=2,
        max_gap_ns=20 * SECOND,
        group_ns=0,
        big_window_s=60,
        big_quantile_pct=50,
        big_fresh_s=5,
        deep_levels=(1, 2),
        no_new_entry_s=60,
    ),
)

TASTES = (
    Taste(),
    Taste(center=100, reach=3, sizes=(0, 1, 2, 3), reset=0, far=1),
    Taste(center=400_000, reach=40, sizes=(1, 2, 5, 30, 400), reset=0, control=0, far=0, deep=34),
    Taste(advance=15, very_far=1, far=10),
    Taste(far=0, reset=0, control=0, to_whole_second=3, sizes=(1, 1, 2, 3, 5, 8, 13, 10**12)),
)


@st.composite
def streams(
    draw: Callable[[st.SearchStrategy[object]], object], max_length: int = 60, *, advance: bool = True
) -> list[Step]:
    """Small nasty streams; `advance`: with promises among the events."""
    choose = Drawn(draw)
    taste = choose.choice(TASTES)
    taste = replace(taste, advance=taste.advance if advance else 0, deep=0)
    return nasty(choose, choose.integer(1, max_length), taste, choose.choice(STARTS))


@st.composite
def specs(draw: Callable[[st.SearchStrategy[object]], object]) -> Spec:
    """One of `SPECS` with a sampling."""
    choose = Drawn(draw)
    return replace(choose.choice(SPECS), sampling=choose.choice(SAMPLINGS))


def keyframed_stream(
    seed: int, hours: float, *, gaps: bool = True, start: int = CUT - 3600 * SECOND
) -> list[Event]:
    """A stream whose book obeys the rule of stored snapshot feeds, so that a day can be cut out of it.

    Every book message at least 60 s after the last keyframe is a keyframe, and so is the first after a
    silence of more than `max_gap` in the book. `gaps`: with stalls of just under, exactly and just over
    `max_gap` of the whole feed or of one kind of message, and with resets.
    """
    rng = random.Random(seed)
    events: list[Event] = []
    book: dict[tuple[int, int], int] = {}
    end = start + int(hours * 3600) * SECOND
    now, ev_seq, volume, center = start, 0, 10**6, 400_000
    keyframe_at = book_at = now - 10 * GAP
    quiet_until = {"book": 0, "trade": 0, "ticker": 0}
    while now < end:
        now += rng.choice(
            (0, GROUP, GROUP + 1, 505 * MS, SECOND, SECOND, 2 * SECOND, 4 * SECOND, 9 * SECOND + 1)
        )
        if gaps and rng.random() < 0.01:
            stall = rng.choice((GAP - 1, GAP, GAP, GAP + 1, GAP - SECOND, 200 * SECOND))
            now = (events[-1].ts_recv if events else now) + stall
        if gaps and rng.random() < 0.004:
            quiet = rng.choice(("book", "trade", "ticker"))
            quiet_until[quiet] = now + rng.choice((GAP - 1, GAP, 90 * SECOND, 400 * SECOND))
        ev_seq += 1
        if gaps and rng.random() < 0.002:
            events.append(Control(ev_seq, now, 0, rng.choice((RESET, STATUS))))
            continue
        center += rng.choice((-1, 0, 0, 1))
        kind = rng.choice(("book", "book", "trade", "trade", "ticker"))
        if now < quiet_until[kind]:
            continue
        if kind == "trade":
            side = rng.choice((1, -1))
            px, qty = center + side, int(10 ** rng.uniform(0, 4))
            events.append(Trade(ev_seq, now, now - rng.choice((0, MS)), 0, px, qty, side))
        elif kind == "ticker":
            volume += rng.choice((0, 3, 11))
            last = center + rng.choice((-2, 2))
            fields = (center - 2, center + rng.choice((1, 2, 3)), last, 410_000, 390_000, None, None, volume)
            events.append(Ticker(ev_seq, now, now, 0, *fields))
        else:
            change = _levels_around(rng, center, book)
            if now - keyframe_at >= GAP or now - book_at > GAP:
                keyframe_at = now
                levels = tuple(Level(side, px, qty) for (side, px), qty in book.items())
                events.append(Book(ev_seq, now, now, SNAPSHOT, SNAP, levels or (Level(0, 0, 0),)))
            else:
                events.append(Book(ev_seq, now, now, SYNTH_DIFF, DELTA, change))
            book_at = now
    return events


def _levels_around(rng: random.Random, center: int, book: dict[tuple[int, int], int]) -> tuple[Level, ...]:
    """A few changes that keep the book uncrossed around `center`; applies them to `book`."""
    change = []
    for side, px in list(book):
        if (px - center) * side >= 0 or (center - px) * side > 45:
            change.append(Level(side, px, 0))
    for _ in range(rng.randint(1, 4)):
        side = rng.choice((1, -1))
        change.append(Level(side, center - side * rng.randint(1, 40), rng.choice((0, 5, 17, 250, 9_999))))
    for level in change:
        if level.qty:
            book[level.side, level.px] = level.qty
        else:
            book.pop((level.side, level.px), None)
    return tuple(change)


# Few examples, always the same ones, in the default run; many new ones in the slow tests.
FAST = settings(
    max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.data_too_large]
)
THOROUGH = settings(
    max_examples=500,
    deadline=None,
    suppress_health_check=[HealthCheck.data_too_large, HealthCheck.too_slow],
)

"""Anomalies put into a clean recording at random places, and how many of each the doctor must find.

`Injector` works on canonical messages (`reference.quality.messages_of`). Every anomaly touches a place of its
own, so that none hides or makes another; what happens where two meet is tested apart. Whatever is put into
the book is taken out by the next message, so that the book is the clean one everywhere else.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from reference.quality import LARGEST, MARKET, inserted

from atc.events.book import Book
from atc.events.schema import ControlKind, Flag, Kind, MsgKind, schema_of

Message = dict[str, Any]
SECOND = 1_000_000_000
SILENCE_NS = 60 * SECOND


def tables_of(messages: Sequence[Message], first_seq: int = 1) -> dict[Kind, pa.Table]:
    """The tables of `messages`, numbered anew in their order."""
    rows: dict[Kind, list[Message]] = {kind: [] for kind in Kind}
    for seq, message in enumerate(messages, start=first_seq):
        row = {**message, "ev_seq": seq}
        kind = row.pop("kind")
        flags = int(row["flags"]) & ~int(Flag.LAST)
        for side, px, qty in row.pop("levels", [(0, 0, 0)])[:-1]:
            rows[kind].append({**row, "flags": flags, "side": side, "px_ticks": px, "qty_lots": qty})
        if kind is Kind.BOOK:
            side, px, qty = message["levels"][-1]
            row |= {"side": side, "px_ticks": px, "qty_lots": qty}
        rows[kind].append({**row, "flags": flags | int(Flag.LAST)})
    return {
        kind: pa.Table.from_pylist(of_kind, schema=schema_of(kind))
        for kind, of_kind in rows.items()
        if of_kind
    }


class Injector:
    """Takes a clean stream; `messages` is the spoilt one and `truth` what was put into it, by figure."""

    def __init__(self, clean: Sequence[Message], seed: int, largest_order_lots: int | None = None) -> None:
        self._rng = random.Random(seed)
        self._clean = [dict(message) for message in clean]
        self._largest = largest_order_lots
        self._after: dict[int, list[Message]] = {}
        self._gone: set[int] = set()
        self.truth: Counter[str] = Counter()
        # What the book is after each message, as far as it is looked at.
        self._touch: list[tuple[int, int] | None] = []
        book = Book()
        for message in self._clean:
            if message["kind"] is Kind.BOOK:
                book.apply(message["msg_kind"], message["levels"])
            bid, ask = book.best_bid, book.best_ask
            self._touch.append(None if bid is None or ask is None or bid >= ask else (bid, ask))
        pairs = self._between_twins()
        self._open = frozenset(
            place
            for place, touch in enumerate(self._touch)
            if touch is not None
            and 0 < place < len(self._clean) - 2
            and place not in pairs
            and not inserted(self._clean[place])
        )
        self._taken: set[int] = set()

    def _between_twins(self) -> set[int]:
        """Places after which no print may be put: the next print is the maker's of the one before."""
        inside: set[int] = set()
        makers = False
        for place in range(len(self._clean) - 1, -1, -1):
            if makers:
                inside.add(place)
            if self._clean[place]["kind"] is Kind.TRADE:
                makers = bool(self._clean[place]["flags"] & Flag.DUP_OTHER_SIDE)
        return inside

    @property
    def messages(self) -> list[Message]:
        """The spoilt stream."""
        spoilt: list[Message] = []
        for place, message in enumerate(self._clean):
            if place not in self._gone:
                spoilt.append(message)
            spoilt += self._after.get(place, [])
        return spoilt

    def _take(self, kinds: Sequence[Kind] | None = None) -> int:
        """A free place, free no longer; with `kinds` one with a market message of them."""
        fit = sorted(
            place
            for place in self._open - self._taken
            if kinds is None or self._clean[place]["kind"] in kinds
        )
        place = self._rng.choice(fit)
        self._taken.add(place)
        return place

    def _put(self, place: int, *messages: Message) -> None:
        at = self._clean[place]
        # No exchange time: that of another kind might make the next message look late.
        common = {"ts_recv": at["ts_recv"], "ts_exch": None, "venue_seq": None, "flags": 0}
        self._after.setdefault(place, []).extend({**common, **message} for message in messages)

    def _book(self, *levels: tuple[int, int, int], flags: int = 0) -> Message:
        return {"kind": Kind.BOOK, "msg_kind": int(MsgKind.DELTA), "levels": list(levels), "flags": flags}

    def _print(self, px: int, qty: int) -> Message:
        return {"kind": Kind.TRADE, "px_ticks": px, "qty_lots": qty, "side": 1, "trade_id": None}

    # What may be wrong

    def crossed_books(self, count: int) -> None:
        """A bid above the best ask, gone with the next message."""
        for _ in range(count):
            place = self._take()
            _bid, ask = self._touch[place] or (0, 0)
            px = ask + self._rng.randint(1, 5)
            self._put(place, self._book((1, px, 7), flags=Flag.MAYBE_BAD_BOOK), self._book((1, px, 0)))
            self.truth.update(crossed_books=1)

    def locked_books(self, count: int) -> None:
        """An ask at the best bid, gone with the next message."""
        for _ in range(count):
            place = self._take()
            bid, _ask = self._touch[place] or (0, 0)
            self._put(place, self._book((-1, bid, 7), flags=Flag.MAYBE_BAD_BOOK), self._book((-1, bid, 0)))
            self.truth.update(locked_books=1)

    def far_levels(self, count: int) -> None:
        """An ask at three times the price, in a feed that shows a window of the book."""
        for _ in range(count):
            place = self._take()
            px = 3 * (self._touch[place] or (0, 0))[1]
            self._put(place, self._book((-1, px, 7)), self._book((-1, px, 0)))
            self.truth.update(far_levels=1)

    def impossible_levels(self, count: int) -> None:
        """A level at no price, or of no size."""
        for _ in range(count):
            place = self._take()
            bid, _ask = self._touch[place] or (0, 0)
            if self._rng.random() < 0.5:
                self._put(place, self._book((1, self._rng.choice((0, -3)), 7)))
                self.truth.update(impossible_prices=1)
            else:
                self._put(place, self._book((1, bid - 1, self._rng.choice((-1, LARGEST + 1)))))
                self.truth.update(impossible_sizes=1)

    def impossible_prints(self, count: int) -> None:
        """A print at no price, of no size, or of more than the venue takes."""
        sizes = [0, -4, LARGEST + 1] + ([self._largest + 1] if self._largest else [])
        for _ in range(count):
            place = self._take()
            bid, _ask = self._touch[place] or (0, 0)
            if self._rng.random() < 0.5:
                self._put(place, self._print(self._rng.choice((0, -bid)), 1))
                self.truth.update(impossible_prices=1)
            else:
                self._put(place, self._print(bid, self._rng.choice(sizes)))
                self.truth.update(impossible_sizes=1)

    def far_prints(self, count: int) -> None:
        """A print at a multiple of the price."""
        for _ in range(count):
            place = self._take()
            self._put(place, self._print(self._rng.choice((2, 10)) * (self._touch[place] or (0, 0))[1], 1))
            self.truth.update(far_prints=1)

    def time_regressions(self, count: int) -> None:
        """A message that the recorder's clock put before the one before it."""
        for _ in range(count):
            message = self._clean[self._take(MARKET)]
            message["flags"] = int(message["flags"]) | Flag.BAD_TS
            self.truth.update(time_regressions=1)

    def duplicate_prints(self, count: int) -> None:
        """A taker's print again."""
        takers = [
            place
            for place, message in enumerate(self._clean)
            if message["kind"] is Kind.TRADE and not message["flags"] & Flag.DUP_OTHER_SIDE
        ]
        for place in self._rng.sample([p for p in takers if p not in self._taken], count):
            self._taken.add(place)
            self._after.setdefault(place, []).insert(0, dict(self._clean[place]))
            self.truth.update(duplicate_prints=1)

    def clock_steps(self, count: int, parts: int = 24) -> None:
        """The exchange's clock is set forward, some parts of the day apart. To be called first."""
        market = [place for place, m in enumerate(self._clean) if m["kind"] in MARKET and not inserted(m)]
        begin = self._clean[market[0]]["ts_recv"]
        length = self._clean[market[-1]]["ts_recv"] - begin
        for part in self._rng.sample(range(2, parts - 2, 3), count):
            when = begin + length * (part + self._rng.random()) / parts
            step = self._rng.randint(500, 3_000) * 1_000_000
            for message in self._clean:
                if message["ts_recv"] >= when and message["ts_exch"] is not None:
                    message["ts_exch"] += step
            self.truth.update(clock_steps=1, offset_drift_ns=-step)

    def gaps(self, count: int) -> None:
        """The chain of updates breaks; a snapshot joins it some seconds later."""
        for _ in range(count):
            first, last = self._stretch(self._rng.randint(3, 30) * SECOND)
            book, whole = self._book_at(last), range(first + 1, last + 1)
            self._gone |= {p for p in whole if self._clean[p]["kind"] is Kind.BOOK}
            control = {"kind": Kind.CONTROL, "detail": None}
            self._put(
                first,
                {**control, "control_kind": int(ControlKind.GAP_START)},
                {**control, "control_kind": int(ControlKind.RESET)},
            )
            self._put(last, {**control, "control_kind": int(ControlKind.GAP_END)}, book)
            length = self._clean[last]["ts_recv"] - self._clean[first]["ts_recv"]
            self.truth.update(gaps=1, resets=1, gap_ns=length)

    def silences(self, count: int) -> None:
        """Nothing comes for more than a minute; the book goes on from a snapshot."""
        for _ in range(count):
            first, last = self._stretch(SILENCE_NS + self._rng.randint(1, 200) * SECOND)
            book = self._book_at(last)
            self._gone |= set(range(first + 1, last + 1))
            self._put(last, book)
            length = self._clean[last]["ts_recv"] - self._clean[first]["ts_recv"]
            self.truth.update(silences=1, silent_ns=length)

    def _stretch(self, length_ns: int) -> tuple[int, int]:
        """Free places at least `length_ns` apart, with nothing injected between them, nor to be."""
        places = sorted(self._open - self._taken)
        for _ in range(1_000):
            first = self._rng.choice(places)
            end = next(
                (p for p in places if self._clean[p]["ts_recv"] >= self._clean[first]["ts_recv"] + length_ns),
                None,
            )
            if end is not None and self._taken.isdisjoint(range(first, end + 1)):
                self._taken |= set(range(first - 1, end + 2))
                return first, end
        raise AssertionError("no free stretch is left: inject less, or into more")

    def _book_at(self, place: int) -> Message:
        """The clean book after `place` as a snapshot of the feed."""
        book = Book()
        for message in self._clean[: place + 1]:
            if message["kind"] is Kind.BOOK:
                book.apply(message["msg_kind"], message["levels"])
        return {
            "kind": Kind.BOOK,
            "msg_kind": int(MsgKind.SNAP),
            "levels": book.levels(),
            "flags": int(Flag.SNAPSHOT),
        }


def changed(clean: Mapping[str, Any], spoilt: Mapping[str, Any]) -> dict[str, Any]:
    """Counts that differ between two days' figures, with the difference; messages are counted elsewhere."""
    left_out = {name for name in clean if name.endswith(("_share", "_messages", "_ms", "_s"))}
    left_out |= {
        "messages",
        "coverage",
        "equal_prints",
        "keyframes",
        "repeats",
        "maker_twins",
        "book_silences",
    }
    return {
        name: (spoilt[name] or 0) - (clean[name] or 0)
        for name in clean
        if name not in left_out and (spoilt[name] or 0) != (clean[name] or 0)
    }

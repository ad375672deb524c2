"""Book messages as they are stored: differences with whole books in between.

A reader can start at any keyframe: there is one at the first book message of each business day, at the first
one 60 s or more after the last keyframe, and at the first one after a silence of more than 60 s.
"""

from __future__ import annotations

from dataclasses import replace

from atc.events.book import Book
from atc.events.schema import KEYFRAME_NS, MAX_GAP_NS, Flag, MsgKind
from reference.ingest.message import BookMessage, FullBook, Level
from reference.ingest.report import IngestReport


class KeyframeClock:
    """Tells when a whole book is due."""

    def __init__(self) -> None:
        self._keyframe_ts: int | None = None
        self._message_ts: int | None = None

    def restart(self) -> None:
        """A new file begins, or the book became unknown: the next message needs a whole book."""
        self._keyframe_ts = None

    def due(self, ts_recv: int) -> bool:
        """Whether a message at `ts_recv` needs a whole book."""
        if self._keyframe_ts is None or self._message_ts is None:
            return True
        return ts_recv - self._keyframe_ts >= KEYFRAME_NS or ts_recv - self._message_ts > MAX_GAP_NS

    def note(self, ts_recv: int, *, whole: bool) -> None:
        """A message was stored."""
        self._message_ts = ts_recv
        if whole:
            self._keyframe_ts = ts_recv


class DifferenceFeed:
    """A feed of absolute differences: inserts whole books *before* messages, so that each is still stored as
    it came.

    An inserted one (SNAPSHOT | REPEAT) has the `ts_recv` of the message it precedes and no exchange time.
    """

    def __init__(self, report: IngestReport) -> None:
        self.book = Book()
        self._clock = KeyframeClock()
        self._report = report

    def new_day(self) -> None:
        """The next message is the first of a day file."""
        self._clock.restart()

    def reset(self) -> None:
        """The book is unknown until the next SNAP."""
        self.book.reset()
        self._clock.restart()

    def encode(self, message: BookMessage) -> list[BookMessage]:
        """What is stored for one message of the feed."""
        stored = []
        whole = message.msg_kind != MsgKind.DELTA
        if not whole and self.book.known and self._clock.due(message.ts_recv):
            inserted = message.flags | Flag.REPEAT | (Flag.MAYBE_BAD_BOOK if self.book.is_crossed else 0)
            stored.append(whole_book(message, self.book.levels(), flags=inserted, inserted=True))
            self._clock.note(message.ts_recv, whole=True)
        self.book.apply(message.msg_kind, message.levels)
        if self.book.known:
            self._clock.note(message.ts_recv, whole=whole)
        flags = message.flags
        if whole:
            flags |= Flag.SNAPSHOT
        elif not message.levels:
            flags |= Flag.REPEAT
        if self.book.is_crossed:
            flags |= Flag.MAYBE_BAD_BOOK
            self._report.flag(
                message.origin,
                "crossed book",
                f"best bid {self.book.best_bid}, best ask {self.book.best_ask} ticks",
            )
        if whole:
            stored.append(whole_book(message, message.levels, flags=flags))
        else:
            stored.append(replace(message, flags=flags, levels=message.levels or [(0, 0, 0)]))
        return stored


class SnapshotFeed:
    """A feed of whole books, of at most `depth` levels a side (None: all): stores what changed between two of
    them.

    A level that falls out of a full window, or shows at its far edge because another one left, is marked
    WINDOW_EDGE: it was neither cancelled nor placed.
    """

    def __init__(self, depth: int | None, report: IngestReport) -> None:
        self.book = Book()
        self._depth = depth
        self._clock = KeyframeClock()
        self._report = report

    def new_day(self) -> None:
        """The next message is the first of a day file."""
        self._clock.restart()

    def reset(self) -> None:
        """The book is unknown until the next message."""
        self.book.reset()
        self._clock.restart()

    def encode(self, message: FullBook) -> list[BookMessage]:
        """What is stored for one snapshot."""
        due = not self.book.known or self._clock.due(message.ts_recv)
        before = {side: self.book.sizes(side) for side in (1, -1)}
        self.book.apply(MsgKind.SNAP, message.levels)
        flags = message.flags
        if self.book.is_crossed:
            flags |= Flag.MAYBE_BAD_BOOK
            self._report.flag(
                message.origin,
                "crossed book",
                f"best bid {self.book.best_bid}, best ask {self.book.best_ask} ticks",
            )
        self._clock.note(message.ts_recv, whole=due)
        if due:
            return [whole_book(message, self.book.levels(), flags=flags | Flag.SNAPSHOT)]
        return [self._difference(message, before, flags)]

    def _difference(self, message: FullBook, before: dict[int, dict[int, int]], flags: int) -> BookMessage:
        levels: list[Level] = []
        edges: set[int] = set()
        for side in (1, -1):
            old, new = before[side], self.book.sizes(side)
            for px in sorted(old.keys() | new.keys(), reverse=side > 0):
                if old.get(px, 0) != new.get(px, 0):
                    if self._at_edge(side, px, old, new):
                        edges.add(len(levels))
                    levels.append((side, px, new.get(px, 0)))
        return BookMessage(
            ts_recv=message.ts_recv,
            ts_exch=message.ts_exch,
            venue_seq=message.venue_seq,
            origin=message.origin,
            msg_kind=MsgKind.DELTA,
            flags=flags | Flag.SYNTH_DIFF if levels else flags | Flag.REPEAT,
            levels=levels or [(0, 0, 0)],
            edges=frozenset(edges),
        )

    def _at_edge(self, side: int, px: int, old: dict[int, int], new: dict[int, int]) -> bool:
        """Whether `px` lies beyond the far edge of the other snapshot, and that one was full."""
        shown = old if px in new else new
        if (px in old and px in new) or self._depth is None or len(shown) < self._depth:
            return False
        worst = min(shown) if side > 0 else max(shown)
        return side * (px - worst) < 0


def whole_book(
    message: BookMessage | FullBook, levels: list[Level], *, flags: int, inserted: bool = False
) -> BookMessage:
    """A SNAP of `levels` at the time of `message`, or a CLEAR if there are none."""
    return BookMessage(
        ts_recv=message.ts_recv,
        ts_exch=None if inserted else message.ts_exch,
        venue_seq=None if inserted else message.venue_seq,
        flags=flags | Flag.SNAPSHOT,
        origin=message.origin,
        msg_kind=MsgKind.SNAP if levels else MsgKind.CLEAR,
        levels=levels or [(0, 0, 0)],
    )

"""Binance's order-book protocol: differences chained by update ids, joined to a snapshot.

A difference covers the updates (pu, u]; `pu` is the previous difference's `u` (futures say it, on spot it is
U − 1). A snapshot at `lastUpdateId` is followed by the first difference with pu <= lastUpdateId < u; those
before it are dropped. Source: "How to manage a local order book correctly", developers.binance.com, spot
WebSocket streams and USD-M futures; the same rule for both, once U − 1 stands for pu.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

from atc.events.schema import ControlKind, MsgKind
from reference.ingest.message import BookMessage, ControlMessage, Level, Message, Origin
from reference.ingest.report import IngestReport

_HELD_AT_MOST = 10_000


@dataclass(slots=True, kw_only=True)
class Difference:
    """One depth update as it came."""

    ts_recv: int
    ts_exch: int | None
    flags: int
    origin: Origin
    previous: int
    """The last update before it: pu."""
    last: int
    """Its last update: u."""
    levels: list[Level]


@dataclass(slots=True, kw_only=True)
class Snapshot:
    """One full book as it came."""

    ts_recv: int
    ts_exch: int | None
    flags: int
    origin: Origin
    last: int
    """Its lastUpdateId."""
    levels: list[Level]


class UpdateChain:
    """Turns differences and snapshots, in receive order, into book messages of one unbroken chain.

    Before the first snapshot and after a break differences are held until a snapshot joins them; then those
    that it does not contain follow it, at its `ts_recv`: no reader could have used them earlier. A break
    stores GAP_START and RESET, the joining snapshot GAP_END. A snapshot that comes while the chain is
    unbroken is left out once the differences reach it: the replayed book knows more than it. If they break
    instead, it joins them, at the `ts_recv` of the difference that told of the break.
    """

    def __init__(self, report: IngestReport) -> None:
        self._report = report
        self._last: int | None = None
        self._joined = False
        self._in_gap = False
        self._held: deque[Difference] = deque()
        self._ahead: Snapshot | None = None

    @property
    def joined(self) -> bool:
        """Whether the book is known."""
        return self._joined

    def difference(self, update: Difference) -> Iterator[Message]:
        """What a difference adds to the stream."""
        if self._last is not None and update.last <= self._last:
            self._report.repair(
                update.origin, "repeated update", f"u {update.last}, the chain is at {self._last}"
            )
            return
        if self._last is not None and update.previous > self._last:
            yield from self._break(update)
        self._last = update.last
        if self._joined:
            if self._ahead is not None and self._ahead.last <= update.last:
                self._not_needed(self._ahead)
                self._ahead = None
            yield _message(update, update.ts_recv, update.flags)
            return
        if len(self._held) == _HELD_AT_MOST:
            self._drop(self._held.popleft())
        self._held.append(update)
        if self._ahead is not None:
            book, self._ahead = self._ahead, None
            yield from self.snapshot(replace(book, ts_recv=update.ts_recv, flags=update.flags))

    def snapshot(self, book: Snapshot) -> Iterator[Message]:
        """What a snapshot adds to the stream."""
        if self._joined:
            assert self._last is not None
            if book.last > self._last:
                if self._ahead is not None:
                    self._not_needed(self._ahead)
                self._ahead = book
            else:
                self._not_needed(book)
            return
        while self._held and self._held[0].last <= book.last:
            old = self._held.popleft()
            self._report.repair(
                old.origin, "update before the snapshot", f"u {old.last}, lastUpdateId {book.last}"
            )
        if self._held and self._held[0].previous > book.last:
            self._report.flag(
                book.origin,
                "snapshot too old",
                f"lastUpdateId {book.last}, the differences at hand begin after {self._held[0].previous}",
            )
            return
        self._joined = True
        if self._in_gap:
            self._in_gap = False
            yield _control(book, ControlKind.GAP_END, f"snapshot at lastUpdateId {book.last}")
        yield BookMessage(
            ts_recv=book.ts_recv,
            ts_exch=book.ts_exch,
            venue_seq=book.last,
            flags=book.flags,
            origin=book.origin,
            msg_kind=MsgKind.SNAP,
            levels=book.levels,
        )
        for update in self._held:
            self._report.repair(
                update.origin,
                "update held until the snapshot",
                f"received {book.ts_recv - update.ts_recv} ns before it",
            )
            yield _message(update, book.ts_recv, update.flags | book.flags)
        self._last = self._held[-1].last if self._held else book.last
        self._held.clear()

    def finish(self) -> None:
        """The sources end: what is still held is lost."""
        while self._held:
            self._drop(self._held.popleft())
        if self._ahead is not None:
            self._not_needed(self._ahead)

    def _break(self, update: Difference) -> Iterator[Message]:
        found = f"expected an update after {self._last}, found one after {update.previous}"
        while self._held:
            self._drop(self._held.popleft())
        if self._joined:
            self._report.flag(update.origin, "gap in the update chain", found)
            yield _control(update, ControlKind.GAP_START, found)
            yield _control(update, ControlKind.RESET, "the book is unknown until the next snapshot")
            self._joined, self._in_gap = False, True

    def _not_needed(self, book: Snapshot) -> None:
        self._report.repair(
            book.origin,
            "snapshot not needed",
            f"lastUpdateId {book.last}, the chain is unbroken at {self._last}",
        )

    def _drop(self, update: Difference) -> None:
        self._report.flag(update.origin, "update without a snapshot", f"u {update.last} was left out")


def _message(update: Difference, ts_recv: int, flags: int) -> BookMessage:
    return BookMessage(
        ts_recv=ts_recv,
        ts_exch=update.ts_exch,
        venue_seq=update.last,
        flags=flags,
        origin=update.origin,
        msg_kind=MsgKind.DELTA,
        levels=update.levels,
    )


def _control(cause: Difference | Snapshot, kind: ControlKind, detail: str) -> ControlMessage:
    return ControlMessage(
        ts_recv=cause.ts_recv,
        ts_exch=cause.ts_exch,
        venue_seq=cause.last,
        flags=cause.flags,
        origin=cause.origin,
        control_kind=kind,
        detail=detail,
    )

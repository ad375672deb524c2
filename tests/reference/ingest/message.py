"""One message of a venue between its adapter and the canonical columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from atc.events.schema import ControlKind, MsgKind

Level = tuple[int, int, int]
"""(side +1 bid or −1 ask, px_ticks, qty_lots); a size is absolute and 0 deletes the level."""


class Origin(NamedTuple):
    """Where a message was read; a report and an error name it."""

    file: str
    row: int
    """Line of a text file, element of a JSON array; both count from 1."""

    def __str__(self) -> str:
        return f"{self.file}:{self.row}"


@dataclass(slots=True, kw_only=True)
class Message:
    """What all kinds have; times in ns UTC, `flags` without LAST."""

    ts_recv: int
    ts_exch: int | None = None
    venue_seq: int | None = None
    flags: int = 0
    origin: Origin


@dataclass(slots=True, kw_only=True)
class BookMessage(Message):
    """A message of a difference feed. A DELTA without levels says that nothing changed."""

    msg_kind: MsgKind
    levels: list[Level]
    edges: frozenset[int] = frozenset()
    """Places in `levels` of those that left or entered a recorded window at its far edge."""


@dataclass(slots=True, kw_only=True)
class FullBook(Message):
    """A message of a snapshot feed: all levels that it shows."""

    levels: list[Level]


@dataclass(slots=True, kw_only=True)
class TradeMessage(Message):
    """One print."""

    px_ticks: int
    qty_lots: int
    side: int
    """+1 the taker bought, −1 the taker sold, 0 unknown."""
    trade_id: str | None = None


@dataclass(slots=True, kw_only=True)
class TickerMessage(Message):
    """A quote of the ticker; what the venue does not say is None."""

    bid: int | None = None
    ask: int | None = None
    last: int | None = None
    high: int | None = None
    low: int | None = None
    bid_qty: int | None = None
    ask_qty: int | None = None
    vol: int | None = None


@dataclass(slots=True, kw_only=True)
class ControlMessage(Message):
    """Something about the stream itself."""

    control_kind: ControlKind
    detail: str | None = None

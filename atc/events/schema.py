"""The canonical schema: columns of each kind, flags, message and control kinds.

Prices and sizes are integers (ticks, lots), times ns UTC. `ts_recv` is the clock of every decision and never
null. Files are sorted by (`ts_recv`, `ev_seq`); `ev_seq` numbers the messages of a stream over all kinds.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag, StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA_VERSION = 1
"""Raised whenever a column, a flag or the meaning of one changes."""

PX_TICKS_MAX = 2**31 - 1
"""`px_ticks` is 32 bits wide."""

KEYFRAME_NS = 60_000_000_000
"""A book can be rebuilt from a message at most this much older, or from the first of its day."""

MAX_GAP_NS = 60_000_000_000
"""A longer silence of the book makes its next message start from a keyframe."""


class Kind(StrEnum):
    """The four kinds of events, each in files of its own."""

    BOOK = "book"
    TRADE = "trade"
    TICKER = "ticker"
    CONTROL = "control"


class Flag(IntFlag):
    """The bits of the column `flags`."""

    LAST = 1
    """Last row of its message."""
    SNAPSHOT = 2
    """The message holds the whole book, or the whole recorded window of it."""
    SYNTH_DIFF = 4
    """A difference that ATC made of two snapshots."""
    REPEAT = 8
    """Nothing new: a snapshot equal to the one before, or (with SNAPSHOT) a keyframe that ATC inserted."""
    DUP_OTHER_SIDE = 16
    """The maker's print of an execution that the taker's print before it tells already."""
    AUCTION = 32
    """An execution of a call auction: nobody took."""
    BAD_TS = 64
    """The source's clock ran backwards here; `ts_recv` is the running maximum."""
    SYNTH_RECV = 128
    """The source has no receive time; `ts_recv` is made from the venue's times."""
    MAYBE_BAD_BOOK = 256
    """After this message the best bid is not below the best ask."""
    WINDOW_EDGE = 512
    """The level left or entered the recorded window at its far edge: no cancel, no new order."""


class MsgKind(IntEnum):
    """What a book message does."""

    SNAP = 0
    """Replaces the book."""
    DELTA = 1
    """Sets absolute sizes; 0 deletes the level."""
    CLEAR = 2
    """Empties the book."""


class ControlKind(IntEnum):
    """What a control message tells."""

    GAP_START = 0
    GAP_END = 1
    RESET = 2
    STATUS = 3
    RULE_CHANGE = 4


def schemas() -> dict[Kind, pa.Schema]:
    """Arrow schema of each kind, columns in file order."""
    import pyarrow as pa

    def column(name: str, kind: pa.DataType) -> pa.Field:
        return pa.field(name, kind, nullable=False)

    common = [
        column("ev_seq", pa.uint64()),
        column("ts_recv", pa.int64()),
        pa.field("ts_exch", pa.int64()),
        pa.field("venue_seq", pa.int64()),
        column("flags", pa.uint16()),
    ]
    own = {
        Kind.BOOK: [
            column("msg_kind", pa.uint8()),
            column("side", pa.int8()),
            column("px_ticks", pa.int32()),
            column("qty_lots", pa.int64()),
        ],
        Kind.TRADE: [
            column("px_ticks", pa.int32()),
            column("qty_lots", pa.int64()),
            column("side", pa.int8()),
            pa.field("trade_id", pa.string()),
        ],
        Kind.TICKER: [
            *(pa.field(name, pa.int32()) for name in ("bid", "ask", "last", "high", "low")),
            *(pa.field(name, pa.int64()) for name in ("bid_qty", "ask_qty", "vol")),
        ],
        Kind.CONTROL: [
            column("control_kind", pa.uint8()),
            pa.field("detail", pa.string()),
        ],
    }
    return {kind: pa.schema([*common, *fields]) for kind, fields in own.items()}


def schema_of(kind: Kind) -> pa.Schema:
    """Arrow schema of one kind."""
    return schemas()[kind]

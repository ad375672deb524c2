"""What a stream consists of: the canonical messages as plain values, and the engine's constants."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

SNAP, DELTA, CLEAR = 0, 1, 2
GAP_START, GAP_END, RESET, STATUS, RULE_CHANGE = 0, 1, 2, 3, 4

LAST, SNAPSHOT, SYNTH_DIFF, REPEAT, DUP_OTHER_SIDE, AUCTION, BAD_TS, SYNTH_RECV = (1 << k for k in range(8))

SECOND = 1_000_000_000
DAY_S = 86_400


class Level(NamedTuple):
    """One price level: side +1 bid, -1 ask, 0 no level; absolute quantity in lots."""

    side: int
    px: int
    qty: int


@dataclass(frozen=True, slots=True)
class Book:
    """One book message with all its rows."""

    ev_seq: int
    ts_recv: int
    ts_exch: int | None
    flags: int
    msg_kind: int
    levels: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class Trade:
    """One print; side +1: the taker bought."""

    ev_seq: int
    ts_recv: int
    ts_exch: int | None
    flags: int
    px: int
    qty: int
    side: int


@dataclass(frozen=True, slots=True)
class Ticker:
    """One ticker message; prices in ticks, sizes and the 24 h volume in lots."""

    ev_seq: int
    ts_recv: int
    ts_exch: int | None
    flags: int
    bid: int | None
    ask: int | None
    last: int | None
    high: int | None
    low: int | None
    bid_qty: int | None
    ask_qty: int | None
    vol: int | None


@dataclass(frozen=True, slots=True)
class Control:
    """GAP_START, GAP_END, RESET, STATUS or RULE_CHANGE."""

    ev_seq: int
    ts_recv: int
    flags: int
    control_kind: int


@dataclass(frozen=True, slots=True)
class Advance:
    """The caller's promise that no event with `ts_recv < now` will come. Not an event."""

    now: int


Event = Book | Trade | Ticker | Control
Step = Event | Advance


def is_ignored(event: Event) -> bool:
    """The maker's copy of a double print has no effect whatsoever, not even on time."""
    return isinstance(event, Trade) and bool(event.flags & DUP_OTHER_SIDE)


def is_market(event: Event) -> bool:
    """Book, trade and ticker messages that are not ignored; only they end a silence."""
    return not isinstance(event, Control) and not is_ignored(event)


def is_reset(event: Event) -> bool:
    return isinstance(event, Control) and event.control_kind == RESET


@dataclass(frozen=True, slots=True)
class Spec:
    """Everything numeric that the specification leaves to the config, with the defaults of ETH_JPY."""

    sampling: str = "trade"
    schemas: tuple[str, ...] = ("core", "ticker", "ofi", "microprice", "kyle", "hawkes", "bipower")
    tick: Decimal = Decimal(1)
    lot: Decimal = Decimal("0.01")
    day_cut_utc_s: int = 75_600
    tz_offset_s: int = 32_400
    recorded_depth: int | None = 30
    group_ns: int = 5_000_000
    max_gap_ns: int = 60 * SECOND
    min_values: int = 20
    big_window_s: int = 1800
    big_quantile_pct: int = 95
    big_fresh_s: int = 30
    deep_levels: tuple[int, int] = (5, 30)
    no_new_entry_s: int = 900
    maintenance: tuple[tuple[int, int, int], ...] = ()

    max_lookback_ns: int = 1830 * SECOND

    def json(self) -> str:
        """The same facts as the engine takes them."""
        return json.dumps(
            {
                "tick": float(self.tick),
                "lot": float(self.lot),
                "day_cut_utc_s": self.day_cut_utc_s,
                "tz_offset_s": self.tz_offset_s,
                "recorded_depth": self.recorded_depth,
                "schemas": list(self.schemas),
                "sampling": self.sampling,
                "group_ns": self.group_ns,
                "max_gap_ns": self.max_gap_ns,
                "min_values": self.min_values,
                "big_trade": {
                    "window_s": self.big_window_s,
                    "quantile_pct": self.big_quantile_pct,
                    "fresh_s": self.big_fresh_s,
                },
                "deep_levels": list(self.deep_levels),
                "no_new_entry_s": self.no_new_entry_s,
                "maintenance": [list(window) for window in self.maintenance],
            }
        )

"""What every row of each kind promises by itself and with the rows of its message."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from atc.events.quality.problem import Problem, filled, numbers, told
from atc.events.schema import ControlKind, Flag, MsgKind

if TYPE_CHECKING:
    import pyarrow as pa


def book_rows(name: str, table: pa.Table) -> Iterator[Problem]:
    import numpy as np

    seq, ts, flags, kind, side, px, qty = (
        numbers(table, column)
        for column in ("ev_seq", "ts_recv", "flags", "msg_kind", "side", "px_ticks", "qty_lots")
    )
    ends = np.append(seq[1:] != seq[:-1], True)
    marked = flags & int(Flag.LAST) != 0
    yield from told(
        name,
        np.flatnonzero(ends != marked),
        lambda i: (
            "no LAST on the last row of a message" if ends[i] else "LAST before the last row of a message"
        ),
        "LAST on the last row of each message and on no other",
    )
    inside = ~ends[:-1]
    for column, values in (("ts_recv", ts), ("msg_kind", kind)):
        yield from told(
            name,
            np.flatnonzero(inside & (values[1:] != values[:-1])) + 1,
            lambda i, column=column, values=values: (
                f"{column} {values[i]} after {values[i - 1]} in one message"
            ),
            f"one {column} a message",
        )
    yield from told(
        name,
        np.flatnonzero(kind > max(MsgKind)),
        lambda i: f"msg_kind {kind[i]}",
        "0 SNAP, 1 DELTA or 2 CLEAR",
    )
    yield from told(name, np.flatnonzero(np.abs(side) > 1), lambda i: f"side {side[i]}", "1, -1 or 0")
    level = side != 0
    yield from told(
        name, np.flatnonzero(level & (px <= 0)), lambda i: f"px_ticks {px[i]}", "a price of at least one tick"
    )
    yield from told(name, np.flatnonzero(qty < 0), lambda i: f"qty_lots {qty[i]}", "a size of 0 or more")
    alone = ends & np.append(True, ends[:-1])
    empty_says_why = (flags & int(Flag.REPEAT) != 0) | (kind == MsgKind.CLEAR)
    yield from told(
        name,
        np.flatnonzero(~level & ~(alone & empty_says_why)),
        lambda i: f"side 0 with flags {flags[i]}, msg_kind {kind[i]}",
        "side 0 only as the one row of a REPEAT or CLEAR",
    )
    yield from told(
        name,
        np.flatnonzero((kind == MsgKind.CLEAR) & level),
        lambda i: f"a level ({side[i]}, {px[i]}, {qty[i]}) in a CLEAR",
        "no levels",
    )
    whole = kind != MsgKind.DELTA
    yield from told(
        name,
        np.flatnonzero(whole != (flags & int(Flag.SNAPSHOT) != 0)),
        lambda i: f"flags {flags[i]} on msg_kind {kind[i]}",
        "SNAPSHOT on SNAP and CLEAR, and on no DELTA",
    )
    yield from told(
        name,
        np.flatnonzero(whole & (flags & int(Flag.SYNTH_DIFF | Flag.WINDOW_EDGE) != 0)),
        lambda i: f"flags {flags[i]} on msg_kind {kind[i]}",
        "SYNTH_DIFF and WINDOW_EDGE on DELTA only",
    )


def trade_rows(name: str, table: pa.Table) -> Iterator[Problem]:
    import numpy as np

    side, px, qty, flags = (numbers(table, column) for column in ("side", "px_ticks", "qty_lots", "flags"))
    yield from told(
        name, np.flatnonzero(px <= 0), lambda i: f"px_ticks {px[i]}", "a price of at least one tick"
    )
    yield from told(
        name, np.flatnonzero(qty <= 0), lambda i: f"qty_lots {qty[i]}", "a size of at least one lot"
    )
    yield from told(name, np.flatnonzero(np.abs(side) > 1), lambda i: f"side {side[i]}", "1, -1 or 0")
    maker = np.flatnonzero(flags & int(Flag.DUP_OTHER_SIDE) != 0)
    exchange = filled(table, "ts_exch", -(2**63))
    twin = (
        (px[maker] == px[maker - 1])
        & (qty[maker] == qty[maker - 1])
        & (side[maker] == -side[maker - 1])
        & (exchange[maker] == exchange[maker - 1])
        & (flags[maker - 1] & int(Flag.DUP_OTHER_SIDE) == 0)
        & (maker > 0)
    )
    yield from told(
        name,
        maker[~twin],
        lambda i: f"DUP_OTHER_SIDE on ({px[i]}, {qty[i]}, side {side[i]})",
        "a taker's print of the other side, equal price, size and time just before it",
    )


def ticker_rows(name: str, table: pa.Table) -> Iterator[Problem]:
    import numpy as np

    for column in ("bid", "ask", "last", "high", "low"):
        values = filled(table, column, 1)
        yield from told(
            name,
            np.flatnonzero(values <= 0),
            lambda i, v=values, c=column: f"{c} {v[i]}",
            "a price of at least one tick",
        )
    for column in ("bid_qty", "ask_qty", "vol"):
        values = filled(table, column, 0)
        yield from told(
            name, np.flatnonzero(values < 0), lambda i, v=values, c=column: f"{c} {v[i]}", "0 or more"
        )


def control_rows(name: str, table: pa.Table) -> Iterator[Problem]:
    import numpy as np

    kind = numbers(table, "control_kind")
    yield from told(
        name,
        np.flatnonzero(kind > max(ControlKind)),
        lambda i: f"control_kind {kind[i]}",
        f"0 to {int(max(ControlKind))}",
    )

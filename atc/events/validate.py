"""Whether canonical tables say what their schema promises; every finding names file, row, found and expected.

Errors are broken promises (order, numbering, rows of a message, values); notes are things of the market or of
its recording that a reader should know and that are flagged in the data (crossed books, running clocks,
repairs).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atc.errors import DataError
from atc.events.book import Book
from atc.events.business_day import DAY_NS, day_start_ns
from atc.events.catalog import Catalog, DayFiles
from atc.events.instrument import Instrument
from atc.events.reader import read_file
from atc.events.schema import ControlKind, Flag, Kind, MsgKind, schema_of
from atc.events.stored_book import book_messages

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

_SHOWN = 5
"""Rows of one kind of finding that are told one by one; the rest is counted."""
_ALL_FLAGS = sum(Flag)


@dataclass(frozen=True)
class Problem:
    """One broken promise, or with `is_error` False one thing to know."""

    file: str
    row: int | None
    found: str
    expected: str
    is_error: bool = True

    def __str__(self) -> str:
        place = self.file if self.row is None else f"{self.file}:{self.row}"
        return f"{place}: found {self.found}; expected {self.expected}"


def validate_days(catalog: Catalog, venue: str, symbol: str, days: list[date] | None = None) -> list[Problem]:
    """Checks the days (default: all) of a stream against the manifests, the schema and each other."""
    problems: list[Problem] = []
    for day in days or catalog.days(venue, symbol):
        problems += _validate_day(catalog, catalog.day(venue, symbol, day))
    return problems


def validate_tables(
    tables: Mapping[Kind, pa.Table],
    instrument: Instrument,
    day: date,
    names: Mapping[Kind, str] | None = None,
) -> list[Problem]:
    """Checks the tables of one business day; `names` are what findings call them (default: the kinds)."""
    named = {kind: (names or {}).get(kind, kind.value) for kind in tables}
    problems: list[Problem] = []
    sound = {}
    for kind, table in tables.items():
        if not table.schema.equals(schema_of(kind)):
            problems.append(Problem(named[kind], None, f"columns {table.schema}", f"{schema_of(kind)}"))
        elif table.num_rows:
            sound[kind] = table
            problems += _common(named[kind], kind, table, instrument, day)
    if any(problem.is_error for problem in problems):
        # Sums and replays of rows that are out of order say nothing.
        return problems
    problems += _one_number_a_message(sound, named)
    if Kind.BOOK in sound:
        problems += _book_rows(named[Kind.BOOK], sound[Kind.BOOK])
    if Kind.TRADE in sound:
        problems += _trade_rows(named[Kind.TRADE], sound[Kind.TRADE])
    if Kind.TICKER in sound:
        problems += _ticker_rows(named[Kind.TICKER], sound[Kind.TICKER])
    if Kind.CONTROL in sound:
        problems += _control_rows(named[Kind.CONTROL], sound[Kind.CONTROL])
    if Kind.BOOK in sound and not any(problem.is_error for problem in problems):
        problems += _replay(named[Kind.BOOK], sound[Kind.BOOK], sound.get(Kind.CONTROL))
    return problems


def _validate_day(catalog: Catalog, files: DayFiles) -> list[Problem]:
    problems: list[Problem] = []
    tables, names = {}, {}
    for kind, entries in files.files.items():
        for entry in entries:
            path = catalog.path(entry)
            names[kind] = entry.path
            try:
                tables[kind] = read_file(path, entry)
            except DataError as error:
                problems.append(Problem(entry.path, None, str(error), "a file as its manifest lists it"))
                continue
            problems += _footer(path, entry.path, files.instrument)
            problems += _digest(tables[kind], entry.path, kind, entry.digest)
    return problems + validate_tables(tables, files.instrument, files.date, names)


def _footer(path: Path, name: str, instrument: Instrument) -> Iterator[Problem]:
    import pyarrow.parquet as pq

    found = pq.read_schema(path).metadata or {}
    for key, value in instrument.to_json().items():
        told = found.get(f"atc.{key}".encode(), b"nothing").decode()
        if told != str(value):
            yield Problem(name, None, f"{key} {told} in the footer", f"{value} as in the manifest")


def _digest(table: pa.Table, name: str, kind: Kind, expected: str) -> Iterator[Problem]:
    from atc.events.content_digest import ContentDigest

    digest = ContentDigest(schema_of(kind))
    digest.update(table)
    if digest.hexdigest() != expected:
        yield Problem(
            name, None, f"content digest {digest.hexdigest()[:12]}", f"{expected[:12]} as in the manifest"
        )


def _common(name: str, kind: Kind, table: pa.Table, instrument: Instrument, day: date) -> Iterator[Problem]:
    import numpy as np

    ts, seq, flags = (_numbers(table, column) for column in ("ts_recv", "ev_seq", "flags"))
    step_back = (ts[1:] < ts[:-1]) | ((ts[1:] == ts[:-1]) & (seq[1:] < seq[:-1]))
    if kind is not Kind.BOOK:
        step_back |= seq[1:] == seq[:-1]
    yield from _told(
        name,
        np.flatnonzero(step_back) + 1,
        lambda i: f"(ts_recv, ev_seq) ({ts[i]}, {seq[i]}) after ({ts[i - 1]}, {seq[i - 1]})",
        "a growing order",
    )
    start = day_start_ns(day, instrument.day_cut_utc_s, instrument.tz_offset_s)
    yield from _told(
        name,
        np.flatnonzero((ts < start) | (ts >= start + DAY_NS)),
        lambda i: f"ts_recv {ts[i]}",
        f"{start} <= ts_recv < {start + DAY_NS}, business day {day}",
    )
    yield from _told(
        name, np.flatnonzero(flags > _ALL_FLAGS), lambda i: f"flags {flags[i]}", f"bits within {_ALL_FLAGS}"
    )
    if kind is not Kind.BOOK:
        lone = flags & int(Flag.LAST) == 0
        yield from _told(
            name, np.flatnonzero(lone), lambda i: f"flags {flags[i]}", "LAST on a one-row message"
        )
    exchange = _filled(table, "ts_exch", -(2**63))
    made = flags & int(Flag.SYNTH_RECV | Flag.BAD_TS | Flag.SNAPSHOT) == int(Flag.SYNTH_RECV)
    yield from _told(
        name,
        np.flatnonzero(made & (exchange > ts)),
        lambda i: f"SYNTH_RECV with ts_recv {ts[i]} before ts_exch {exchange[i]}",
        "ts_recv not before ts_exch",
    )
    for flag, what in (
        (Flag.BAD_TS, "the source's clock ran backwards"),
        (Flag.MAYBE_BAD_BOOK, "crossed book"),
    ):
        count = int(np.count_nonzero((flags & int(flag) != 0) & (flags & int(Flag.LAST) != 0)))
        if count:
            yield Problem(name, None, f"{count} messages {flag.name}: {what}", "none", is_error=False)


def _one_number_a_message(tables: Mapping[Kind, pa.Table], named: Mapping[Kind, str]) -> Iterator[Problem]:
    import numpy as np

    owner: dict[int, Kind] = {}
    times, numbers = [], []
    for kind, table in tables.items():
        ts, seq = _numbers(table, "ts_recv"), _numbers(table, "ev_seq")
        last = np.append(seq[1:] != seq[:-1], True)
        times.append(ts[last])
        numbers.append(seq[last])
        for number in seq[last].tolist():
            if number in owner:
                row = int(np.flatnonzero(seq == number)[0])
                yield Problem(
                    named[kind],
                    row,
                    f"ev_seq {number} in {owner[number].value} too",
                    "one number a message over all kinds",
                )
            owner[number] = kind
    if not times:
        return
    order = np.lexsort((np.concatenate(numbers), np.concatenate(times)))
    merged = np.concatenate(numbers)[order]
    bad = np.flatnonzero(merged[1:] <= merged[:-1])
    if len(bad):
        i = int(bad[0])
        kind = owner[int(merged[i + 1])]
        yield Problem(
            named[kind],
            int(np.flatnonzero(_numbers(tables[kind], "ev_seq") == merged[i + 1])[0]),
            f"ev_seq {merged[i + 1]} after {merged[i]} in the order of ts_recv over all kinds",
            "numbers that grow with time",
        )


def _book_rows(name: str, table: pa.Table) -> Iterator[Problem]:
    import numpy as np

    seq, ts, flags, kind, side, px, qty = (
        _numbers(table, column)
        for column in ("ev_seq", "ts_recv", "flags", "msg_kind", "side", "px_ticks", "qty_lots")
    )
    ends = np.append(seq[1:] != seq[:-1], True)
    marked = flags & int(Flag.LAST) != 0
    yield from _told(
        name,
        np.flatnonzero(ends != marked),
        lambda i: (
            "no LAST on the last row of a message" if ends[i] else "LAST before the last row of a message"
        ),
        "LAST on the last row of each message and on no other",
    )
    inside = ~ends[:-1]
    for column, values in (("ts_recv", ts), ("msg_kind", kind)):
        yield from _told(
            name,
            np.flatnonzero(inside & (values[1:] != values[:-1])) + 1,
            lambda i, column=column, values=values: (
                f"{column} {values[i]} after {values[i - 1]} in one message"
            ),
            f"one {column} a message",
        )
    yield from _told(
        name,
        np.flatnonzero(kind > max(MsgKind)),
        lambda i: f"msg_kind {kind[i]}",
        "0 SNAP, 1 DELTA or 2 CLEAR",
    )
    yield from _told(name, np.flatnonzero(np.abs(side) > 1), lambda i: f"side {side[i]}", "1, -1 or 0")
    level = side != 0
    yield from _told(
        name, np.flatnonzero(level & (px <= 0)), lambda i: f"px_ticks {px[i]}", "a price of at least one tick"
    )
    yield from _told(name, np.flatnonzero(qty < 0), lambda i: f"qty_lots {qty[i]}", "a size of 0 or more")
    alone = ends & np.append(True, ends[:-1])
    empty_says_why = (flags & int(Flag.REPEAT) != 0) | (kind == MsgKind.CLEAR)
    yield from _told(
        name,
        np.flatnonzero(~level & ~(alone & empty_says_why)),
        lambda i: f"side 0 with flags {flags[i]}, msg_kind {kind[i]}",
        "side 0 only as the one row of a REPEAT or CLEAR",
    )
    yield from _told(
        name,
        np.flatnonzero((kind == MsgKind.CLEAR) & level),
        lambda i: f"a level ({side[i]}, {px[i]}, {qty[i]}) in a CLEAR",
        "no levels",
    )
    whole = kind != MsgKind.DELTA
    yield from _told(
        name,
        np.flatnonzero(whole != (flags & int(Flag.SNAPSHOT) != 0)),
        lambda i: f"flags {flags[i]} on msg_kind {kind[i]}",
        "SNAPSHOT on SNAP and CLEAR, and on no DELTA",
    )
    yield from _told(
        name,
        np.flatnonzero(whole & (flags & int(Flag.SYNTH_DIFF | Flag.WINDOW_EDGE) != 0)),
        lambda i: f"flags {flags[i]} on msg_kind {kind[i]}",
        "SYNTH_DIFF and WINDOW_EDGE on DELTA only",
    )


def _trade_rows(name: str, table: pa.Table) -> Iterator[Problem]:
    import numpy as np

    side, px, qty, flags = (_numbers(table, column) for column in ("side", "px_ticks", "qty_lots", "flags"))
    yield from _told(
        name, np.flatnonzero(px <= 0), lambda i: f"px_ticks {px[i]}", "a price of at least one tick"
    )
    yield from _told(
        name, np.flatnonzero(qty <= 0), lambda i: f"qty_lots {qty[i]}", "a size of at least one lot"
    )
    yield from _told(name, np.flatnonzero(np.abs(side) > 1), lambda i: f"side {side[i]}", "1, -1 or 0")
    maker = np.flatnonzero(flags & int(Flag.DUP_OTHER_SIDE) != 0)
    exchange = _filled(table, "ts_exch", -(2**63))
    twin = (
        (px[maker] == px[maker - 1])
        & (qty[maker] == qty[maker - 1])
        & (side[maker] == -side[maker - 1])
        & (exchange[maker] == exchange[maker - 1])
        & (flags[maker - 1] & int(Flag.DUP_OTHER_SIDE) == 0)
        & (maker > 0)
    )
    yield from _told(
        name,
        maker[~twin],
        lambda i: f"DUP_OTHER_SIDE on ({px[i]}, {qty[i]}, side {side[i]})",
        "a taker's print of the other side, equal price, size and time just before it",
    )


def _ticker_rows(name: str, table: pa.Table) -> Iterator[Problem]:
    import numpy as np
    import pyarrow.compute as pc

    for column in ("bid", "ask", "last", "high", "low"):
        values = _filled(table, column, 1)
        yield from _told(
            name,
            np.flatnonzero(values <= 0),
            lambda i, v=values, c=column: f"{c} {v[i]}",
            "a price of at least one tick",
        )
    for column in ("bid_qty", "ask_qty", "vol"):
        values = _filled(table, column, 0)
        yield from _told(
            name, np.flatnonzero(values < 0), lambda i, v=values, c=column: f"{c} {v[i]}", "0 or more"
        )
    crossed = int(pc.sum(pc.greater_equal(table["bid"], table["ask"])).as_py() or 0)
    if crossed:
        yield Problem(name, None, f"{crossed} quotes with bid >= ask", "none", is_error=False)


def _control_rows(name: str, table: pa.Table) -> Iterator[Problem]:
    import numpy as np

    kind = _numbers(table, "control_kind")
    yield from _told(
        name,
        np.flatnonzero(kind > max(ControlKind)),
        lambda i: f"control_kind {kind[i]}",
        f"0 to {int(max(ControlKind))}",
    )
    gaps = int(np.count_nonzero(kind == ControlKind.GAP_START))
    if gaps:
        yield Problem(name, None, f"{gaps} gaps", "none", is_error=False)


def _replay(name: str, book: pa.Table, control: pa.Table | None) -> Iterator[Problem]:
    """Crossed books that carry no flag, flags without one, differences that follow no whole book."""
    replayed = Book()
    resets = [] if control is None else _resets(control)
    lost = 0
    for row, message in book_messages(book):
        while resets and resets[0] < (message.ts_recv, message.ev_seq):
            resets.pop(0)
            replayed.reset()
        if message.msg_kind == MsgKind.DELTA and not replayed.known:
            lost += 1
            continue
        if message.msg_kind == MsgKind.SNAP and message.flags & Flag.REPEAT and replayed.known:
            before = replayed.levels()
            replayed.apply(message.msg_kind, message.levels)
            if replayed.levels() != before:
                yield Problem(
                    name, row, "an inserted whole book that differs from the replay", "the book before it"
                )
        else:
            replayed.apply(message.msg_kind, message.levels)
        if replayed.is_crossed != bool(message.flags & Flag.MAYBE_BAD_BOOK):
            yield Problem(
                name,
                row,
                f"best bid {replayed.best_bid}, best ask {replayed.best_ask} with flags {int(message.flags)}",
                "MAYBE_BAD_BOOK if and only if they cross",
            )
    if lost:
        yield Problem(
            name, None, f"{lost} differences before any whole book", "a whole book first", is_error=False
        )


def _resets(control: pa.Table) -> list[tuple[int, int]]:
    kinds = control["control_kind"].to_pylist()
    keys = zip(control["ts_recv"].to_pylist(), control["ev_seq"].to_pylist(), strict=True)
    return [key for key, kind in zip(keys, kinds, strict=True) if kind == ControlKind.RESET]


def _numbers(table: pa.Table, column: str) -> npt.NDArray[np.int64]:
    import numpy as np

    return np.asarray(table[column].to_numpy(), dtype=np.int64)


def _filled(table: pa.Table, column: str, null: int) -> npt.NDArray[np.int64]:
    import numpy as np
    import pyarrow.compute as pc

    return np.asarray(pc.fill_null(table[column], null).to_numpy(), dtype=np.int64)


def _told(name: str, rows: npt.NDArray[Any], found: Any, expected: str) -> Iterator[Problem]:
    for row in rows[:_SHOWN].tolist():
        yield Problem(name, row, found(row), expected)
    if len(rows) > _SHOWN:
        yield Problem(name, None, f"{len(rows) - _SHOWN} more such rows", expected)

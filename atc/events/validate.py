"""Whether canonical tables say what their schema promises; every finding names file, row, found, expected.

A promise is of the layout (schema, order, numbering, rows of a message), of the values (a price is positive)
or of the replay (an inserted whole book is the book before it). What is a matter of the market or of its
recording (crossed books, gaps, silences) is no promise; `atc.events.quality` measures it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atc.errors import DataError
from atc.events.business_day import DAY_NS, day_start_ns
from atc.events.catalog import Catalog, DayFiles
from atc.events.instrument import Instrument
from atc.events.quality.problem import SHOWN, Problem, filled, numbers, told
from atc.events.quality.row_promises import book_rows, control_rows, ticker_rows, trade_rows
from atc.events.reader import read_file
from atc.events.schema import Flag, Kind, schema_of

if TYPE_CHECKING:
    import pyarrow as pa

_ALL_FLAGS = sum(Flag)

_REPLAY_PROMISES = {"differing_keyframes": "differing_keyframes", "misflagged_books": "misflagged"}
"""Measures of the replay that are promises, any finding breaks one; and the names of their counts."""


def validate_days(catalog: Catalog, venue: str, symbol: str, days: list[date] | None = None) -> list[Problem]:
    """Checks the days (default: all) of a stream against the manifests, the schema and each other."""
    problems: list[Problem] = []
    for day in days or catalog.days(venue, symbol):
        files = catalog.day(venue, symbol, day)
        tables, names, found = read_day(catalog, files)
        problems += found + validate_tables(tables, files.instrument, day, names)
    return problems


def validate_tables(
    tables: Mapping[Kind, pa.Table],
    instrument: Instrument,
    day: date,
    names: Mapping[Kind, str] | None = None,
) -> list[Problem]:
    """Checks the tables of one business day; `names` are what findings call them (default: the kinds)."""
    named = {kind: (names or {}).get(kind, kind.value) for kind in tables}
    # Sums and replays of rows that are out of order say nothing.
    if problems := layout_problems(tables, instrument, day, named):
        return problems
    if problems := value_problems(tables, named):
        return problems
    return replay_problems(tables, named)


def layout_problems(
    tables: Mapping[Kind, pa.Table], instrument: Instrument, day: date, named: Mapping[Kind, str]
) -> list[Problem]:
    """Broken promises of columns, order, days and numbers: while there is one nothing can be measured."""
    problems: list[Problem] = []
    for kind, table in tables.items():
        if not table.schema.equals(schema_of(kind)):
            problems.append(Problem(named[kind], None, f"columns {table.schema}", f"{schema_of(kind)}"))
        elif table.num_rows:
            problems += _common(named[kind], kind, table, instrument, day)
    return problems or list(_one_number_a_message(tables, named))


def value_problems(tables: Mapping[Kind, pa.Table], named: Mapping[Kind, str]) -> list[Problem]:
    """Broken promises of rows whose layout is sound."""
    checks = {
        Kind.BOOK: book_rows,
        Kind.TRADE: trade_rows,
        Kind.TICKER: ticker_rows,
        Kind.CONTROL: control_rows,
    }
    return [
        problem
        for kind, table in tables.items()
        if table.num_rows
        for problem in checks[kind](named[kind], table)
    ]


def replay_problems(tables: Mapping[Kind, pa.Table], named: Mapping[Kind, str]) -> list[Problem]:
    """Broken promises that only a replay of the book shows."""
    from atc.events.quality.measure import measured

    found = measured(tables, places=SHOWN) if Kind.BOOK in tables else {"places": {}, "figures": {}}
    return replay_promises(found, named.get(Kind.BOOK, ""))


def replay_promises(found: Mapping[str, Any], name: str) -> list[Problem]:
    """The broken promises among what `measured` found; `name` is what they call the file of the book."""
    problems = []
    for measure, of_measure in found["places"].items():
        if measure in _REPLAY_PROMISES:
            shown = of_measure[:SHOWN]
            problems += [Problem(name, p["row"], p["found"], p["expected"]) for p in shown]
            if more := found["figures"]["book"][_REPLAY_PROMISES[measure]] - len(shown):
                problems.append(Problem(name, None, f"{more} more such rows", shown[0]["expected"], more))
    return problems


def read_day(
    catalog: Catalog, files: DayFiles
) -> tuple[dict[Kind, pa.Table], dict[Kind, str], list[Problem]]:
    """Tables of a day by kind, the file of each, and what of the files is not as their manifest says."""
    import pyarrow as pa

    tables: dict[Kind, pa.Table] = {}
    names: dict[Kind, str] = {}
    problems: list[Problem] = []
    for kind, entries in files.files.items():
        parts = []
        for entry in entries:
            path = catalog.path(entry)
            names.setdefault(kind, entry.path)
            try:
                table = read_file(path, entry)
            except DataError as error:
                problems.append(Problem(entry.path, None, str(error), "a file as its manifest lists it"))
                continue
            problems += _footer(path, entry.path, files.instrument)
            problems += _digest(table, entry.path, kind, entry.digest)
            parts.append(table)
        if parts:
            tables[kind] = pa.concat_tables(parts)
    return tables, names, problems


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

    ts, seq, flags = (numbers(table, column) for column in ("ts_recv", "ev_seq", "flags"))
    step_back = (ts[1:] < ts[:-1]) | ((ts[1:] == ts[:-1]) & (seq[1:] < seq[:-1]))
    if kind is not Kind.BOOK:
        step_back |= seq[1:] == seq[:-1]
    yield from told(
        name,
        np.flatnonzero(step_back) + 1,
        lambda i: f"(ts_recv, ev_seq) ({ts[i]}, {seq[i]}) after ({ts[i - 1]}, {seq[i - 1]})",
        "a growing order",
    )
    start = day_start_ns(day, instrument.day_cut_utc_s, instrument.tz_offset_s)
    yield from told(
        name,
        np.flatnonzero((ts < start) | (ts >= start + DAY_NS)),
        lambda i: f"ts_recv {ts[i]}",
        f"{start} <= ts_recv < {start + DAY_NS}, business day {day}",
    )
    yield from told(
        name, np.flatnonzero(flags > _ALL_FLAGS), lambda i: f"flags {flags[i]}", f"bits within {_ALL_FLAGS}"
    )
    if kind is not Kind.BOOK:
        lone = flags & int(Flag.LAST) == 0
        yield from told(
            name, np.flatnonzero(lone), lambda i: f"flags {flags[i]}", "LAST on a one-row message"
        )
    exchange = filled(table, "ts_exch", -(2**63))
    made = flags & int(Flag.SYNTH_RECV | Flag.BAD_TS | Flag.SNAPSHOT) == int(Flag.SYNTH_RECV)
    yield from told(
        name,
        np.flatnonzero(made & (exchange > ts)),
        lambda i: f"SYNTH_RECV with ts_recv {ts[i]} before ts_exch {exchange[i]}",
        "ts_recv not before ts_exch",
    )


def _one_number_a_message(tables: Mapping[Kind, pa.Table], named: Mapping[Kind, str]) -> Iterator[Problem]:
    import numpy as np

    times, seqs, rows, kinds = [], [], [], []
    order_of = list(tables)
    for place, kind in enumerate(order_of):
        ts, seq = numbers(tables[kind], "ts_recv"), numbers(tables[kind], "ev_seq")
        first = np.append(True, seq[1:] != seq[:-1])[: len(seq)]
        times.append(ts[first])
        seqs.append(seq[first])
        rows.append(np.flatnonzero(first))
        kinds.append(np.full(int(first.sum()), place))
    if not times:
        return
    time, seq, row, owner = (np.concatenate(parts) for parts in (times, seqs, rows, kinds))
    by_number = np.argsort(seq, kind="stable")
    again = np.flatnonzero(seq[by_number][1:] == seq[by_number][:-1])
    for one, other in zip(by_number[again].tolist(), by_number[again + 1].tolist(), strict=True):
        yield Problem(
            named[order_of[owner[other]]],
            int(row[other]),
            f"ev_seq {seq[other]} in {order_of[owner[one]].value} too",
            "one number a message over all kinds",
        )
    order = np.lexsort((seq, time))
    bad = np.flatnonzero(seq[order][1:] < seq[order][:-1])
    if len(bad):
        before, here = order[bad[0]], order[bad[0] + 1]
        yield Problem(
            named[order_of[owner[here]]],
            int(row[here]),
            f"ev_seq {seq[here]} after {seq[before]} in the order of ts_recv over all kinds",
            "numbers that grow with time",
        )

"""Every broken promise of canonical tables is found, and named by file, row, what was found and what was
expected.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from reference.ingest.message import BookMessage, ControlMessage, Message, Origin, TickerMessage, TradeMessage
from reference.ingest.report import IngestReport
from reference.ingest.stream import EventStream

from atc.events.business_day import day_start_ns
from atc.events.catalog import Catalog
from atc.events.instrument import Instrument
from atc.events.schema import ControlKind, Flag, Kind, MsgKind, schema_of
from atc.events.validate import validate_days, validate_tables
from atc.events.writer import IngestSession

DAY = date(2024, 8, 8)
START = day_start_ns(DAY, 0, 0)
FACTS = Instrument("v", "S", Decimal("0.01"), Decimal("0.1"), 0, 0, None)
HERE = Origin("f", 1)
MESSAGES: list[Message] = [
    BookMessage(
        ts_recv=START, origin=HERE, msg_kind=MsgKind.SNAP, levels=[(1, 99, 5), (1, 98, 1), (-1, 101, 2)]
    ),
    TradeMessage(ts_recv=START + 1, ts_exch=7, origin=HERE, px_ticks=99, qty_lots=1, side=-1),
    TradeMessage(
        ts_recv=START + 1, ts_exch=7, origin=HERE, px_ticks=99, qty_lots=1, side=1, flags=Flag.DUP_OTHER_SIDE
    ),
    BookMessage(ts_recv=START + 2, origin=HERE, msg_kind=MsgKind.DELTA, levels=[(1, 99, 4), (-1, 102, 3)]),
    TickerMessage(ts_recv=START + 3, origin=HERE, bid=99, ask=101),
    BookMessage(ts_recv=START + 61 * 10**9, origin=HERE, msg_kind=MsgKind.DELTA, levels=[(1, 97, 4)]),
    ControlMessage(ts_recv=START + 62 * 10**9, origin=HERE, control_kind=ControlKind.STATUS),
    BookMessage(ts_recv=START + 63 * 10**9, origin=HERE, msg_kind=MsgKind.DELTA, levels=[]),
]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("events")
    with IngestSession(root, FACTS, adapter="test@1", source_hash="s") as session:
        stream = EventStream(session, IngestReport())
        for message in MESSAGES:
            stream.add(message)
        stream.close()
        session.commit()
    return root


@pytest.fixture
def tables(stored: Path) -> dict[Kind, pa.Table]:
    catalog = Catalog(stored)
    files = catalog.day("v", "S", DAY).files
    return {kind: pq.read_table(catalog.path(files[kind][0]), partitioning=None) for kind in Kind}


def clean(table: pa.Table) -> pa.Table:
    return table.replace_schema_metadata(None)


def test_what_the_stream_writes_is_sound(stored: Path) -> None:
    assert validate_days(Catalog(stored), "v", "S") == []


def put(column: str, row: int, value: Any) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        rows = table.to_pylist()
        rows[row][column] = value(rows[row][column]) if callable(value) else value
        return pa.Table.from_pylist(rows, schema=table.schema)

    return change


# The book's rows: 0-2 the SNAP, 3-4 a DELTA, 5-8 the keyframe, 9 the DELTA that it precedes, 10 a REPEAT.
CASES: list[tuple[Kind, Callable[[pa.Table], pa.Table], str]] = [
    (Kind.BOOK, lambda t: t.drop_columns(["qty_lots"]), "book: found columns"),
    (Kind.BOOK, put("ts_recv", 3, START - 5), "book:3: found .* expected a growing order"),
    (
        Kind.BOOK,
        put("ts_recv", 10, START + 86_400 * 10**9),
        "book:10: found ts_recv .* business day 2024-08-08",
    ),
    (Kind.BOOK, put("flags", 0, 4096 + 2), "book:0: found flags 4098; expected bits within 1023"),
    (Kind.BOOK, put("flags", 2, int(Flag.SNAPSHOT)), "book:2: found no LAST on the last row"),
    (Kind.BOOK, put("flags", 3, int(Flag.LAST)), "book:3: found LAST before the last row"),
    (Kind.BOOK, put("ts_recv", 4, START + 3), "book:4: found ts_recv .* in one message"),
    (Kind.BOOK, put("msg_kind", 4, 0), "book:4: found msg_kind 0 after 1 in one message"),
    (Kind.BOOK, put("msg_kind", 10, 3), "book:10: found msg_kind 3"),
    (Kind.BOOK, put("side", 4, 2), "book:4: found side 2; expected 1, -1 or 0"),
    (Kind.BOOK, put("side", 4, 0), "book:4: found side 0 with flags"),
    (Kind.BOOK, put("px_ticks", 4, 0), "book:4: found px_ticks 0"),
    (Kind.BOOK, put("qty_lots", 4, -1), "book:4: found qty_lots -1; expected a size of 0 or more"),
    (Kind.BOOK, put("flags", 9, int(Flag.LAST | Flag.SNAPSHOT)), "book:9: .* SNAPSHOT on SNAP and CLEAR"),
    (
        Kind.BOOK,
        put("flags", 0, int(Flag.SNAPSHOT | Flag.SYNTH_DIFF)),
        "book:0: .* SYNTH_DIFF and WINDOW_EDGE",
    ),
    (Kind.BOOK, put("qty_lots", 5, 77), "book:5: found an inserted whole book that differs from the replay"),
    (Kind.BOOK, put("px_ticks", 9, 101), "book:9: found best bid 101, best ask 101 .* MAYBE_BAD_BOOK"),
    (
        Kind.BOOK,
        put("flags", 9, int(Flag.LAST | Flag.MAYBE_BAD_BOOK)),
        "book:9: found best bid 99, best ask 101",
    ),
    (Kind.TRADE, put("px_ticks", 0, 0), "trade:0: found px_ticks 0"),
    (Kind.TRADE, put("qty_lots", 1, 0), "trade:1: found qty_lots 0; expected a size of at least one lot"),
    (Kind.TRADE, put("side", 0, 5), "trade:0: found side 5"),
    (Kind.TRADE, put("flags", 0, 0), "trade:0: found flags 0; expected LAST on a one-row message"),
    (Kind.TRADE, put("qty_lots", 1, 2), "trade:1: found DUP_OTHER_SIDE on"),
    (Kind.TRADE, put("flags", 0, int(Flag.LAST | Flag.DUP_OTHER_SIDE)), "trade:0: found DUP_OTHER_SIDE on"),
    (Kind.TRADE, put("ev_seq", 1, lambda n: n - 1), "trade:1: .* expected a growing order"),
    (Kind.TRADE, put("ev_seq", 1, lambda n: n + 1), "too; expected one number a message over all kinds"),
    (Kind.TRADE, put("ev_seq", 1, lambda n: n + 100), "expected numbers that grow with time"),
    (
        Kind.TRADE,
        lambda t: put("ts_exch", 0, START + 9)(put("flags", 0, int(Flag.LAST | Flag.SYNTH_RECV))(t)),
        "trade:0: found SYNTH_RECV with ts_recv",
    ),
    (Kind.TICKER, put("bid", 0, 0), "ticker:0: found bid 0"),
    (Kind.TICKER, put("vol", 0, -1), "ticker:0: found vol -1"),
    (Kind.CONTROL, put("control_kind", 0, 9), "control:0: found control_kind 9; expected 0 to 4"),
]


@pytest.mark.parametrize(("kind", "change", "message"), CASES, ids=[message[:50] for _, _, message in CASES])
def test_each_broken_promise_is_named(
    tables: dict[Kind, pa.Table], kind: Kind, change: Callable[[pa.Table], pa.Table], message: str
) -> None:
    sound = {k: clean(t) for k, t in tables.items()}
    assert validate_tables(sound, FACTS, DAY) == []
    problems = [str(p) for p in validate_tables({**sound, kind: change(sound[kind])}, FACTS, DAY)]
    assert problems
    assert any(re.search(message, p) for p in problems), problems


def test_many_of_one_kind_are_counted(tables: dict[Kind, pa.Table]) -> None:
    trade = clean(tables[Kind.TRADE])
    rows = [{**trade.to_pylist()[0], "ev_seq": i, "px_ticks": 0} for i in range(50)]
    problems = validate_tables({Kind.TRADE: pa.Table.from_pylist(rows, schema_of(Kind.TRADE))}, FACTS, DAY)
    assert len(problems) == 6
    assert problems[-1].found == "45 more such rows"


def test_a_file_that_is_not_its_manifests(stored: Path, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(stored, root)
    catalog = Catalog(root)
    path = catalog.path(catalog.day("v", "S", DAY).files[Kind.TRADE][0])
    table = pq.read_table(path, partitioning=None)
    other = table.set_column(6, table.schema.field(6), pa.array([2, 2], pa.int64()))
    metadata = {**table.schema.metadata, b"atc.tick": b"0.5"}
    pq.write_table(other.cast(other.schema.with_metadata(metadata)), path)
    problems = [str(p) for p in validate_days(catalog, "v", "S")]
    assert any("found tick 0.5 in the footer; expected 0.01" in p for p in problems)
    assert any("found content digest" in p for p in problems)
    path.unlink()
    problems = [str(p) for p in validate_days(catalog, "v", "S")]
    assert any("a manifest lists this file but it is not there" in p for p in problems)

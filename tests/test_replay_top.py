"""The top of the book from Rust equals that of the Python book, message by message."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from recordings import BINANCE_RAW, ROOT, needs

from atc._rust import replay_top
from atc.config.compose import compose
from atc.config.data import RecordedData
from atc.config.surroundings import Paths
from atc.events.book import Book
from atc.events.ingest import ensure_ingested
from atc.events.reader import read_events
from atc.events.schema import MAX_GAP_NS, ControlKind, Kind, MsgKind, schema_of
from atc.events.stored_book import book_messages

DEPTH = 5


def _one(table: pa.Table) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(table.to_pylist(), schema=table.schema)


def _expected(book: pa.Table, control: pa.Table, depth: int) -> dict[str, list[object]]:
    resets = [
        (row["ts_recv"], row["ev_seq"])
        for row in control.to_pylist()
        if row["control_kind"] == ControlKind.RESET
    ]
    rows: dict[str, list[object]] = {
        name: [] for name in ("ts_recv", "ev_seq", "bid_px", "ask_px", "bid_qty", "ask_qty")
    }
    python, last = Book(), None
    for _, message in book_messages(book):
        while resets and resets[0] < (message.ts_recv, message.ev_seq):
            resets.pop(0)
            python.reset()
        if last is not None and message.ts_recv - last > MAX_GAP_NS:
            python.reset()
        last = message.ts_recv
        if python.known or message.msg_kind != MsgKind.DELTA:
            python.apply(message.msg_kind, message.levels)
        rows["ts_recv"].append(message.ts_recv)
        rows["ev_seq"].append(message.ev_seq)
        for name, side in (("bid", 1), ("ask", -1)):
            levels = sorted(python.sizes(side).items(), key=lambda level: -side * level[0])[:depth]
            levels += [(0, 0)] * (depth - len(levels))
            rows[f"{name}_px"].append([px for px, _ in levels])
            rows[f"{name}_qty"].append([qty for _, qty in levels])
    return rows


def _random_stream(seed: int) -> tuple[pa.Table, pa.Table]:
    chance = random.Random(seed)
    book: list[dict[str, object]] = []
    control: list[dict[str, object]] = []
    ts = 1_700_000_000_000_000_000
    for seq in range(400):
        ts += chance.choice((0, 1, 10**9, 10**9, MAX_GAP_NS, MAX_GAP_NS + 1 if chance.random() < 0.1 else 1))
        common = {"ev_seq": seq, "ts_recv": ts, "ts_exch": None, "venue_seq": None, "flags": 0}
        if chance.random() < 0.03:
            kind = chance.choice((ControlKind.RESET, ControlKind.STATUS))
            control.append({**common, "control_kind": int(kind), "detail": None})
            continue
        msg_kind = chance.choices((MsgKind.SNAP, MsgKind.DELTA, MsgKind.CLEAR), (1, 12, 0.3))[0]
        levels = [
            (side, 100 - side * chance.randint(1, 9), chance.randint(0, 4))
            for side in (1, -1)
            for _ in range(chance.randint(0, 6))
        ]
        if msg_kind == MsgKind.CLEAR or not levels:
            levels = [(0, 0, 0)]
        for number, (side, px, qty) in enumerate(levels):
            last = int(number == len(levels) - 1)
            row = {"msg_kind": int(msg_kind), "side": side, "px_ticks": px, "qty_lots": qty}
            book.append({**common, "flags": last, **row})
    return (
        pa.Table.from_pylist(book, schema=schema_of(Kind.BOOK)),
        pa.Table.from_pylist(control, schema=schema_of(Kind.CONTROL)),
    )


@pytest.mark.parametrize("seed", range(5))
def test_it_equals_the_python_book_on_rough_streams(seed: int) -> None:
    book, control = _random_stream(seed)
    found = replay_top(_one(book), _one(control), DEPTH, MAX_GAP_NS).to_pydict()
    assert found == _expected(book, control, DEPTH)
    assert any(found["bid_px"][i][0] == 0 for i in range(len(found["ts_recv"])))
    assert any(found["bid_px"][i][1] > 0 for i in range(len(found["ts_recv"])))


@pytest.mark.recordings
@needs(BINANCE_RAW)[1]
def test_it_equals_the_python_book_on_a_recording(tmp_path: Path) -> None:
    data = compose(["data=binance_ethusdt_2024"]).data
    assert isinstance(data, RecordedData)
    ensure_ingested(data, Paths(events=str(tmp_path), recordings=str(ROOT)))
    start = 1_723_161_254 * 10**9
    kinds = (Kind.BOOK, Kind.CONTROL)
    events = read_events(tmp_path, data.venue, data.symbol, start, start + 60 * 10**9, kinds=kinds)
    found = replay_top(_one(events.book), _one(events.control), DEPTH, MAX_GAP_NS)
    expected = _expected(events.book, events.control, DEPTH)
    assert found.num_rows > 300
    for name in ("bid_px", "ask_px", "bid_qty", "ask_qty"):
        values = found[name].flatten().to_numpy().reshape(-1, DEPTH)
        np.testing.assert_array_equal(values, np.array(expected[name]))


def test_what_is_no_book_is_named() -> None:
    book, control = _random_stream(0)
    with pytest.raises(ValueError, match="depth is 0, expected at least 1"):
        replay_top(_one(book), _one(control), 0, MAX_GAP_NS)
    with pytest.raises(ValueError, match="'px_ticks'"):
        replay_top(_one(book.drop_columns(["px_ticks"])), _one(control), 1, MAX_GAP_NS)
    bad = book.set_column(8, "qty_lots", pa.array(np.full(book.num_rows, -1)))
    with pytest.raises(ValueError, match="quantity ≥ 0"):
        replay_top(_one(bad.cast(book.schema)), _one(control), 1, MAX_GAP_NS)

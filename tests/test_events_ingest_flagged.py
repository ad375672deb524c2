"""Ingest of doubtful files: kept, flagged, counted."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from binance_session import SESSION, SYMBOL, T0, S, depth, line, snapshot, taken, trade, written

from atc.errors import DataError
from atc.events.adapters import Asked
from atc.events.catalog import Catalog
from atc.events.ingest import ingest
from atc.events.schema import ControlKind, Flag, MsgKind
from atc.events.stored_book import book_messages
from atc.events.validate import validate_days


def test_time_running_backwards_is_flagged_and_held(tmp_path: Path) -> None:
    lines = [*SESSION[:6], trade(T0 + S, 102), trade(T0 + 5 * S, 103)]
    events, done, findings = taken(tmp_path, lines)
    assert events.trade["ts_recv"].to_pylist() == [T0 + t * S for t in (2, 3, 3, 5)]
    assert [bool(f & Flag.BAD_TS) for f in events.trade["flags"].to_pylist()] == [False, False, True, False]
    assert done.manifest.counts["flagged"] == 1
    assert [(f.reason, f.origin.row) for f in findings if f.action == "flagged"] == [
        ("time ran backwards", 7)
    ]


def test_a_crossing_book_is_flagged_and_counted(tmp_path: Path) -> None:
    crossing = depth(T0 + 5 * S, 10, 11, bids=[["2690.00", "1"]])
    healed = depth(T0 + 6 * S, 12, 12, bids=[["2690.00", "0"]])
    events, done, _ = taken(tmp_path, [*SESSION[:7], crossing, healed])
    flags = [bool(m.flags & Flag.MAYBE_BAD_BOOK) for _, m in book_messages(events.book)]
    assert flags == [False, False, False, True, False]
    assert done.report.flagged == {"crossed book": 1}
    assert validate_days(Catalog(tmp_path / "events"), "binance", "ETHUSDT") == []


def test_a_break_in_the_chain_is_a_gap_until_the_next_snapshot(tmp_path: Path) -> None:
    lines = [
        *SESSION[:7],
        depth(T0 + 5 * S, 12, 13),
        trade(T0 + 6 * S, 102),
        snapshot(T0 + 7 * S, 13),
        depth(T0 + 8 * S, 14, 15, bids=[["2680.00", "1"]]),
    ]
    events, done, _ = taken(tmp_path, lines)
    assert events.control["control_kind"].to_pylist() == [
        ControlKind.GAP_START,
        ControlKind.RESET,
        ControlKind.GAP_END,
    ]
    assert events.control["ts_recv"].to_pylist() == [T0 + 5 * S, T0 + 5 * S, T0 + 7 * S]
    assert [m.msg_kind for _, m in book_messages(events.book)][-2:] == [MsgKind.SNAP, MsgKind.DELTA]
    assert done.report.flagged == {"gap in the update chain": 1}


def test_a_snapshot_that_came_before_the_break_joins_what_follows_it(tmp_path: Path) -> None:
    # As after a reconnect that asks for its snapshot first. Until the next difference nobody knows.
    again = [
        snapshot(T0 + 5 * S, 20),
        trade(T0 + 6 * S, 102),
        depth(T0 + 7 * S, 20, 22, bids=[["2683.00", "3"]]),
        depth(T0 + 8 * S, 23, 23, asks=[["2683.95", "1"]]),
    ]
    events, _, findings = taken(tmp_path, SESSION[:7] + again)
    controls = [ControlKind(kind).name for kind in events.control["control_kind"].to_pylist()]
    assert controls == ["GAP_START", "RESET", "GAP_END"]
    assert set(events.control["ts_recv"].to_pylist()) == {T0 + 7 * S}
    messages = [m for _, m in book_messages(events.book)][-3:]
    assert [(m.ts_recv, m.msg_kind, m.levels) for m in messages] == [
        (T0 + 7 * S, MsgKind.SNAP, [(1, 268380, 10_000), (1, 268300, 20_000), (-1, 268381, 40_000)]),
        (T0 + 7 * S, MsgKind.DELTA, [(1, 268300, 30_000)]),
        (T0 + 8 * S, MsgKind.DELTA, [(-1, 268395, 10_000)]),
    ]
    assert [f.reason for f in findings if f.action == "flagged"] == ["gap in the update chain"]


def test_a_snapshot_that_the_chain_reaches_is_not_needed(tmp_path: Path) -> None:
    ahead = [snapshot(T0 + 5 * S, 11), *(depth(T0 + (6 + i) * S, 10 + i, 10 + i) for i in range(3))]
    events, _, findings = taken(tmp_path, SESSION[:7] + ahead)
    assert events.control.num_rows == 0
    assert [(f.reason, f.origin.row, f.detail) for f in findings[1:]] == [
        ("snapshot not needed", 8, "lastUpdateId 11, the chain is unbroken at 11")
    ]


def test_a_snapshot_without_a_symbol_is_refused_beside_other_symbols(tmp_path: Path) -> None:
    other = line(T0 + 5 * S, "trade", e="trade", t=1, p="1", q="1", T=1, m=True).replace("ETHUSDT", "BTCUSDT")
    with pytest.raises(
        DataError, match=r"jsonl.gz:8: a message of BTCUSDT, but the snapshot at .*:2 names no"
    ):
        taken(tmp_path / "after", [*SESSION[:7], other])
    other = other.replace(str(T0 + 5 * S), str(T0))
    with pytest.raises(
        DataError, match=r"jsonl.gz:3: this snapshot names no symbol, and the files hold BTCU"
    ):
        taken(tmp_path / "before", [other, *SESSION[:7]])


def test_prints_alone_do_not_tell_their_market(tmp_path: Path) -> None:
    path = written(tmp_path, [trade(T0, 1)])
    with pytest.raises(DataError, match=r"no depth update tells the market; give --venue binance, binance_u"):
        ingest("binance_raw", [path], tmp_path / "events", Asked(symbol="ETHUSDT"))
    done = ingest("binance_raw", [path], tmp_path / "events", Asked(symbol="ETHUSDT", venue="binance_usdm"))
    assert done.manifest.instrument.lot == Decimal("0.001")


@pytest.mark.parametrize("adapter", ["binance_raw", "bybit", "coinbase"])
def test_bytes_that_are_no_text_are_named(tmp_path: Path, adapter: str) -> None:
    path = tmp_path / "bytes.jsonl"
    path.write_bytes(f"{T0} ".encode() + b'{"stream":"a@trade","topic":"a\xff","type":"\xff"}\n')
    with pytest.raises(DataError, match=r"bytes.jsonl:1: no UTF-8 near"):
        ingest(adapter, [path], tmp_path / "events", SYMBOL)


def test_a_day_without_a_snapshot_keeps_its_trades_and_says_so(tmp_path: Path) -> None:
    events, done, _ = taken(tmp_path, [depth(T0, 1, 3), trade(T0 + S, 5), depth(T0 + S, 4, 5)])
    assert (events.book.num_rows, events.trade.num_rows) == (0, 1)
    assert done.report.flagged == {"update without a snapshot": 2}


def test_trades_that_are_none_of_the_market(tmp_path: Path) -> None:
    fund = trade(T0 + 4 * S, 102, price="0", size="0").replace('"m"', '"X": "NA", "m"')
    events, done, _ = taken(tmp_path, [*SESSION[:6], fund, trade(T0 + 5 * S, 103)])
    assert events.trade["trade_id"].to_pylist() == ["100", "101", "103"]
    assert done.report.repaired["no market trade"] == 1
    assert done.report.flagged == {}

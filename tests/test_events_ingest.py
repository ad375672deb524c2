"""`atc ingest` on small files: what it writes, what it refuses, and that it is whole or absent."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from reference.ingest.stream import first_ev_seq
from typer.testing import CliRunner

from atc.cli import application
from atc.config.schema import RecordedData
from atc.config.surroundings import Paths
from atc.errors import AtcError, DataError, UsageError
from atc.events.adapters import Asked, adapters
from atc.events.catalog import Catalog
from atc.events.ingest import Ingested, ensure_ingested, ingest
from atc.events.reader import Events, read_events
from atc.events.report import Finding, IngestReport
from atc.events.schema import ControlKind, Flag, MsgKind
from atc.events.stored_book import book_messages
from atc.events.validate import validate_days

T0 = 1_723_161_254 * 10**9  # 2024-08-08T23:54:14Z
SYMBOL = Asked(symbol="ETHUSDT", tick=Decimal("0.01"), lot=Decimal("0.0001"))


def line(ts: int, stream: str, **data: Any) -> str:
    return f"{ts} " + json.dumps({"stream": f"ethusdt@{stream}", "data": {"s": "ETHUSDT", **data}})


def depth(ts: int, first: int, last: int, bids: Any = (), asks: Any = ()) -> str:
    update = {"e": "depthUpdate", "E": ts // 10**6 + 5, "U": first, "u": last, "b": bids, "a": asks}
    return line(ts, "depth@100ms", **update)


def trade(ts: int, number: int, *, price: str = "2683.81", size: str = "0.5", maker: bool = False) -> str:
    return line(ts, "trade", e="trade", t=number, p=price, q=size, T=ts // 10**6 + 4, m=maker)


def quote(ts: int, number: int) -> str:
    return line(ts, "bookTicker", u=number, b="2683.80", B="3.0", a="2683.81", A="31.4")


def snapshot(ts: int, last: int) -> str:
    book = {"lastUpdateId": last, "bids": [["2683.80", "1"], ["2683.00", "2"]], "asks": [["2683.81", "4"]]}
    return f"{ts} {json.dumps(book)}"


S = 10**9
SESSION = [
    depth(T0, 1, 3, bids=[["2600.00", "9"]]),
    snapshot(T0 + S, 5),
    depth(T0 + 2 * S, 4, 7, bids=[["2683.80", "1.5"]]),
    trade(T0 + 2 * S, 100),
    quote(T0 + 2 * S, 7),
    trade(T0 + 3 * S, 101, maker=True),
    depth(T0 + 4 * S, 8, 9, asks=[["2683.81", "0"], ["2683.90", "0.7"]]),
    depth(T0 + 400 * S, 10, 10, bids=[["2683.00", "0.00000000"]]),  # next day, after a silence
    trade(T0 + 401 * S, 102),
]


def written(folder: Path, lines: list[str], name: str = "session.jsonl.gz") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    content = "".join(f"{text}\n" for text in lines).encode()
    path.write_bytes(gzip.compress(content, mtime=0) if name.endswith(".gz") else content)
    return path


def taken(tmp_path: Path, lines: list[str], asked: Asked = SYMBOL) -> tuple[Events, Ingested, list[Finding]]:
    findings: list[Finding] = []
    done = ingest(
        "binance_raw",
        [written(tmp_path, lines)],
        tmp_path / "events",
        asked,
        report=IngestReport(findings.append),
    )
    catalog = Catalog(tmp_path / "events")
    problems = validate_days(catalog, "binance", "ETHUSDT")
    assert problems == []
    return read_events(catalog, "binance", "ETHUSDT", 0, 2**62), done, findings


def seen(root: Path) -> list[str]:
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file() and p.name != "_lock")


def test_one_session_over_two_business_days(tmp_path: Path) -> None:
    events, done, findings = taken(tmp_path, SESSION)
    assert done.manifest.counts == {"messages_read": 9, "events_written": 9, "repaired": 1, "flagged": 0}
    assert [(f.action, f.reason, f.origin.row) for f in findings] == [
        ("repaired", "update before the snapshot", 1)
    ]
    assert Catalog(tmp_path / "events").days("binance", "ETHUSDT") == [date(2024, 8, 8), date(2024, 8, 9)]
    messages = [m for _, m in book_messages(events.book)]
    assert [(m.msg_kind, m.levels) for m in messages] == [
        (MsgKind.SNAP, [(1, 268380, 10_000), (1, 268300, 20_000), (-1, 268381, 40_000)]),
        (MsgKind.DELTA, [(1, 268380, 15_000)]),
        (MsgKind.DELTA, [(-1, 268381, 0), (-1, 268390, 7_000)]),
        (MsgKind.SNAP, [(1, 268380, 15_000), (1, 268300, 20_000), (-1, 268390, 7_000)]),
        (MsgKind.DELTA, [(1, 268300, 0)]),
    ]
    assert [m.flags for m in messages] == [
        Flag.LAST | Flag.SNAPSHOT,
        Flag.LAST,
        Flag.LAST,
        Flag.LAST | Flag.SNAPSHOT | Flag.REPEAT,
        Flag.LAST,
    ]
    assert events.trade["side"].to_pylist() == [1, -1, 1]
    assert events.trade["trade_id"].to_pylist() == ["100", "101", "102"]
    assert events.ticker["ts_exch"].to_pylist() == [None]
    assert events.ticker["bid_qty"].to_pylist() == [30_000]
    # One number a message over all kinds, in the order of arrival; a new base each business day.
    day = (date(2024, 8, 8) - date(1970, 1, 1)).days
    numbers = sorted(
        {
            *events.book["ev_seq"].to_pylist(),
            *events.trade["ev_seq"].to_pylist(),
            *events.ticker["ev_seq"].to_pylist(),
        }
    )
    assert numbers == [first_ev_seq(day) + i for i in range(1, 7)] + [
        first_ev_seq(day + 1) + i for i in (1, 2, 3)
    ]


def test_a_day_is_the_same_with_and_without_its_neighbours(tmp_path: Path) -> None:
    header = "symbol,side,size,price,timestamp"
    days = {
        f"2024010{d}_ETH_JPY.csv.gz": [
            header,
            f"ETH_JPY,BUY,0.1,330000,2024-01-0{d} 03:00:00.123",
            f"ETH_JPY,SELL,0.1,330000,2024-01-0{d} 03:00:00.123",
        ]
        for d in (2, 3)
    }
    files = [written(tmp_path, lines, name) for name, lines in days.items()]
    for path in files:
        ingest("gmo_trades", [path], tmp_path / "apart", Asked())
    ingest("gmo_trades", files[::-1], tmp_path / "together", Asked())
    digests = [
        Catalog(tmp_path / root).content_digest("gmocoin", "ETH_JPY", [date(2024, 1, 2), date(2024, 1, 3)])
        for root in ("apart", "together")
    ]
    assert digests[0] == digests[1]


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--day-cut-utc-s", "99999", "expected 0 to 86399"),
        ("--tz-offset-s", "90000", "expected less than a day either way"),
        ("--venue", "a/b", "expected letters, digits"),
        ("--venue", "", "expected letters, digits"),
        ("--recorded-depth", "0", "expected at least 1"),
    ],
)
def test_a_wrong_fact_of_the_user_is_wrong_usage(tmp_path: Path, option: str, value: str, says: str) -> None:
    path, root = written(tmp_path, SESSION), tmp_path / "events"
    steps = ["--symbol", "ETHUSDT", "--tick", "0.01", "--lot", "0.0001"]
    arguments = ["ingest", "binance_raw", str(path), "--root", str(root), *steps, option, value]
    with pytest.raises(UsageError, match=f"{option}: .*{says}") as caught:
        CliRunner().invoke(application(), arguments, catch_exceptions=False)
    assert caught.value.exit_code == 2
    assert not root.exists()


def test_an_impossible_symbol_in_the_files_is_wrong_data(tmp_path: Path) -> None:
    lines = ["symbol,side,size,price,timestamp", "ETH/JPY,BUY,0.1,330000,2024-01-02 03:00:00.123"]
    path = written(tmp_path, lines, "20240102_ETH_JPY.csv.gz")
    steps = Asked(tick=Decimal(1), lot=Decimal("0.01"))
    with pytest.raises(DataError, match="symbol is 'ETH/JPY'; expected letters"):
        ingest("gmo_trades", [path], tmp_path / "events", steps)


def test_the_same_files_again_write_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, SESSION)
    root = tmp_path / "events"
    first = ingest("binance_raw", [path], root, SYMBOL)
    stamps = {name: (root / name).stat().st_mtime_ns for name in seen(root)}
    copy = written(tmp_path / "elsewhere", SESSION)
    for again in (path, copy):
        second = ingest("binance_raw", [again], root, SYMBOL)
        assert second.already
        assert second.manifest == first.manifest
    assert {name: (root / name).stat().st_mtime_ns for name in seen(root)} == stamps


def test_a_copy_beside_its_original_is_refused(tmp_path: Path) -> None:
    # As a browser names a second download. The archive has no ids that would tell.
    rows = ["symbol,side,size,price,timestamp", "ETH_JPY,BUY,0.1,330000,2024-01-02 03:00:00.123"]
    files = [written(tmp_path, rows, f"20240102_ETH_JPY{of}.csv.gz") for of in ("", " (1)")]
    with pytest.raises(DataError, match=r"ETH_JPY \(1\).csv.gz is a copy of .*ETH_JPY.csv.gz"):
        ingest("gmo_trades", files, tmp_path / "events", Asked())


@pytest.mark.parametrize("per_ns", [10**9, 10**6, 10**3])
def test_times_in_another_unit_are_refused(tmp_path: Path, per_ns: int) -> None:
    lines = [f"{int(ts) // per_ns} {rest}" for ts, rest in (text.split(" ", 1) for text in SESSION)]
    path = written(tmp_path, lines)
    with pytest.raises(
        DataError, match=r"session.jsonl.gz:2: the time is \d+ ns since 1970; expected one from"
    ):
        ingest("binance_raw", [path], tmp_path / "events", SYMBOL)


def test_an_audit_reads_again_and_keeps_nothing(tmp_path: Path) -> None:
    path, root = written(tmp_path, SESSION), tmp_path / "events"
    ingest("binance_raw", [path], root, SYMBOL)
    before = seen(root)
    report = IngestReport()
    assert ingest("binance_raw", [path], root, SYMBOL, report=report, audit=True).already
    assert report.repaired == {"update before the snapshot": 1}
    assert seen(root) == before


def test_another_reading_of_the_same_days_needs_replace(tmp_path: Path) -> None:
    path, root = written(tmp_path, SESSION), tmp_path / "events"
    ingest("binance_raw", [path], root, SYMBOL)
    finer = Asked(symbol="ETHUSDT", tick=Decimal("0.01"), lot=Decimal("0.00001"))
    with pytest.raises(DataError, match="2024-08-08 is held by ingest"):
        ingest("binance_raw", [path], root, finer)
    short = written(tmp_path, SESSION[:7], "short.jsonl.gz")
    with pytest.raises(DataError, match="its 1 days from 2024-08-09 to 2024-08-09 would be lost"):
        ingest("binance_raw", [short], root, finer, replace=True)
    ingest("binance_raw", [path], root, finer, replace=True)
    assert Catalog(root).instrument("binance", "ETHUSDT").lot == Decimal("0.00001")
    assert len([name for name in seen(root) if name.endswith(".json")]) == 1


def test_a_new_version_of_an_adapter_takes_the_place_of_the_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, root = written(tmp_path, SESSION), tmp_path / "events"
    old = ingest("binance_raw", [path], root, SYMBOL)
    known = adapters()["binance_raw"]
    monkeypatch.setattr("atc.events.ingest.adapter_named", lambda _: known._replace(version=99))
    new = ingest("binance_raw", [path], root, SYMBOL)
    assert new.manifest.replaces == (old.manifest.id,)
    assert list(Catalog(root).manifests) == [new.manifest.id]


# What bad input gets


def fails(tmp_path: Path, lines: list[str] | bytes, message: str, *, asked: Asked = SYMBOL) -> str:
    path = written(tmp_path, [] if isinstance(lines, bytes) else lines)
    if isinstance(lines, bytes):
        path.write_bytes(lines)
    with pytest.raises(DataError, match=message) as caught:
        ingest("binance_raw", [path], tmp_path / "events", asked)
    assert seen(tmp_path / "events") == []
    return str(caught.value)


def test_a_wrong_tick_names_file_line_and_value(tmp_path: Path) -> None:
    text = fails(tmp_path, [*SESSION, trade(T0 + 402 * S, 103, price="2683.815")], "multiple of 0.01")
    assert text.endswith("session.jsonl.gz:10: price is 2683.815; expected a multiple of 0.01")


def test_a_wrong_lot_names_file_line_and_value(tmp_path: Path) -> None:
    text = fails(tmp_path, [*SESSION, trade(T0 + 402 * S, 103, size="0.00005")], "multiple of 0.0001")
    assert text.endswith("session.jsonl.gz:10: size is 0.00005; expected a multiple of 0.0001")


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (line(T0, "trade", e="trade", p="1", q="1", m=True), "missing field `t`, near"),
        (
            trade(T0 + 402 * S, 103).replace('"m": false', '"m": 0'),
            'integer `0`, expected a boolean, near .*"m": 0',
        ),
        (trade(T0 + 402 * S, 103, size="0"), "size is '0'; expected more than 0"),
        (trade(T0 + 402 * S, 103, price="-5"), "price is '-5'; expected a number that is not negative"),
        (trade(T0 + 402 * S, 103)[:60], "session.jsonl.gz:10: unexpected end|session.jsonl.gz:10: .*"),
        (f"{T0} [1]", "found '.1.' after the time; expected a JSON object"),
        ("hello", "expected the receive time in ns"),
        (line(T0 + 402 * S, "kline"), "stream 'kline'; expected depth, trade or bookTicker"),
    ],
)
def test_a_malformed_line_is_named(tmp_path: Path, bad: str, message: str) -> None:
    text = fails(tmp_path, [*SESSION, bad], message)
    assert "session.jsonl.gz:10: " in text


def test_a_truncated_gzip_names_where_it_ends(tmp_path: Path) -> None:
    lines = [*SESSION, *(trade(T0 + 402 * S + i * 7919, 103 + i) for i in range(3000))]
    whole = gzip.compress("".join(f"{text}\n" for text in lines).encode())
    text = fails(tmp_path, whole[: len(whole) // 2], "it was cut: fetch it again")
    assert "session.jsonl.gz: the gzip ends after line " in text
    assert f", byte {len(whole) // 2}, before its end mark" in text
    reached = int(text.split("after line ")[1].split(",")[0])
    assert 100 < reached < 3009


def test_a_damaged_gzip_is_named(tmp_path: Path) -> None:
    lines = [*SESSION, *(trade(T0 + 402 * S + i * 7919, 103 + i) for i in range(3000))]
    whole = bytearray(gzip.compress("".join(f"{text}\n" for text in lines).encode()))
    whole[-6] ^= 0xFF
    fails(tmp_path, bytes(whole), "damaged gzip after line 3009, byte .*does not have a matching checksum")


def test_missing_empty_and_foreign_files(tmp_path: Path) -> None:
    fails(tmp_path, [], "the file is empty")
    fails(tmp_path, SESSION, "no events of BTCUSDT; .*ETHUSDT", asked=Asked(symbol="BTCUSDT"))
    with pytest.raises(DataError, match=r"expected a file, found nothing; its folder has session\.jsonl\.gz"):
        ingest("binance_raw", [tmp_path / "session2.jsonl.gz"], tmp_path / "events", SYMBOL)
    with pytest.raises(DataError, match="expected a file, found a folder"):
        ingest("binance_raw", [tmp_path], tmp_path / "events", SYMBOL)
    path = written(tmp_path, SESSION)
    with pytest.raises(DataError, match="is given twice"):
        ingest("binance_raw", [path, tmp_path / "." / path.name], tmp_path / "events", SYMBOL)
    with pytest.raises(UsageError, match="did you mean 'binance_raw'"):
        ingest("binance_row", [path], tmp_path / "events", SYMBOL)


def test_an_unknown_symbol_asks_for_its_steps(tmp_path: Path) -> None:
    lines = [text.replace("ETHUSDT", "NEWUSDT") for text in SESSION]
    fails(
        tmp_path,
        lines,
        "binance NEWUSDT: its price and size steps are not known here; give --tick and --lot",
        asked=Asked(),
    )


# What is kept but flagged


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


# GMO's archive


GMO = "symbol,side,size,price,timestamp"


def gmo(tmp_path: Path, rows: list[str], **more: Any) -> tuple[Events, Ingested]:
    path = written(tmp_path, [GMO, *rows], "20240102_ETH_JPY.csv.gz")
    done = ingest("gmo_trades", [path], tmp_path / "events", Asked(**more))
    catalog = Catalog(tmp_path / "events")
    assert validate_days(catalog, "gmocoin", "ETH_JPY") == []
    return read_events(catalog, "gmocoin", "ETH_JPY", 0, 2**62), done


def test_gmo_prints_every_execution_twice(tmp_path: Path) -> None:
    rows = [
        "ETH_JPY,BUY,0.1,330000,2024-01-01 21:00:00.123",
        "ETH_JPY,SELL,0.1,330000,2024-01-01 21:00:00.123",
        "ETH_JPY,SELL,12.34,329998,2024-01-02 03:00:00.5",
        "ETH_JPY,BUY,12.34,329998,2024-01-02 03:00:00.5",
    ]
    events, done = gmo(tmp_path, rows)
    assert events.trade["side"].to_pylist() == [1, -1, -1, 1]
    assert [bool(f & Flag.DUP_OTHER_SIDE) for f in events.trade["flags"].to_pylist()] == [False, True] * 2
    assert all(f & Flag.SYNTH_RECV for f in events.trade["flags"].to_pylist())
    assert events.trade["ts_recv"].to_pylist() == events.trade["ts_exch"].to_pylist()
    assert events.trade["ts_recv"][0].as_py() == 1_704_142_800_123_000_000
    assert events.trade["qty_lots"].to_pylist() == [10, 10, 1234, 1234]
    assert Catalog(tmp_path / "events").days("gmocoin", "ETH_JPY") == [date(2024, 1, 2)]
    assert done.report.flagged == {"maker's print of a pair": 2}


def test_a_filtered_archive_has_no_makers_prints(tmp_path: Path) -> None:
    rows = [f"ETH_JPY,BUY,0.1,{330000 + i},2024-01-02 03:00:{i:02d}.0" for i in range(8)]
    coincidence = [
        "ETH_JPY,BUY,1,330000,2024-01-02 04:00:00.0",
        "ETH_JPY,SELL,1,330000,2024-01-02 04:00:00.0",
    ]
    events, done = gmo(tmp_path, rows + coincidence)
    assert not any(f & Flag.DUP_OTHER_SIDE for f in events.trade["flags"].to_pylist())
    assert done.report.flagged == {}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([GMO], "no rows; give --symbol"),
        ([GMO.replace(",size", "")], "csv.gz:1: no column size; found symbol,side,price,timestamp"),
        ([GMO, "ETH_JPY,BUY,0.1,330000"], "csv.gz:2: 4 cells; expected 5"),
        (
            [GMO, "ETH_JPY,BYE,0.1,330000,2024-01-02 03:00:00"],
            "csv.gz:2: side is 'BYE'; expected BUY or SELL",
        ),
        ([GMO, "ETH_JPY,BUY,0.1,330000,yesterday"], "csv.gz:2: time is 'yesterday'"),
        (
            [GMO, "ETH_JPY,BUY,0.001,330000,2024-01-02 03:00:00"],
            "csv.gz:2: size is 0.001; expected a multiple of 0.01",
        ),
        (
            [GMO, "ETH_JPY,BUY,0.01,330000.5,2024-01-02 03:00:00"],
            "csv.gz:2: price is 330000.5; expected a multiple of 1",
        ),
        ([GMO, "DOGE_EUR,BUY,0.1,330000,2024-01-02 03:00:00"], "gmocoin DOGE_EUR: its price and size steps"),
    ],
)
def test_bad_archives_are_refused(tmp_path: Path, rows: list[str], message: str) -> None:
    message = message.replace("found symbol,side,price,timestamp", "found symbol, side, price, timestamp")
    path = written(tmp_path, rows, "x.csv.gz")
    with pytest.raises(DataError, match=message.replace(".", r"\.")):
        ingest("gmo_trades", [path], tmp_path / "events", Asked())
    assert seen(tmp_path / "events") == []


def test_a_day_without_events_is_told_and_skipped(tmp_path: Path) -> None:
    empty = written(tmp_path, [GMO], "20240103_ETH_JPY.csv.gz")
    full = written(tmp_path, [GMO, "ETH_JPY,BUY,0.1,330000,2024-01-02 03:00:00.1"], "20240102_ETH_JPY.csv.gz")
    findings: list[Finding] = []
    ingest("gmo_trades", [full, empty], tmp_path / "events", Asked(), report=IngestReport(findings.append))
    assert ("no events in the file", str(empty)) in [(f.reason, f.origin.file) for f in findings]
    with pytest.raises(DataError, match="no events of ETH_JPY"):
        ingest("gmo_trades", [empty], tmp_path / "none", Asked(symbol="ETH_JPY"))
    with pytest.raises(DataError, match="no events of gmocoin ETH_JPY on 2024-01-03; there are 1 days"):
        Catalog(tmp_path / "events").day("gmocoin", "ETH_JPY", date(2024, 1, 3))


# From a config, from the command line, and through a kill


def recorded(**more: Any) -> RecordedData:
    facts = {
        "kind": "recorded",
        "name": "small",
        "venue": "binance",
        "symbol": "ETHUSDT",
        "tick": "0.01",
        "lot": "0.0001",
        "day_cut_utc_s": 0,
        "tz_offset_s": 32_400,
        "recorded_depth": None,
        "adapter": "binance_raw",
        "files": ["session.jsonl.gz"],
    }
    return RecordedData.model_validate(facts | more)


def test_a_config_is_ingested_on_first_use(tmp_path: Path) -> None:
    written(tmp_path, SESSION)
    paths = Paths(events=str(tmp_path / "events"), recordings=str(tmp_path))
    read: list[int] = []
    first = ensure_ingested(recorded(), paths, read.append)
    assert sum(read) == (tmp_path / "session.jsonl.gz").stat().st_size
    read.clear()
    second = ensure_ingested(recorded(), paths, read.append)
    assert (first.already, second.already) == (False, True)
    assert second.manifest == first.manifest
    assert read == []
    with pytest.raises(DataError, match=r"set paths\.recordings or ATC_RECORDINGS"):
        ensure_ingested(recorded(), Paths(events=str(tmp_path), recordings=str(tmp_path / "nowhere")))
    with pytest.raises(DataError, match=r"other\.jsonl\.gz: expected a file, found nothing"):
        ensure_ingested(recorded(files=["other.jsonl.gz"]), paths)


def test_every_adapter_is_found_by_its_name() -> None:
    assert {"binance_2020", "binance_raw", "gmo_trades", "jpy_recorder"} <= set(adapters())


def atc(*arguments: object) -> subprocess.CompletedProcess[str]:
    code = "from atc.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=False
    )


def test_the_command_line_tells_what_it_did(tmp_path: Path) -> None:
    path = written(tmp_path, SESSION)
    options = ["--root", tmp_path / "events", "--lot", "0.0001", "--report", tmp_path / "report.tsv"]
    last = "messages read 9, events written 9, repaired 1, flagged 0"
    for word in ("ingested", "already ingested"):
        done = atc("ingest", "binance_raw", path, *options)
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        assert lines[0].startswith(
            f"{word}: binance ETHUSDT, 2 business days 2024-08-08 … 2024-08-09, ingest "
        )
        assert lines[-1] == last
        assert (tmp_path / "report.tsv").read_text().splitlines() == [
            "action\treason\tfile\trow\tdetail",
            f"repaired\tupdate before the snapshot\t{path}\t1\tu 3, lastUpdateId 5",
        ]
    printed = atc("ingest", "binance_raw", path, *options[:-1], "-").stdout.splitlines()
    assert printed[1].startswith("repaired\tupdate before the snapshot")
    assert printed[-1] == last


def test_the_command_line_fails_with_a_message_and_a_code(tmp_path: Path) -> None:
    path = written(tmp_path, SESSION)
    for arguments, code, message in (
        (["nope", path], 2, "no adapter 'nope'"),
        (["binance_raw", path, "--tick", "x"], 2, "--tick is 'x'; expected a positive decimal"),
        (["binance_raw", tmp_path / "absent"], 1, "expected a file, found nothing"),
        (["binance_raw", path, "--lot", "1"], 1, "session.jsonl.gz:3: size is 1.5; expected a multiple of 1"),
    ):
        done = atc("ingest", *arguments, "--root", tmp_path / "events")
        assert done.returncode == code
        assert message in done.stderr
        assert "Traceback" not in done.stderr
    assert seen(tmp_path / "events") == []


def test_kill_minus_nine_at_any_moment_then_again(tmp_path: Path) -> None:
    moves = random.Random(5)
    lines, ts = SESSION[:7], T0 + 5 * S
    for i in range(40_000):
        ts += moves.randrange(5_000_000)
        lines.append(trade(ts, 102 + i, price=f"{2683 + moves.randrange(100) / 100:.2f}"))
    path, root = written(tmp_path, lines), tmp_path / "events"
    code = (
        "import sys; from pathlib import Path; from decimal import Decimal\n"
        "from atc.events.adapters import Asked; from atc.events.ingest import ingest\n"
        "print('ready', flush=True)\n"
        "ingest('binance_raw', [Path(sys.argv[1])], Path(sys.argv[2]),\n"
        "       Asked(symbol='ETHUSDT', tick=Decimal('0.01'), lot=Decimal('0.0001')))"
    )
    once = ingest("binance_raw", [path], tmp_path / "undisturbed", SYMBOL)
    left_nothing = 0
    for delay in (0.0, 0.02, 0.05, 0.1, 0.4):
        process = subprocess.Popen([sys.executable, "-c", code, path, root], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(delay)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        left_nothing += Catalog(root).streams() == []
        assert Catalog(root).streams() == [] or seen(root) == seen(tmp_path / "undisturbed")
    assert left_nothing
    again = ingest("binance_raw", [path], root, SYMBOL)
    assert again.manifest == once.manifest
    assert seen(root) == seen(tmp_path / "undisturbed")


def test_errors_are_of_one_family() -> None:
    assert issubclass(DataError, AtcError)
    assert (DataError.exit_code, UsageError.exit_code) == (1, 2)

"""Ingest of small files: what it writes, and that the same files again write nothing."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from binance_session import SESSION, SYMBOL, seen, taken, written
from reference.ingest.stream import first_ev_seq
from typer.testing import CliRunner

from atc.cli import application
from atc.errors import DataError, UsageError
from atc.events.adapters import Asked, adapters
from atc.events.catalog import Catalog
from atc.events.ingest import ingest
from atc.events.report import IngestReport
from atc.events.schema import Flag, MsgKind
from atc.events.stored_book import book_messages


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

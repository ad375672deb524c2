"""Ingest of GMO's archive of trades."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from binance_session import seen, written

from atc.errors import DataError
from atc.events.adapters import Asked
from atc.events.catalog import Catalog
from atc.events.ingest import Ingested, ingest
from atc.events.reader import Events, read_events
from atc.events.report import Finding, IngestReport
from atc.events.schema import Flag
from atc.events.validate import validate_days

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

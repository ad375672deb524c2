"""Binance COIN-M, whose sizes count contracts: both recordings as one session, the book at every message."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from ingested import Levels, Taken, books, take
from recordings import BINANCE_RAW, needs

from atc.events.adapters import Asked
from atc.events.ingest import ingest

pytestmark = needs(BINANCE_RAW)

FILES = [BINANCE_RAW / f"cm_ethusd_perp_2024080{day}.jsonl.gz" for day in (8, 9)]


def raw_lines() -> Iterator[tuple[int, dict[str, Any]]]:
    for path in FILES:
        with gzip.open(path) as file:
            for text in file:
                time, content = text.split(b" ", 1)
                yield int(time), orjson.loads(content)


@pytest.fixture(scope="module")
def lines() -> list[tuple[int, dict[str, Any]]]:
    return list(raw_lines())


@pytest.fixture(scope="module")
def taken() -> Taken:
    return take("binance_raw", FILES)


def stream(lines: list[tuple[int, dict[str, Any]]], channel: str) -> list[tuple[int, dict[str, Any]]]:
    return [(time, line["data"]) for time, line in lines if f"@{channel}" in line.get("stream", "")]


def plain_books(lines: list[tuple[int, dict[str, Any]]]) -> Iterator[Levels]:
    """The snapshot, and after it each difference beyond its `lastUpdateId`: prices in cents, contracts."""
    snapshot = next(line for _, line in lines if "lastUpdateId" in line)
    book: Levels = {}

    def put(pairs: list[list[str]], side: int) -> None:
        for price, size in pairs:
            cents, contracts = Decimal(price) * 100, Decimal(size)
            assert cents == int(cents)
            assert contracts == int(contracts)
            if contracts:
                book[side, int(cents)] = int(contracts)
            else:
                book.pop((side, int(cents)), None)

    put(snapshot["bids"], 1)
    put(snapshot["asks"], -1)
    yield book
    for _, update in stream(lines, "depth"):
        if update["u"] > snapshot["lastUpdateId"]:
            put(update["b"], 1)
            put(update["a"], -1)
            yield book


def test_the_instrument_is_read_from_the_first_update(taken: Taken) -> None:
    assert taken.facts == {
        "venue": "binance_coinm",
        "symbol": "ETHUSD_PERP",
        "tick": "0.01",
        "lot": "1",
        "day_cut_utc_s": 0,
        "tz_offset_s": 32_400,
        "recorded_depth": None,
    }


@pytest.mark.slow
def test_the_book_is_the_venues_at_every_message(
    taken: Taken, lines: list[tuple[int, dict[str, Any]]]
) -> None:
    count = 0
    for (_, book), expected in zip(books(taken.tables["book"]), plain_books(lines), strict=True):
        assert book == expected
        count += 1
    # Of 22,909 + 16,246 differences 22 lie before the snapshot; it comes after 24.
    assert count == 1 + 22_909 + 16_246 - 22
    assert taken.repaired == {"update before the snapshot": 22, "update held until the snapshot": 2}


def test_nothing_is_missing_across_the_day_change(taken: Taken) -> None:
    assert taken.messages_read == 40_454 + 37_860
    assert taken.flagged == {}
    assert "control" not in taken.tables


def test_trades_are_the_lines_and_count_contracts(
    taken: Taken, lines: list[tuple[int, dict[str, Any]]]
) -> None:
    raw = stream(lines, "trade")
    assert len(raw) == 1_732 + 1_863
    assert taken.rows(
        "trade", "ts_recv", "ts_exch", "px_ticks", "qty_lots", "side", "trade_id", "venue_seq"
    ) == [
        (
            time,
            data["T"] * 10**6,
            Decimal(data["p"]) * 100,
            int(data["q"]),
            -1 if data["m"] else 1,
            str(data["t"]),
            data["t"],
        )
        for time, data in raw
    ]
    assert sum(taken.column("trade", "qty_lots")) == sum(Decimal(data["q"]) for _, data in raw)


def test_quotes_are_the_lines(taken: Taken, lines: list[tuple[int, dict[str, Any]]]) -> None:
    raw = stream(lines, "bookTicker")
    assert len(raw) == 15_812 + 19_751
    assert taken.rows("ticker", "ts_recv", "ts_exch", "bid", "bid_qty", "ask", "ask_qty") == [
        (
            time,
            data["T"] * 10**6,
            Decimal(data["b"]) * 100,
            int(data["B"]),
            Decimal(data["a"]) * 100,
            int(data["A"]),
        )
        for time, data in raw
    ]


def test_both_days_are_stored(tmp_path: Path) -> None:
    done = ingest("binance_raw", FILES, tmp_path, Asked())
    assert sorted({entry.date.isoformat() for entry in done.manifest.files}) == ["2024-08-08", "2024-08-09"]
    again = ingest("binance_raw", FILES, tmp_path, Asked())
    assert again.already

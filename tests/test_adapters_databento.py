"""Databento's MBP-10 rows of NASDAQ's AAPL, before an opening: the book of every row, the trades."""

from __future__ import annotations

import csv
import gzip
from datetime import datetime
from pathlib import Path

import pytest
from ingested import Taken, best, books, take
from recordings import DATABENTO, needs

from atc._rust import SourceDataError
from atc.events.schema import Flag

pytestmark = needs(DATABENTO)

PATH = DATABENTO / "AAPL_mbp10_first_25000_rows.csv.gz"
Row = dict[str, str]


def utc_ns(text: str) -> int:
    """ISO 8601 with nine digits and Z."""
    assert len(text) == 30
    assert text.endswith("Z")
    return int(datetime.fromisoformat(text[:19] + "+00:00").timestamp()) * 10**9 + int(text[20:29])


@pytest.fixture(scope="module")
def taken() -> Taken:
    return take("databento_mbp10", [PATH])


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    with gzip.open(PATH, "rt") as file:
        return list(csv.DictReader(file))


def levels(taken: Taken, row: Row, side: str) -> list[tuple[int, int]]:
    return [
        (taken.ticks(row[f"{side}_px_{level:02}"]), int(row[f"{side}_sz_{level:02}"])) for level in range(10)
    ]


def test_the_book_of_every_row(taken: Taken, rows: list[Row]) -> None:
    """5,000 of 5,000."""
    equal = 0
    for row, (message, book) in zip(rows, books(taken.tables["book"]), strict=True):
        assert best(book, 1, 99) == levels(taken, row, "bid")
        assert best(book, -1, 99) == levels(taken, row, "ask")
        assert message["ts_recv"] == utc_ns(row["ts_recv"])
        assert message["ts_exch"] == utc_ns(row["ts_event"])
        assert message["venue_seq"] == int(row["sequence"])
        equal += 1
    assert equal == 5_000
    assert (taken.repaired, taken.flagged) == ({}, {})


def test_trades_and_their_sides(taken: Taken, rows: list[Row]) -> None:
    expected = [row for row in rows if row["action"] == "T"]
    trade = taken.tables["trade"]
    assert trade["ts_recv"].to_pylist() == [utc_ns(row["ts_recv"]) for row in expected]
    assert trade["px_ticks"].to_pylist() == [taken.ticks(row["price"]) for row in expected]
    assert trade["qty_lots"].to_pylist() == [int(row["size"]) for row in expected]
    side = {"B": 1, "A": -1, "N": 0}
    assert trade["side"].to_pylist() == [side[row["side"]] for row in expected]
    assert len(expected) == 286
    assert trade["side"].to_pylist().count(0) == 115


def test_the_aggressors_side_agrees_with_the_book_before(taken: Taken) -> None:
    """What is bought was the best ask of the row before, what is sold the best bid, but for hidden orders."""
    right = judged = 0
    trades = {row["ev_seq"]: row for row in taken.tables["trade"].to_pylist()}
    before: tuple[int, int] | None = None
    for message, book in books(taken.tables["book"]):
        trade = trades.get(message["ev_seq"] - 1)
        if trade and before and trade["side"]:
            judged += 1
            right += trade["px_ticks"] == before[trade["side"] > 0]
        before = best(book, 1, 1)[0][0], best(book, -1, 1)[0][0]
    assert judged == 90 + 81
    assert right / judged > 0.95


def test_the_instrument(taken: Taken) -> None:
    facts = taken.facts
    assert (facts["venue"], facts["symbol"], facts["recorded_depth"]) == ("nasdaq", "AAPL", 10)
    assert (facts["day_cut_utc_s"], facts["tz_offset_s"]) == (18_000, -18_000)


def test_flags_missing_levels_and_integer_times(tmp_path: Path, rows: list[Row]) -> None:
    """A row whose receive time the source doubts, one without its last level, one with ns for a time."""
    path = tmp_path / "mbp-10.csv"
    changed = [dict(row) for row in rows[:3]]
    changed[0]["flags"] = str(128 + 8 + 4)
    for name in ("ask_px", "ask_sz", "ask_ct"):
        changed[1][f"{name}_09"] = "" if name == "ask_px" else "0"
    changed[2]["ts_recv"] = str(utc_ns(rows[2]["ts_recv"]))
    with path.open("w") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(changed)
    taken = take("databento_mbp10", [path])
    found = [(message, len(best(book, -1, 99))) for message, book in books(taken.tables["book"])]
    assert [n for _, n in found] == [10, 9, 10]
    assert found[0][0]["flags"] & Flag.BAD_TS
    assert found[2][0]["ts_recv"] == utc_ns(rows[2]["ts_recv"])
    doubts = {"book that the source doubts": 1, "receive time that the source doubts": 1}
    assert taken.flagged == doubts


@pytest.mark.parametrize(
    ("column", "text", "told"),
    [
        ("bid_px_03", "233.48001", "level 03: price is 233.48001; expected a multiple of 0.0001"),
        ("ask_sz_00", "0", "level 00: size is '0'; expected more than 0"),
        ("action", "X", "action is 'X'; expected A, C, M, R, T, F or N"),
        ("ts_recv", "yesterday", "time is 'yesterday'; expected"),
        ("flags", "256", "flags are '256'; expected 0 to 255"),
    ],
)
def test_malformed_rows(tmp_path: Path, rows: list[Row], column: str, text: str, told: str) -> None:
    path = tmp_path / "mbp-10.csv"
    with path.open("w") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows([rows[0], {**rows[1], column: text}])
    with pytest.raises(SourceDataError, match=f"mbp-10.csv:3: {told}"):
        take("databento_mbp10", [path])


def test_other_symbols_are_left_out(tmp_path: Path, rows: list[Row]) -> None:
    path = tmp_path / "mbp-10.csv"
    with path.open("w") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows([rows[0], {**rows[1], "symbol": "MSFT"}])
    taken = take("databento_mbp10", [path], symbol="AAPL")
    assert taken.repaired == {"other symbol": 1}
    with pytest.raises(SourceDataError, match="no events of TSLA; found AAPL, MSFT"):
        take("databento_mbp10", [path], symbol="TSLA")

"""NASDAQ's order messages of 21 June 2012 as LOBSTER gives them, with its book (MSFT) and alone (AAPL)."""

from __future__ import annotations

import csv
import gzip
from bisect import bisect_left, insort
from collections import Counter
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from ingested import Taken, best, books, take
from recordings import LOBSTER, needs

from atc._rust import SourceDataError
from atc.events.schema import ControlKind, Flag, MsgKind

pytestmark = needs(LOBSTER)

SAMPLE = "2012-06-21_34200000_37800000"
MSFT = [LOBSTER / f"MSFT_{SAMPLE}_{kind}_50.csv.gz" for kind in ("message", "orderbook")]
AAPL = LOBSTER / f"AAPL_{SAMPLE}_message_50.csv.gz"
AAPL_TOUCH = LOBSTER / "AAPL_2012-06-21_34200000_57600000_orderbook_1.csv.gz"
NO_PRICE = 9_999_999_999
Row = list[str]


def rows_of(path: Path) -> list[Row]:
    with gzip.open(path, "rt") as file:
        return list(csv.reader(file))


def side_of(row: Row, side: int) -> list[tuple[int, int]]:
    """(price, size) of an orderbook row, best first; asks stand before bids."""
    numbers = list(map(int, row))
    first = 0 if side < 0 else 2
    levels = [(numbers[i], numbers[i + 1]) for i in range(first, len(numbers), 4)]
    return [level for level in levels if abs(level[0]) != NO_PRICE]


def utc_ns(seconds: str) -> int:
    midnight = datetime(2012, 6, 21, tzinfo=ZoneInfo("America/New_York")).timestamp()
    whole, _, fraction = seconds.partition(".")
    # One time went through floating point: 35821.088778456004.
    ns = round(Decimal(f"0.{fraction}") * 10**9)
    return (int(midnight) + int(whole)) * 10**9 + ns


@pytest.fixture(scope="module")
def msft() -> Taken:
    return take("lobster", MSFT)


@pytest.fixture(scope="module")
def aapl() -> Taken:
    return take("lobster", [AAPL])


def test_the_book_after_every_message_is_lobsters(msft: Taken) -> None:
    """1,000 rows of 50 levels a side; each of the 999 steps follows from its message."""
    messages, venue = map(rows_of, MSFT)
    replayed = books(msft.tables["book"])
    book: dict[tuple[int, int], int] = {}
    for number, (message, row) in enumerate(zip(messages, venue, strict=True)):
        if number == 0 or message[1] in "1234":
            event, book = next(replayed)
            assert event["ts_recv"] == event["ts_exch"] == utc_ns(message[0])
            assert event["flags"] & Flag.SYNTH_RECV
        assert best(book, 1, 99) == side_of(row, 1)
        assert best(book, -1, 99) == side_of(row, -1)
    assert next(replayed, None) is None
    assert number == 999
    assert msft.flagged == {}
    assert msft.facts["recorded_depth"] == 50


def test_a_step_is_the_level_of_its_message_and_the_far_edge(msft: Taken) -> None:
    """Of what is stored of a step one row is the message's own level; others entered or left at 50."""
    messages = [row for row in rows_of(MSFT[0])[1:] if row[1] in "1234"]
    steps: dict[int, list[dict[str, int]]] = {}
    for row in msft.tables["book"].to_pylist():
        steps.setdefault(row["ev_seq"], []).append(row)
    edges = 0
    # Keyframes (a SNAP of 60 s and more) do not occur in the three seconds after the first one.
    for message, step in zip(messages, list(steps.values())[1:], strict=True):
        assert all(row["msg_kind"] == MsgKind.DELTA for row in step)
        own = [row for row in step if not row["flags"] & Flag.WINDOW_EDGE]
        at = [(row["side"], row["px_ticks"]) for row in own]
        edges += len(step) - len(own)
        # A new order at the far edge pushes another level out, or lies beyond and is not shown.
        assert at == [(int(message[5]), int(message[4]))] or (len(step) == 2 and at == [])
    assert edges >= 7


def test_a_step_that_does_not_follow_is_told(tmp_path: Path) -> None:
    """A size in the orderbook that no message explains: told where it comes and where it goes."""
    messages, venue = (gzip.decompress(path.read_bytes()).decode().splitlines() for path in MSFT)
    cells = venue[100].split(",")
    cells[21] = str(int(cells[21]) + 7)
    venue[100] = ",".join(cells)
    paths = [tmp_path / f"MSFT_{SAMPLE}_{kind}_50.csv" for kind in ("message", "orderbook")]
    for path, lines in zip(paths, (messages, venue), strict=True):
        path.write_text("\n".join(lines) + "\n")
    taken = take("lobster", paths)
    assert taken.flagged == {"book does not follow from the message": 2}
    assert [row for *_, row, _ in taken.findings] == [101, 102]


def test_trades(aapl: Taken) -> None:
    """Executions of visible (4,067) and hidden (2,201) orders; the resting order's opposite took."""
    rows = [row for row in rows_of(AAPL) if row[1] in "45"]
    assert Counter(row[1] for row in rows) == {"4": 4_067, "5": 2_201}
    trade = aapl.tables["trade"]
    assert trade["ts_recv"].to_pylist() == [utc_ns(row[0]) for row in rows]
    assert trade["px_ticks"].to_pylist() == [int(row[4]) for row in rows]
    assert trade["qty_lots"].to_pylist() == [int(row[3]) for row in rows]
    assert trade["side"].to_pylist() == [-int(row[5]) for row in rows]
    assert aapl.facts["tick"] == "0.0001"


def test_a_visible_execution_is_at_the_best_price_and_shrinks_it(msft: Taken) -> None:
    """The trade comes before the change of its level, and the taker met the best price."""
    trades = {row["ev_seq"]: row for row in msft.tables["trade"].to_pylist()}
    before: dict[int, tuple[int, int]] = {}
    met = 0
    for message, book in books(msft.tables["book"]):
        trade = trades.get(message["ev_seq"] - 1)
        if trade is not None and len(message["levels"]) == 1:
            (side, px), left = next(iter(message["levels"].items()))
            if (side, px) == (-trade["side"], trade["px_ticks"]) == (side, before[side][0]):
                met += before[side][1] - left == trade["qty_lots"]
        before = {side: best(book, side, 1)[0] for side in (1, -1)}
    assert met > 90


def test_messages_alone_give_the_touch_of_the_level_1_file(aapl: Taken) -> None:
    """From an empty book 99.7 % of the best prices and sizes occur in the level-1 file of the whole day.

    The others are of three short stretches: orders were placed before the file, and orders came and went
    beyond its 50 levels, of which it does not tell.
    """
    touch = {tuple(map(int, row)) for row in rows_of(AAPL_TOUCH)}
    prices: dict[int, list[int]] = {1: [], -1: []}
    found = []
    for message, book in books(aapl.tables["book"]):
        for (side, px), qty in message["levels"].items():
            at = bisect_left(prices[side], px)
            there = at < len(prices[side]) and prices[side][at] == px
            if qty and not there:
                insort(prices[side], px)
            elif there and not qty:
                del prices[side][at]
        if prices[1] and prices[-1]:
            bid, ask = prices[1][-1], prices[-1][0]
            state = ask, book[-1, ask], bid, book[1, bid]
            found.append((message["ts_recv"], state in touch))
    assert sum(there for _, there in found) / len(found) == pytest.approx(0.9974, abs=5e-5)
    start = utc_ns("34200.0")
    assert {(ts - start) // (60 * 10**9) for ts, there in found if not there} == {1, 3, 34}


def test_orders_that_are_not_known_change_nothing(aapl: Taken) -> None:
    rows = rows_of(AAPL)
    placed: set[str] = set()
    unknown = 0
    for row in rows:
        if row[1] == "1":
            placed.add(row[2])
        unknown += row[1] in "234" and row[2] not in placed
    assert aapl.flagged.get("order that is not known") == unknown == 84
    assert aapl.flagged["book assumed empty at the start"] == 1
    assert aapl.messages_read == len(rows) == 91_997
    first = aapl.tables["book"].slice(0, 1).to_pylist()[0]
    assert first["msg_kind"] == MsgKind.CLEAR


def test_the_level_1_file_belongs_to_another_sample() -> None:
    with pytest.raises(
        SourceDataError, match=r"orderbook_1\.csv\.gz: no message file of the same date, span"
    ):
        take("lobster", [AAPL, AAPL_TOUCH])


def test_crosses_halts_and_hidden_orders_of_later_years(tmp_path: Path) -> None:
    """Types 6 and 7, and the side of a hidden order, which the feed does not tell since 14 July 2014."""
    lines = [
        "34200.5,1,11,100,10000,1",
        "34201.0,6,0,500,10100,-1",
        "34202.0,7,0,0,-1,-1",
        "34203.0,7,0,0,0,-1",
        "34204.0,7,0,0,1,-1",
        "34205.0,5,0,10,10050,1",
        "34206.0,4,11,30,10000,1",
        "34207.0,2,11,20,10000,1",
        "34208.0,3,11,50,10000,1",
    ]
    sides = {}
    for date in ("2014-07-11", "2014-07-14"):
        path = tmp_path / f"XY_{date}_34200000_57600000_message_5.csv"
        path.write_text("\n".join(lines) + "\n")
        taken = take("lobster", [path])
        sides[date] = taken.column("trade", "side")
        assert [r["flags"] & Flag.AUCTION != 0 for r in taken.tables["trade"].to_pylist()] == [
            True,
            False,
            False,
        ]
        control = taken.tables["control"]
        assert control["control_kind"].to_pylist() == [ControlKind.STATUS] * 3
        assert control["detail"].to_pylist() == ["HALT", "QUOTING", "TRADING"]
        sizes = [
            row["qty_lots"] for row in taken.tables["book"].to_pylist() if row["msg_kind"] == MsgKind.DELTA
        ]
        assert sizes == [100, 70, 50, 0]
    assert sides == {"2014-07-11": [0, -1, -1], "2014-07-14": [0, 0, -1]}


@pytest.mark.parametrize(
    "date", ["2012-03-09", "2012-03-12", "2012-11-02", "2012-11-05", "2006-04-03", "2024-07-01"]
)
def test_new_york_time(tmp_path: Path, date: str) -> None:
    """The days around the changes of the clock, against the time zone's table."""
    path = tmp_path / f"XY_{date}_34200000_57600000_message_5.csv"
    path.write_text("34200.000000001,1,11,100,10000,1\n")
    opening = datetime.fromisoformat(f"{date} 09:30").replace(tzinfo=ZoneInfo("America/New_York"))
    assert take("lobster", [path]).column("book", "ts_recv") == [int(opening.timestamp()) * 10**9 + 1] * 2


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("34200.1,8,12,100,10000,1", "type is '8'; expected 1 to 7"),
        ("34200.1,1,x,100,10000,1", "order id is 'x'; expected a whole number"),
        ("34200.1,1,12,0,10000,1", "size is '0'; expected more than 0"),
        ("34200.1,1,12,100,-1,1", "price is '-1'; expected dollars"),
        ("34200.1,1,12,100,10000,0", "direction is '0'; expected 1 or -1"),
        ("nine,1,12,100,10000,1", "time is 'nine'; expected seconds after midnight"),
        ("34200.1,1,12,100,10000", "5 cells; expected 6"),
        ("34200.1,7,0,0,2,-1", "price of a halt is '2'; expected -1, 0 or 1"),
    ],
)
def test_malformed_rows(tmp_path: Path, line: str, told: str) -> None:
    path = tmp_path / f"XY_{SAMPLE}_message_5.csv"
    path.write_text(f"34200.0,1,11,100,10000,1\n{line}\n")
    with pytest.raises(SourceDataError, match=f"{path.name}:2: {told}"):
        take("lobster", [path])


def test_names_and_lengths(tmp_path: Path) -> None:
    path = tmp_path / "messages.csv"
    path.write_text("34200.0,1,11,100,10000,1\n")
    with pytest.raises(SourceDataError, match=r"expected TICKER_YYYY-MM-DD_START_END_message_LEVELS\.csv"):
        take("lobster", [path])
    messages, orderbook = (tmp_path / f"XY_{SAMPLE}_{kind}_1.csv" for kind in ("message", "orderbook"))
    messages.write_text("34200.0,1,11,100,10000,1\n34200.1,1,12,100,9900,1\n")
    orderbook.write_text("9999999999,0,10000,100\n")
    with pytest.raises(
        SourceDataError, match=r"orderbook_1\.csv ends before .*message_1\.csv; expected a row"
    ):
        take("lobster", [messages, orderbook])
    with pytest.raises(SourceDataError, match="the files hold AAPL, MSFT; choose one with --symbol"):
        take("lobster", [AAPL, *MSFT])
    assert take("lobster", [AAPL, *MSFT], symbol="MSFT").repaired == {"other symbol": 1}

"""Every order of Bitstamp's BTC/USD for half an hour: the levels at every message, against a plain replay."""

from __future__ import annotations

import csv
import gzip
from bisect import bisect_left, insort
from itertools import groupby
from pathlib import Path

import pytest
from ingested import Levels, Taken, books, take
from recordings import BITSTAMP, needs

from atc._rust import SourceDataError
from atc.events.schema import Flag, MsgKind

pytestmark = needs(BITSTAMP)

FILES = [BITSTAMP / name for name in ("orders.csv.gz", "trades.csv", "meta.json")]
MS = 1_000_000
Row = dict[str, str]


@pytest.fixture(scope="module")
def taken() -> Taken:
    return take("bitstamp_l3", FILES)


@pytest.fixture(scope="module")
def orders() -> list[Row]:
    with gzip.open(FILES[0], "rt") as file:
        return list(csv.DictReader(file))


class Resting:
    """Orders by id and the levels that they add up to; plain and slow."""

    def __init__(self) -> None:
        self.orders: dict[str, tuple[int, int, int]] = {}
        self.levels: Levels = {}
        self.touched: set[tuple[int, int]] = set()
        self._prices: dict[int, list[int]] = {1: [], -1: []}

    def set(self, order: str, side: int, px: int, qty: int) -> None:
        self.remove(order)
        self.orders[order] = side, px, qty
        self._add(side, px, qty)

    def remove(self, order: str) -> None:
        if order in self.orders:
            side, px, qty = self.orders.pop(order)
            self._add(side, px, -qty)

    def best(self) -> tuple[int, int]:
        return self._prices[1][-1], self._prices[-1][0]

    def _add(self, side: int, px: int, qty: int) -> None:
        self.touched.add((side, px))
        prices = self._prices[side]
        if (side, px) not in self.levels and qty:
            insort(prices, px)
        self.levels[side, px] = self.levels.get((side, px), 0) + qty
        if not self.levels[side, px]:
            del self.levels[side, px]
            if qty:
                del prices[bisect_left(prices, px)]


@pytest.mark.slow
def test_the_levels_at_every_message(taken: Taken, orders: list[Row]) -> None:
    """The rule of the recording: read at the end of each exchange time, drop stale orders that cross.

    The last group are the synthetic deletions. At each message the levels are compared that either
    side changed, so by induction all; and all at once every thousand messages.
    """
    resting = Resting()
    snapshot = {row["id"] for row in orders[:6_512]}
    stale: list[str] = []
    groups = [list(rows) for _, rows in groupby(orders, key=lambda row: row["exchange_timestamp"])]
    assert len(groups) == 168_657
    for number, (rows, (message, book)) in enumerate(
        zip(groups[:-1], books(taken.tables["book"]), strict=True)
    ):
        for row in rows:
            order, qty = row["id"], taken.lots(row["volume"])
            if row["price"] == "0.0":
                continue
            if row["action"] == "created":
                resting.set(order, 1 if row["direction"] == "bid" else -1, taken.ticks(row["price"]), qty)
            elif row["action"] == "deleted":
                resting.remove(order)
            elif order in resting.orders:
                side, px, _ = resting.orders[order]
                resting.set(order, side, px, qty)
        while resting.best()[0] >= resting.best()[1]:
            best = dict(zip((1, -1), resting.best(), strict=True))
            at = {order for order, (side, px, _) in resting.orders.items() if px == best[side]}
            assert at & snapshot, "only orders of the snapshot are stale"
            stale.append(min(at & snapshot))
            resting.remove(stale[-1])
        assert message["ts_exch"] == int(rows[0]["exchange_timestamp"]) * MS
        for level in resting.touched | message["levels"].keys():
            assert book.get(level) == resting.levels.get(level), (message["ts_exch"], level)
        resting.touched.clear()
        assert number % 1_000 or book == resting.levels
    assert book == resting.levels
    assert len(stale) == taken.repaired["stale order"] == 2


@pytest.mark.slow
def test_nothing_is_received_before_the_snapshot_and_a_message_with_its_last_row(
    taken: Taken, orders: list[Row]
) -> None:
    expected, early = [], 0
    received = 0
    for _, rows in groupby(orders, key=lambda row: row["exchange_timestamp"]):
        group = list(rows)
        last = max(int(row["timestamp"]) for row in group) * MS
        if not expected:
            received = last
        early += len(group) if last < received else 0
        expected.append(max(last, received))
    messages = [message for message, _ in books(taken.tables["book"])]
    assert [message["ts_recv"] for message in messages] == expected[:-1]
    assert taken.repaired["order held until the snapshot"] == early > 100
    assert [message["msg_kind"] for message in messages[:2]] == [MsgKind.SNAP, MsgKind.DELTA]


def test_what_is_left_out_is_counted(taken: Taken, orders: list[Row]) -> None:
    created: set[str] = set()
    unknown = 0
    for row in orders[:-6_518]:
        if row["action"] == "created":
            created.add(row["id"])
        unknown += row["action"] != "created" and row["id"] not in created
    assert taken.repaired["order that was never created"] == unknown == 13
    free = [row["direction"] for row in orders if row["action"] == "created" and float(row["price"]) == 0]
    assert taken.repaired["order at price 0"] == len(free)
    assert (free.count("bid"), free.count("ask")) == (22, 5)
    assert taken.repaired["deletion by the recorder"] == 6_518
    assert taken.messages_read == 314_057 + 284
    assert taken.flagged == {}


def test_no_book_crosses(taken: Taken) -> None:
    assert not any(flags & Flag.MAYBE_BAD_BOOK for flags in taken.tables["book"]["flags"].to_pylist())


def test_trades(taken: Taken) -> None:
    with FILES[1].open() as file:
        rows = list(csv.DictReader(file))
    trade = taken.tables["trade"]
    assert trade["trade_id"].to_pylist() == [row["trade_id"] for row in rows]
    assert trade["ts_recv"].to_pylist() == [int(row["timestamp"]) * MS for row in rows]
    assert trade["ts_exch"].to_pylist() == [int(row["exchange_timestamp"]) * MS for row in rows]
    assert trade["px_ticks"].to_pylist() == [taken.ticks(row["price"]) for row in rows]
    assert trade["qty_lots"].to_pylist() == [taken.lots(row["amount"]) for row in rows]
    assert trade["side"].to_pylist() == [1 if row["side"] == "buy" else -1 for row in rows]
    assert len(rows) == 284


def test_the_aggressors_side_is_that_of_the_younger_order(taken: Taken) -> None:
    """`side` names the aggressor: the order that came later."""
    with FILES[1].open() as file:
        rows = list(csv.DictReader(file))
    younger = [1 if int(row["buy_order_id"]) > int(row["sell_order_id"]) else -1 for row in rows]
    agree = sum(a == b for a, b in zip(younger, taken.column("trade", "side"), strict=True))
    assert agree / len(rows) > 0.98


HEADER = "id,timestamp,exchange_timestamp,price,volume,action,direction\n"


T0_MS = 1_777_689_380_000


def written(path: Path, *rows: str) -> Path:
    """Orders whose two times are ms after `T0_MS`."""
    lines = []
    for row in rows:
        number, *times_and_rest = row.split(",")
        times = [str(T0_MS + int(text)) if text.isdigit() else text for text in times_and_rest[:2]]
        lines.append(",".join([number, *times, *times_and_rest[2:]]))
    path.write_text(HEADER + "\n".join(lines) + "\n")
    return path


def test_a_session_by_hand(tmp_path: Path) -> None:
    """A resting order filled by an aggressor in one message, whose later price is that of the execution."""
    path = written(
        tmp_path / "orders.csv",
        "1,1000,900,100,2,created,bid",
        "2,1000,900,101,3,created,ask",
        "3,1010,1005,102,1,created,bid",
        "2,1011,1005,101,2,changed,ask",
        "3,1012,1005,101,0,deleted,bid",
        "4,1020,1015,99,5,created,bid",
        "1,1030,1025,100,2,deleted,bid",
        "2,1040,1035,101,2,deleted,ask",
        "4,1040,1035,99,5,deleted,bid",
    )
    taken = take("bitstamp_l3", [path], symbol="btcusd")
    one = 10**8
    found = [(m["ts_recv"] // MS - T0_MS, dict(book)) for m, book in books(taken.tables["book"])]
    assert found == [
        (1000, {(1, 100): 2 * one, (-1, 101): 3 * one}),
        (1012, {(1, 100): 2 * one, (-1, 101): 2 * one}),
        (1020, {(1, 100): 2 * one, (1, 99): 5 * one, (-1, 101): 2 * one}),
        (1030, {(1, 99): 5 * one, (-1, 101): 2 * one}),
    ]
    assert taken.repaired == {"deletion by the recorder": 2}
    assert taken.column("book", "px_ticks")[2:3] == [101], "the aggressor's level came and went"


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("5,1010,1005,100.5,1,created,bid", "price is 100.5; expected a multiple of 1"),
        ("5,1010,1005,100,1,created,up", "direction is 'up'; expected bid or ask"),
        ("5,1010,1005,100,1,moved,bid", "action is 'moved'; expected created, changed or deleted"),
        ("x,1010,1005,100,1,created,bid", "id is 'x'; expected a whole number"),
        ("5,now,1005,100,1,created,bid", "time is 'now'; expected ms since 1970"),
        ("5,1010,1005,100,1,created", "6 cells; expected 7"),
    ],
)
def test_malformed_rows(tmp_path: Path, row: str, told: str) -> None:
    path = written(tmp_path / "orders.csv", "1,1000,900,100,2,created,bid", row)
    with pytest.raises(SourceDataError, match=f"orders.csv:3: {told}"):
        take("bitstamp_l3", [path], symbol="btcusd")


def test_the_snapshot_is_made_of_created_rows(tmp_path: Path) -> None:
    path = written(tmp_path / "orders.csv", "1,1000,900,100,2,created,bid", "1,1000,900,100,2,changed,bid")
    with pytest.raises(SourceDataError, match="action is 'changed'; expected created, in the snapshot"):
        take("bitstamp_l3", [path], symbol="btcusd")


def test_the_pair_has_to_be_named() -> None:
    with pytest.raises(SourceDataError, match=r"give --symbol or meta\.json"):
        take("bitstamp_l3", FILES[:1])

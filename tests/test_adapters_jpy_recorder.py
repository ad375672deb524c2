"""The 8-level books, quotes and trades of July 2025: every row, and the book at every message."""

from __future__ import annotations

import csv
import gzip
from itertools import pairwise
from pathlib import Path

import pytest
from ingested import Taken, best, books, take
from recordings import JPY, needs
from reference.ingest.utc_time import utc_ns

from atc._rust import SourceDataError
from atc.events.schema import Flag, MsgKind

pytestmark = needs(JPY)

MARKETS = {
    ("gmocoin", "BTC"): ("GMO", "BTC"),
    ("gmocoin", "BTC_JPY"): ("GMO", "BTC_JPY"),
    ("bitflyer", "BTC_JPY"): ("BITFLYER", "BTC_JPY"),
    ("bitflyer", "FX_BTC_JPY"): ("BITFLYER", "FX_BTC_JPY"),
}
Row = dict[str, str]


def rows_of(name: str, market: tuple[str, str]) -> list[Row]:
    with gzip.open(JPY / f"{name}.csv.gz", "rt") as file:
        return [row for row in csv.DictReader(file) if (row["exchange"], row["symbol"]) == MARKETS[market]]


@pytest.fixture(scope="module", params=MARKETS, ids=" ".join)
def market(request: pytest.FixtureRequest) -> tuple[str, str]:
    return request.param


@pytest.fixture(scope="module")
def taken(market: tuple[str, str]) -> Taken:
    """All five files in one command."""
    venue, symbol = market
    return take("jpy_recorder", sorted(JPY.glob("*.csv.gz")), venue=venue, symbol=symbol)


def shown(taken: Taken, row: Row, side: str) -> list[tuple[int, int]]:
    """The levels of a row that have a size."""
    cells = [(row[f"{side}{i}"], row[f"{side}{i}vol"]) for i in range(1, 9)]
    levels = [(taken.ticks(px), taken.lots(qty)) for px, qty in cells if px]
    return [level for level in levels if level[1]]


def test_the_book_at_every_message_is_the_rows(market: tuple[str, str], taken: Taken) -> None:
    rows = rows_of("market_boards_20250716_14", market)
    replayed = books(taken.tables["book"])
    for row, (message, book) in zip(rows, replayed, strict=True):
        assert message["ts_recv"] == utc_ns(row["ts"])
        assert message["ts_exch"] is None
        assert best(book, 1, 99) == shown(taken, row, "bid"), row["ts"]
        assert best(book, -1, 99) == shown(taken, row, "ask"), row["ts"]
    assert len(rows) == {"BTC": 908, "FX_BTC_JPY": 3_761}.get(
        market[1], 3_036 if market[0] == "bitflyer" else 919
    )


def test_repeated_rows_are_marked_and_short_books_counted(market: tuple[str, str], taken: Taken) -> None:
    """The first rows of bitFlyer BTC_JPY have fewer than 8 levels; FX_BTC_JPY shows one level of size 0."""
    rows = rows_of("market_boards_20250716_14", market)
    states = [(shown(taken, row, "bid"), shown(taken, row, "ask")) for row in rows]
    repeats = [False] + [a == b for a, b in pairwise(states)]
    found = []
    for message, _ in books(taken.tables["book"]):
        whole = message["msg_kind"] == MsgKind.SNAP
        found.append(bool(message["flags"] & Flag.REPEAT) if not whole else None)
    assert sum(f is None for f in found) <= 9  # one a minute
    assert all(f is None or f == r for f, r in zip(found, repeats, strict=True))
    short = sum(len(bids) < 8 or len(asks) < 8 for bids, asks in states)
    assert taken.flagged.get("fewer than 8 levels", 0) == short
    assert short == {("bitflyer", "BTC_JPY"): 7, ("bitflyer", "FX_BTC_JPY"): 1}.get(market, 0)
    assert taken.repaired == ({"level of size 0": 1} if market[1] == "FX_BTC_JPY" else {})


def test_levels_at_the_edge_of_the_window_are_marked(market: tuple[str, str], taken: Taken) -> None:
    """A level beyond the eighth price of the other one of two full rows was neither placed nor cancelled."""
    rows = rows_of("market_boards_20250716_14", market)
    expected = []
    for before, after in pairwise(rows):
        for side, sign in (("bid", 1), ("ask", -1)):
            old, new = dict(shown(taken, before, side)), dict(shown(taken, after, side))
            for gone, there in ((old, new), (new, old)):
                edge = max(-sign * px for px in there)
                beyond = [px for px in gone.keys() - there.keys() if -sign * px > edge]
                expected += [(utc_ns(after["ts"]), sign, px) for px in beyond if len(there) == 8]
    book = taken.tables["book"].to_pylist()
    keyframes = {row["ts_recv"] for row in book if row["msg_kind"] == MsgKind.SNAP}
    marked = [(r["ts_recv"], r["side"], r["px_ticks"]) for r in book if r["flags"] & Flag.WINDOW_EDGE]
    assert sorted(marked) == sorted(e for e in expected if e[0] not in keyframes)
    assert len(marked) > 100


def test_quotes_come_as_they_are(market: tuple[str, str], taken: Taken) -> None:
    rows = [r for hour in (14, 15) for r in rows_of(f"best_bid_ask_20250716_{hour}", market)]
    ticker = taken.tables["ticker"]
    assert ticker["ts_recv"].to_pylist() == [utc_ns(row["timestamp"]) for row in rows]
    for name, column in (("best_bid", "bid"), ("best_ask", "ask")):
        assert ticker[column].to_pylist() == [taken.ticks(row[name]) for row in rows]
        assert ticker[f"{column}_qty"].to_pylist() == [taken.lots(row[f"{name}_volume"]) for row in rows]
    assert all(ticker[name].null_count == len(rows) for name in ("last", "high", "low", "vol", "ts_exch"))
    crossed = [row["flags"] & Flag.MAYBE_BAD_BOOK != 0 for row in ticker.to_pylist()]
    assert crossed == [int(row["best_bid"]) >= int(row["best_ask"]) for row in rows]
    assert taken.flagged.get("crossed quote", 0) == sum(crossed) == (18 if market[1] == "FX_BTC_JPY" else 0)


def test_trades_come_as_they_are(market: tuple[str, str], taken: Taken) -> None:
    rows = [r for hour in (14, 15) for r in rows_of(f"trades_20250716_{hour}", market)]
    trade = taken.tables["trade"]
    assert trade["ts_recv"].to_pylist() == [utc_ns(row["created_at"]) for row in rows]
    assert trade["ts_exch"].to_pylist() == [utc_ns(row["timestamp"]) for row in rows]
    assert trade["px_ticks"].to_pylist() == [taken.ticks(row["price"]) for row in rows]
    assert trade["qty_lots"].to_pylist() == [taken.lots(row["size"]) for row in rows]
    assert trade["side"].to_pylist() == [1 if row["side"] == "BUY" else -1 for row in rows]
    makers = sum(row["flags"] & Flag.DUP_OTHER_SIDE != 0 for row in trade.to_pylist())
    assert makers == taken.flagged.get("maker's print of a pair", 0)
    assert makers == {("gmocoin", "BTC"): 279, ("gmocoin", "BTC_JPY"): 377}.get(market, 0)
    ids = [row["trade_id"].removeprefix("BITFLYER-") for row in rows]
    assert trade["trade_id"].to_pylist() == (ids if market[0] == "bitflyer" else [None] * len(rows))


def test_one_stream_in_order_and_nothing_invented(taken: Taken) -> None:
    """Four kinds of files, one order; of the recorder's silences (06:28:56 – 06:35:53) nothing is made."""
    events = sorted(
        (seq, ts)
        for table in taken.tables.values()
        for seq, ts in set(zip(table["ev_seq"].to_pylist(), table["ts_recv"].to_pylist(), strict=True))
    )
    times = [ts for _, ts in events]
    assert times == sorted(times)
    assert "control" not in taken.tables
    silent = utc_ns("2025-07-16 06:28:57"), utc_ns("2025-07-16 06:35:52")
    assert not [ts for ts in times if silent[0] < ts < silent[1]]
    assert not any(row["flags"] & Flag.BAD_TS for table in taken.tables.values() for row in table.to_pylist())


HEADER = "exchange,symbol,ts," + ",".join(
    f"{side}{i},{side}{i}vol" for side in ("bid", "ask") for i in range(1, 9)
)
GOOD = (
    "GMO,BTC,2025-07-16T05:12:27.5Z,"
    + ",".join(f"{100 - i},1" for i in range(8))
    + ","
    + ",".join(f"{101 + i},2" for i in range(8))
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            f"{HEADER}\n{GOOD}\n{GOOD.replace('100,1', '100.5,1')}\n",
            r"boards.csv:3: bid1: price is 100.5; expected a multiple of 1",
        ),
        (
            f"{HEADER}\n{GOOD.replace(',101,2', ',101,')}\n",
            r"boards.csv:2: ask1: size is ''; expected a decimal",
        ),
        (
            f"{HEADER}\n{GOOD.replace('05:12:27.5Z', '5:12')}\n",
            r"boards.csv:2: time is '2025-07-16T5:12'; expected",
        ),
        (f"{HEADER}\n{GOOD},7\n", r"boards.csv:2: 36 cells; expected 35"),
        (
            "exchange,symbol\nGMO,BTC\n",
            r"boards.csv:1: found the columns exchange, symbol; expected those of",
        ),
        (f"{HEADER}\n{GOOD.replace('BTC', 'ETH')}\n", r"no events of gmocoin BTC; found gmocoin ETH"),
    ],
)
def test_malformed_rows_are_told_with_their_place(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "boards.csv"
    path.write_text(text)
    with pytest.raises(SourceDataError, match=told):
        take("jpy_recorder", [path], venue="gmocoin", symbol="BTC")


def test_a_market_has_to_be_chosen() -> None:
    held = "bitflyer BTC_JPY, bitflyer FX_BTC_JPY, gmocoin BTC, gmocoin BTC_JPY"
    with pytest.raises(SourceDataError, match=f"give --venue and --symbol; the files hold {held}"):
        take("jpy_recorder", [JPY / "market_boards_20250716_14.csv.gz"])
    with pytest.raises(SourceDataError, match=f"no such venue; the files hold {held}"):
        take("jpy_recorder", [JPY / "market_boards_20250716_14.csv.gz"], venue="GMO", symbol="BTC")

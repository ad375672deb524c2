"""Tardis.dev's CSV files, written as docs.tardis.dev, "Downloadable CSV files: Data types" documents them."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from ingested import books, take

from atc._rust import SourceDataError
from atc.events.schema import ControlKind, Flag, MsgKind

STEPS = ("0.5", "10")
US = 1_585_699_200_245_000
"""2020-04-01 00:00:00.245 in µs."""

BOOK_HEADER = "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount"
TRADE_HEADER = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount"
QUOTE_HEADER = "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount"
TICKER_HEADER = (
    "exchange,symbol,timestamp,local_timestamp,funding_timestamp,funding_rate,predicted_funding_rate,"
    "open_interest,last_price,index_price,mark_price"
)

Level = tuple[int, int, int]


def written(folder: Path, name: str, header: str, rows: list[str], symbol: str = "XBTUSD") -> Path:
    """A file of BitMEX's `symbol`; the rows begin with the exchange's time."""
    path = folder / f"bitmex_{name}_2020-04-01_{symbol}.csv.gz"
    text = "\n".join([header, *(f"bitmex,{symbol},{row}" for row in rows)]) + "\n"
    path.write_bytes(gzip.compress(text.encode()))
    return path


def at(exchange_us: int, local_us: int) -> str:
    return f"{US + exchange_us},{US + local_us}"


INCREMENTAL = [
    f"{at(-9, 0)},false,bid,6424,40",  # before the snapshot: left out
    f"{at(0, 10)},true,bid,6424.0,40",
    f"{at(0, 10)},true,bid,6423.5,1340",
    f"{at(0, 10)},true,ask,6424.5,65710",
    f"{at(0, 12)},true,ask,6425,22030",  # a second message of the same snapshot
    f"{at(5, 20)},false,bid,6424,0",
    f"{at(6, 20)},false,ask,6424.5,65700",
    f"{at(7, 30)},false,bid,6423.5,1350",
    f"{at(40, 40)},true,bid,6420,10",  # a restart; the exchange tells no time
    f"{at(40, 40)},true,ask,6421,20",
    f"{at(48, 50)},false,ask,6421,30",
]


def levels(*said: tuple[int, str, int]) -> dict[tuple[int, int], int]:
    return {(side, int(float(price) * 2)): amount // 10 for side, price, amount in said}


def test_of_two_depths_the_deeper_is_the_book(tmp_path: Path) -> None:
    def file(depth: int, local_us: int) -> Path:
        columns = [
            f"{side}s[{i}].{of}"
            for i in range(depth)
            for side in ("ask", "bid")
            for of in ("price", "amount")
        ]
        header = ",".join(["exchange,symbol,timestamp,local_timestamp", *columns])
        cells = [f"{6425 + i},10,{6424 - i},20" for i in range(depth)]
        rows = [",".join([at(local_us + k - 9, local_us + k), *cells]) for k in (0, 1_000)]
        return written(tmp_path, f"book_snapshot_{depth}", header, rows)

    taken = take("tardis", [file(5, 100), file(7, 600)], steps=STEPS)
    assert taken.facts["recorded_depth"] == 7
    assert [len(book) for _, book in books(taken.tables["book"])] == [14, 14]
    assert taken.repaired == {"other depth": 2}


def test_differences_are_messages_by_local_time(tmp_path: Path) -> None:
    taken = take("tardis", [written(tmp_path, "incremental_book_L2", BOOK_HEADER, INCREMENTAL)], steps=STEPS)
    assert (taken.facts["venue"], taken.facts["symbol"]) == ("bitmex", "XBTUSD")
    assert taken.facts["recorded_depth"] is None
    found = [
        (message["ts_recv"], message["ts_exch"], message["msg_kind"], dict(book))
        for message, book in books(taken.tables["book"])
    ]
    ns = US * 1_000
    first = [(1, "6424", 40), (1, "6423.5", 1340), (-1, "6424.5", 65710)]
    assert found == [
        (ns + 10_000, ns, MsgKind.SNAP, levels(*first)),
        (ns + 12_000, ns, MsgKind.DELTA, levels(*first, (-1, "6425", 22030))),
        (
            ns + 20_000,
            ns + 6_000,
            MsgKind.DELTA,
            levels((1, "6423.5", 1340), (-1, "6424.5", 65700), (-1, "6425", 22030)),
        ),
        (
            ns + 30_000,
            ns + 7_000,
            MsgKind.DELTA,
            levels((1, "6423.5", 1350), (-1, "6424.5", 65700), (-1, "6425", 22030)),
        ),
        (ns + 40_000, None, MsgKind.SNAP, levels((1, "6420", 10), (-1, "6421", 20))),
        (ns + 50_000, ns + 48_000, MsgKind.DELTA, levels((1, "6420", 10), (-1, "6421", 30))),
    ]
    assert taken.flagged == {"update without a snapshot": 1, "snapshot within a file": 1}
    assert [(kind, time) for kind, time in taken.rows("control", "control_kind", "ts_recv")] == [
        (ControlKind.STATUS, ns + 40_000)
    ]


def test_the_book_is_the_one_of_the_documented_rule(tmp_path: Path) -> None:
    """FAQ: reset on the first snapshot row after an update, 0 removes, read when `local_timestamp` moves."""
    rows = INCREMENTAL[1:]
    taken = take("tardis", [written(tmp_path, "incremental_book_L2", BOOK_HEADER, rows)], steps=STEPS)
    book: dict[tuple[str, str], int] = {}
    expected, was_snapshot = [], False
    for i, row in enumerate(rows):
        _, local, is_snapshot, side, price, amount = row.split(",")
        if is_snapshot == "true" and not was_snapshot:
            book.clear()
        was_snapshot = is_snapshot == "true"
        key = (side, str(float(price)))
        book[key] = int(amount)
        if not book[key]:
            del book[key]
        if i + 1 == len(rows) or rows[i + 1].split(",")[1] != local:
            expected.append(dict(book))
    sides = {1: "bid", -1: "ask"}
    assert [
        {(sides[side], str(px * 0.5)): qty * 10 for (side, px), qty in book.items()}
        for _, book in books(taken.tables["book"])
    ] == expected


def test_trades_quotes_and_tickers(tmp_path: Path) -> None:
    trades = [
        f"{at(0, 300)},b1e8e4b0-5b3c-3f7c-d6d3-2e7fb8b0ae2c,sell,6424,100",
        f"{at(1, 301)},,buy,6424.5,20",
        f"{at(302, 302)},x,unknown,6424.5,30",
    ]
    quotes = [f"{at(2, 310)},31360,6424.5,6424,102740", f"{at(3, 320)},,,6424,10"]
    tickers = [
        f"{at(4, 330)},1585713600000000,-0.003,0.000074,627449063,6424.5,6423.95,6425.62",
        f"{at(5, 340)},,,,,,6423.95,",
    ]
    files = [
        written(tmp_path, "trades", TRADE_HEADER, trades),
        written(tmp_path, "quotes", QUOTE_HEADER, quotes),
        written(tmp_path, "derivative_ticker", TICKER_HEADER, tickers),
        written(tmp_path, "incremental_book_L2", BOOK_HEADER, INCREMENTAL[1:]),
    ]
    taken = take("tardis", files, steps=STEPS)
    ns = US * 1_000
    columns = ("ts_recv", "ts_exch", "px_ticks", "qty_lots", "side", "trade_id")
    assert taken.rows("trade", *columns) == [
        (ns + 300_000, ns, 12_848, 10, -1, "b1e8e4b0-5b3c-3f7c-d6d3-2e7fb8b0ae2c"),
        (ns + 301_000, ns + 1_000, 12_849, 2, 1, None),
        (ns + 302_000, None, 12_849, 3, 0, "x"),
    ]
    assert taken.rows("ticker", "ts_recv", "bid", "bid_qty", "ask", "ask_qty", "last") == [
        (ns + 310_000, 12_848, 10_274, 12_849, 3_136, None),
        (ns + 320_000, 12_848, 1, None, None, None),
        (ns + 330_000, None, None, None, None, 12_849),
    ]
    assert taken.repaired == {"ticker without a last price": 1}
    assert taken.messages_read == 3 + 2 + 2 + 6
    # One order of time over all files.
    seqs = sorted((seq, ts) for kind in taken.tables for seq, ts in taken.rows(kind, "ev_seq", "ts_recv"))
    assert [ts for _, ts in seqs] == sorted(ts for _, ts in seqs)


def snapshot_header(depth: int) -> str:
    columns = "".join(
        f",asks[{i}].price,asks[{i}].amount,bids[{i}].price,bids[{i}].amount" for i in range(depth)
    )
    return f"exchange,symbol,timestamp,local_timestamp{columns}"


def snapshot_row(depth: int, best_bid: int, bids: int, asks: int) -> str:
    """Whole prices from the best bid down and from the price above it up; missing levels are empty."""
    cells = []
    for i in range(depth):
        cells += [f"{best_bid + 1 + i},{10 * (i + 1)}" if i < asks else ","]
        cells += [f"{best_bid - i},{20 * (i + 1)}" if i < bids else ","]
    return ",".join(cells)


def test_snapshots_are_whole_books_of_25_levels(tmp_path: Path) -> None:
    shown = [(100, 25, 25), (100, 25, 25), (101, 25, 24)]
    rows = [f"{at(i, 10 * i + 10)},{snapshot_row(25, *what)}" for i, what in enumerate(shown)]
    path = written(tmp_path, "book_snapshot_25", snapshot_header(25), rows)
    taken = take("tardis", [path], steps=STEPS)
    assert taken.facts["recorded_depth"] == 25
    found = list(books(taken.tables["book"]))
    assert len(found) == 3
    expected = []
    for best_bid, bids, asks in shown:
        book = {(1, 2 * (best_bid - i)): 2 * (i + 1) for i in range(bids)}
        book |= {(-1, 2 * (best_bid + 1 + i)): i + 1 for i in range(asks)}
        expected.append(book)
    replayed = [dict(book) for _, book in books(taken.tables["book"])]
    assert replayed == expected
    flags = [message["flags"] for message, _ in found]
    assert flags[0] & Flag.SNAPSHOT
    assert flags[1] & Flag.REPEAT
    assert flags[2] & Flag.SYNTH_DIFF


def test_snapshots_beside_differences_are_not_needed(tmp_path: Path) -> None:
    files = [
        written(tmp_path, "incremental_book_L2", BOOK_HEADER, INCREMENTAL[1:]),
        written(tmp_path, "book_snapshot_5", snapshot_header(5), [f"{at(0, 15)},{snapshot_row(5, 9, 5, 5)}"]),
    ]
    taken, alone = take("tardis", files, steps=STEPS), take("tardis", files[:1], steps=STEPS)
    assert taken.tables["book"].drop("ev_seq").equals(alone.tables["book"].drop("ev_seq"))
    assert taken.repaired == {"snapshot not needed": 1}
    assert taken.facts["recorded_depth"] is None


def test_a_new_day_begins_with_a_snapshot_and_no_gap(tmp_path: Path) -> None:
    day = 86_400_000_000
    second = tmp_path / "bitmex_incremental_book_L2_2020-04-02_XBTUSD.csv"
    row = f"bitmex,XBTUSD,{US + day},{US + day},true,bid,6400,10"
    second.write_text(f"{BOOK_HEADER}\n{row}\n")
    first = written(tmp_path, "incremental_book_L2", BOOK_HEADER, INCREMENTAL[1:8])
    taken = take("tardis", [first, second], steps=STEPS)
    assert "control" not in taken.tables
    assert taken.flagged == {}
    assert [dict(book) for _, book in books(taken.tables["book"])][-1] == levels((1, "6400", 10))


def test_symbols_of_a_group_are_told_apart(tmp_path: Path) -> None:
    xbt = [f"{at(i, i + 100)},{i},buy,6424,{10 * i}" for i in (1, 2)]
    eth = [f"{at(3, 90)},3,sell,133.15,7"]  # no multiple of the steps of XBTUSD
    files = [
        written(tmp_path, "trades", TRADE_HEADER, xbt),
        written(tmp_path, "trades", TRADE_HEADER, eth, symbol="ETHUSD"),
    ]
    with pytest.raises(SourceDataError, match=r"give --venue and --symbol; .* bitmex ETHUSD, bitmex XBTUSD"):
        take("tardis", files, steps=STEPS)
    taken = take("tardis", files, steps=STEPS, symbol="XBTUSD")
    assert taken.column("trade", "qty_lots") == [1, 2]
    assert taken.repaired == {"other symbol": 1}
    with pytest.raises(SourceDataError, match="no events of bitmex DOGE; found bitmex ETHUSD, bitmex XBTUSD"):
        take("tardis", files, steps=STEPS, venue="bitmex", symbol="DOGE")


GOOD = f"{at(0, 1)},true,bid,6424,40"


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (f"{at(0, 2)},maybe,bid,6424,40", r"3: is_snapshot is 'maybe'; expected true or false"),
        (f"{at(0, 2)},false,buy,6424,40", r"3: side is 'buy'; expected bid or ask"),
        (f"{at(0, 2)},false,bid,6424.3,40", r"3: price is 6424\.3; expected a multiple of 0\.5"),
        (f"{at(0, 2)},false,bid,6424,4", r"3: size is 4; expected a multiple of 10"),
        (f"{US},soon,false,bid,6424,40", r"3: local_timestamp is 'soon'; expected µs since 1970"),
        (f"{at(0, 2)},false,bid,6424", r"3: 7 cells; expected 8"),
    ],
)
def test_malformed_rows_are_told_with_their_place(tmp_path: Path, row: str, told: str) -> None:
    path = written(tmp_path, "incremental_book_L2", BOOK_HEADER, [GOOD, row])
    with pytest.raises(SourceDataError, match=told):
        take("tardis", [path], steps=STEPS)


def test_other_files_are_refused(tmp_path: Path) -> None:
    liquidations = written(tmp_path, "liquidations", TRADE_HEADER, [f"{at(0, 1)},,buy,6424,40"])
    with pytest.raises(SourceDataError, match="liquidations are no trades"):
        take("tardis", [liquidations], steps=STEPS)
    options = written(tmp_path, "options_chain", "exchange,symbol,timestamp,local_timestamp,type", [])
    with pytest.raises(SourceDataError, match=r":1: found the columns exchange, .* type; expected those of"):
        take("tardis", [options], steps=STEPS)

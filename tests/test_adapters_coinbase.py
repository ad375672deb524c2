"""Coinbase messages of both feeds, written as docs.cdp.coinbase.com documents their channels."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ingested import Taken, books, take

from atc._rust import SourceDataError
from atc.events.schema import ControlKind

T0 = 1_659_626_705_000_000_000
"""2022-08-04 15:25:05 UTC, ns."""
SECOND = "2022-08-04T15:25:05"


def clock(fraction_us: int) -> str:
    return f"{SECOND}.{fraction_us:06d}Z"


def ns(fraction_us: int) -> int:
    return T0 + fraction_us * 1_000


def written(folder: Path, *messages: Any) -> Path:
    path = folder / "coinbase.jsonl"
    spelt = [message if isinstance(message, str) else json.dumps(message) for message in messages]
    path.write_text("".join(f"{T0 + i * 10**6} {text}\n" for i, text in enumerate(spelt)))
    return path


def read(folder: Path, *messages: Any, steps: tuple[str, str] | None = None, **asked: str) -> Taken:
    return take("coinbase", [written(folder, *messages)], steps=steps, **asked)


def at(line: int) -> int:
    return T0 + line * 10**6


# Exchange


def snapshot(bids: list[list[str]], asks: list[list[str]], product: str = "BTC-USD") -> Any:
    return {"type": "snapshot", "product_id": product, "bids": bids, "asks": asks}


def l2update(us: int, *changes: list[str]) -> Any:
    return {"type": "l2update", "product_id": "BTC-USD", "changes": list(changes), "time": clock(us)}


def match(
    number: int, side: str, *, kind: str = "match", size: str = "5.23512", price: str = "400.23"
) -> Any:
    return {
        "type": kind,
        "trade_id": number,
        "sequence": 50 + 7 * number,
        "maker_order_id": "ac928c66-ca53-498f-9c13-a110027a60e8",
        "taker_order_id": "132fb6ae-456b-4654-b4e0-d681ac05cea1",
        "time": "2014-11-07T08:19:27.028459Z",
        "product_id": "BTC-USD",
        "size": size,
        "price": price,
        "side": side,
    }


FIRST = snapshot([["10101.10", "0.45054140"]], [["10102.55", "0.57753524"], ["10103.00", "1"]])
CHANGES = [
    l2update(10_758, ["buy", "10101.80", "0.16"], ["sell", "10102.55", "0.00000000"]),
    l2update(20_000, ["buy", "10101.10", "0"]),
]


def test_the_book_of_the_exchange_feed(tmp_path: Path) -> None:
    taken = read(tmp_path, FIRST, *CHANGES)
    assert taken.facts["tick"] == "0.01"
    assert taken.facts["lot"] == "0.00000001"
    assert (taken.facts["venue"], taken.facts["symbol"]) == ("coinbase", "BTC-USD")
    found = [(m["ts_recv"], m["ts_exch"], dict(book)) for m, book in books(taken.tables["book"])]
    assert found == [
        (at(0), None, {(1, 1_010_110): 45_054_140, (-1, 1_010_255): 57_753_524, (-1, 1_010_300): 10**8}),
        (
            at(1),
            ns(10_758),
            {(1, 1_010_110): 45_054_140, (1, 1_010_180): 16_000_000, (-1, 1_010_300): 10**8},
        ),
        (at(2), ns(20_000), {(1, 1_010_180): 16_000_000, (-1, 1_010_300): 10**8}),
    ]
    assert taken.flagged == taken.repaired == {}


def test_the_taker_is_opposite_to_the_makers_side(tmp_path: Path) -> None:
    """Documented: "side: sell" is a maker who sold, an up-tick."""
    taken = read(tmp_path, match(9, "buy", kind="last_match"), match(10, "sell"), match(11, "buy", size="1"))
    when = int(datetime(2014, 11, 7, 8, 19, 27, tzinfo=UTC).timestamp()) * 10**9 + 28_459_000
    assert taken.rows(
        "trade", "ts_recv", "ts_exch", "px_ticks", "qty_lots", "side", "trade_id", "venue_seq"
    ) == [
        (at(1), when, 40_023, 523_512_000, 1, "10", 10),
        (at(2), when, 40_023, 10**8, -1, "11", 11),
    ]
    assert taken.repaired == {"trade before the subscription": 1}


def test_trade_ids_tell_gaps_of_the_exchange_feed(tmp_path: Path) -> None:
    taken = read(tmp_path, match(10, "sell"), match(13, "sell"), match(13, "sell"))
    assert taken.column("trade", "trade_id") == ["10", "13"]
    assert taken.rows("control", "control_kind", "detail") == [
        (kind, "trade ids jump from 10 to 13") for kind in (ControlKind.GAP_START, ControlKind.GAP_END)
    ]
    assert taken.repaired == {"repeated trade": 1}


def test_a_second_snapshot_of_the_exchange_feed_is_a_gap(tmp_path: Path) -> None:
    taken = read(tmp_path, CHANGES[0], FIRST, snapshot([["10000.00", "1"]], []))
    assert taken.column("control", "control_kind") == [
        ControlKind.GAP_START,
        ControlKind.RESET,
        ControlKind.GAP_END,
    ]
    assert [dict(book) for _, book in books(taken.tables["book"])][-1] == {(1, 1_000_000): 10**8}
    assert taken.flagged == {"update without a snapshot": 1, "gap in the update chain": 1}


def test_tickers_of_the_exchange_feed(tmp_path: Path) -> None:
    ticker = {
        "type": "ticker",
        "sequence": 37475248783,
        "product_id": "ETH-USD",
        "price": "1285.22",
        "open_24h": "1310.79",
        "volume_24h": "245532.79269678",
        "low_24h": "1280.52",
        "high_24h": "1313.8",
        "volume_30d": "9788783.60117027",
        "best_bid": "1285.04",
        "best_bid_size": "0.46688654",
        "best_ask": "1285.27",
        "best_ask_size": "1.56637040",
        "side": "buy",
        "time": "2022-08-04T15:25:05.061769Z",
        "trade_id": 370843401,
        "last_size": "11.4396987",
    }
    heartbeat = {"type": "heartbeat", "sequence": 90, "last_trade_id": 20, "product_id": "ETH-USD"}
    taken = read(
        tmp_path, {"type": "subscriptions", "channels": []}, heartbeat, ticker, steps=("0.01", "1e-8")
    )
    assert taken.facts["symbol"] == "ETH-USD"
    columns = ("ts_exch", "venue_seq", "bid", "bid_qty", "ask", "ask_qty", "last", "high", "low", "vol")
    assert taken.rows("ticker", *columns) == [
        (
            ns(61_769),
            37475248783,
            128_504,
            46_688_654,
            128_527,
            156_637_040,
            128_522,
            131_380,
            128_052,
            24_553_279_269_678,
        )
    ]
    assert taken.repaired == {"no market data": 2}


# Advanced Trade


def advanced(channel: str, number: int, *events: Any) -> Any:
    return {
        "channel": channel,
        "client_id": "",
        "timestamp": f"{SECOND}.714964855Z",
        "sequence_num": number,
        "events": list(events),
    }


def l2(kind: str, *updates: tuple[str, str, str], product: str = "BTC-USD") -> Any:
    keys = ("side", "price_level", "new_quantity")
    said = [{"event_time": "1970-01-01T00:00:00Z", **dict(zip(keys, up, strict=True))} for up in updates]
    return {"type": kind, "product_id": product, "updates": said}


def market_trades(kind: str, *prints: tuple[str, str, str]) -> Any:
    rest = {"product_id": "BTC-USD", "price": "1260.01", "time": f"{SECOND}.265Z"}
    return {"type": kind, "trades": [{"trade_id": n, "side": s, "size": q, **rest} for n, s, q in prints]}


BEGINNING = advanced(
    "l2_data", 0, l2("snapshot", ("bid", "21921.73", "0.06317902"), ("offer", "21921.74", "2"))
)


def test_the_book_of_advanced_trade(tmp_path: Path) -> None:
    update = l2("update", ("bid", "21921.73", "0"), ("bid", "21921.70", "0.024"), ("offer", "21921.74", "1"))
    other = l2("update", ("bid", "1.00", "1"), product="ETH-USD")
    taken = read(
        tmp_path,
        BEGINNING,
        advanced("subscriptions", 1, {"subscriptions": {"level2": ["BTC-USD"]}}),
        advanced("l2_data", 2, other, update),
        symbol="BTC-USD",
    )
    found = [
        (m["ts_recv"], m["ts_exch"], m["venue_seq"], dict(book)) for m, book in books(taken.tables["book"])
    ]
    sent = T0 + 714_964_855
    assert found == [
        (at(0), sent, 0, {(1, 2_192_173): 6_317_902, (-1, 2_192_174): 2 * 10**8}),
        (at(2), sent, 2, {(1, 2_192_170): 2_400_000, (-1, 2_192_174): 10**8}),
    ]
    assert taken.flagged == {}
    assert taken.repaired == {"no market data": 1, "other symbol": 1}


def test_a_missing_message_of_the_connection_is_a_gap(tmp_path: Path) -> None:
    update = l2("update", ("bid", "21921.70", "0.024"))
    taken = read(
        tmp_path,
        BEGINNING,
        advanced("l2_data", 1, update),
        advanced("heartbeats", 3, {"heartbeat_counter": "3049"}),  # 2 is missing
        advanced("l2_data", 4, update),
        BEGINNING,
        advanced("l2_data", 1, update),
    )
    assert taken.rows("control", "control_kind", "ts_recv") == [
        (ControlKind.GAP_START, at(2)),
        (ControlKind.RESET, at(2)),
        (ControlKind.GAP_END, at(4)),
    ]
    assert taken.column("control", "detail")[0] == "expected message 2 of the connection, found 3"
    assert [m["ts_recv"] for m, _ in books(taken.tables["book"])] == [at(0), at(1), at(4), at(5)]
    assert taken.flagged == {"gap in the update chain": 2, "update without a snapshot": 1}


def test_a_new_connection_of_advanced_trade_is_a_gap(tmp_path: Path) -> None:
    taken = read(tmp_path, BEGINNING, advanced("heartbeats", 1), BEGINNING)
    assert taken.rows("control", "control_kind", "ts_recv") == [
        (ControlKind.GAP_START, at(2)),
        (ControlKind.RESET, at(2)),
        (ControlKind.GAP_END, at(2)),
    ]
    assert taken.column("control", "detail")[0] == "a new connection after 1"


def test_trades_of_advanced_trade_are_the_makers_too(tmp_path: Path) -> None:
    taken = read(
        tmp_path,
        advanced("market_trades", 0, market_trades("snapshot", ("12", "BUY", "9"), ("11", "BUY", "9"))),
        advanced("market_trades", 1, market_trades("update", ("14", "BUY", "0.3"), ("13", "SELL", "0.5"))),
    )
    assert taken.rows("trade", "ts_recv", "ts_exch", "px_ticks", "qty_lots", "side", "trade_id") == [
        (at(1), ns(265_000), 126_001, 50_000_000, 1, "13"),
        (at(1), ns(265_000), 126_001, 30_000_000, -1, "14"),
    ]
    assert taken.repaired == {"trade before the subscription": 2}
    assert "control" not in taken.tables


def test_tickers_of_advanced_trade(tmp_path: Path) -> None:
    said = {
        "type": "ticker",
        "product_id": "BTC-USD",
        "price": "21932.98",
        "volume_24_h": "16038.28770938",
        "low_24_h": "21835.29",
        "high_24_h": "23011.18",
        "low_52_w": "15460",
        "high_52_w": "48240",
        "price_percent_chg_24_h": "-4.15775596190603",
        "best_bid": "21931.98",
        "best_bid_quantity": "8000.21",
        "best_ask": "21933.98",
        "best_ask_quantity": "8038.07770938",
    }
    batch = {key: value for key, value in said.items() if not key.startswith("best")}
    taken = read(
        tmp_path,
        advanced("ticker", 0, {"type": "snapshot", "tickers": [said]}),
        advanced("ticker_batch", 1, {"type": "update", "tickers": [batch]}),
    )
    window = (2_193_298, 2_301_118, 2_183_529, 1_603_828_770_938)
    assert taken.rows("ticker", "bid", "bid_qty", "ask", "ask_qty", "last", "high", "low", "vol") == [
        (2_193_198, 800_021_000_000, 2_193_398, 803_807_770_938, *window),
        (None, None, None, None, *window),
    ]


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ("{", r"jsonl:2: EOF while parsing, near '\{'"),
        ({"hello": 1}, r"jsonl:2: found neither type nor channel; expected a message of Coinbase"),
        (
            l2update(0, ["bought", "1.00", "1"]),
            r"jsonl:2: side is 'bought'; expected buy or sell, bid or off",
        ),
        (l2update(0, ["buy", "1.001", "1"]), r"jsonl:2: price is 1\.001; expected a multiple of 0\.01"),
        ({**l2update(0), "time": "noon"}, r"jsonl:2: time is 'noon'; expected YYYY-MM-DD"),
        ({**match(1, "buy"), "trade_id": "x"}, r"jsonl:2: invalid type: .*expected i64"),
        (advanced("l2_data", 0, l2("part")), r"jsonl:2: type is 'part'; expected snapshot or update"),
        (
            advanced("market_trades", 0, market_trades("update", ("x", "BUY", "1"))),
            r"jsonl:2: trade_id is 'x'; expected a number",
        ),
    ],
)
def test_malformed_messages_are_told_with_their_place(tmp_path: Path, bad: Any, told: str) -> None:
    with pytest.raises(SourceDataError, match=told):
        read(tmp_path, FIRST, bad)


def test_products_are_told_apart(tmp_path: Path) -> None:
    other = snapshot([["1.00", "1"]], [], product="ETH-USD")
    with pytest.raises(SourceDataError, match="the files hold BTC-USD, ETH-USD; choose one with --symbol"):
        read(tmp_path, FIRST, other)
    taken = read(tmp_path, other, FIRST, symbol="BTC-USD")
    assert taken.repaired == {"other symbol": 1}
    with pytest.raises(SourceDataError, match="no events of XRP-USD; found BTC-USD"):
        read(tmp_path, FIRST, symbol="XRP-USD")

"""Bybit v5 messages, written as bybit-exchange.github.io/docs/v5/websocket/public documents them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from ingested import Taken, books, take

from atc._rust import SourceDataError
from atc.events.schema import ControlKind, MsgKind

STEPS = ("0.01", "0.001")
T0 = 1_672_304_484_978
"""ms, the documented example's."""

Pairs = list[list[str]]


def book(kind: str, u: int, bids: Pairs, asks: Pairs, *, depth: int = 50, cts: int | None = None) -> Any:
    message = {
        "topic": f"orderbook.{depth}.BTCUSDT",
        "type": kind,
        "ts": T0 + u % 1_000,
        "data": {"s": "BTCUSDT", "b": bids, "a": asks, "u": u, "seq": 7_961_638_724 + u},
    }
    return message if cts is None else message | {"cts": cts}


def trades(*prints: dict[str, Any]) -> Any:
    return {"topic": "publicTrade.BTCUSDT", "type": "snapshot", "ts": 1672304486868, "data": list(prints)}


def printed(side: str, size: str, price: str, number: str, *, block: bool = False) -> dict[str, Any]:
    return {
        "T": 1672304486865,
        "s": "BTCUSDT",
        "S": side,
        "v": size,
        "p": price,
        "L": "PlusTick",
        "i": number,
        "BT": block,
        "RPI": False,
        "seq": 1783284617,
    }


def ticker(kind: str, **said: str) -> Any:
    data = {"symbol": "BTCUSDT", "tickDirection": "PlusTick", **said}
    return {"topic": "tickers.BTCUSDT", "type": kind, "data": data, "cs": 24987956059, "ts": 1673272861686}


def written(folder: Path, *messages: Any, name: str = "bybit.jsonl") -> Path:
    """A message each ms from T0 on."""
    path = folder / name
    spelt = [message if isinstance(message, str) else json.dumps(message) for message in messages]
    path.write_text("".join(f"{(T0 + i) * 10**6} {text}\n" for i, text in enumerate(spelt)))
    return path


def read(folder: Path, *messages: Any, **asked: str) -> Taken:
    return take("bybit", [written(folder, *messages)], steps=STEPS, **asked)


FIRST = book(
    "snapshot",
    18521288,
    [["16493.50", "0.006"], ["16493.00", "0.100"]],
    [["16611.00", "0.029"], ["16612.00", "0.213"]],
    cts=T0 - 2,
)
SECOND = book("delta", 18521289, [["16493.50", "0"], ["16489.00", "0.2"]], [["16611.00", "0.03"]])
THIRD = book("delta", 18521290, [], [["16610.50", "1"]])


def plain_books(messages: list[Any]) -> Iterator[dict[tuple[int, Decimal], Decimal]]:
    """The documented rule: a snapshot resets, 0 deletes, else insert or overwrite."""
    levels: dict[tuple[int, Decimal], Decimal] = {}
    for message in messages:
        if message["type"] == "snapshot":
            levels.clear()
        for side, pairs in ((1, message["data"]["b"]), (-1, message["data"]["a"])):
            for price, size in pairs:
                levels[side, Decimal(price)] = Decimal(size)
                if not Decimal(size):
                    del levels[side, Decimal(price)]
        yield dict(levels)


def test_the_book_is_that_of_the_documented_rule(tmp_path: Path) -> None:
    resent = book("snapshot", 18521291, [["16490.00", "5"]], [["16492.00", "6"]])
    quiet = book("snapshot", 18521291, [["16490.00", "5"]], [["16492.00", "6"]])
    restart = book("snapshot", 1, [["16480.00", "7"]], [["16499.00", "8"]])
    after = book("delta", 2, [["16480.00", "0"], ["16481.00", "1"]], [])
    messages = [FIRST, SECOND, THIRD, resent, quiet, restart, after]
    taken = read(tmp_path, *messages)
    found = [
        {(side, px * Decimal("0.01")): qty * Decimal("0.001") for (side, px), qty in levels.items()}
        for _, levels in books(taken.tables["book"])
    ]
    assert found == list(plain_books(messages))
    assert (taken.facts["venue"], taken.facts["symbol"]) == ("bybit", "BTCUSDT")
    assert taken.facts["recorded_depth"] == 50
    # A snapshot that the chain leads up to, or that repeats it, is no gap; u = 1 is a restart.
    assert taken.rows("control", "control_kind", "ts_recv") == [(ControlKind.RESET, (T0 + 5) * 10**6)]
    assert taken.flagged == {"service restart": 1}
    heads = [message for message, _ in books(taken.tables["book"])]
    assert [head["venue_seq"] for head in heads] == [message["data"]["u"] for message in messages]
    assert heads[0]["ts_exch"] == (T0 - 2) * 10**6
    assert heads[1]["ts_exch"] == SECOND["ts"] * 10**6


def test_a_jump_is_a_gap_until_the_next_snapshot(tmp_path: Path) -> None:
    lost = book("delta", 18521295, [["16000.00", "1"]], [])
    still = book("delta", 18521296, [["16000.00", "2"]], [])
    again = book("snapshot", 18521297, [["16001.00", "3"]], [["16002.00", "4"]])
    taken = read(tmp_path, FIRST, SECOND, lost, still, again)
    at = [(T0 + i) * 10**6 for i in range(5)]
    assert taken.rows("control", "control_kind", "ts_recv") == [
        (ControlKind.GAP_START, at[2]),
        (ControlKind.RESET, at[2]),
        (ControlKind.GAP_END, at[4]),
    ]
    assert taken.column("control", "detail")[0] == "expected u 18521290 after 18521289, found 18521295"
    assert [m["ts_recv"] for m, _ in books(taken.tables["book"])] == [at[0], at[1], at[4]]
    assert taken.flagged == {"gap in the update chain": 1, "update without a snapshot": 2}


def test_a_snapshot_further_on_is_a_reconnection(tmp_path: Path) -> None:
    taken = read(tmp_path, FIRST, book("snapshot", 18530000, [["16001.00", "3"]], []))
    assert taken.column("control", "control_kind") == [
        ControlKind.GAP_START,
        ControlKind.RESET,
        ControlKind.GAP_END,
    ]
    assert [dict(levels) for _, levels in books(taken.tables["book"])][-1] == {(1, 1_600_100): 3_000}


def test_repeated_and_early_deltas_are_left_out(tmp_path: Path) -> None:
    early = book("delta", 18521287, [["1.00", "1"]], [])
    taken = read(tmp_path, early, FIRST, SECOND, SECOND)
    assert [m["msg_kind"] for m, _ in books(taken.tables["book"])] == [MsgKind.SNAP, MsgKind.DELTA]
    assert taken.flagged == {"update without a snapshot": 1}
    assert taken.repaired == {"repeated update": 1}
    assert "control" not in taken.tables


def test_the_deepest_book_is_the_book(tmp_path: Path) -> None:
    best = book("snapshot", 77, [["16493.50", "0.006"]], [["16611.00", "0.029"]], depth=1)
    taken = read(tmp_path, best, FIRST, best, SECOND)
    assert taken.facts["recorded_depth"] == 50
    assert taken.repaired == {"other depth": 2}
    assert len(list(books(taken.tables["book"]))) == 2


def test_trades_tell_the_takers_side(tmp_path: Path) -> None:
    first, second = "20f43950-d8dd-5b31-9112-a178eb6023af", "20f43950-d8dd-5b31-9112-a178eb6023b0"
    taken = read(
        tmp_path,
        trades(printed("Buy", "0.001", "16578.50", first), printed("Sell", "0.2", "16578.4", second)),
        trades(printed("Buy", "9", "16500.00", "block", block=True)),
    )
    assert taken.rows("trade", "ts_recv", "ts_exch", "px_ticks", "qty_lots", "side", "trade_id") == [
        (T0 * 10**6, 1672304486865 * 10**6, 1_657_850, 1, 1, first),
        (T0 * 10**6, 1672304486865 * 10**6, 1_657_840, 200, -1, second),
    ]
    assert taken.repaired == {"block trade": 1}


def test_what_a_ticker_delta_does_not_name_stands(tmp_path: Path) -> None:
    whole = {
        "lastPrice": "17216.00",
        "highPrice24h": "17281.50",
        "lowPrice24h": "16915.00",
        "volume24h": "84565.200",
        "fundingRate": "-0.000212",
        "bid1Price": "17215.50",
        "bid1Size": "84.489",
        "ask1Price": "17216.00",
        "ask1Size": "83.020",
    }
    taken = read(
        tmp_path,
        ticker("delta", lastPrice="1.00"),
        ticker("snapshot", **whole),
        ticker("delta", bid1Price="17215.00", bid1Size="84.5"),
        ticker("delta", ask1Price="", ask1Size="", lastPrice="17215.00"),
        ticker("snapshot", lastPrice="17000.00"),
    )
    columns = ("bid", "bid_qty", "ask", "ask_qty", "last", "high", "low", "vol")
    rest = (1_728_150, 1_691_500, 84_565_200)
    assert taken.rows("ticker", *columns) == [
        (1_721_550, 84_489, 1_721_600, 83_020, 1_721_600, *rest),
        (1_721_500, 84_500, 1_721_600, 83_020, 1_721_600, *rest),
        (1_721_500, 84_500, None, None, 1_721_500, *rest),
        (None, None, None, None, 1_700_000, None, None, None),
    ]
    assert taken.column("ticker", "ts_exch") == [1673272861686 * 10**6] * 4
    assert taken.flagged == {"ticker delta without a snapshot": 1}


def test_other_messages_are_counted(tmp_path: Path) -> None:
    answer = {"success": True, "ret_msg": "subscribe", "conn_id": "2324d924", "op": "subscribe"}
    other = json.loads(json.dumps(FIRST).replace("BTCUSDT", "ETHUSDT"))
    kline = {"topic": "kline.5.BTCUSDT", "data": [], "ts": T0, "type": "snapshot"}
    full = json.loads(json.dumps(FIRST).replace("book.50", "book.full"))
    taken = read(tmp_path, answer, other, kline, full, FIRST, symbol="BTCUSDT", venue="bybit_linear")
    assert taken.facts["venue"] == "bybit_linear"
    assert taken.repaired == {"no market data": 1, "other symbol": 1, "other topic": 2}
    with pytest.raises(SourceDataError, match="the files hold BTCUSDT, ETHUSDT; choose one with --symbol"):
        read(tmp_path, other, FIRST)
    with pytest.raises(SourceDataError, match="no events of XRPUSDT; found BTCUSDT"):
        read(tmp_path, FIRST, symbol="XRPUSDT")


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ('{"topic":', r"jsonl:2: EOF while parsing, near '\{\"topic\":'"),
        (book("update", 18521289, [], []), r'jsonl:2: type is Some\("update"\); expected snapshot or delta'),
        (book("delta", 18521289, [["16493.505", "1"]], []), r"jsonl:2: price is 16493\.505; expected a mult"),
        (trades(printed("buy", "1", "1.00", "x")), r"jsonl:2: S is 'buy'; expected Buy or Sell"),
        (trades(printed("Buy", "0", "1.00", "x")), r"jsonl:2: size is '0'; expected more than 0"),
        ({"topic": "tickers.BTCUSDT", "data": {}, "ts": "x"}, r"jsonl:2: invalid type: .*expected i64"),
    ],
)
def test_malformed_messages_are_told_with_their_place(tmp_path: Path, bad: Any, told: str) -> None:
    with pytest.raises(SourceDataError, match=told):
        read(tmp_path, FIRST, bad)


def test_a_line_without_a_time_is_told(tmp_path: Path) -> None:
    path = tmp_path / "bybit.jsonl"
    path.write_text(json.dumps(FIRST) + "\n")
    with pytest.raises(SourceDataError, match=r"jsonl:1: the line begins with .*; expected the receive time"):
        take("bybit", [path], steps=STEPS)

"""Frames of venues' WebSockets: bitFlyer's of 2021 as they were received, GMO Coin's built in the layout of
its API reference from the boards, quotes and trades that were recorded of it in 2025.

A recording can be repeated to make it longer; then times and trade ids go on, as a venue's would.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from recordings import BITFLYER_WS, JPY

_STAMP = re.compile(r'"(exec_date|timestamp)":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?Z"')
_ID = re.compile(r'"id":(\d+)')
_IDS_A_ROUND = 10**6


def bitflyer_frames(symbols: tuple[str, ...], rounds: int = 1) -> list[str]:
    """The channel messages of some products, spelt as they were; 31 s a round."""
    frames = []
    with gzip.open(BITFLYER_WS / "BITFLYER.ws.1.0.gz", "rt") as file:
        for line in file:
            _, _, text = line.rstrip("\n").partition(": ")
            if text.startswith('{"jsonrpc"') and _product(text) in symbols:
                frames.append(text)
    return [_later(text, turn) for turn in range(rounds) for text in frames]


def _product(text: str) -> str:
    found = re.search(r'"channel":"lightning_(?:board_snapshot|board|executions|ticker)_(\w+)"', text)
    return found[1] if found else ""


def _later(text: str, turn: int) -> str:
    if turn == 0:
        return text

    def stamp(match: re.Match[str]) -> str:
        moved = datetime.fromisoformat(match[2]) + timedelta(seconds=31 * turn)
        return f'"{match[1]}":"{moved.isoformat()}{match[3] or ""}Z"'

    moved = _STAMP.sub(stamp, text)
    if "lightning_executions_" in moved:
        moved = _ID.sub(lambda match: f'"id":{int(match[1]) + turn * _IDS_A_ROUND}', moved)
    return moved


def gmo_frames(symbol: str, rounds: int = 1) -> list[str]:
    """Order books of 8 levels, tickers and prints (both of each execution) of 8 minutes a round."""
    timed: list[tuple[datetime, int, dict[str, Any]]] = []
    high, low, volume = 0, 10**12, 0.0
    for row in _rows("trades", symbol):
        timed.append((_time(row["created_at"]), 0, {"channel": "trades", **_print(row, symbol)}))
    prints = iter(sorted(timed, key=lambda item: item[0]))
    upcoming = next(prints, None)
    last = ""
    for row in _rows("best_bid_ask", symbol):
        now = _time(row["timestamp"])
        while upcoming is not None and upcoming[0] <= now:
            last = upcoming[2]["price"]
            high, low = max(high, int(last)), min(low, int(last))
            volume += float(upcoming[2]["size"])
            upcoming = next(prints, None)
        if last:
            ticker = {"ask": row["best_ask"], "bid": row["best_bid"], "high": str(high), "last": last}
            ticker |= {"low": str(low), "symbol": symbol, "timestamp": _ms(now), "volume": f"{volume:.3f}"}
            timed.append((now, 1, {"channel": "ticker", **ticker}))
    for row in _rows("market_boards", symbol):
        timed.append((_time(row["ts"]), 2, {"channel": "orderbooks", **_board(row, symbol)}))
    timed.sort(key=lambda item: item[:2])
    return [_moved(frame, turn) for turn in range(rounds) for _, _, frame in timed]


def _moved(frame: dict[str, Any], turn: int) -> str:
    moved = _time(frame["timestamp"]) + timedelta(minutes=8 * turn)
    return json.dumps({**frame, "timestamp": _ms(moved)}, separators=(",", ":"))


def _rows(kind: str, symbol: str) -> Iterator[dict[str, str]]:
    with gzip.open(JPY / f"{kind}_20250716_14.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            if row["exchange"] == "GMO" and row["symbol"] == symbol:
                yield row


def _print(row: dict[str, str], symbol: str) -> dict[str, Any]:
    time = _ms(_time(row["timestamp"]))
    return {"price": row["price"], "side": row["side"], "size": _plain(row["size"]), "symbol": symbol} | {
        "timestamp": time
    }


def _board(row: dict[str, str], symbol: str) -> dict[str, Any]:
    sides = {
        side: [
            {"price": row[f"{short}{level}"], "size": _plain(row[f"{short}{level}vol"])}
            for level in range(1, 9)
            if row[f"{short}{level}"]
        ]
        for side, short in (("asks", "ask"), ("bids", "bid"))
    }
    return {**sides, "symbol": symbol, "timestamp": _ms(_time(row["ts"]))}


def _plain(size: str) -> str:
    return size.rstrip("0").rstrip(".")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.rstrip("Z")[:26])


def _ms(time: datetime) -> str:
    return f"{time.isoformat(timespec='milliseconds')}Z"

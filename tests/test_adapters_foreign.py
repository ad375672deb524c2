"""Every adapter reads its own format, and refuses every other one in words, before anything is written."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from atc.errors import DataError
from atc.events.adapters import Asked, adapters
from atc.events.ingest import ingest

S = 10**9
MS = 1_723_075_200_123  # 2024-08-08
PRICE_AND_SIZE = {"price": "2683.81", "size": "0.5"}


def stamped(*messages: object) -> bytes:
    """A recording of one message a line, a second apart."""
    lines = (f"{MS * 10**6 + i * S} {json.dumps(message)}\n" for i, message in enumerate(messages))
    return "".join(lines).encode()


def table(*rows: str) -> bytes:
    return "".join(f"{row}\n" for row in rows).encode()


def binance(stream: str, **said: object) -> object:
    return {"stream": f"ethusdt@{stream}", "data": {"s": "ETHUSDT", "E": MS, **said}}


def npz() -> bytes:
    names = ("ev", "exch_ts", "local_ts", "px", "qty", "order_id", "ival", "fval")
    kinds = ("u8", "i8", "i8", "f8", "f8", "u8", "i8", "f8")
    layout = np.dtype(list(zip(names, kinds, strict=True)), align=True)
    valid_and_buy = 1 << 31 | 1 << 30 | 1 << 29
    row = (valid_and_buy | 2, MS * 10**6, MS * 10**6 + S, 2683.81, 0.5, 0, 0, 0.0)
    file = io.BytesIO()
    np.savez_compressed(file, data=np.array([row], dtype=layout))
    return file.getvalue()


MBP_LEVELS = [
    f"{what}_{i:02}"
    for i in range(10)
    for what in ("bid_px", "ask_px", "bid_sz", "ask_sz", "bid_ct", "ask_ct")
]
TARDIS = "exchange,symbol,timestamp,local_timestamp"

SAMPLES: dict[str, dict[str, Callable[[], bytes]]] = {
    "binance_2020": {
        "ETHBTC_2020-11-01T09-00-00_trades.json": lambda: json.dumps(
            [
                {
                    "e": "aggTrade",
                    "E": MS,
                    "s": "ETHUSDT",
                    "a": 1,
                    "p": "2683.81",
                    "q": "0.5",
                    "T": MS,
                    "m": True,
                }
            ]
        ).encode(),
    },
    "binance_raw": {
        "ethusdt.jsonl": lambda: stamped(
            binance("depth@100ms", e="depthUpdate", U=1, u=2, b=[["2683.81", "0.5"]], a=[]),
            binance("trade", e="trade", t=1, p="2683.81", q="0.5", T=MS, m=True),
        ),
    },
    "binance_vision": {
        "ETHUSDT-trades-2024-08-08.csv": lambda: table(f"1,2683.81,0.5,1341.9,{MS},True,True"),
        "ETHUSDT-bookTicker-2024-08-08.csv": lambda: table(f"1,2683.81,0.5,2683.82,2,{MS},{MS}"),
    },
    "bitflyer_2018": {
        "bitflyer.execution.20180121.BTC_JPY.csv": lambda: table(
            "domain,product_code,loaded,id,exec_date,side,price,size,"
            "buy_child_order_acceptance_id,sell_child_order_acceptance_id",
            "bitflyer,BTC_JPY,2018-01-21T00:00:07+09:00,1,2018-01-21T00:00:06+09:00,BUY,1400000,0.5,JRF1,JRF2",
        ),
    },
    "bitflyer_ws": {
        "bitflyer.jsonl": lambda: stamped(
            {
                "jsonrpc": "2.0",
                "method": "channelMessage",
                "params": {
                    "channel": "lightning_board_snapshot_ETH_JPY",
                    "message": {"mid_price": 1, "bids": [{"price": 400000, "size": 0.5}], "asks": []},
                },
            }
        ),
    },
    "bybit": {
        "bybit.jsonl": lambda: stamped(
            {
                "topic": "publicTrade.ETHUSDT",
                "type": "snapshot",
                "ts": MS,
                "data": [
                    {"T": MS, "s": "ETHUSDT", "S": "Buy", "v": "0.5", "p": "2683.81", "i": "a", "BT": False}
                ],
            }
        ),
    },
    "coinbase": {
        "exchange.jsonl": lambda: stamped(
            {
                "type": "match",
                "trade_id": 10,
                "product_id": "ETH-USD",
                "time": "2024-08-08T00:00:00.123Z",
                "side": "sell",
                **PRICE_AND_SIZE,
            }
        ),
        "advanced.jsonl": lambda: stamped(
            {
                "channel": "ticker",
                "timestamp": "2024-08-08T00:00:00.123Z",
                "sequence_num": 0,
                "events": [{"type": "update", "tickers": [{"product_id": "ETH-USD", "price": "2683.81"}]}],
            }
        ),
    },
    "gmo_trades": {
        "20240808_ETH_JPY.csv": lambda: table(
            "symbol,side,size,price,timestamp", "ETH_JPY,BUY,0.5,400000,2024-08-08 00:00:00.123"
        ),
    },
    "gmo_ws": {
        "gmo.jsonl": lambda: stamped(
            {
                "channel": "trades",
                "symbol": "ETH_JPY",
                "side": "BUY",
                "timestamp": "2024-08-08T00:00:00.123Z",
                "price": "400000",
                "size": "0.5",
            }
        ),
    },
    "hftbacktest_npz": {"eth.npz": npz},
    "jpy_recorder": {
        "trades_20240808_00.csv": lambda: table(
            "exchange,symbol,trade_id,price,size,side,timestamp,created_at",
            "BITFLYER,ETH_JPY,1,400000,0.5,BUY,2024-08-08T00:00:00.123,2024-08-08T00:00:00.150",
        ),
    },
    "tardis": {
        "binance_incremental_book_L2_2024-08-08_ETHUSDT.csv": lambda: table(
            f"{TARDIS},is_snapshot,side,price,amount", f"binance,ETHUSDT,{MS}000,{MS}900,true,bid,2683.81,0.5"
        ),
        "binance_trades_2024-08-08_ETHUSDT.csv": lambda: table(
            f"{TARDIS},id,side,price,amount", f"binance,ETHUSDT,{MS}000,{MS}900,1,buy,2683.81,0.5"
        ),
        "binance_quotes_2024-08-08_ETHUSDT.csv": lambda: table(
            f"{TARDIS},ask_amount,ask_price,bid_price,bid_amount",
            f"binance,ETHUSDT,{MS}000,{MS}900,1,2684,2683,1",
        ),
    },
    # Files of formats whose adapters came later, or never.
    "lobster": {
        "MSFT_2012-06-21_34200000_37800000_message_50.csv": lambda: table(
            "35999.954513652,1,46527655,200,308700,1", "36000.136863639,3,46527655,200,308700,1"
        ),
    },
    "databento_mbp10": {
        "AAPL.csv": lambda: table(
            "ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side,depth,price,size,flags,ts_in_delta,"
            f"sequence,{','.join(MBP_LEVELS)},symbol",
            "2024-10-21T11:54:29.221230963Z,2024-10-21T11:54:29.221064336Z,10,2,38,A,B,0,233.67,2,130,166627,1,"
            + ",".join(f"{233 - i}.67,{234 + i}.74,139,200,1,1" for i in range(10))
            + ",AAPL",
        ),
    },
    "bitstamp_l3": {
        "orders.csv": lambda: table(
            "id,timestamp,exchange_timestamp,price,volume,action,direction",
            f"1,{MS},{MS},78318.0,1.5,created,bid",
        ),
    },
    "": {
        "ohlcv.csv": lambda: table("date,open,high,low,close,volume", "2024-08-08,1,2,0.5,1.5,100"),
        "rest.json": lambda: json.dumps([PRICE_AND_SIZE | {"side": "BUY"}], indent=2).encode(),
        "words.txt": lambda: b"These are no market data.\n",
        "blank.txt": lambda: b"\n \n",
        "empty.txt": lambda: b"",
        "bytes.bin": lambda: bytes(range(256)) * 8,
    },
}
"""Small files of each format, by its adapter."""

# Where an adapter does not know its steps, or the files not their instrument.
GIVEN = Asked(tick=Decimal("0.01"), lot=Decimal("0.00000001"))
NAMED = Asked(venue="binance", symbol="ETHUSDT", tick=Decimal("0.01"), lot=Decimal("0.001"))
INSTRUMENTS = {
    "bitstamp_l3": {"symbol": "BTCUSD"},
    "hftbacktest_npz": {"venue": "binance", "symbol": "ETHUSDT"},
    "jpy_recorder": {"venue": "bitflyer", "symbol": "ETH_JPY"},
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    folder = tmp_path_factory.mktemp("samples")
    there: dict[str, list[Path]] = {}
    for number, (name, samples) in enumerate(SAMPLES.items()):
        (folder / str(number)).mkdir()
        there[name] = [folder / str(number) / file for file in samples]
        for path, content in zip(there[name], samples.values(), strict=True):
            path.write_bytes(content())
    return there


def test_there_is_a_file_of_every_format() -> None:
    missing = set(adapters()) - set(SAMPLES)
    assert not missing, f"give SAMPLES a small file of {', '.join(sorted(missing))}"


@pytest.mark.parametrize("adapter", sorted(adapters()))
def test_an_adapter_reads_its_own_format(adapter: str, files: dict[str, list[Path]], tmp_path: Path) -> None:
    for number, path in enumerate(files[adapter]):
        asked = replace(GIVEN, **INSTRUMENTS.get(adapter, {}))
        done = ingest(adapter, [path], tmp_path / str(number), asked)
        assert done.manifest.counts["events_written"] >= 1, path


@pytest.mark.parametrize("asked", [GIVEN, NAMED], ids=["asked for steps", "asked for an instrument"])
@pytest.mark.parametrize("adapter", sorted(adapters()))
def test_an_adapter_refuses_all_other_formats(
    adapter: str, asked: Asked, files: dict[str, list[Path]], tmp_path: Path
) -> None:
    for name in files.keys() - {adapter}:
        for path in files[name]:
            with pytest.raises(DataError) as refused:
                ingest(adapter, [path], tmp_path, asked)
            told = str(refused.value)
            assert path.name in told and "\n" not in told, told
            assert not list(tmp_path.rglob("*.parquet"))

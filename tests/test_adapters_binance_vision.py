"""Binance's public archive, written as github.com/binance/binance-public-data documents its files."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from ingested import take

from atc._rust import SourceDataError
from atc.events.schema import ControlKind, Flag

STEPS = ("0.01", "0.001")
MS = 1_723_075_200_123
"""2024-08-08 00:00:00.123."""

TRADE_HEADER = "id,price,qty,quote_qty,time,is_buyer_maker"
AGG_HEADER = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"
TICKER_HEADER = (
    "update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time,event_time"
)
TRADE_COLUMNS = ("ts_recv", "ts_exch", "px_ticks", "qty_lots", "side", "trade_id", "venue_seq")


def written(folder: Path, name: str, *rows: str) -> Path:
    path = folder / name
    path.write_text("\n".join(rows) + "\n")
    return path


def zipped(path: Path, *, streamed: bool = False) -> Path:
    """As the archive packs it: one deflated member; `streamed` leaves its sum to follow it."""
    packed = path.with_suffix(".zip")
    if streamed:
        buffer = Unseekable()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(path.name, path.read_bytes())
        packed.write_bytes(buffer.getvalue())
    else:
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(path, path.name)
    return packed


class Unseekable(io.BytesIO):
    def seekable(self) -> bool:
        return False

    def seek(self, *_: int) -> int:
        raise io.UnsupportedOperation

    def tell(self) -> int:
        raise io.UnsupportedOperation


def spot_trades(unit: int = 1) -> list[str]:
    """Trade id, price, quantity, quote quantity, time, buyer is maker, best match."""
    return [
        f"51175358,17.80,5.69000000,101.28200000,{MS * unit},True,True",
        f"51175359,17.81,0.50000000,8.90500000,{MS * unit},False,True",
        f"51175360,17.82,1.00000000,17.82000000,{MS * unit + 2 * unit},False,True",
    ]


SPOT_EXPECTED = [
    (MS * 10**6, MS * 10**6, 1_780, 5_690, -1, "51175358", 51_175_358),
    (MS * 10**6, MS * 10**6, 1_781, 500, 1, "51175359", 51_175_359),
    (MS * 10**6 + 2 * 10**6, MS * 10**6 + 2 * 10**6, 1_782, 1_000, 1, "51175360", 51_175_360),
]


def test_trades_of_spot_in_ms(tmp_path: Path) -> None:
    taken = take(
        "binance_vision", [written(tmp_path, "BNBUSDT-trades-2024-08-08.csv", *spot_trades())], steps=STEPS
    )
    assert (taken.facts["venue"], taken.facts["symbol"]) == ("binance", "BNBUSDT")
    assert taken.rows("trade", *TRADE_COLUMNS) == SPOT_EXPECTED
    assert all(flags & Flag.SYNTH_RECV for flags in taken.column("trade", "flags"))
    assert taken.flagged == taken.repaired == {}
    assert sum(taken.column("trade", "qty_lots")) == 7_190


def test_trades_of_spot_from_2025_on_are_in_microseconds(tmp_path: Path) -> None:
    us = 1_735_689_600_000_123
    rows = [f"4359801011,693.01,0.04100000,28.41341000,{us + i},False,True" for i in (0,)]
    taken = take("binance_vision", [written(tmp_path, "BNBUSDT-trades-2025-01.csv", *rows)], steps=STEPS)
    assert taken.rows("trade", *TRADE_COLUMNS) == [
        (us * 1_000, us * 1_000, 69_301, 41, 1, "4359801011", 4_359_801_011)
    ]


@pytest.mark.parametrize("streamed", [False, True])
def test_a_zip_is_read_as_it_is(tmp_path: Path, streamed: bool) -> None:
    plain = written(tmp_path, "BNBUSDT-trades-2024-08-08.csv", *spot_trades())
    packed = zipped(plain, streamed=streamed)
    assert take("binance_vision", [packed], steps=STEPS).rows("trade", *TRADE_COLUMNS) == SPOT_EXPECTED


def test_a_damaged_zip_is_told(tmp_path: Path) -> None:
    packed = zipped(written(tmp_path, "BNBUSDT-trades-2024-08-08.csv", *spot_trades()))
    damaged = bytearray(packed.read_bytes())
    damaged[damaged.index(b"PK\x01\x02") + 16] ^= 1  # the sum of the content, in the archive's directory
    packed.write_bytes(bytes(damaged))
    with pytest.raises(SourceDataError, match=r"damaged zip after line 3, byte \d+ \(CRC-32 is .* expected"):
        take("binance_vision", [packed], steps=STEPS)
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", "\n".join(spot_trades()))
        archive.writestr("b.csv", "")
    with pytest.raises(SourceDataError, match="a zip of 2 files; unpack it"):
        take("binance_vision", [packed], steps=STEPS)


def agg_rows(*, spot: bool) -> list[str]:
    best = ",True" if spot else ""
    return [
        f"26129,0.01,4.704,27781,27781,{MS},{'True' if spot else 'true'}{best}",
        f"26130,0.02,0.001,27782,27785,{MS + 1},{'False' if spot else 'false'}{best}",
    ]


@pytest.mark.parametrize(
    ("rows", "venue"),
    [
        (agg_rows(spot=True), "binance"),
        (agg_rows(spot=False), "binance_usdm"),
        ([AGG_HEADER, *agg_rows(spot=False)], "binance_usdm"),
    ],
)
def test_agg_trades_with_and_without_header(tmp_path: Path, rows: list[str], venue: str) -> None:
    taken = take(
        "binance_vision", [written(tmp_path, "BNBUSDT-aggTrades-2024-08-08.csv", *rows)], steps=STEPS
    )
    assert taken.facts["venue"] == venue
    assert taken.rows("trade", *TRADE_COLUMNS) == [
        (MS * 10**6, MS * 10**6, 1, 4_704, -1, "26129", 26_129),
        ((MS + 1) * 10**6, (MS + 1) * 10**6, 2, 1, 1, "26130", 26_130),
    ]


@pytest.mark.parametrize("header", [True, False])
def test_coin_margined_trades_count_contracts(tmp_path: Path, header: bool) -> None:
    rows = [TRADE_HEADER.replace("quote_qty", "base_qty")] if header else []
    rows.append(f"28457,9635.0,1,0.01037883,{MS},true")
    path = written(tmp_path, "BTCUSD_PERP-trades-2024-08-08.csv", *rows)
    taken = take("binance_vision", [path], steps=("0.1", "1"))
    assert taken.facts["venue"] == "binance_coinm"
    assert taken.rows("trade", "px_ticks", "qty_lots", "side") == [(96_350, 1, -1)]
    quarterly = written(tmp_path, "BTCUSDT_240927-trades-2024-08-08.csv", *rows)
    assert take("binance_vision", [quarterly], steps=("0.1", "1")).facts["venue"] == "binance_usdm"


def test_quotes_join_trades_in_one_stream(tmp_path: Path) -> None:
    quotes = [
        f"9001,49999.90,1.5,50000.10,2.000,{MS},{MS + 5}",
        f"9003,49999.80,1.5,50000.10,2.000,{MS + 9},{MS + 9}",
        f"9002,49999.90,0.001,50000.10,2.000,{MS + 4},{MS + 6}",  # the archive is not always in order
    ]
    trades = [f"700,50000.10,0.010,500.001,{MS + 2},false"]
    files = [
        written(tmp_path, "BTCUSDT-bookTicker-2024-08-08.csv", TICKER_HEADER, *quotes),
        written(tmp_path, "BTCUSDT-trades-2024-08-08.csv", TRADE_HEADER, *trades),
    ]
    taken = take("binance_vision", files, steps=STEPS)
    assert taken.rows("ticker", "ts_recv", "ts_exch", "bid", "bid_qty", "ask", "ask_qty", "venue_seq") == [
        (MS * 10**6, MS * 10**6, 4_999_990, 1_500, 5_000_010, 2_000, 9_001),
        ((MS + 9) * 10**6, (MS + 9) * 10**6, 4_999_980, 1_500, 5_000_010, 2_000, 9_003),
        ((MS + 9) * 10**6, (MS + 4) * 10**6, 4_999_990, 1, 5_000_010, 2_000, 9_002),
    ]
    assert [bool(flags & Flag.BAD_TS) for flags in taken.column("ticker", "flags")] == [False, False, True]
    assert taken.flagged == {"time ran backwards": 1}
    assert taken.column("trade", "ev_seq")[0] == taken.column("ticker", "ev_seq")[0] + 1


def test_missing_ids_are_gaps_and_repeated_ones_left_out(tmp_path: Path) -> None:
    first, second, third = spot_trades()
    later = third.replace("51175360", "51175363")
    files = [
        written(tmp_path, "BNBUSDT-trades-2024-08.csv", first, second),
        written(tmp_path, "BNBUSDT-trades-2024-08-08.csv", second, later),
    ]
    taken = take("binance_vision", files, steps=STEPS)
    assert taken.column("trade", "venue_seq") == [51_175_358, 51_175_359, 51_175_363]
    assert taken.repaired == {"repeated trade": 1}
    assert taken.rows("control", "control_kind", "detail") == [
        (kind, "trade ids jump from 51175359 to 51175363")
        for kind in (ControlKind.GAP_START, ControlKind.GAP_END)
    ]


@pytest.mark.parametrize(
    ("name", "rows", "told"),
    [
        ("trades.csv", spot_trades(), "the name tells no symbol, kind and period; expected SYMBOL-trades-"),
        ("BNBUSDT-klines-2024-08-08.csv", spot_trades(), "the name tells no symbol, kind and period"),
        ("BNBUSDT-trades-2024-08-08.csv", ["1,2,3"], r":1: 3 cells; expected 6 of futures, 7 of spot"),
        ("BNBUSDT-trades-2024-08-08.csv", ["id,price"], r":1: no column qty, time, is_buyer_maker"),
        (
            "BNBUSDT-trades-2024-08-12.csv",
            spot_trades(),
            rf":1: time {MS} is not within a day of the period in the file's name",
        ),
        (
            "BNBUSDT-trades-2024-08-08.csv",
            [f"1,17.80,5.69,101,{MS // 1000},True,True"],
            r":1: time is '1723075200'; expected ms \(13 digits\) or µs \(16\)",
        ),
        (
            "BNBUSDT-trades-2024-08-08.csv",
            [spot_trades()[0], f"51175359,17.80,5.69,101,{MS},1,True"],
            r":2: is_buyer_maker is '1'; expected true or false",
        ),
        (
            "BNBUSDT-trades-2024-08-08.csv",
            [spot_trades()[0], f"51175359,17.801,5.69,101,{MS},True,True"],
            r":2: price is 17\.801; expected a multiple of 0\.01",
        ),
        (
            "BNBUSDT-trades-2024-08-08.csv",
            [spot_trades()[0], "51175359,17.80"],
            r":2: 2 cells; expected 7",
        ),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, name: str, rows: list[str], told: str) -> None:
    with pytest.raises(SourceDataError, match=told):
        take("binance_vision", [written(tmp_path, name, *rows)], steps=STEPS)


def test_files_that_do_not_go_together(tmp_path: Path) -> None:
    trades = written(tmp_path, "BNBUSDT-trades-2024-08-08.csv", *spot_trades())
    aggregated = written(tmp_path, "BNBUSDT-aggTrades-2024-08-08.csv", *agg_rows(spot=True))
    with pytest.raises(SourceDataError, match="trades and aggTrades tell the same trades"):
        take("binance_vision", [trades, aggregated], steps=STEPS)
    futures = written(tmp_path, "BNBUSDT-bookTicker-2024-08-08.csv", f"1,1.00,1,1.01,1,{MS},{MS}")
    with pytest.raises(SourceDataError, match="are of binance, binance_usdm; expected those of one market"):
        take("binance_vision", [trades, futures], steps=STEPS)
    other = written(tmp_path, "ETHUSDT-trades-2024-08-08.csv", *spot_trades())
    with pytest.raises(SourceDataError, match="are of BNBUSDT, ETHUSDT; choose one with --symbol"):
        take("binance_vision", [trades, other], steps=STEPS)
    taken = take("binance_vision", [trades, other], steps=STEPS, symbol="ETHUSDT")
    assert taken.rows("trade", *TRADE_COLUMNS) == SPOT_EXPECTED
    assert taken.repaired == {"file of another symbol": 1}

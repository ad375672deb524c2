"""Ingest of bad files: refused, with file, line and value."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from binance_session import SESSION, SYMBOL, T0, S, line, seen, trade, written

from atc.errors import DataError, UsageError
from atc.events.adapters import Asked
from atc.events.ingest import ingest


def fails(tmp_path: Path, lines: list[str] | bytes, message: str, *, asked: Asked = SYMBOL) -> str:
    path = written(tmp_path, [] if isinstance(lines, bytes) else lines)
    if isinstance(lines, bytes):
        path.write_bytes(lines)
    with pytest.raises(DataError, match=message) as caught:
        ingest("binance_raw", [path], tmp_path / "events", asked)
    assert seen(tmp_path / "events") == []
    return str(caught.value)


def test_a_wrong_tick_names_file_line_and_value(tmp_path: Path) -> None:
    text = fails(tmp_path, [*SESSION, trade(T0 + 402 * S, 103, price="2683.815")], "multiple of 0.01")
    assert text.endswith("session.jsonl.gz:10: price is 2683.815; expected a multiple of 0.01")


def test_a_wrong_lot_names_file_line_and_value(tmp_path: Path) -> None:
    text = fails(tmp_path, [*SESSION, trade(T0 + 402 * S, 103, size="0.00005")], "multiple of 0.0001")
    assert text.endswith("session.jsonl.gz:10: size is 0.00005; expected a multiple of 0.0001")


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (line(T0, "trade", e="trade", p="1", q="1", m=True), "missing field `t`, near"),
        (
            trade(T0 + 402 * S, 103).replace('"m": false', '"m": 0'),
            'integer `0`, expected a boolean, near .*"m": 0',
        ),
        (trade(T0 + 402 * S, 103, size="0"), "size is '0'; expected more than 0"),
        (trade(T0 + 402 * S, 103, price="-5"), "price is '-5'; expected a number that is not negative"),
        (trade(T0 + 402 * S, 103)[:60], "session.jsonl.gz:10: unexpected end|session.jsonl.gz:10: .*"),
        (f"{T0} [1]", "found '.1.' after the time; expected a JSON object"),
        ("hello", "expected the receive time in ns"),
        (line(T0 + 402 * S, "kline"), "stream 'kline'; expected depth, trade or bookTicker"),
    ],
)
def test_a_malformed_line_is_named(tmp_path: Path, bad: str, message: str) -> None:
    text = fails(tmp_path, [*SESSION, bad], message)
    assert "session.jsonl.gz:10: " in text


def test_a_truncated_gzip_names_where_it_ends(tmp_path: Path) -> None:
    lines = [*SESSION, *(trade(T0 + 402 * S + i * 7919, 103 + i) for i in range(3000))]
    whole = gzip.compress("".join(f"{text}\n" for text in lines).encode())
    text = fails(tmp_path, whole[: len(whole) // 2], "it was cut: fetch it again")
    assert "session.jsonl.gz: the gzip ends after line " in text
    assert f", byte {len(whole) // 2}, before its end mark" in text
    reached = int(text.split("after line ")[1].split(",")[0])
    assert 100 < reached < 3009


def test_a_damaged_gzip_is_named(tmp_path: Path) -> None:
    lines = [*SESSION, *(trade(T0 + 402 * S + i * 7919, 103 + i) for i in range(3000))]
    whole = bytearray(gzip.compress("".join(f"{text}\n" for text in lines).encode()))
    whole[-6] ^= 0xFF
    fails(tmp_path, bytes(whole), "damaged gzip after line 3009, byte .*does not have a matching checksum")


def test_missing_empty_and_foreign_files(tmp_path: Path) -> None:
    fails(tmp_path, [], "the file is empty")
    fails(tmp_path, SESSION, "no events of BTCUSDT; .*ETHUSDT", asked=Asked(symbol="BTCUSDT"))
    with pytest.raises(DataError, match=r"expected a file, found nothing; its folder has session\.jsonl\.gz"):
        ingest("binance_raw", [tmp_path / "session2.jsonl.gz"], tmp_path / "events", SYMBOL)
    with pytest.raises(DataError, match="expected a file, found a folder"):
        ingest("binance_raw", [tmp_path], tmp_path / "events", SYMBOL)
    path = written(tmp_path, SESSION)
    with pytest.raises(DataError, match="is given twice"):
        ingest("binance_raw", [path, tmp_path / "." / path.name], tmp_path / "events", SYMBOL)
    with pytest.raises(UsageError, match="did you mean 'binance_raw'"):
        ingest("binance_row", [path], tmp_path / "events", SYMBOL)


def test_an_unknown_symbol_asks_for_its_steps(tmp_path: Path) -> None:
    lines = [text.replace("ETHUSDT", "NEWUSDT") for text in SESSION]
    fails(
        tmp_path,
        lines,
        "binance NEWUSDT: its price and size steps are not known here; give --tick and --lot",
        asked=Asked(),
    )

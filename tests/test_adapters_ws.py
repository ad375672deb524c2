"""gmo_ws and bitflyer_ws: recordings of 2021 by cryptofeed, frames of 2025 in GMO Coin's layout, and
strange ones.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from recordings import BITFLYER_WS, JPY, needs
from sent_events import expected, recorded
from venue_frames import bitflyer_frames, gmo_frames
from ws_server import Sent

from atc.errors import DataError
from atc.events.adapters import Asked, adapter_named, instrument
from atc.events.catalog import Catalog
from atc.events.ingest import Ingested, ingest
from atc.events.reader import Events, read_events
from atc.events.schema import ControlKind, Flag, MsgKind
from atc.events.validate import validate_days

CRYPTOFEED = BITFLYER_WS / "BITFLYER.ws.1.0.gz"
T0 = 1_771_275_600 * 10**9
BOOK = {"channel": "orderbooks", "symbol": "ETH_JPY", "timestamp": "2026-02-16T21:00:00.000Z"}


def events(root: Path, venue: str, symbol: str) -> Events:
    catalog = Catalog(root)
    first, last = catalog.span_ns(venue, symbol)
    assert validate_days(catalog, venue, symbol) == []
    return read_events(catalog, venue, symbol, first, last + 1)


def written(path: Path, frames: list[Any], *, opened: bool = True, **header: Any) -> Path:
    """A raw file of frames (dicts or text) a second apart, from GMO Coin's day cut on."""
    head = {"atc": "segment", "format": 1, "continues": None, "connected": False, **header}
    lines = [head, {"atc": "open"}] if opened else []
    texts = [
        frame if isinstance(frame, str) else json.dumps(frame, separators=(",", ":"))
        for frame in lines + frames
    ]
    path.write_text("".join(f"{T0 + n * 10**9} {text}\n" for n, text in enumerate(texts)))
    return path


def gmo_book(bid: str = "100", size: str = "1", **more: Any) -> dict[str, Any]:
    return {**BOOK, "bids": [{"price": bid, "size": size}], "asks": [{"price": "200", "size": "2"}], **more}


def gmo_print(side: str, **more: Any) -> dict[str, Any]:
    return {**BOOK, "channel": "trades", "price": "150", "size": "0.5", "side": side, **more}


def taken(root: Path, adapter: str, *files: Path, symbol: str = "ETH_JPY") -> Ingested:
    return ingest(adapter, files, root, Asked(symbol=symbol))


@needs(BITFLYER_WS)[0]
@needs(BITFLYER_WS)[1]
@pytest.mark.parametrize(
    ("symbol", "counts"), [("ETH_JPY", (136, 6, 45, 9)), ("FX_BTC_JPY", (229, 6, 52, 56))]
)
def test_the_recording_of_2021_is_stored_as_it_came(
    tmp_path: Path, symbol: str, counts: tuple[int, int, int, int]
) -> None:
    done = taken(tmp_path, "bitflyer_ws", CRYPTOFEED, symbol=symbol)
    assert done.manifest.counts["messages_read"] == sum(counts)
    found = events(tmp_path, "bitflyer", symbol)
    whole = found.book.to_pylist()
    last = [row for row in whole if row["flags"] & Flag.LAST]
    kinds = [row["msg_kind"] for row in last]
    executions = {row["ts_recv"] for row in found.trade.to_pylist()}
    assert (kinds.count(MsgKind.DELTA), kinds.count(MsgKind.SNAP)) == counts[:2]
    assert (found.ticker.num_rows, len(executions)) == counts[2:]
    # Differences that came before the first snapshot are stored before it.
    assert kinds.index(MsgKind.SNAP) > 0
    frames = [Sent(0, text) for text in bitflyer_frames((symbol,))]
    assert recorded(tmp_path, "bitflyer", symbol) == expected(frames, symbol, "1", "0.00000001", closed=False)
    # Seconds with decimals are exact ns: 1639350330.174644 is the first board of ETH_JPY.
    if symbol == "ETH_JPY":
        assert whole[0]["ts_recv"] == 1_639_350_330_174_644_000


@needs(BITFLYER_WS)[0]
@needs(BITFLYER_WS)[1]
def test_every_product_of_the_recording_has_known_steps_or_says_so(tmp_path: Path) -> None:
    with gzip.open(CRYPTOFEED, "rt") as file:
        names = {part.split('"')[0] for line in file for part in line.split("lightning_ticker_")[1:]}
    adapter = adapter_named("bitflyer_ws")
    for name in sorted(names):
        if name[-1].isdigit():
            with pytest.raises(DataError, match="price and size steps are not known here; give --tick"):
                instrument(adapter, [CRYPTOFEED], Asked(symbol=name))
        else:
            ingest("bitflyer_ws", [CRYPTOFEED], tmp_path, Asked(symbol=name))
            assert events(tmp_path, "bitflyer", name).book.num_rows
    with pytest.raises(DataError, match=r"the files hold .*ETH_JPY.*choose one with --symbol"):
        instrument(adapter, [CRYPTOFEED], Asked())


@needs(JPY)[0]
@needs(JPY)[1]
def test_frames_of_gmo_coin_of_2025(tmp_path: Path) -> None:
    frames = gmo_frames("BTC_JPY")
    path = written(tmp_path / "raw.jsonl", frames, symbols=["BTC_JPY"])
    ingest("gmo_ws", [path], tmp_path, Asked())
    wanted = expected([Sent(0, text) for text in frames], "BTC_JPY", "1", "0.001", closed=False)
    assert recorded(tmp_path, "gmocoin", "BTC_JPY") == wanted
    makers = [item for item in wanted if item[0] == "trade" and item[4]]
    assert len(makers) == 76 == sum(item[0] == "trade" for item in wanted) // 2


def test_taker_only_finds_no_twins(tmp_path: Path) -> None:
    prints = [gmo_book(), gmo_print("BUY"), gmo_print("SELL")]
    for taker_only in (True, False):
        root = tmp_path / str(taker_only)
        root.mkdir()
        taken(root, "gmo_ws", written(root / "raw.jsonl", prints, symbols=["ETH_JPY"], taker_only=taker_only))
        flags = events(root, "gmocoin", "ETH_JPY").trade["flags"].to_pylist()
        assert bool(flags[1] & Flag.DUP_OTHER_SIDE) is not taker_only


def test_a_print_after_a_gap_is_no_twin_of_the_one_before(tmp_path: Path) -> None:
    lost = {"atc": "lost", "why": 'it said "no"'}
    frames = [gmo_book(), gmo_print("BUY"), lost, {"atc": "open"}, gmo_print("SELL"), gmo_book("101")]
    taken(tmp_path, "gmo_ws", written(tmp_path / "raw.jsonl", frames, symbols=["ETH_JPY"]))
    found = events(tmp_path, "gmocoin", "ETH_JPY")
    assert not any(flags & Flag.DUP_OTHER_SIDE for flags in found.trade["flags"].to_pylist())
    control = [(ControlKind(row["control_kind"]).name, row["detail"]) for row in found.control.to_pylist()]
    assert control == [
        ("GAP_START", 'it said "no"'),
        ("RESET", "the book is unknown until the next whole one"),
        ("GAP_END", "whole book"),
    ]
    # The first book after the gap is whole.
    assert [row["msg_kind"] for row in found.book.to_pylist()] == [MsgKind.SNAP] * 4


STRANGE_GMO: list[Any] = [
    "7",
    "[]",
    "null",
    {"channel": "orderbooks"},
    {"channel": "klines", "symbol": "ETH_JPY"},
    {"error": "ERR-5003 Request too many."},
    gmo_book(timestamp=5),
    gmo_book(bids=7),
    gmo_book(bids=[{"price": None, "size": "1"}]),
    gmo_book(bids=[{"price": "-1", "size": "1"}]),
    gmo_book(bids=[{"price": "0", "size": "1"}]),
    gmo_print("HOLD"),
    gmo_print("BUY", size="0"),
    gmo_print("BUY", timestamp="now"),
    gmo_print("BUY", price=[]),
    {**BOOK, "channel": "ticker", "bid": "x"},
]


def test_a_strange_frame_of_gmo_coin_is_flagged_and_nothing_else_is_lost(tmp_path: Path) -> None:
    sound = [gmo_book(str(100 + n)) for n in range(len(STRANGE_GMO) + 1)]
    frames = [frame for pair in zip(sound, STRANGE_GMO, strict=False) for frame in pair] + sound[-1:]
    done = taken(tmp_path, "gmo_ws", written(tmp_path / "raw.jsonl", frames, symbols=["ETH_JPY"]))
    assert done.report.flagged.total() == len(STRANGE_GMO)
    found = recorded(tmp_path, "gmocoin", "ETH_JPY")
    assert found == [("book", {100 + n: 100}, {200: 200}) for n in range(len(sound))]


def test_steps_that_do_not_fit_are_an_error_that_names_the_row(tmp_path: Path) -> None:
    path = written(tmp_path / "raw.jsonl", [gmo_book(), gmo_book(size="0.001")], symbols=["ETH_JPY"])
    with pytest.raises(DataError, match=r"raw.jsonl:4: size is 0.001; expected a multiple of 0.01"):
        taken(tmp_path, "gmo_ws", path)


def test_prices_of_0_and_odd_volumes_in_a_ticker_are_none(tmp_path: Path) -> None:
    quote = {**BOOK, "channel": "ticker", "bid": "100", "ask": "0", "last": "0.0", "volume": "1.234"}
    taken(tmp_path, "gmo_ws", written(tmp_path / "raw.jsonl", [gmo_book(), quote], symbols=["ETH_JPY"]))
    (row,) = events(tmp_path, "gmocoin", "ETH_JPY").ticker.to_pylist()
    assert [row[name] for name in ("bid", "ask", "last", "high", "low", "vol")] == [100, *[None] * 5]


def board(kind: str, bids: list[Any], asks: Any = (), symbol: str = "ETH_JPY") -> str:
    message = {"mid_price": 1, "bids": [{"price": px, "size": qty} for px, qty in bids], "asks": asks}
    params = {"channel": f"lightning_{kind}_{symbol}", "message": message}
    return json.dumps({"jsonrpc": "2.0", "method": "channelMessage", "params": params})


def message(kind: str, content: Any) -> str:
    return json.dumps({"params": {"channel": f"lightning_{kind}_ETH_JPY", "message": content}})


def test_a_board_that_cannot_be_read_leaves_the_book_unknown(tmp_path: Path) -> None:
    frames = [
        board("board_snapshot", [(100, 1.5), (0, 9)]),
        board("board", [(101, 1e-08)]),
        board("board", [(102, "many")]),
        board("board", [(103, 2)]),
        board("board", [(104, None)]),
        message("news", 1),
        '{"jsonrpc":"2.0","id":1,"result":true}',
        board("board", [(1, 1)], symbol="FX_BTC_JPY"),
        board("board_snapshot", [(105, 1)]),
    ]
    done = taken(tmp_path, "bitflyer_ws", written(tmp_path / "raw.jsonl", frames, symbols=["ETH_JPY"]))
    lots = 10**8
    assert recorded(tmp_path, "bitflyer", "ETH_JPY") == [
        ("snap", [(1, 100, 3 * lots // 2)]),
        ("delta", [(1, 101, 1)]),
        ("gap_start",),
        ("reset",),
        ("delta", [(1, 103, 2 * lots)]),
        ("gap_end",),
        ("snap", [(1, 105, lots)]),
    ]
    assert dict(done.report.flagged) == {"frame that cannot be read": 2, "frame of an unknown channel": 1}
    assert dict(done.report.repaired) == {"level at price 0": 1}
    assert done.manifest.counts["messages_read"] == 7


def test_executions_of_an_auction_and_repeated_ones(tmp_path: Path) -> None:
    def execution(number: Any, side: str, **more: Any) -> dict[str, Any]:
        time = "2026-02-16T21:00:00.1234567Z"
        return {"id": number, "side": side, "price": 100.0, "size": 0.01, "exec_date": time, **more}

    frames = [
        board("board_snapshot", [(100, 1)]),
        message("executions", [execution(5, "BUY"), execution(7, "")]),
        message("executions", [execution(6, "SELL"), execution(7, "")]),
        message("executions", [execution(8, "UP"), execution(9, "BUY", size=0), execution(10, "BUY")]),
        message("executions", [execution("eleven", "BUY")]),
    ]
    done = taken(tmp_path, "bitflyer_ws", written(tmp_path / "raw.jsonl", frames, symbols=["ETH_JPY"]))
    rows = events(tmp_path, "bitflyer", "ETH_JPY").trade.to_pylist()
    assert [(row["venue_seq"], row["side"], bool(row["flags"] & Flag.AUCTION)) for row in rows] == [
        (5, 1, False),
        (7, 0, True),
        (6, -1, False),
        (10, 1, False),
    ]
    assert {row["ts_exch"] for row in rows} == {T0 + 123_456_700}
    assert dict(done.report.repaired) == {"repeated trade": 1}
    assert dict(done.report.flagged) == {"frame that cannot be read": 3}


def test_the_state_of_the_venue_is_told_where_it_changes(tmp_path: Path) -> None:
    def ticker(state: str) -> str:
        sizes = {"best_bid_size": 1, "best_ask_size": 0, "volume_by_product": 5}
        prices = {"best_bid": 100, "best_ask": 0, "ltp": 101}
        time = "2026-02-16T21:00:00Z"
        return message("ticker", {"state": state, "timestamp": time, "tick_id": 3, **sizes, **prices})

    states = ["RUNNING", "CLOSED", "CLOSED", "PREOPEN", "RUNNING"]
    path = written(tmp_path / "raw.jsonl", [ticker(state) for state in states], symbols=["ETH_JPY"])
    taken(tmp_path, "bitflyer_ws", path)
    found = events(tmp_path, "bitflyer", "ETH_JPY")
    assert found.control["detail"].to_pylist() == ["CLOSED", "PREOPEN", "RUNNING"]
    assert set(found.control["control_kind"].to_pylist()) == {ControlKind.STATUS}
    assert set(found.ticker["ask"].to_pylist()) == {None}


def test_a_new_connection_of_cryptofeed_is_a_gap(tmp_path: Path) -> None:
    lines = [
        "wss://x/json-rpc <-> 1771275600.5",
        'wss://x/json-rpc <- 1771275600.6: {"method":"subscribe"}',
        f"1771275601.0: {board('board_snapshot', [(100, 1)])}",
        "wss://x/json-rpc <-> 1771275602.5",
        f"1771275603.25: {board('board_snapshot', [(101, 1)])}",
    ]
    path = tmp_path / "raw"
    path.write_text("\n".join(lines) + "\n")
    taken(tmp_path, "bitflyer_ws", path)
    kinds = [item[0] for item in recorded(tmp_path, "bitflyer", "ETH_JPY")]
    assert kinds == ["snap", "gap_start", "reset", "gap_end", "snap"]
    times = events(tmp_path, "bitflyer", "ETH_JPY").control["ts_recv"].to_pylist()
    assert times == [1_771_275_602_500_000_000] * 2 + [1_771_275_603_250_000_000]

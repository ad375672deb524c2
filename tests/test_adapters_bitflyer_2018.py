"""Executions and tickers that were polled from bitFlyer in January 2018: order, repeats, clocks, auctions."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from datetime import datetime
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import pytest
from ingested import Taken, take
from recordings import BITFLYER_2018, needs

from atc._rust import SourceDataError
from atc.events.schema import ControlKind, Flag

pytestmark = needs(BITFLYER_2018)

DAYS = {"BTC_JPY": ("20180121", "20180122", "20180123", "20180124"), "ETH_BTC": ("20180128",)}
MINUTE_NS = 60_000_000_000
Row = dict[str, str]


def utc_ns(text: str) -> int:
    """ISO 8601 with a zone and ms."""
    time = datetime.fromisoformat(text)
    return int(time.replace(microsecond=0).timestamp()) * 10**9 + time.microsecond * 1_000


def paths(symbol: str, kind: str) -> list[Path]:
    return [BITFLYER_2018 / f"bitflyer.{kind}.{day}.{symbol}.csv.gz" for day in DAYS[symbol]]


def rows_of(symbol: str, kind: str) -> list[Row]:
    rows: list[Row] = []
    for path in paths(symbol, kind):
        with gzip.open(path, "rt") as file:
            rows += csv.DictReader(file)
    return rows


@pytest.fixture(scope="module", params=[pytest.param("BTC_JPY", marks=pytest.mark.slow), "ETH_BTC"])
def symbol(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def taken(symbol: str) -> Taken:
    """All files of a symbol in one command."""
    return take("bitflyer_2018", [*paths(symbol, "ticker"), *paths(symbol, "execution")])


@pytest.fixture(scope="module")
def executions(symbol: str) -> list[Row]:
    return rows_of(symbol, "execution")


@pytest.fixture(scope="module")
def tickers(symbol: str) -> list[Row]:
    return rows_of(symbol, "ticker")


@pytest.fixture(scope="module")
def known(executions: list[Row]) -> dict[int, Row]:
    """Each execution once, as the polls told it first, by id."""
    found: dict[int, Row] = {}
    for row in executions:
        found.setdefault(int(row["id"]), row)
    return found


def test_every_execution_once_in_the_order_of_ids(
    symbol: str, taken: Taken, executions: list[Row], known: dict[int, Row]
) -> None:
    """Sorted by id over all four days, though only a poll is held at a time."""
    trade = taken.tables["trade"]
    ids = sorted(known)
    assert trade["venue_seq"].to_pylist() == ids
    assert trade["trade_id"].to_pylist() == [str(number) for number in ids]
    rows = [known[number] for number in ids]
    assert trade["px_ticks"].to_pylist() == [taken.ticks(row["price"]) for row in rows]
    assert trade["qty_lots"].to_pylist() == [taken.lots(row["size"]) for row in rows]
    side = {"BUY": 1, "SELL": -1, "": 0}
    assert trade["side"].to_pylist() == [side[row["side"]] for row in rows]
    assert len(executions) - len(ids) == taken.repaired.get("repeated execution")
    assert taken.repaired == {"repeated execution": {"BTC_JPY": 96, "ETH_BTC": 1_269}[symbol]}
    assert len(executions) == {"BTC_JPY": 634_383, "ETH_BTC": 5_331}[symbol]


def test_an_execution_is_received_when_its_poll_is_complete(
    taken: Taken, executions: list[Row], known: dict[int, Row]
) -> None:
    """A run of descending ids is a poll; its rows are stamped one after the other, by up to 9 s."""
    stamps: dict[int, int] = {}
    poll: list[Row] = []
    for row in [*executions, None]:
        if poll and (row is None or int(row["id"]) >= int(poll[-1]["id"])):
            latest = max(utc_ns(r["loaded"]) for r in poll)
            for r in poll:
                stamps.setdefault(int(r["id"]), latest)
            poll = []
        if row is not None:
            poll.append(row)
    trade = taken.tables["trade"]
    expected = [stamps[number] for number in sorted(known)]
    assert trade["ts_recv"].to_pylist() == list(accumulate(expected, max))
    backwards = sum(a > b for a, b in pairwise(expected))
    assert backwards == sum(flags & Flag.BAD_TS != 0 for flags in trade["flags"].to_pylist())
    late = [stamps[number] - utc_ns(row["loaded"]) for number, row in known.items()]
    assert min(late) == 0
    assert max(late) < 9_000_000_000


def test_an_empty_exchange_time_stays_empty(symbol: str, taken: Taken, known: dict[int, Row]) -> None:
    """Those are the whole seconds: no time that is there has the fraction .000, of 270 that occur."""
    rows = [known[number] for number in sorted(known)]
    expected = [utc_ns(row["exec_date"]) if row["exec_date"] else None for row in rows]
    assert taken.column("trade", "ts_exch") == expected
    fractions = Counter(row["exec_date"][19:23] for row in rows if row["exec_date"])
    assert ".000" not in fractions
    if symbol == "BTC_JPY":
        assert len(fractions) == 270
        assert expected.count(None) == 457 + 628 + 584 + 424
    empty_tickers = sum(q["ts_exch"] is None for q in taken.tables["ticker"].to_pylist())
    assert taken.flagged["no exchange time"] == expected.count(None) + empty_tickers


def test_the_auctions_after_maintenance_have_no_side(symbol: str, taken: Taken) -> None:
    rows = taken.tables["trade"].to_pylist()
    auction = [row for row in rows if row["flags"] & Flag.AUCTION]
    assert auction == [row for row in rows if row["side"] == 0]
    by_day = Counter(row["ts_recv"] // (86_400 * 10**9) for row in auction)
    assert sorted(by_day.values()) == ([4, 25, 49, 64] if symbol == "BTC_JPY" else [])
    assert taken.flagged.get("execution of an auction", 0) == len(auction)
    # At 19:12 UTC, 04:12 JST, the end of the daily maintenance.
    assert {row["ts_recv"] // MINUTE_NS % 1_440 for row in auction} <= {19 * 60 + 12, 19 * 60 + 13}


def test_a_ticker_is_not_known_before_its_quote(taken: Taken, tickers: list[Row]) -> None:
    """`loaded` is rounded down to the minute: taken as it is, half the quotes would be known 5 s early."""
    quoted = [row for row in tickers if row["best_bid"]]
    ticker = taken.tables["ticker"]
    assert taken.flagged["ticker without a quote"] == len(tickers) - len(quoted)
    times: list[Any] = [utc_ns(row["timestamp"]) if row["timestamp"] else None for row in quoted]
    assert ticker["ts_exch"].to_pylist() == times
    expected = []
    for row, time in zip(quoted, times, strict=True):
        minute = utc_ns(row["loaded"])
        young = time is not None and minute <= time < minute + MINUTE_NS
        expected.append(time if young else minute + MINUTE_NS)
    assert ticker["ts_recv"].to_pylist() == expected
    assert all(time is None or time <= at for time, at in zip(times, expected, strict=True))
    assert all(flags & Flag.SYNTH_RECV for flags in ticker["flags"].to_pylist())


def test_tickers_come_as_they_are(taken: Taken, tickers: list[Row]) -> None:
    quoted = [row for row in tickers if row["best_bid"]]
    ticker = taken.tables["ticker"]
    for name, column in (("best_bid", "bid"), ("best_ask", "ask"), ("ltp", "last")):
        assert ticker[column].to_pylist() == [taken.ticks(row[name]) for row in quoted]
    for name, column in (
        ("best_bid_size", "bid_qty"),
        ("best_ask_size", "ask_qty"),
        ("volume_by_product", "vol"),
    ):
        assert ticker[column].to_pylist() == [taken.lots(row[name]) for row in quoted]
    assert ticker["venue_seq"].to_pylist() == [int(row["tick_id"]) for row in quoted]
    assert ticker["high"].null_count == ticker["low"].null_count == len(quoted)


def test_changes_of_status_are_control_events(symbol: str, taken: Taken, tickers: list[Row]) -> None:
    control = taken.tables["control"].to_pylist()
    assert {row["control_kind"] for row in control} == {ControlKind.STATUS}
    changes = [
        row["status"]
        for before, row in zip([None, *tickers], tickers, strict=False)
        if before is None or before["status"] != row["status"]
    ]
    assert [row["detail"] for row in control] == changes
    daily = ["CLOSED", "PREOPEN", "RUNNING"]
    assert changes[:7] == (["RUNNING", *daily, *daily] if symbol == "BTC_JPY" else changes[:7])
    # 04:00 JST; the poll of that minute was over a minute later.
    closed = [row["ts_recv"] // MINUTE_NS % 1_440 for row in control if row["detail"] == "CLOSED"]
    assert set(closed) <= {19 * 60 + 1, 19 * 60 + 2}


def test_the_order_of_files_in_the_command_does_not_matter() -> None:
    both = [*paths("ETH_BTC", "execution"), *paths("ETH_BTC", "ticker")]
    a, b = take("bitflyer_2018", both), take("bitflyer_2018", both[::-1])
    for kind in ("trade", "ticker", "control"):
        assert a.tables[kind].drop(["ev_seq"]).equals(b.tables[kind].drop(["ev_seq"]))


EXECUTION = '"product_code","loaded","id","exec_date","side","price","size"\n'
GOOD = (
    '"BTC_JPY","2018-01-21T00:00:12.289+09:00","7","2018-01-21T00:00:11.173+09:00"'
    ',"BUY","1406502.0","0.034"\n'
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (EXECUTION + GOOD.replace('"7"', '"x"'), "day.csv:2: id is 'x'; expected a whole number"),
        (EXECUTION + GOOD + GOOD.replace("BUY", "B"), "day.csv:3: side is 'B'; expected BUY or SELL"),
        (
            EXECUTION + GOOD.replace("1406502.0", "1406502.5"),
            "day.csv:2: price is 1406502.5; expected a mult",
        ),
        (EXECUTION + GOOD.replace("0.034", "0"), "day.csv:2: size is '0'; expected more than 0"),
        (EXECUTION + GOOD.replace("T00:00:12", "T24:00:12"), "day.csv:2: time is '2018-01-21T24"),
        ('"id","price"\n"7","1"\n', "day.csv:1: found the columns id, price; expected those of executions"),
    ],
)
def test_malformed_rows_are_told_with_their_place(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "day.csv"
    # The second row has another id, so that it is no repetition.
    path.write_text(text.replace('"7"', '"8"', 1) if text.count('"7"') == 2 else text)
    with pytest.raises(SourceDataError, match=told):
        take("bitflyer_2018", [path])


def test_two_products_need_a_choice() -> None:
    files = [*paths("ETH_BTC", "ticker"), *paths("BTC_JPY", "ticker")[:1]]
    with pytest.raises(SourceDataError, match="the files hold BTC_JPY, ETH_BTC; choose one with --symbol"):
        take("bitflyer_2018", files)
    chosen = take("bitflyer_2018", files, symbol="ETH_BTC")
    assert chosen.tables["ticker"].num_rows == 1_403
    with pytest.raises(SourceDataError, match="no events of BTC_JPY; found ETH_BTC"):
        take("bitflyer_2018", files[:1], symbol="BTC_JPY")

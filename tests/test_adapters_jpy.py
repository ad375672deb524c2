"""Trades of bitFlyer and GMO Coin of July 2025, and the REST answers of 2026: sides, twins and clocks."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter, defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from recordings import GMO_REST, JPY, needs
from reference.ingest.keyframes import SnapshotFeed
from reference.ingest.message import FullBook, Level, Origin
from reference.ingest.report import IngestReport
from reference.ingest.utc_time import utc_ns

from atc.errors import DataError
from atc.events.adapters import Asked, adapter_named, instrument
from atc.events.book import Book
from atc.events.catalog import Catalog
from atc.events.ingest import Ingested, ingest
from atc.events.reader import Events, read_events
from atc.events.schema import Flag, MsgKind
from atc.events.validate import validate_days

pytestmark = needs(JPY) + needs(GMO_REST)

TRADES = [JPY / f"trades_20250716_{hour}.csv.gz" for hour in (14, 15)]
MARKETS = [("gmocoin", "BTC"), ("gmocoin", "BTC_JPY"), ("bitflyer", "BTC_JPY"), ("bitflyer", "FX_BTC_JPY")]
GMO_MARKETS = MARKETS[:2]
EXCHANGE = {"gmocoin": "GMO", "bitflyer": "BITFLYER"}

Market = tuple[str, str]


def rows_of(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> dict[Market, tuple[Ingested, Events]]:
    root = tmp_path_factory.mktemp("jpy")
    found = {}
    for venue, symbol in MARKETS:
        done = ingest("jpy_recorder", TRADES, root, Asked(venue=venue, symbol=symbol))
        found[venue, symbol] = done, read_events(root, venue, symbol, 0, 2**62)
        assert validate_days(Catalog(root), venue, symbol) == []
        assert Catalog(root).days(venue, symbol) == [date(2025, 7, 16)]
    return found


@pytest.fixture(scope="module")
def quotes() -> dict[Market, tuple[np.ndarray, np.ndarray]]:
    """(times in ns, twice the mid) of the recorded best quotes of each market."""
    times, mids = defaultdict(list), defaultdict(list)
    venue_of = {name: venue for venue, name in EXCHANGE.items()}
    for hour in (14, 15):
        for row in rows_of(JPY / f"best_bid_ask_20250716_{hour}.csv.gz"):
            market = venue_of[row["exchange"]], row["symbol"]
            times[market].append(utc_ns(row["timestamp"]))
            mids[market].append(float(row["best_bid"]) + float(row["best_ask"]))
    return {market: (np.array(times[market]), np.array(mids[market])) for market in times}


def agreement(events: Events, quoted: tuple[np.ndarray, np.ndarray], taken_by: np.ndarray) -> tuple[int, int]:
    """(prints whose side the quote rule confirms, prints that it judges): above the mid bought, below it
    sold.
    """
    trade = events.trade
    times, twice_mid = quoted
    at = np.searchsorted(times, trade["ts_recv"].to_numpy(), side="left") - 1
    sign = np.sign(2 * trade["px_ticks"].to_numpy() - twice_mid[at])
    judged = taken_by & (at >= 0) & (sign != 0)
    return int(np.count_nonzero(judged & (sign == trade["side"].to_numpy()))), int(np.count_nonzero(judged))


def flagged(events: Events, flag: Flag) -> np.ndarray:
    return (events.trade["flags"].to_numpy() & int(flag)) != 0


def test_every_row_of_a_market_is_there(taken: dict[Market, tuple[Ingested, Events]]) -> None:
    rows = [row for path in TRADES for row in rows_of(path)]
    assert len(rows) == 545 + 3_001
    for (venue, symbol), (done, events) in taken.items():
        mine = [r for r in rows if (r["exchange"], r["symbol"]) == (EXCHANGE[venue], symbol)]
        assert done.manifest.counts["messages_read"] == events.trade.num_rows == len(mine)
        assert events.trade["px_ticks"].to_pylist() == [int(r["price"]) for r in mine]
        lot = done.manifest.instrument.lot
        assert [n * lot for n in events.trade["qty_lots"].to_pylist()] == [Decimal(r["size"]) for r in mine]
        assert events.trade["side"].to_pylist() == [1 if r["side"] == "BUY" else -1 for r in mine]
        assert events.trade["ts_recv"].to_pylist() == [utc_ns(r["created_at"]) for r in mine]
        assert events.trade["ts_exch"].to_pylist() == [utc_ns(r["timestamp"]) for r in mine]
    assert sum(events.trade.num_rows for _, events in taken.values()) == len(rows)


def test_gmo_twins_are_flagged_and_bitflyer_has_none(taken: dict[Market, tuple[Ingested, Events]]) -> None:
    counts = {market: dict(done.report.flagged) for market, (done, _) in taken.items()}
    assert counts == {
        ("gmocoin", "BTC"): {"maker's print of a pair": 279, "print without twin": 8},
        ("gmocoin", "BTC_JPY"): {"maker's print of a pair": 377},
        ("bitflyer", "BTC_JPY"): {},
        ("bitflyer", "FX_BTC_JPY"): {},
    }
    for market, (done, events) in taken.items():
        assert (
            np.count_nonzero(flagged(events, Flag.DUP_OTHER_SIDE))
            == done.report.flagged["maker's print of a pair"]
        ), market


def test_groups_of_two_and_four_equal_rows_alternate(taken: dict[Market, tuple[Ingested, Events]]) -> None:
    """However long a group of equal prints is, takers' and makers' prints alternate in it."""
    lengths: Counter[int] = Counter()
    for market in GMO_MARKETS:
        trade = taken[market][1].trade
        keys = list(zip(*(trade[c].to_pylist() for c in ("px_ticks", "qty_lots", "ts_exch")), strict=True))
        makers = flagged(taken[market][1], Flag.DUP_OTHER_SIDE)
        start = 0
        for row in range(1, len(keys) + 1):
            if row == len(keys) or keys[row] != keys[start]:
                lengths[row - start] += 1
                if row - start > 1:
                    assert makers[start:row].tolist() == [False, True] * ((row - start) // 2)
                start = row
    assert lengths == {1: 8, 2: 646, 4: 5}


def test_taking_out_the_makers_prints_halves_the_volume_and_gives_it_a_sign(
    taken: dict[Market, tuple[Ingested, Events]],
) -> None:
    """Undeduplicated, the volume doubles and the signed volume is zero (but for the single prints)."""
    trade = taken["gmocoin", "BTC_JPY"][1].trade
    qty, side = trade["qty_lots"].to_numpy(), trade["side"].to_numpy()
    makers = flagged(taken["gmocoin", "BTC_JPY"][1], Flag.DUP_OTHER_SIDE)
    assert int(np.sum(qty * side)) == 0
    assert int(np.sum(qty[~makers])) * 2 == int(np.sum(qty))
    assert int(np.sum((qty * side)[~makers])) != 0


def test_the_first_print_of_a_pair_is_the_takers(
    taken: dict[Market, tuple[Ingested, Events]], quotes: dict[Market, tuple[np.ndarray, np.ndarray]]
) -> None:
    """The README counts 98.4 % over its pairs; these files hold 656, and the quote rule confirms more of
    them.
    """
    right = judged = pairs = 0
    for market in GMO_MARKETS:
        events = taken[market][1]
        makers = flagged(events, Flag.DUP_OTHER_SIDE)
        first = np.append(makers[1:], False)
        pairs += int(np.count_nonzero(first))
        confirmed, seen = agreement(events, quotes[market], first)
        right, judged = right + confirmed, judged + seen
        assert agreement(events, quotes[market], makers)[0] <= 0.02 * seen
    assert pairs == 656
    assert judged >= 650
    assert right / judged >= 0.984


def test_bitflyers_side_is_the_aggressors(
    taken: dict[Market, tuple[Ingested, Events]], quotes: dict[Market, tuple[np.ndarray, np.ndarray]]
) -> None:
    for market in MARKETS[2:]:
        events = taken[market][1]
        right, judged = agreement(events, quotes[market], np.ones(events.trade.num_rows, dtype=bool))
        assert judged > 600
        assert right / judged > 0.97


def test_only_bitflyer_gives_trade_ids(taken: dict[Market, tuple[Ingested, Events]]) -> None:
    for market, (_, events) in taken.items():
        ids = events.trade["trade_id"]
        if market in GMO_MARKETS:
            assert ids.null_count == events.trade.num_rows
        else:
            assert len(set(ids.to_pylist())) == events.trade.num_rows
            assert ids.to_pylist() == [str(n) for n in events.trade["venue_seq"].to_pylist()]


def test_the_clocks_are_not_synchronised(taken: dict[Market, tuple[Ingested, Events]]) -> None:
    """Local − exchange time at the median: GMO −13 ms, bitFlyer +31 ms."""

    def latency_ms(markets: list[Market]) -> float:
        tables = [taken[market][1].trade for market in markets]
        return (
            float(
                np.median(
                    np.concatenate([(t["ts_recv"].to_numpy() - t["ts_exch"].to_numpy()) for t in tables])
                )
            )
            / 1e6
        )

    assert latency_ms(GMO_MARKETS) == pytest.approx(-13, abs=1)
    assert latency_ms(MARKETS[2:]) == pytest.approx(31, abs=1)


def test_the_gap_of_the_recording_is_in_every_market(taken: dict[Market, tuple[Ingested, Events]]) -> None:
    """06:28:56 – 06:35:53: no data of any market."""
    begin, end = utc_ns("2025-07-16 06:28:57"), utc_ns("2025-07-16 06:35:52")
    for _, events in taken.values():
        ts = events.trade["ts_recv"].to_numpy()
        assert not np.any((ts > begin) & (ts < end))


def test_a_market_has_to_be_chosen(tmp_path: Path) -> None:
    held = "bitflyer BTC_JPY, bitflyer FX_BTC_JPY, gmocoin BTC, gmocoin BTC_JPY"
    with pytest.raises(DataError, match=f"give --venue and --symbol; the files hold {held}"):
        ingest("jpy_recorder", TRADES, tmp_path, Asked(symbol="BTC"))
    with pytest.raises(DataError, match=f"no such venue; the files hold {held}"):
        ingest("jpy_recorder", TRADES, tmp_path, Asked(venue="GMO", symbol="BTC"))
    with pytest.raises(DataError, match="no events of gmocoin ETH_JPY"):
        ingest("jpy_recorder", TRADES, tmp_path, Asked(venue="gmocoin", symbol="ETH_JPY"))


def test_the_steps_are_those_of_the_venues_answer(tmp_path: Path) -> None:
    path = tmp_path / "day.csv"
    path.write_text("symbol,side,size,price,timestamp\nBTC,BUY,1,1,2026-02-13 00:00:00.000\n")
    known = 0
    for fact in json.loads((GMO_REST / "symbols.json").read_text()):
        try:
            there = instrument(adapter_named("gmo_trades"), [path], Asked(symbol=fact["symbol"]))
        except DataError as error:
            assert "its price and size steps are not known here" in str(error)
            continue
        known += 1
        assert (there.tick, there.lot) == (Decimal(fact["tickSize"]), Decimal(fact["sizeStep"]))
        assert there.symbol == fact["symbol"]
    assert known == 10


def test_the_rest_answer_has_the_same_twins(tmp_path: Path) -> None:
    """100 rows, newest first: turned round and written as a day of the archive, 50 pairs."""
    rows = json.loads((GMO_REST / "trades.json").read_text())["list"][::-1]
    path = tmp_path / "20260213_BTC.csv"
    lines = [
        f"BTC,{r['side']},{r['size']},{r['price']},{r['timestamp'][:-1].replace('T', ' ')}" for r in rows
    ]
    path.write_text("\n".join(["symbol,side,size,price,timestamp", *lines]) + "\n")
    done = ingest("gmo_trades", [path], tmp_path, Asked())
    assert done.manifest.files[0].rows == 100
    assert done.report.flagged == {"maker's print of a pair": 50}


@pytest.mark.parametrize("symbol", ["BTC", "BTC_JPY"])
def test_a_snapshot_feed_of_gmo_comes_back_exactly(symbol: str) -> None:
    """The 8-level books of the recorder, stored as differences: each comes back whole."""
    feed, book, count, whole = SnapshotFeed(8, IngestReport()), Book(), 0, 0
    for row in rows_of(JPY / "market_boards_20250716_14.csv.gz"):
        if (row["exchange"], row["symbol"]) != ("GMO", symbol):
            continue
        levels: list[Level] = [
            (side, int(Decimal(row[f"{name}{i}"])), int(Decimal(row[f"{name}{i}vol"]) * 10**8))
            for side, name in ((1, "bid"), (-1, "ask"))
            for i in range(1, 9)
        ]
        (stored,) = feed.encode(
            FullBook(ts_recv=utc_ns(row["ts"]), origin=Origin("boards", count), levels=levels)
        )
        book.apply(stored.msg_kind, stored.levels)
        assert book.levels() == levels
        whole += stored.msg_kind is MsgKind.SNAP
        count += 1
    assert count == {"BTC": 908, "BTC_JPY": 919}[symbol]
    assert 8 <= whole <= 10  # one a minute

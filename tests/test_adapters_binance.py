"""The Binance recordings, ingested: every statement of their README, and the book at every message."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from recordings import BINANCE_2020, BINANCE_RAW, needs

from atc.errors import DataError
from atc.events.adapters import Asked
from atc.events.book import Book
from atc.events.catalog import Catalog
from atc.events.ingest import Ingested, ingest
from atc.events.reader import Events, read_events
from atc.events.schema import Flag, MsgKind
from atc.events.stored_book import StoredMessage, book_messages
from atc.events.validate import validate_days

pytestmark = needs(BINANCE_RAW) + needs(BINANCE_2020)

SPOT = [BINANCE_RAW / f"spot_ethusdt_2024080{d}.jsonl.gz" for d in (8, 9)]
USDM = BINANCE_RAW / "usdm_ethusdt_20240808.jsonl.gz"
HOURS = ("09", "10")


def ethbtc(hour: str, what: str) -> Path:
    return BINANCE_2020 / f"ETHBTC_2020-11-01T{hour}-00-00_{what}.json.gz"


ETHBTC = [ethbtc(hour, what) for hour in HOURS for what in ("snapshot", "update", "trades")]


@dataclass(frozen=True)
class Recording:
    """One ingested recording."""

    done: Ingested
    catalog: Catalog
    events: Events
    messages: list[StoredMessage]


def recording(root: Path, adapter: str, files: list[Path]) -> Recording:
    done = ingest(adapter, files, root, Asked())
    catalog = Catalog(root)
    facts = done.manifest.instrument
    events = read_events(catalog, facts.venue, facts.symbol, 0, 2**62)
    return Recording(done, catalog, events, [m for _, m in book_messages(events.book)])


@pytest.fixture(scope="module")
def spot(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return recording(tmp_path_factory.mktemp("spot"), "binance_raw", SPOT)


@pytest.fixture(scope="module")
def usdm(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return recording(tmp_path_factory.mktemp("usdm"), "binance_raw", [USDM])


@pytest.fixture(scope="module")
def btc(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return recording(tmp_path_factory.mktemp("ethbtc"), "binance_2020", ETHBTC)


@pytest.fixture(scope="module")
def hours(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Recording]:
    """Each hour of ETHBTC by itself."""
    return {
        hour: recording(
            tmp_path_factory.mktemp(hour),
            "binance_2020",
            [ethbtc(hour, what) for what in ("snapshot", "update", "trades")],
        )
        for hour in HOURS
    }


@pytest.fixture(params=["spot", "usdm", "btc"])
def any_recording(request: pytest.FixtureRequest) -> Recording:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Recording)
    return found


# The source, read again by the shortest code that could be right.


def raw_lines(*paths: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for path in paths:
        with gzip.open(path) as file:
            for text in file:
                time, content = text.split(b" ", 1)
                yield int(time), orjson.loads(content)


def raw_json(path: Path) -> Any:
    return orjson.loads(gzip.decompress(path.read_bytes()))


Sizes = dict[int, int]
"""Size in lots by price in ticks."""


class PlainReplay:
    """Binance's rule, word for word: drop `u <= lastUpdateId`, apply the rest, 0 deletes."""

    def __init__(self, tick: str, lot: str) -> None:
        self.bids: Sizes = {}
        self.asks: Sizes = {}
        self.ticks, self.lots = (
            lru_cache(maxsize=None)(partial(exact, Decimal(step))) for step in (tick, lot)
        )

    def _set(self, side: Sizes, price: str, size: str) -> None:
        px, qty = self.ticks(price), self.lots(size)
        if qty:
            side[px] = qty
        else:
            side.pop(px, None)

    def start(self, snapshot: dict[str, Any]) -> None:
        self.bids, self.asks = {}, {}
        self._each(snapshot["bids"], snapshot["asks"])

    def apply(self, update: dict[str, Any]) -> None:
        self._each(update["b"], update["a"])

    def _each(self, bids: list[list[str]], asks: list[list[str]]) -> None:
        for side, pairs in ((self.bids, bids), (self.asks, asks)):
            for price, size in pairs:
                self._set(side, price, size)


def exact(step: Decimal, text: str) -> int:
    count = int(Decimal(text) / step)
    assert count * step == Decimal(text)
    return count


def raw_books(*paths: Path) -> Iterator[PlainReplay]:
    """The book after the snapshot and after each difference that follows it."""
    replay: PlainReplay | None = None
    early: list[dict[str, Any]] = []
    lot = "0.001" if "usdm" in paths[0].name else "0.00001"
    for _, content in raw_lines(*paths):
        if "lastUpdateId" in content:
            replay = PlainReplay("0.01", lot)
            replay.start(content)
            yield replay
            for update in early:
                if update["u"] > content["lastUpdateId"]:
                    replay.apply(update)
                    yield replay
        elif content["data"].get("e") == "depthUpdate":
            if replay is None:
                early.append(content["data"])
            else:
                replay.apply(content["data"])
                yield replay


def btc_books() -> Iterator[PlainReplay]:
    """The 09h snapshot and all updates of both hours: the second snapshot is not needed."""
    replay = PlainReplay("0.000001", "0.001")
    snapshot = raw_json(ethbtc("09", "snapshot"))
    replay.start(snapshot)
    yield replay
    for hour in HOURS:
        for update in raw_json(ethbtc(hour, "update")):
            if update["u"] > snapshot["lastUpdateId"]:
                replay.apply(update)
                yield replay


def replays(messages: list[StoredMessage]) -> Iterator[tuple[StoredMessage, Book]]:
    """The stored messages of the venue, without the inserted keyframes, and the book after each."""
    book = Book()
    for message in messages:
        if message.flags & Flag.SNAPSHOT and message.flags & Flag.REPEAT:
            continue
        book.apply(message.msg_kind, message.levels)
        yield message, book


def same_at_every_message(messages: list[StoredMessage], expected: Iterator[PlainReplay]) -> int:
    count = 0
    for (_, book), other in zip(replays(messages), expected, strict=True):
        assert book.sizes(1) == other.bids
        assert book.sizes(-1) == other.asks
        count += 1
    return count


def test_the_canonical_book_is_the_venues_at_every_message(
    spot: Recording, usdm: Recording, btc: Recording
) -> None:
    # 2 of 6,470 spot differences lie before the snapshot; of USD-M's 6,586 six, and a seventh is in it.
    assert same_at_every_message(spot.messages, raw_books(*SPOT)) == 1 + 3_434 + 3_036 - 2
    assert same_at_every_message(usdm.messages, raw_books(USDM)) == 1 + 6_586 - 6
    assert same_at_every_message(btc.messages, btc_books()) == 1 + 3_600 + 3_599 - 1


def test_the_book_can_be_entered_at_every_keyframe(any_recording: Recording) -> None:
    running, keyframes = Book(), 0
    for message in any_recording.messages:
        if message.flags & Flag.SNAPSHOT and message.flags & Flag.REPEAT:
            keyframes += 1
            entered = Book()
            entered.apply(message.msg_kind, message.levels)
            assert entered.levels() == running.levels()
        running.apply(message.msg_kind, message.levels)
    assert keyframes
    # From any of them to the end, the same end.
    starts = [i for i, m in enumerate(any_recording.messages) if m.msg_kind == MsgKind.SNAP]
    for start in starts[:: max(1, len(starts) // 5)]:
        entered = Book()
        for message in any_recording.messages[start:]:
            entered.apply(message.msg_kind, message.levels)
        assert entered.levels() == running.levels()


def test_keyframes_are_at_most_a_minute_apart(any_recording: Recording) -> None:
    wholes = [m.ts_recv for m in any_recording.messages if m.msg_kind == MsgKind.SNAP]
    last, longest = wholes[0], 0
    for message in any_recording.messages:
        if message.msg_kind == MsgKind.SNAP:
            last = message.ts_recv
        longest = max(longest, message.ts_recv - last)
    assert longest < 60 * 10**9
    facts = any_recording.done.manifest.instrument
    for day in any_recording.catalog.days(facts.venue, facts.symbol):
        begin = int(np.datetime64(day, "ns").astype(np.int64))
        first = next(m for m in any_recording.messages if m.ts_recv >= begin)
        assert first.msg_kind == MsgKind.SNAP


def test_the_tables_are_sound_and_never_crossed(any_recording: Recording) -> None:
    facts = any_recording.done.manifest.instrument
    assert validate_days(any_recording.catalog, facts.venue, facts.symbol) == []
    assert any_recording.done.report.flagged == {}
    assert any_recording.events.control.num_rows == 0
    for kind in ("book", "trade", "ticker"):
        flags = getattr(any_recording.events, kind)["flags"].to_numpy()
        assert not np.any(flags & int(Flag.MAYBE_BAD_BOOK | Flag.BAD_TS))
    for _, book in replays(any_recording.messages):
        assert book.best_bid is not None
        assert book.best_ask is not None
        assert book.best_bid < book.best_ask


def test_what_was_read_and_repaired(spot: Recording, usdm: Recording, btc: Recording) -> None:
    # Messages: a line each; the spot files hold 33,618 + 46,126 lines, USD-M's 74,655.
    assert spot.done.manifest.counts["messages_read"] == 33_618 + 46_126
    assert spot.done.report.repaired == {"update before the snapshot": 2}
    assert usdm.done.manifest.counts["messages_read"] == 74_655
    # The snapshot comes after 7 differences; it contains 6 of them.
    assert usdm.done.report.repaired == {"update before the snapshot": 6, "update held until the snapshot": 1}
    assert btc.done.manifest.counts["messages_read"] == 2 + 3_600 + 3_599 + 1_736 + 1_765
    assert btc.done.report.repaired == {"update before the snapshot": 1, "snapshot not needed": 1}


def test_counts_by_kind_and_day(spot: Recording, usdm: Recording, btc: Recording) -> None:
    def rows(found: Recording, kind: str, day: date) -> int:
        ts = getattr(found.events, kind)["ts_recv"].to_numpy()
        begin = int(np.datetime64(day, "ns").astype(np.int64))
        return int(np.count_nonzero((ts >= begin) & (ts < begin + 86_400 * 10**9)))

    eighth, ninth = date(2024, 8, 8), date(2024, 8, 9)
    assert spot.catalog.days("binance", "ETHUSDT") == [eighth, ninth]
    assert [rows(spot, "ticker", day) for day in (eighth, ninth)] == [24_077, 34_681]
    assert [rows(spot, "trade", day) for day in (eighth, ninth)] == [6_106, 8_409]
    assert (usdm.events.ticker.num_rows, usdm.events.trade.num_rows) == (53_992, 14_076)
    assert btc.events.trade.num_rows == 1_736 + 1_765
    assert btc.events.ticker.num_rows == 0


def test_the_spans(spot: Recording, usdm: Recording, btc: Recording) -> None:
    def clock(venue: str, found: Recording) -> list[str]:
        tenths = [
            round(ns / 10**8) for ns in found.catalog.span_ns(venue, found.done.manifest.instrument.symbol)
        ]
        return [str(np.datetime64(tenth * 100, "ms"))[:21] for tenth in tenths]

    assert clock("binance", spot) == ["2024-08-08T23:54:14.0", "2024-08-09T00:05:04.5"]
    assert clock("binance_usdm", usdm) == ["2024-08-08T23:54:15.1", "2024-08-08T23:59:59.9"]
    # It begins with a trade: the update at 09:00:02.1 lies before the snapshot.
    assert clock("binance", btc) == ["2020-11-01T09:00:02.5", "2020-11-01T11:00:01.5"]


def test_nothing_is_missing_in_chains_and_trade_ids(spot: Recording, usdm: Recording, btc: Recording) -> None:
    for found in (spot, usdm, btc):
        ids = found.events.trade["venue_seq"].to_numpy()
        assert np.all(np.diff(ids) == 1)
        assert found.events.trade["trade_id"].to_pylist() == [str(number) for number in ids]
    # On spot U − 1 is the update before, on USD-M it is said.
    chain = [c["data"] for _, c in raw_lines(*SPOT) if c.get("data", {}).get("e") == "depthUpdate"]
    assert all(a["u"] + 1 == b["U"] for a, b in pairwise(chain))
    chain = [c["data"] for _, c in raw_lines(USDM) if c.get("data", {}).get("e") == "depthUpdate"]
    assert all(a["u"] == b["pu"] for a, b in pairwise(chain))


def test_the_local_clock_runs_behind(spot: Recording, usdm: Recording) -> None:
    """Local − E of the differences is −1.21 … −1.28 s (README: about 1.27 s behind)."""
    for found, files in ((spot, SPOT), (usdm, [USDM])):
        behind = [
            time - content["data"]["E"] * 10**6
            for time, content in raw_lines(*files)
            if content.get("data", {}).get("e") == "depthUpdate"
        ]
        assert min(behind) > -1.28e9
        assert max(behind) < -1.20e9
        assert np.median(behind) == pytest.approx(-1.27e9, abs=0.01e9)
        stored = found.events.trade["ts_recv"].to_numpy() - found.events.trade["ts_exch"].to_numpy()
        assert np.median(stored) == pytest.approx(-1.27e9, abs=0.01e9)


def test_times_sides_and_sizes_are_the_venues(spot: Recording, usdm: Recording) -> None:
    for found, files, lot in ((spot, SPOT, "0.00001"), (usdm, [USDM], "0.001")):
        raw = [(t, c["data"]) for t, c in raw_lines(*files) if c.get("stream", "").endswith("@trade")]
        trade = found.events.trade
        assert trade["ts_recv"].to_pylist() == [t for t, _ in raw]
        assert trade["ts_exch"].to_pylist() == [d["T"] * 10**6 for _, d in raw]
        assert trade["side"].to_pylist() == [-1 if d["m"] else 1 for _, d in raw]
        assert [n * Decimal(lot) for n in trade["qty_lots"].to_pylist()] == [Decimal(d["q"]) for _, d in raw]
        assert [n * Decimal("0.01") for n in trade["px_ticks"].to_pylist()] == [
            Decimal(d["p"]) for _, d in raw
        ]
        quotes = [(t, c["data"]) for t, c in raw_lines(*files) if c.get("stream", "").endswith("@bookTicker")]
        ticker = found.events.ticker
        for column, key, step in (("bid", "b", "0.01"), ("ask_qty", "A", lot), ("bid_qty", "B", lot)):
            assert [n * Decimal(step) for n in ticker[column].to_pylist()] == [
                Decimal(d[key]) for _, d in quotes
            ]
        assert ticker["ts_exch"].to_pylist() == [d["T"] * 10**6 if "T" in d else None for _, d in quotes]
        assert ticker["last"].null_count == ticker["vol"].null_count == ticker.num_rows


def test_spot_quotes_have_no_event_time_and_futures_do(spot: Recording, usdm: Recording) -> None:
    assert spot.events.ticker["ts_exch"].null_count == spot.events.ticker.num_rows
    assert usdm.events.ticker["ts_exch"].null_count == 0


def test_the_takers_side_fits_the_quotes(spot: Recording, usdm: Recording) -> None:
    """A buyer takes at the ask: the price against the mid of the last quote before the trade."""

    def confirmed(found: Recording, column: str, late_ns: int) -> float:
        ticker, trade = found.events.ticker, found.events.trade
        before = trade[column].to_numpy() - late_ns
        at = np.searchsorted(ticker[column].to_numpy(), before, side="left") - 1
        sign = np.sign(
            2 * trade["px_ticks"].to_numpy() - (ticker["bid"].to_numpy() + ticker["ask"].to_numpy())[at]
        )
        judged = (at >= 0) & (sign != 0)
        return float(np.mean(sign[judged] == trade["side"].to_numpy()[judged]))

    assert confirmed(usdm, "ts_exch", 0) > 0.999
    # Spot's quotes have no exchange time, and the quote that a trade leaves arrives some ms before the trade
    # itself.
    assert confirmed(spot, "ts_recv", 50 * 10**6) > 0.95
    assert confirmed(spot, "ts_recv", 0) < 0.6


def test_best_quotes_lie_between_two_differences(spot: Recording) -> None:
    """bookTicker is faster than depth: its id is usually no difference's last one."""
    last_ids = {m["u"] for _, c in raw_lines(*SPOT) if (m := c.get("data", {})).get("e") == "depthUpdate"}
    quotes = spot.events.ticker["venue_seq"].to_pylist()
    assert np.mean([number in last_ids for number in quotes]) < 0.5


# ETHBTC of 2020


def test_ethbtc_has_no_receive_time(btc: Recording) -> None:
    for kind in ("book", "trade"):
        table = getattr(btc.events, kind)
        assert np.all(table["flags"].to_numpy() & int(Flag.SYNTH_RECV))
        known = [
            (r, e)
            for r, e in zip(table["ts_recv"].to_pylist(), table["ts_exch"].to_pylist(), strict=True)
            if e
        ]
        assert all(received == exchange for received, exchange in known)
        assert known


def test_ethbtc_steps_once_a_second(btc: Recording) -> None:
    times = np.array([m.ts_recv for m, _ in replays(btc.messages)][1:])
    steps = np.round(np.diff(times) / 1e9).astype(int)
    assert np.count_nonzero(steps == 2) == 1
    assert np.count_nonzero(steps == 1) == len(steps) - 1
    assert times[np.argmax(steps == 2)] > int(np.datetime64("2020-11-01T10", "ns").astype(np.int64))


def test_ethbtc_spread_and_mid(btc: Recording) -> None:
    spreads, mids = [], []
    for _, book in replays(btc.messages):
        assert book.best_bid is not None
        assert book.best_ask is not None
        spreads.append(book.best_ask - book.best_bid)
        mids.append(book.best_ask + book.best_bid)
    assert np.median(spreads) == 1
    assert max(spreads) == 10
    assert np.mean(np.diff(mids) != 0) == pytest.approx(0.40, abs=0.01)


def test_each_hour_of_ethbtc_ends_with_as_many_levels_as_stated(hours: dict[str, Recording]) -> None:
    ends = []
    for hour, one in hours.items():
        *_, (_, book) = replays(one.messages)
        ends += [len(book.sizes(1)), len(book.sizes(-1))]
        snap = raw_json(ethbtc(hour, "snapshot"))
        updates = raw_json(ethbtc(hour, "update"))
        # lastUpdateId lies inside the second update, whose time the snapshot gets.
        assert updates[1]["U"] <= snap["lastUpdateId"] <= updates[1]["u"]
        assert one.messages[0].ts_recv == updates[1]["E"] * 10**6
        assert len(one.messages[0].levels) == 2_000
    assert ends == [1_140, 1_212, 1_251, 1_493]
    assert (min(ends), max(ends)) == (1_140, 1_493)


def test_the_second_snapshot_agrees_with_the_replay_of_the_first(btc: Recording) -> None:
    snap = raw_json(ethbtc("10", "snapshot"))
    moment = next(u for u in raw_json(ethbtc("10", "update")) if u["u"] > snap["lastUpdateId"])
    book = next(b for m, b in replays(btc.messages) if m.ts_recv == moment["E"] * 10**6)
    other = PlainReplay("0.000001", "0.001")
    other.start(snap)
    agree = []
    for side, sizes in ((1, other.bids), (-1, other.asks)):
        top = sorted(sizes, reverse=side > 0)[:200]
        agree.append(sum(book.sizes(side).get(px) == sizes[px] for px in top))
    assert agree == [195, 191]


def test_the_order_of_the_files_does_not_matter(hours: dict[str, Recording], tmp_path: Path) -> None:
    files = [ethbtc("10", what) for what in ("trades", "update", "snapshot")]
    again = recording(tmp_path, "binance_2020", files)
    digests = [
        found.catalog.content_digest("binance", "ETHBTC", [date(2020, 11, 1)])
        for found in (again, hours["10"])
    ]
    assert digests[0] == digests[1]


def test_symbols_of_2020_are_told_apart(tmp_path: Path) -> None:
    both = [BINANCE_2020 / f"{s}_2020-11-01T09-00-00_trades.json.gz" for s in ("ETHUSDT", "BTCUSDT")]
    with pytest.raises(DataError, match="hold BTCUSDT, ETHUSDT; choose one with --symbol"):
        ingest("binance_2020", both, tmp_path, Asked())
    done = ingest("binance_2020", both, tmp_path, Asked(symbol="ETHUSDT"))
    assert done.manifest.files[0].rows == 4_700
    assert done.report.repaired == {"other symbol": 18_054}


def test_a_second_file_without_its_first_has_no_book(tmp_path: Path) -> None:
    done = ingest("binance_raw", [SPOT[1]], tmp_path, Asked())
    assert {entry.kind.value for entry in done.manifest.files} == {"trade", "ticker"}
    assert done.report.flagged == {"update without a snapshot": 3_036}


def test_spot_and_futures_of_one_symbol_are_not_mixed(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"usdm_ethusdt_20240808.*:\d+: an update of binance_usdm among those of binance;"
    ):
        ingest("binance_raw", [SPOT[0], USDM], tmp_path, Asked(lot=Decimal("0.00001")))


def test_the_venues_size_step_is_too_coarse_for_some_old_orders(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"spot_ethusdt_20240808.*: size is 2292\.22972000; expected a multiple of 0\.0001"
    ):
        ingest("binance_raw", SPOT, tmp_path, Asked(lot=Decimal("0.0001")))
    assert Catalog(tmp_path).streams() == []

"""hftbacktest's npz: what is exported comes back the same, and hftbacktest sees the book that we see."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import recordings
from reference.events import CLEAR, DELTA, SNAP, Control, Event, Level, Ticker, Trade
from reference.events import Book as BookMessage
from streams import CUT, Taste, events_of, keyframed_stream, nasty_stream
from typer.testing import CliRunner

import atc
from atc._rust import replay_top
from atc.cli import application
from atc.config.data import SimulatedData
from atc.errors import DataError, UsageError
from atc.events.adapters import Asked
from atc.events.business_day import day_of
from atc.events.catalog import Catalog
from atc.events.export.exchange_order import NegativeLatency
from atc.events.export.hftbacktest import Exported, export_hftbacktest
from atc.events.ingest import ensure_ingested, ingest
from atc.events.instrument import Instrument
from atc.events.reader import read_events
from atc.events.schema import MAX_GAP_NS, ControlKind, Flag, Kind, schema_of
from atc.events.simulate import ensure_simulated, located
from atc.events.writer import IngestSession

hftbacktest = pytest.importorskip("hftbacktest", reason="hftbacktest is not installed: uv sync --group peers")
from hftbacktest.data.validation import validate_event_order  # noqa: E402
from hftbacktest_judge import message_by_message, stepped  # noqa: E402

S = 1_000_000_000
ETH_JPY = Instrument("venue", "ETH_JPY", Decimal(1), Decimal("0.01"), 75_600, 32_400, None)


def exported(root: Path, venue: str, symbol: str, folder: Path, **options: Any) -> list[Exported]:
    return export_hftbacktest(Catalog(root), venue, symbol, folder, **options)


def assert_round_trip(root: Path, venue: str, symbol: str, folder: Path, **options: Any) -> list[Exported]:
    """Exported and ingested again: equal rows of all kinds, equal digests of all days."""
    done = exported(root, venue, symbol, folder, compresslevel=1, **options)
    ingest("hftbacktest_npz", [file.path for file in done], folder / "back", Asked())
    there, back = Catalog(root), Catalog(folder / "back")
    days = there.days(venue, symbol)
    assert back.days(venue, symbol) == days and len(done) == len(days)
    assert back.content_digest(venue, symbol, days) == there.content_digest(venue, symbol, days)
    for day in days:
        files, again = there.day(venue, symbol, day).files, back.day(venue, symbol, day).files
        assert {kind: [e.digest for e in found] for kind, found in files.items()} == {
            kind: [e.digest for e in found] for kind, found in again.items()
        }
    for file in done:
        validate_event_order(np.load(file.path)["data"])
    return done


def agreements(
    root: Path, venue: str, symbol: str, file: Path, *, roi: tuple[float, float] | None = None
) -> int:
    """hftbacktest's best bid and ask, with their sizes, are ours after every message and at every feed.

    Returns the number of messages.
    """
    catalog = Catalog(root)
    day = date.fromisoformat(file.stem.rsplit("_", 1)[1])
    instrument = catalog.day(venue, symbol, day).instrument
    tick, lot = float(instrument.tick), float(instrument.lot)
    begin = min(e.first_ts for found in catalog.day(venue, symbol, day).files.values() for e in found)
    end = max(e.last_ts for found in catalog.day(venue, symbol, day).files.values() for e in found)
    events = read_events(catalog, venue, symbol, begin, end + 1)
    top = replay_top(one(events.book), one(events.control), 1, MAX_GAP_NS)
    ours = {
        name: top[column].flatten().to_numpy()
        for name, column in (
            ("bid", "bid_px"),
            ("ask", "ask_px"),
            ("bid_qty", "bid_qty"),
            ("ask_qty", "ask_qty"),
        )
    }
    assert len(ours["bid"]) > 0

    rows = message_by_message(file)
    theirs = stepped(rows, tick, lot, roi=roi)
    assert len(theirs["ts"]) > 0
    # A message of which no row is valid moves nothing: what was seen before it still stands.
    latest = np.searchsorted(theirs["ts"], np.arange(len(ours["bid"])) + 1, side="right") - 1
    for name, values in ours.items():
        seen = np.where(latest >= 0, theirs[name][latest], 0)
        wrong = np.flatnonzero(seen != values)
        assert not len(wrong), (name, len(wrong), wrong[:5], seen[wrong[:5]], values[wrong[:5]])

    feeds = stepped(file, tick, lot, roi=roi)
    book_ts, book_seq = top["ts_recv"].to_numpy(), top["ev_seq"].to_numpy()
    last_of_ts = np.searchsorted(book_ts, feeds["ts"], side="right") - 1
    known = last_of_ts >= 0
    for reset in events.control.to_pylist():
        if reset["control_kind"] == ControlKind.RESET:
            before = (book_ts < reset["ts_recv"]) | (
                (book_ts == reset["ts_recv"]) & (book_seq < reset["ev_seq"])
            )
            known &= (feeds["ts"] < reset["ts_recv"]) | ~before[last_of_ts]
    for name, values in ours.items():
        expected = np.where(known, values[last_of_ts], 0)
        assert (feeds[name] == expected).all(), name
    return len(ours["bid"])


def one(table: pa.Table) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(table.to_pylist(), schema=table.schema)


def filed(root: Path, events: Sequence[Event], instrument: Instrument = ETH_JPY) -> None:
    """Files events as they are, numbers and all."""
    rows: dict[tuple[date, Kind], list[dict[str, Any]]] = {}
    for event in sorted(events, key=lambda event: (event.ts_recv, event.ev_seq)):
        day = day_of(event.ts_recv, instrument.day_cut_utc_s, instrument.tz_offset_s)
        head = {"ev_seq": event.ev_seq, "ts_recv": event.ts_recv, "venue_seq": None, "ts_exch": None}
        if not isinstance(event, Control):
            head["ts_exch"] = event.ts_exch
        if isinstance(event, BookMessage):
            last = len(event.levels) - 1
            rows.setdefault((day, Kind.BOOK), []).extend(
                {**head, "flags": event.flags | (Flag.LAST if i == last else 0), "msg_kind": event.msg_kind}
                | dict(zip(("side", "px_ticks", "qty_lots"), level, strict=True))
                for i, level in enumerate(event.levels)
            )
        elif isinstance(event, Trade):
            own = {
                "flags": event.flags | Flag.LAST,
                "px_ticks": event.px,
                "qty_lots": event.qty,
                "side": event.side,
            }
            head["venue_seq"] = -event.ev_seq if event.ev_seq % 3 else None
            own["trade_id"] = (None, "", f"印{event.ev_seq}", str(event.ev_seq))[event.ev_seq % 4]
            rows.setdefault((day, Kind.TRADE), []).append(head | own)
        elif isinstance(event, Ticker):
            names = ("bid", "ask", "last", "high", "low", "bid_qty", "ask_qty", "vol")
            own = {"flags": event.flags | Flag.LAST, **{name: getattr(event, name) for name in names}}
            rows.setdefault((day, Kind.TICKER), []).append(head | own)
        else:
            own = {"flags": event.flags | Flag.LAST, "control_kind": event.control_kind, "detail": None}
            rows.setdefault((day, Kind.CONTROL), []).append(head | own)
    with IngestSession(root, instrument, adapter="test@1", source_hash="0") as session:
        for (day, kind), of_day in rows.items():
            session.write_day(day, kind, pa.Table.from_pylist(of_day, schema=schema_of(kind)))
        session.commit()


@pytest.mark.parametrize("seed", range(6))
def test_nasty_streams_come_back_the_same(tmp_path: Path, seed: int) -> None:
    filed(tmp_path, events_of(nasty_stream(seed, 700, Taste(very_far=seed % 2))))
    latency = list(NegativeLatency)[seed % 3]
    done = assert_round_trip(
        tmp_path, "venue", "ETH_JPY", tmp_path / "out", negative_latency=latency, base_latency_ns=seed * 1000
    )
    assert sum(file.split for file in done) > 0


@pytest.mark.parametrize("seed", range(3))
def test_small_windows_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    filed(tmp_path, events_of(nasty_stream(seed, 500)))
    whole = exported(tmp_path, "venue", "ETH_JPY", tmp_path / "whole")
    monkeypatch.setattr("atc.events.export.windows.BATCH_ROWS", 7)
    cut = exported(tmp_path, "venue", "ETH_JPY", tmp_path / "cut")
    assert [file.path.read_bytes() for file in whole] == [file.path.read_bytes() for file in cut]


def simulated(root: Path, *settings: str) -> SimulatedData:
    config = atc.compose(["data=demo", "data.days=1", "data.rate=0.02", *settings])
    assert isinstance(config.data, SimulatedData)
    ensure_simulated(config.data, root)
    return located(config.data)


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SimulatedData]:
    root = tmp_path_factory.mktemp("simulated")
    return root, simulated(root)


def test_a_simulated_day_comes_back_and_hftbacktest_agrees(
    market: tuple[Path, SimulatedData], tmp_path: Path
) -> None:
    root, data = market
    (file,) = assert_round_trip(root, data.venue, data.symbol, tmp_path)
    assert agreements(root, data.venue, data.symbol, file.path) > 10_000


@pytest.mark.slow
def test_a_whole_simulated_day_agrees(tmp_path: Path) -> None:
    data = simulated(tmp_path, "data.rate=1.0")
    (file,) = assert_round_trip(tmp_path, data.venue, data.symbol, tmp_path / "out")
    assert agreements(tmp_path, data.venue, data.symbol, file.path) > 100_000
    assert agreements(tmp_path, data.venue, data.symbol, file.path, roi=(300_000, 600_000)) > 100_000


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("binance_ethusdt_2024", marks=recordings.needs(recordings.BINANCE_RAW)),
        pytest.param("binance_ethbtc_2020", marks=recordings.needs(recordings.BINANCE_2020)),
    ],
)
def test_recordings_come_back_and_hftbacktest_agrees(tmp_path: Path, name: str) -> None:
    config = atc.compose([f"data={name}", f"paths.events={tmp_path}", f"paths.recordings={recordings.ROOT}"])
    ensure_ingested(config.data, config.paths)  # type: ignore[arg-type]
    data = config.data
    done = assert_round_trip(tmp_path, data.venue, data.symbol, tmp_path / "out")
    messages = [agreements(tmp_path, data.venue, data.symbol, file.path) for file in done]
    assert min(messages) > 3_000


@pytest.mark.parametrize("seed", range(3))
def test_hftbacktest_agrees_across_gaps_and_resets(tmp_path: Path, seed: int) -> None:
    filed(tmp_path, keyframed_stream(seed, 3, start=CUT))
    (file,) = assert_round_trip(tmp_path, "venue", "ETH_JPY", tmp_path / "out")
    assert agreements(tmp_path, "venue", "ETH_JPY", file.path) > 500


@pytest.mark.parametrize(("venue", "symbol"), [("bitflyer", "BTC_JPY"), ("gmocoin", "BTC")])
@pytest.mark.recordings
@pytest.mark.skipif(not recordings.JPY.is_dir(), reason=f"no recordings in {recordings.JPY}")
def test_prints_of_two_sides_come_back(tmp_path: Path, venue: str, symbol: str) -> None:
    files = sorted(recordings.JPY.glob("trades_*.csv.gz"))
    ingest("jpy_recorder", files, tmp_path, Asked(venue=venue, symbol=symbol))
    for file in assert_round_trip(tmp_path, venue, symbol, tmp_path / "out"):
        arrays = np.load(file.path)
        doubled = arrays["trade.flags"] & Flag.DUP_OTHER_SIDE != 0
        valid = arrays["data"]["ev"][arrays["atc.rows"] == 2] & hftbacktest.LOCAL_EVENT != 0
        # hftbacktest hears of every execution once.
        assert (valid == ~doubled).all()
        assert doubled.any() == (venue == "gmocoin")


def test_where_the_book_is_crossed_hftbacktest_hides_the_stale_side(tmp_path: Path) -> None:
    """Its book never shows bid ≥ ask: the newer side hides levels of the other. Ours shows what was said."""
    T, L = CUT + S, Level
    filed(
        tmp_path,
        [
            BookMessage(
                1, T, T, Flag.SNAPSHOT, SNAP, (L(1, 100, 5), L(1, 99, 5), L(-1, 101, 5), L(-1, 103, 5))
            ),
            BookMessage(2, T + S, T + S, Flag.MAYBE_BAD_BOOK, DELTA, (L(1, 102, 1),)),
            BookMessage(3, T + 2 * S, T + 2 * S, 0, DELTA, (L(1, 102, 0),)),
        ],
    )
    (file,) = exported(tmp_path, "venue", "ETH_JPY", tmp_path / "out")
    theirs = stepped(np.load(file.path)["data"], 1.0, 0.01)
    events = read_events(tmp_path, "venue", "ETH_JPY", T, T + 3 * S)
    ours = replay_top(one(events.book), one(events.control), 1, MAX_GAP_NS)
    assert theirs["bid"].tolist() == ours["bid_px"].flatten().to_pylist() == [100, 102, 100]
    assert ours["ask_px"].flatten().to_pylist() == [101, 101, 101]
    assert theirs["ask"].tolist() == [101, 103, 103]


# ── times at the exchange ──


def one_day(folder: Path, latencies_ms: Sequence[int | None]) -> None:
    """A whole book, then prints a second apart that took so long; None: the venue told no time."""
    T, MS = CUT + S, S // 1000
    events: list[Event] = [
        BookMessage(1, T, T - MS, Flag.SNAPSHOT, SNAP, (Level(1, 100, 5), Level(-1, 101, 5)))
    ]
    for i, latency in enumerate(latencies_ms):
        now = T + (i + 1) * S
        sent = None if latency is None else now - latency * MS
        events.append(Trade(i + 2, now, sent, 0, 100, 7, 1))
    filed(folder, events)


def test_negative_latencies_are_shifted_clipped_or_kept_as_asked(tmp_path: Path) -> None:
    one_day(tmp_path, [5, -7, 2, None])
    latencies = {}
    for mode in NegativeLatency:
        (file,) = assert_round_trip(
            tmp_path, "venue", "ETH_JPY", tmp_path / mode, negative_latency=mode, base_latency_ns=1_000_000
        )
        data = np.load(file.path)["data"]
        data = data[data["ev"] & hftbacktest.LOCAL_EVENT != 0]
        latencies[mode] = ((data["local_ts"] - data["exch_ts"])[-4:] / 1e6).tolist()
        assert file.offset_ns == (8_000_000 if mode is NegativeLatency.SHIFT else 0)
    assert latencies == {
        NegativeLatency.SHIFT: [13, 1, 10, 0],
        NegativeLatency.CLIP: [5, 0, 2, 0],
        NegativeLatency.KEEP: [5, -7, 2, 0],
    }


def test_a_print_that_came_late_stands_twice_in_the_two_orders(tmp_path: Path) -> None:
    one_day(tmp_path, [5, 1500, 5])
    (file,) = assert_round_trip(tmp_path, "venue", "ETH_JPY", tmp_path / "out")
    assert file.split == 1
    data = np.load(file.path)["data"]
    ends = (data["ev"] >> 30) & 3
    # The late one is valid at the exchange before the print that overtook it, locally after it.
    assert ends.tolist()[-4:] == [2, 3, 1, 3]
    assert (data["exch_ts"][-4], data["qty"][-4]) == (data["exch_ts"][-2], data["qty"][-2])


def test_messages_of_the_book_never_overtake_each_other_at_the_exchange(tmp_path: Path) -> None:
    T, L = CUT + S, Level
    filed(
        tmp_path,
        [
            BookMessage(1, T, None, Flag.SNAPSHOT, SNAP, (L(1, 100, 5), L(-1, 103, 5))),
            BookMessage(2, T + S, T + S - 10, 0, DELTA, (L(1, 101, 5),)),
            BookMessage(3, T + 2 * S, T + S - 20, 0, DELTA, (L(1, 101, 0),)),
        ],
    )
    (file,) = assert_round_trip(tmp_path, "venue", "ETH_JPY", tmp_path / "out")
    data = np.load(file.path)["data"]
    assert file.split == 0 and (np.diff(data["exch_ts"]) >= 0).all()


def test_a_size_that_a_float_cannot_hold_is_refused(tmp_path: Path) -> None:
    filed(tmp_path, [Trade(1, CUT + S, CUT, 0, 100, 2**53 + 1, 1)])
    with pytest.raises(DataError, match="64-bit floats do not hold it exactly"):
        exported(tmp_path, "venue", "ETH_JPY", tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


# ── files of others ──

FEED = [
    # ev, exch_ts, local_ts, px, qty
    (hftbacktest.DEPTH_CLEAR_EVENT | hftbacktest.BUY_EVENT, 1, 10, 99.0, 0.0),
    (hftbacktest.DEPTH_SNAPSHOT_EVENT | hftbacktest.BUY_EVENT, 1, 10, 100.1, 0.3),
    (hftbacktest.DEPTH_SNAPSHOT_EVENT | hftbacktest.BUY_EVENT, 1, 10, 99.9, 0.1 + 0.2),
    (hftbacktest.DEPTH_SNAPSHOT_EVENT | hftbacktest.SELL_EVENT, 1, 10, 100.3, 2.0),
    (hftbacktest.DEPTH_EVENT | hftbacktest.BUY_EVENT, 5, 12, 100.2, 1.0),
    (hftbacktest.DEPTH_EVENT | hftbacktest.SELL_EVENT, 5, 12, 100.3, 0.0),
    (hftbacktest.DEPTH_EVENT | hftbacktest.SELL_EVENT, 5, 12, 100.4, 4.0),
    (hftbacktest.TRADE_EVENT | hftbacktest.SELL_EVENT, 6, 13, 100.2, 0.1),
    (hftbacktest.DEPTH_CLEAR_EVENT | hftbacktest.BUY_EVENT, 8, 15, 100.1, 0.0),
    (hftbacktest.DEPTH_SNAPSHOT_EVENT | hftbacktest.BUY_EVENT, 8, 15, 100.0, 9.0),
    (hftbacktest.DEPTH_BBO_EVENT | hftbacktest.SELL_EVENT, 9, 16, 100.4, 4.0),
    (hftbacktest.DEPTH_CLEAR_EVENT, 10, 17, 0.0, 0.0),
]


def foreign(path: Path, rows: Sequence[tuple[int, int, int, float, float]] = FEED) -> Path:
    """An npz as hftbacktest's own converters make it."""
    data = np.zeros(len(rows), hftbacktest.types.event_dtype)
    for row, (ev, exch_ts, local_ts, px, qty) in zip(data, rows, strict=True):
        both = hftbacktest.EXCH_EVENT | hftbacktest.LOCAL_EVENT
        row["ev"], row["exch_ts"], row["local_ts"] = ev | both, CUT + exch_ts * S, CUT + local_ts * S
        row["px"], row["qty"] = px, qty
    np.savez_compressed(path, data=data)
    return path


OURS = Asked(venue="venue", symbol="X", tick=Decimal("0.1"), lot=Decimal("0.1"))


def test_a_file_of_another_tool_becomes_messages(tmp_path: Path) -> None:
    ingest("hftbacktest_npz", [foreign(tmp_path / "a.npz")], tmp_path, OURS)
    events = read_events(tmp_path, "venue", "X", CUT, CUT + 100 * S)
    rows = [
        (row["ts_recv"] // S - CUT // S, row["msg_kind"], row["side"], row["px_ticks"], row["qty_lots"])
        for row in events.book.to_pylist()
    ]
    assert rows == [
        (10, SNAP, 1, 1001, 3), (10, SNAP, 1, 999, 3), (10, SNAP, -1, 1003, 20),
        (12, DELTA, 1, 1002, 10), (12, DELTA, -1, 1003, 0), (12, DELTA, -1, 1004, 40),
        (15, DELTA, 1, 1002, 0), (15, DELTA, 1, 1001, 0), (15, DELTA, 1, 1000, 90),
        (17, CLEAR, 0, 0, 0),
    ]  # fmt: skip
    (trade,) = events.trade.to_pylist()
    assert (trade["px_ticks"], trade["qty_lots"], trade["side"], trade["ts_exch"]) == (
        1002,
        1,
        -1,
        CUT + 6 * S,
    )
    (quote,) = events.ticker.to_pylist()
    assert (quote["ask"], quote["ask_qty"], quote["bid"]) == (1004, 40, None)


def test_our_book_of_a_foreign_file_is_hftbacktests(tmp_path: Path) -> None:
    file = foreign(tmp_path / "a.npz", [row for row in FEED if row[0] & 0xFF != hftbacktest.DEPTH_BBO_EVENT])
    ingest("hftbacktest_npz", [file], tmp_path, OURS)
    events = read_events(tmp_path, "venue", "X", CUT, CUT + 100 * S)
    ours = replay_top(one(events.book), one(events.control), 1, MAX_GAP_NS)
    theirs = stepped(np.load(file)["data"], 0.1, 0.1)
    seen = np.isin(theirs["ts"], ours["ts_recv"].to_numpy())
    for name in ("bid", "ask"):
        assert theirs[name][seen].tolist() == ours[f"{name}_px"].flatten().to_pylist(), name


def test_what_a_foreign_file_lacks_is_asked_for(tmp_path: Path) -> None:
    file = foreign(tmp_path / "a.npz")
    with pytest.raises(UsageError, match="--venue, --symbol, --tick and --lot"):
        ingest("hftbacktest_npz", [file], tmp_path, Asked())
    with pytest.raises(DataError, match=r"a\.npz:2: price is 100\.1; expected a multiple of 1"):
        ingest(
            "hftbacktest_npz", [file], tmp_path, Asked(venue="v", symbol="X", tick=Decimal(1), lot=Decimal(1))
        )
    l3 = foreign(tmp_path / "l3.npz", [(hftbacktest.ADD_ORDER_EVENT | hftbacktest.BUY_EVENT, 1, 2, 1.0, 1.0)])
    with pytest.raises(DataError, match=r"l3\.npz:1: event kind 10"):
        ingest("hftbacktest_npz", [l3], tmp_path, OURS)


def test_damaged_files_are_told_with_their_place(tmp_path: Path) -> None:
    whole = foreign(tmp_path / "a.npz").read_bytes()
    (tmp_path / "text.npz").write_bytes(b"no zip at all")
    with pytest.raises(DataError, match=r"text\.npz: no zip"):
        ingest("hftbacktest_npz", [tmp_path / "text.npz"], tmp_path, OURS)
    flipped = bytearray(whole)
    flipped[200] ^= 0xFF
    (tmp_path / "flipped.npz").write_bytes(flipped)
    with pytest.raises(DataError, match=r"flipped\.npz: array data"):
        ingest("hftbacktest_npz", [tmp_path / "flipped.npz"], tmp_path, OURS)
    np.savez(tmp_path / "old.npz", data=np.zeros((3, 6)))
    with pytest.raises(DataError, match=r"old\.npz: array data is .*expected an array of one dimension"):
        ingest("hftbacktest_npz", [tmp_path / "old.npz"], tmp_path, OURS)
    np.savez(tmp_path / "other.npz", rows=np.zeros(3))
    with pytest.raises(DataError, match=r"array data is not there; found rows"):
        ingest("hftbacktest_npz", [tmp_path / "other.npz"], tmp_path, OURS)


def test_an_exported_file_keeps_its_steps(tmp_path: Path) -> None:
    one_day(tmp_path, [5])
    (file,) = exported(tmp_path, "venue", "ETH_JPY", tmp_path / "out")
    with pytest.raises(UsageError, match="leave the steps and the day as they were exported"):
        ingest("hftbacktest_npz", [file.path], tmp_path / "back", Asked(tick=Decimal("0.5")))
    other = foreign(tmp_path / "a.npz")
    with pytest.raises(UsageError, match="1 of 2 files were exported by ATC"):
        ingest("hftbacktest_npz", [file.path, other], tmp_path / "back", Asked())
    named = ingest("hftbacktest_npz", [file.path], tmp_path / "back", Asked(venue="other"))
    assert named.manifest.instrument.venue == "other"


# ── the command ──


def test_the_command_writes_the_days_that_are_asked_for(tmp_path: Path) -> None:
    settings = ["data=demo", "data.days=2", "data.rate=0.005", f"paths.events={tmp_path / 'events'}"]
    run = CliRunner().invoke(
        application(),
        ["export", "hftbacktest", *settings, "--to", str(tmp_path / "out"), "--day", "2025-01-07"],
    )
    assert run.exit_code == 0, run.output
    (file,) = (tmp_path / "out").iterdir()
    assert file.name.endswith("_ETH_JPY_2025-01-07.npz") and str(file) in run.output
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
    wrong = CliRunner().invoke(
        application(), ["export", "hftbacktest", *settings, "--to", str(tmp_path), "--day", "2025-02-01"]
    )
    assert isinstance(wrong.exception, DataError) and "no events" in str(wrong.exception)

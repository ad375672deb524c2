"""The recorder's sessions: every frame as it was received, whatever the connection does."""

from __future__ import annotations

import asyncio
import base64
import io
import itertools
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from recorded_frames import book
from recording import GMO, QUICK, raw_lines, recorded
from ws_server import BREAKS, EXTRA, VenueServer

from atc.errors import DataError
from atc.events.recorder import session as session_module
from atc.events.recorder.connection import Backoff, Pace, Patience
from atc.events.recorder.publish import Target
from atc.events.recorder.raw_folder import RawFolder
from atc.events.recorder.session import Plan, Session
from atc.events.recorder.status import Counters, StatusLine
from atc.events.recorder.venues import VENUES, Heard


def test_every_frame_is_kept_in_order_through_faults(tmp_path: Path) -> None:
    faults = [*BREAKS, *EXTRA]
    server = VenueServer(
        [book(i) for i in range(620)],
        subscriptions=3,
        faults={20 + 40 * k: faults[k % len(faults)] for k in range(15)},
        refuse_connects=2,
        refuse_after_break=1,
    )

    async def run() -> Session:
        async with server.serving():
            return await recorded(server, GMO, ("ETH_JPY",), tmp_path)

    session = asyncio.run(run())
    lines = list(raw_lines(tmp_path / "raw"))
    times = [ts for ts, _ in lines]
    assert times == sorted(times)
    kept: list[Any] = []
    connection = -1
    for _, content in lines:
        told = json.loads(content).get("atc")
        if told == "open":
            connection += 1
        elif told == "rubbish":
            facts = json.loads(content)
            kept.append((connection, facts.get("text") or base64.b64decode(facts["base64"])))
        elif told is None:
            kept.append((connection, content))
    assert kept == [(sent.connection, sent.text) for sent in server.sent]
    assert len(server.sent) > 600
    breaks = sum(fault in BREAKS for fault in server.faults.values())
    assert session.counters.gaps == breaks
    whys = [json.loads(c)["why"] for _, c in lines if c.startswith('{"atc":"lost"')]
    assert len(whys) == breaks + 1
    assert whys[-1] == "the recording ended"
    assert sum(c.startswith('{"atc":"stall"') for _, c in lines) == session.counters.stalls == 2
    assert session.counters.refused_connects == server.refused == 2 + breaks
    assert json.loads(lines[-1][1]) == {"atc": "close"}


def test_requests_keep_the_pace_of_the_venue_over_connections(tmp_path: Path) -> None:
    server = VenueServer(
        [book(i) for i in range(10)], subscriptions=3, faults={2: "reset", 5: "close"}, least_interval_s=0.1
    )
    venue = replace(GMO, subscribe_interval_s=0.12)

    async def run() -> None:
        async with server.serving():
            await recorded(server, venue, ("ETH_JPY",), tmp_path, replace(QUICK, stall_s=5))

    asyncio.run(run())
    assert server.too_fast == 0
    assert [request["channel"] for _, _, request in server.requests] == ["ticker", "trades", "orderbooks"] * 3
    # The venue's own rule is one a second: what is sent is slower than that.
    assert VENUES["gmo"].subscribe_interval_s > 1


def test_a_refusal_for_good_ends_it_and_a_passing_one_does_not(tmp_path: Path) -> None:
    wrong = '{"error":"ERR-5106 Invalid request parameter. symbol"}'
    server = VenueServer([wrong], subscriptions=3)

    async def run(server: VenueServer) -> Session:
        async with server.serving():
            return await recorded(server, GMO, ("ETH_JPX",), tmp_path)

    with pytest.raises(DataError, match=r"refused a subscription of ETH_JPX: ERR-5106.*name of the symbol"):
        asyncio.run(run(server))
    server = VenueServer([book(1), book(2), book(3)], subscriptions=3, faults={0: "busy", 1: "busy"})
    session = asyncio.run(run(server))
    assert session.counters.frames == {"refusal": 2, "book": 3}
    assert server.connects == 3
    assert GMO.heard({"error": "ERR-5201 MAINTENANCE. Please wait for a while"}).passing


def test_bitflyer_asks_for_snapshots_last() -> None:
    requests = [json.loads(text) for text in VENUES["bitflyer"].subscriptions(["FX_BTC_JPY"])]
    channels = [request["params"]["channel"] for request in requests]
    assert channels == [
        f"lightning_{what}_FX_BTC_JPY" for what in ("ticker", "executions", "board", "board_snapshot")
    ]
    assert len({request["id"] for request in requests}) == 4


def test_taker_only_is_asked_for_and_recorded(tmp_path: Path) -> None:
    venue = replace(GMO, taker_only=True)
    trades = json.loads(venue.subscriptions(["ETH_JPY"])[1])
    assert trades == {
        "command": "subscribe",
        "channel": "trades",
        "symbol": "ETH_JPY",
        "option": "TAKER_ONLY",
    }
    assert "option" not in GMO.subscriptions(["ETH_JPY"])[1]
    with RawFolder(tmp_path, venue) as folder:
        segment, _ = folder.begin(["ETH_JPY"], continues=None, connected=False)
        segment.close()
    assert json.loads(segment.path.read_text().partition(" ")[2])["taker_only"] is True


def test_the_wait_grows_with_jitter_and_ends_at_the_longest() -> None:
    patience = Patience(first_wait_s=0.5, longest_wait_s=8)
    waits = [
        [backoff.next_s() for _ in range(8)]
        for backoff in (Backoff(patience, _random=random.Random(s)) for s in range(50))
    ]
    for n, whole in enumerate([0.5, 1, 2, 4, 8, 8, 8, 8]):
        of_try = [wait[n] for wait in waits]
        assert all(whole / 2 <= wait <= whole for wait in of_try)
        assert max(of_try) - min(of_try) > whole / 4
    backoff = Backoff(patience)
    for _ in range(5):
        backoff.next_s()
    backoff.reset()
    assert backoff.next_s() <= 0.5


def test_the_pace_is_kept_by_one_clock() -> None:
    async def turns() -> list[float]:
        pace, times = Pace(0.02), []
        loop = asyncio.get_running_loop()
        for _ in range(4):
            await pace.turn()
            times.append(loop.time())
        return times

    times = asyncio.run(turns())
    assert all(later - earlier >= 0.02 for earlier, later in itertools.pairwise(times))


def test_strange_frames_are_heard_without_an_error() -> None:
    frames: list[Any] = [
        None,
        1,
        "x",
        [],
        {},
        {"channel": 7},
        {"channel": "trades"},
        {"channel": ["trades"], "symbol": 1},
    ]
    frames += [
        {"params": 1},
        {"params": {"channel": None}},
        {"params": {"channel": "lightning_board_X", "message": 5}},
    ]
    frames += [
        {"channel": "ticker", "symbol": "A", "timestamp": 5},
        {"channel": "ticker", "symbol": "A", "timestamp": "x"},
    ]
    for venue in VENUES.values():
        for frame in frames:
            assert venue.heard(frame).ts_exch is None


class Market:
    """Stands for the connection: takes up to a time to open and to close, and brings nothing."""

    def __init__(self, now_ns: int, opens_s: int = 0, closes_s: int = 0) -> None:
        self.now_ns, self._opens_s, self._closes_s = now_ns, opens_s, closes_s

    @asynccontextmanager
    async def opened(self, *_: object) -> AsyncIterator[None]:
        self.now_ns += self._opens_s * 10**9
        try:
            yield None
        finally:
            self.now_ns += self._closes_s * 10**9

    async def record(self, *_: object) -> str:
        await asyncio.Event().wait()
        return "never"

    def lines(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, dict[str, Any]]]:
        """What the raw files of a recording that is stopped soon say."""

        async def run() -> None:
            with RawFolder(place / "raw", GMO, lambda: self.now_ns) as folder:
                plan = Plan(("ETH_JPY",), Target(place / "root"), QUICK)
                session = Session(folder, plan, StatusLine("test", place, stream=io.StringIO()))
                monkeypatch.setattr(session_module, "opened", self.opened)
                monkeypatch.setattr(session, "_record", self.record)
                recording = asyncio.create_task(session.run())
                await asyncio.sleep(0.02)
                recording.cancel()
                await asyncio.gather(recording, return_exceptions=True)

        asyncio.run(run())
        return [(ts, json.loads(content)) for ts, content in raw_lines(place / "raw")]


def test_a_connection_made_after_the_cut_is_none_that_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the new day would begin without a gap, and without a book."""
    cut_ns = 1_771_275_600 * 10**9
    lines = Market(cut_ns - 10**9, opens_s=1).lines(tmp_path, monkeypatch)
    (second,) = (line for _, line in lines if line.get("continues"))
    assert second["connected"] is False


def test_what_comes_while_it_closes_is_in_a_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    began_ns = 1_771_200_000 * 10**9
    lines = Market(began_ns, closes_s=2).lines(tmp_path, monkeypatch)
    told = [((ts - began_ns) // 10**9, line["atc"]) for ts, line in lines]
    assert told == [(0, "segment"), (0, "open"), (0, "lost"), (2, "close")]


def test_the_status_line_shows_rates_since_the_last_one(tmp_path: Path) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    now = [0.0]
    for stream in (Terminal(), io.StringIO()):
        now[0] = 0.0
        status = StatusLine("gmocoin ETH_JPY", tmp_path, stream=stream, clock=lambda: now[0])
        counters = Counters(gaps=2, raw_bytes=1_234_567)
        for second in range(1, 121):
            now[0] = float(second)
            counters.note_frame(Heard("book", "ETH_JPY", 10**9), 10**9 + 45_000_000)
            counters.note_frame(Heard("book", "ETH_JPY", None), 5)
            status.refresh(counters)
        status.tell("it was told")
        status.end()
        shown = stream.getvalue()
        line = "book 2.0/s trade 0.0/s ticker 0.0/s  gaps 2  lag 45 ms  disk 1.2 MB"
        assert "gmocoin ETH_JPY 00:02:00  " in shown
        assert "it was told\n" in shown
        if stream.isatty():
            assert shown.count("\r\x1b[2K") == 122
            assert "book 2.0/s" in shown
        else:
            assert shown.count("\n") == 3
            assert line in shown
            assert "\r" not in shown

"""The recorder from socket to canonical events, against a server on this machine that replays real frames."""

from __future__ import annotations

import asyncio
import itertools
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from atc.events.catalog import Catalog
from atc.events.recorder.connection import Patience
from atc.events.recorder.raw_folder import RawFolder
from atc.events.recorder.session import Session
from atc.events.recorder.venues import Venue
from atc.events.validate import validate_days
from tests.recording import BITFLYER, GMO, QUICK, raw_lines, recorded
from tests.recordings import BITFLYER_WS, JPY, needs
from tests.sent_events import Item, expected
from tests.sent_events import recorded as stored
from tests.venue_frames import bitflyer_frames, gmo_frames
from tests.ws_server import BREAKS, EXTRA, VenueServer

pytestmark = pytest.mark.skipif(
    find_spec("atc.events.stream") is not None, reason="the ingest does not read through Rust yet"
)

FAULTS = [fault for pair in itertools.zip_longest(BREAKS, EXTRA) for fault in pair if fault]
WRONG_BOARD = (
    '{"jsonrpc":"2.0","method":"channelMessage","params":{"channel":"lightning_board_ETH_JPY",'
    '"message":{"mid_price":1,"bids":[{"price":null,"size":"many"}],"asks":7}}}'
)
WRONG_PRINT = (
    '{"channel":"trades","price":17586997,"side":"BUY","size":["0.01"],"symbol":"BTC_JPY","timestamp":"now"}'
)


def faults(frames: Sequence[str], count: int) -> dict[int, str]:
    """`count` faults of all kinds, spread evenly."""
    step = len(frames) // (count + 1)
    return {step * (k + 1): FAULTS[k % len(FAULTS)] for k in range(count)}


def is_sound(root: Path, venue: str, symbol: str) -> bool:
    catalog = Catalog(root)
    errors = [problem for problem in validate_days(catalog, venue, symbol) if problem.is_error]
    assert not errors, errors
    return True


def run(
    server: VenueServer, venue: Venue, symbols: tuple[str, ...], place: Path, patience: Patience = QUICK
) -> Session:
    async def replay() -> Session:
        async with server.serving():
            return await recorded(server, venue, symbols, place, patience)

    session = asyncio.run(replay())
    assert not any(done.failed for done in session.published), session.published
    return session


def same(found: list[Item], wanted: list[Item]) -> None:
    """Equal, and if not, where they part."""
    for place, (one, other) in enumerate(zip(found, wanted, strict=False)):
        assert one == other, f"item {place}"
    assert len(found) == len(wanted)


def replayed(venue: Venue, frames: list[str], count: int, place: Path) -> Session:
    """Replays frames with faults and compares what is stored with what was sent."""
    is_gmo = venue.name == "gmocoin"
    symbol = "BTC_JPY" if is_gmo else "ETH_JPY"
    symbols = (symbol,) if is_gmo else (symbol, "FX_BTC_JPY")
    server = VenueServer(
        frames,
        subscriptions=len(venue.subscriptions(symbols)),
        faults=faults(frames, count),
        wrong_types=WRONG_PRINT if is_gmo else WRONG_BOARD,
        refuse_connects=2,
        refuse_after_break=1,
    )
    session = run(server, venue, symbols, place)
    breaks = sum(fault in BREAKS for fault in server.faults.values())
    assert session.counters.gaps == breaks
    for one in symbols:
        lot = "0.001" if is_gmo else "0.00000001"
        wanted = expected(server.sent, one, "1", lot)
        assert sum(item == ("gap_start",) for item in wanted) > breaks
        same(stored(place / "root", venue.name, one), wanted)
        assert is_sound(place / "root", venue.name, one)
    return session


@pytest.mark.parametrize(
    "venue", [pytest.param(GMO, marks=needs(JPY)), pytest.param(BITFLYER, marks=needs(BITFLYER_WS))]
)
def test_what_was_sent_is_what_is_stored_and_gaps_are_where_they_were(tmp_path: Path, venue: Venue) -> None:
    frames = gmo_frames("BTC_JPY")[:1200] if venue is GMO else bitflyer_frames(("ETH_JPY", "FX_BTC_JPY"))
    replayed(venue, frames, 2 * len(FAULTS), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "venue", [pytest.param(GMO, marks=needs(JPY)), pytest.param(BITFLYER, marks=needs(BITFLYER_WS))]
)
def test_half_an_hour_with_fifty_faults(tmp_path: Path, venue: Venue) -> None:
    rounds = 4 if venue is GMO else 59
    frames = (
        gmo_frames("BTC_JPY", rounds) if venue is GMO else bitflyer_frames(("ETH_JPY", "FX_BTC_JPY"), rounds)
    )
    replayed(venue, frames, 50, tmp_path)


@pytest.mark.parametrize("place_of_cut", ["while sending", "while silent"])
def test_rotation_at_the_cut_of_the_day_loses_nothing(tmp_path: Path, place_of_cut: str) -> None:
    frames = gmo_frames("BTC_JPY")[:900] if JPY.is_dir() else []
    if not frames:
        pytest.skip(f"no recordings in {JPY}")
    # The business day ends in 2 s or so.
    cut = (int(time.time()) + 3) % 86_400
    venue = replace(GMO, day_cut_utc_s=cut)
    server = VenueServer(frames, subscriptions=3, pause_every=20, pause_s=4.5 / 45)
    if place_of_cut == "while silent":
        server = VenueServer(frames, subscriptions=3, pause_every=450, pause_s=4.5)
    session = run(server, venue, ("BTC_JPY",), tmp_path, replace(QUICK, stall_s=60))
    root = tmp_path / "root"
    days = Catalog(root).days("gmocoin", "BTC_JPY")
    assert len(days) == 2
    assert sorted({done.day for done in session.published}) == days
    same(stored(root, "gmocoin", "BTC_JPY"), expected(server.sent, "BTC_JPY", "1", "0.001"))
    assert is_sound(root, "gmocoin", "BTC_JPY")
    with RawFolder(tmp_path / "raw", venue) as folder:
        assert [file.day for file in folder.sealed()] == days


class Recorder:
    """`atc record` as a process of its own, against a server in this one."""

    def __init__(
        self, server: VenueServer, place: Path, *more: str, venue: str = "gmo", symbol: str = "BTC_JPY"
    ) -> None:
        self.place = place
        arguments = ["record", venue, symbol, "--root", str(place / "root"), "--raw", str(place / "raw")]
        arguments += ["--url", server.url, "--longest-wait", "0.2s", *more]
        place.mkdir(exist_ok=True)
        self.output = place / "output.txt"
        with self.output.open("a") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-c", "from atc.cli import main; main()", *arguments],
                stdout=file,
                stderr=file,
            )

    async def ended(self) -> int:
        return await asyncio.to_thread(self.process.wait, 60)

    def told(self) -> str:
        return self.output.read_text()


async def heard(server: VenueServer, count: int) -> None:
    """Returns when the server has sent `count` frames."""
    while len(server.sent) < count:
        await asyncio.sleep(0.005)


@pytest.fixture
def boards() -> list[str]:
    if not JPY.is_dir():
        pytest.skip(f"no recordings in {JPY}; set ATC_RECORDINGS")
    return gmo_frames("BTC_JPY")


def test_kill_9_loses_no_frame_that_was_received_a_second_before(tmp_path: Path, boards: list[str]) -> None:
    """Killed twice in the middle of sending; the last run ends in order. The GMO pace of requests is the
    real one.
    """
    server = VenueServer(boards[:900], subscriptions=3, pause_every=10, pause_s=0.02)
    killed_at: list[int] = []

    async def run() -> Recorder:
        async with server.serving():
            recorder = None
            for mark in (200, 500):
                recorder = Recorder(server, tmp_path)
                await heard(server, mark)
                recorder.process.send_signal(signal.SIGKILL)
                killed_at.append(len(server.sent))
                assert await recorder.ended() == -signal.SIGKILL
            recorder = Recorder(server, tmp_path)
            await server.done.wait()
            await asyncio.sleep(0.3)
            recorder.process.send_signal(signal.SIGINT)
            assert await recorder.ended() == 130
            return recorder

    recorder = asyncio.run(run())
    assert recorder.told().count("of a recorder that was killed completed") == 2
    found = stored(tmp_path / "root", "gmocoin", "BTC_JPY")
    # What was in the recorder's hands when it was killed is lost; nothing else is, in particular nothing sent
    # before the last pause of the server (20 ms, well within the second).
    kept = _kept(server, tmp_path / "raw")
    wanted = expected(
        [frame for frame, there in zip(server.sent, kept, strict=True) if there], "BTC_JPY", "1", "0.001"
    )
    same(found, wanted)
    lost = [place for place, there in enumerate(kept) if not there]
    assert all(any(kill - 20 <= place <= kill + 20 for kill in killed_at) for place in lost), (
        lost,
        killed_at,
    )
    assert is_sound(tmp_path / "root", "gmocoin", "BTC_JPY")


def _kept(server: VenueServer, raw: Path) -> list[bool]:
    """Which of the frames that were sent are in the raw files, which hold them in order."""
    lines = iter([content for _, content in raw_lines(raw) if not content.startswith('{"atc"')])
    kept, line = [], next(lines, None)
    for frame in server.sent:
        kept.append(frame.text == line)
        if kept[-1]:
            line = next(lines, None)
    assert line is None, f"never sent: {line}"
    return kept


def test_ctrl_c_ends_in_order_with_a_summary(tmp_path: Path, boards: list[str]) -> None:
    server = VenueServer(boards[:100], subscriptions=3, least_interval_s=1.0)

    async def run() -> tuple[int, str]:
        async with server.serving():
            recorder = Recorder(server, tmp_path)
            await server.done.wait()
            await asyncio.sleep(0.2)
            second = Recorder(server, tmp_path / "second", "--raw", str(tmp_path / "raw"))
            assert await second.ended() == 1
            assert "records into this folder" in second.told()
            recorder.process.send_signal(signal.SIGINT)
            return await recorder.ended(), recorder.told()

    code, told = asyncio.run(run())
    assert code == 130
    last = told.splitlines()[-1]
    assert last.startswith("recorded gmocoin BTC_JPY in ") and "gaps 0" in last
    assert f"ingested gmocoin BTC_JPY {Catalog(tmp_path / 'root').days('gmocoin', 'BTC_JPY')[0]}" in told
    assert server.too_fast == 0
    same(stored(tmp_path / "root", "gmocoin", "BTC_JPY"), expected(server.sent, "BTC_JPY", "1", "0.001"))


def test_a_time_limit_ends_with_0_and_canonical_events_come_while_it_runs(
    tmp_path: Path, boards: list[str]
) -> None:
    server = VenueServer(boards[:300], subscriptions=3, pause_every=50, pause_s=0.4)

    async def run() -> tuple[int, str]:
        async with server.serving():
            recorder = Recorder(server, tmp_path, "--for", "9s", "--publish-every", "2s")
            return await recorder.ended(), recorder.told()

    code, told = asyncio.run(run())
    assert code == 0
    assert told.count("ingested gmocoin BTC_JPY") >= 2
    assert len(server.sent) == 300
    same(stored(tmp_path / "root", "gmocoin", "BTC_JPY"), expected(server.sent, "BTC_JPY", "1", "0.001"))
    assert is_sound(tmp_path / "root", "gmocoin", "BTC_JPY")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["gmx", "ETH_JPY"], "no venue 'gmx' to record; did you mean 'gmo'?"),
        (["bitflyer", "ETH_JPY", "--taker-only"], "leave the option out"),
        (["gmo", "ETH_JPY", "ETH_JPY"], "ETH_JPY is given twice"),
        (["gmo", "ETH_JPY", "--url", "http://x"], "expected wss://host/path"),
        (["gmo", "ETH_JPY", "--for", "soon"], "--for is 'soon'; expected a time such as"),
        (["gmo", "ETH_JPY", "--stall", "0s"], "--stall is '0s'; expected a time such as"),
        (["gmo", "ETH_JPY", "--day-cut-utc-s", "86400"], "expected 0 to 86399"),
    ],
)
def test_wrong_usage_starts_nothing(tmp_path: Path, arguments: list[str], told: str) -> None:
    call = [sys.executable, "-c", "from atc.cli import main; main()", "record", *arguments]
    done = subprocess.run(
        [*call, "--root", str(tmp_path / "root")], check=False, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert told in done.stderr
    assert not (tmp_path / "root").exists()

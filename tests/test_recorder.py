"""The recorder from socket to canonical events, against a server on this machine that replays real frames."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from recording import BITFLYER, GMO, QUICK, raw_lines, recorded
from recordings import BITFLYER_WS, JPY, needs
from sent_events import Item, expected
from sent_events import recorded as stored
from venue_frames import bitflyer_frames, gmo_frames
from ws_server import BREAKS, EXTRA, VenueServer

from atc.cli import main
from atc.config.compose import compose
from atc.events.catalog import Catalog
from atc.events.quality.day import Stream
from atc.events.recorder.connection import Patience
from atc.events.recorder.raw_folder import RawFolder
from atc.events.recorder.raw_line import parsed
from atc.events.recorder.segment import first_line
from atc.events.recorder.session import Session
from atc.events.recorder.venues import Venue
from atc.events.validate import validate_days

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
    errors = validate_days(catalog, venue, symbol)
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


@pytest.fixture
def boards() -> list[str]:
    if not JPY.is_dir():
        pytest.skip(f"no recordings in {JPY}; set ATC_RECORDINGS")
    return gmo_frames("BTC_JPY")


class Clock:
    """A machine's clock that waits just before GMO Coin's business day ends, until it is told to go on."""

    CUT = 1_771_275_600 * 10**9
    """2026-02-16 21:00 UTC, 06:00 JST."""

    def __init__(self) -> None:
        self._began = time.time_ns()
        self._crossed: int | None = None

    def __call__(self) -> int:
        now = time.time_ns()
        if self._crossed is None:
            return min(self.CUT - 10**9 + now - self._began, self.CUT - 1)
        return self.CUT + now - self._crossed

    async def cross(self) -> None:
        """After everything that was sent has been taken."""
        await asyncio.sleep(0.1)
        self._crossed = time.time_ns()


@pytest.mark.parametrize("silent", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_rotation_at_the_cut_of_the_day_loses_nothing(
    tmp_path: Path, boards: list[str], silent: bool
) -> None:
    clock = Clock()

    async def cut() -> None:
        await clock.cross()
        while silent and len(list((tmp_path / "raw").glob("*Z.jsonl*"))) < 2:
            await asyncio.sleep(0.01)

    # Not between the two prints of an execution: each day is ingested by itself.
    place = next(place for place in range(99, 200) if '"orderbooks"' in boards[place])
    server = VenueServer(boards[:200], subscriptions=3, pauses={place: cut})

    async def replay() -> Session:
        async with server.serving():
            patience = replace(QUICK, stall_s=60)
            return await recorded(server, GMO, ("BTC_JPY",), tmp_path, patience, now_ns=clock)

    session = asyncio.run(replay())
    root = tmp_path / "root"
    days = Catalog(root).days("gmocoin", "BTC_JPY")
    assert [day.isoformat() for day in days] == ["2026-02-16", "2026-02-17"]
    assert [(done.day, done.failed) for done in session.published] == [(day, False) for day in days]
    same(stored(root, "gmocoin", "BTC_JPY"), expected(server.sent, "BTC_JPY", "1", "0.001"))
    assert is_sound(root, "gmocoin", "BTC_JPY")
    with RawFolder(tmp_path / "raw", GMO, clock) as folder:
        assert [file.day for file in folder.sealed()] == days
        _, second = (parsed(first_line(file.path)) for file in folder.sealed())
    assert second[1]["continues"] == folder.sealed()[0].path.name.removesuffix(".gz")
    assert second[1]["connected"] is True


def test_a_gap_ends_with_the_recording_that_tells_it(tmp_path: Path, boards: list[str]) -> None:
    """Stopped before the cut and started again after it: the new day begins with a book of its own."""

    def record(frames: list[str], now_ns: Callable[[], int]) -> None:
        server = VenueServer(frames, subscriptions=3)

        async def replay() -> None:
            async with server.serving():
                await recorded(server, GMO, ("BTC_JPY",), tmp_path, now_ns=now_ns)

        asyncio.run(replay())

    began = time.time_ns()
    for frames, hours in ((boards[:60], -1), (boards[60:120], 1)):
        start = Clock.CUT + hours * 3600 * 10**9
        record(frames, lambda start=start: start + time.time_ns() - began)  # type: ignore[misc]
    catalog = Catalog(tmp_path / "root")
    days = catalog.days("gmocoin", "BTC_JPY")
    assert len(days) == 2
    facts = compose(["data=gmocoin_btcjpy_2025"]).data.model_copy(
        update={"venue": "gmocoin", "recorded_depth": 30}
    )
    stream = Stream(catalog, facts)
    first, second = (stream.quality(day).figures for day in days)
    assert first["gaps"] == second["gaps"] == 1  # the end of each recording
    assert 3500 < float(first["gap_s"] or 0) < 3601
    assert float(second["gap_s"] or 0) < 60


class Recorder:
    """`atc record` as a process of its own, against a server in this one."""

    def __init__(
        self,
        server: VenueServer,
        place: Path,
        *more: str,
        venue: str = "gmo",
        symbol: str = "BTC_JPY",
        terminal: int | None = None,
        nohup: bool = False,
    ) -> None:
        self.place = place
        arguments = ["record", venue, symbol, "--root", str(place / "root"), "--raw", str(place / "raw")]
        arguments += ["--url", server.url, "--longest-wait", "0.2s", *more]
        place.mkdir(exist_ok=True)
        self.output = place / "output.txt"
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN if nohup else signal.SIG_DFL)
        try:
            with self.output.open("a") as file:
                self.process = subprocess.Popen(
                    [sys.executable, "-c", "from atc.cli import main; main()", *arguments],
                    stdout=file if terminal is None else terminal,
                    stderr=file if terminal is None else terminal,
                )
        finally:
            signal.signal(signal.SIGHUP, before)

    async def ended(self) -> int:
        return await asyncio.to_thread(self.process.wait, 60)

    def told(self) -> str:
        return self.output.read_text()


async def heard(server: VenueServer, count: int) -> None:
    """Returns when the server has sent `count` frames."""
    while len(server.sent) < count:
        await asyncio.sleep(0.005)


@pytest.mark.parametrize("kills", [(200,), pytest.param((150, 300, 450, 600, 750), marks=pytest.mark.slow)])
def test_kill_9_loses_nothing_that_had_reached_the_file(tmp_path: Path, kills: tuple[int, ...]) -> None:
    """Killed in the middle of sending; the last run ends in order."""
    frames = bitflyer_frames(("ETH_JPY",), rounds=5) if BITFLYER_WS.is_dir() else []
    if not frames:
        pytest.skip(f"no recordings in {BITFLYER_WS}; set ATC_RECORDINGS")
    server = VenueServer(frames, subscriptions=4, pause_every=10, pause_s=0.01)
    written: list[int] = []

    async def run() -> Recorder:
        async with server.serving():
            for mark in kills:
                recorder = Recorder(server, tmp_path, venue="bitflyer", symbol="ETH_JPY")
                while (lines := frames_in(tmp_path / "raw")) < mark:
                    await asyncio.sleep(0.002)
                recorder.process.send_signal(signal.SIGKILL)
                assert await recorder.ended() == -signal.SIGKILL
                written.append(lines)
            recorder = Recorder(server, tmp_path, venue="bitflyer", symbol="ETH_JPY")
            await server.done.wait()
            while frames_in(tmp_path / "raw") < len(server.sent) - 100 * len(kills):
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
            recorder.process.send_signal(signal.SIGINT)
            assert await recorder.ended() == 130
            return recorder

    recorder = asyncio.run(run())
    assert recorder.told().count("of a recorder that was killed completed") == len(kills)
    kept = _kept(server, tmp_path / "raw")
    # What is lost was on its way when the recorder was killed: the last frames of its connection, and no
    # line that could be read in the file before.
    connections = [frame.connection for frame in server.sent]
    for connection in range(len(kills)):
        of_it = [there for there, number in zip(kept, connections, strict=True) if number == connection]
        assert of_it == sorted(of_it, reverse=True)
        assert sum(kept[: connections.index(connection)]) + sum(of_it) >= written[connection]
    assert all(there for there, number in zip(kept, connections, strict=True) if number == len(kills))
    there = [frame for frame, there in zip(server.sent, kept, strict=True) if there]
    same(stored(tmp_path / "root", "bitflyer", "ETH_JPY"), expected(there, "ETH_JPY", "1", "0.00000001"))
    assert is_sound(tmp_path / "root", "bitflyer", "ETH_JPY")


def frames_in(raw: Path) -> int:
    """Frames in the files as they are now, also in an open one; one that is being sealed is there twice."""
    count = 0
    names = {path.name.removesuffix(".gz") for end in ("", ".gz") for path in raw.glob(f"[!.]*Z.jsonl{end}")}
    for name in names:
        try:
            content = (raw / name).read_bytes()
        except FileNotFoundError:
            content = gzip.decompress((raw / f"{name}.gz").read_bytes())
        count += content.count(b'"channelMessage"')
    return count


def _kept(server: VenueServer, raw: Path) -> list[bool]:
    """Which of the frames that were sent are in the raw files, which hold them in order."""
    lines = iter([content for _, content in raw_lines(raw) if '"channelMessage"' in content])
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


def test_a_closed_terminal_ends_in_order_though_nobody_reads_the_summary(
    tmp_path: Path, boards: list[str]
) -> None:
    server = VenueServer(boards[:20], subscriptions=3)
    ours, theirs = pty.openpty()

    async def run() -> int:
        async with server.serving():
            recorder = Recorder(server, tmp_path, terminal=theirs)
            await server.done.wait()
            await asyncio.sleep(0.1)
            os.close(theirs)
            os.close(ours)
            for _ in range(2):  # the kernel's and the shell's: no second Ctrl-C, which would leave the ingest
                recorder.process.send_signal(signal.SIGHUP)
                await asyncio.sleep(0.05)
            return await recorder.ended()

    assert asyncio.run(run()) == 130
    same(stored(tmp_path / "root", "gmocoin", "BTC_JPY"), expected(server.sent, "BTC_JPY", "1", "0.001"))
    assert not list(tmp_path.rglob(".*.part"))


def test_a_recording_under_nohup_outlives_its_terminal(tmp_path: Path, boards: list[str]) -> None:
    recorders: list[Recorder] = []

    async def hang_up() -> None:
        recorders[0].process.send_signal(signal.SIGHUP)
        await asyncio.sleep(0.1)

    server = VenueServer(boards[:20], subscriptions=3, pauses={10: hang_up})

    async def run() -> int:
        async with server.serving():
            recorders.append(Recorder(server, tmp_path, nohup=True))
            await server.done.wait()
            await asyncio.sleep(0.1)
            recorders[0].process.send_signal(signal.SIGINT)
            return await recorders[0].ended()

    assert asyncio.run(run()) == 130
    assert "gaps 0" in recorders[0].told()
    same(stored(tmp_path / "root", "gmocoin", "BTC_JPY"), expected(server.sent, "BTC_JPY", "1", "0.001"))


@pytest.mark.slow
def test_a_time_limit_ends_with_0_and_canonical_events_come_while_it_runs(tmp_path: Path) -> None:
    frames = bitflyer_frames(("ETH_JPY",)) if BITFLYER_WS.is_dir() else []
    if not frames:
        pytest.skip(f"no recordings in {BITFLYER_WS}; set ATC_RECORDINGS")

    async def ingested() -> None:
        while "ingested bitflyer ETH_JPY" not in (tmp_path / "output.txt").read_text():
            await asyncio.sleep(0.02)

    server = VenueServer(frames, subscriptions=4, pauses={100: ingested})

    async def run() -> tuple[int, str]:
        async with server.serving():
            more = ("--for", "6s", "--publish-every", "1s")
            recorder = Recorder(server, tmp_path, *more, venue="bitflyer", symbol="ETH_JPY")
            return await recorder.ended(), recorder.told()

    code, told = asyncio.run(run())
    assert code == 0
    assert told.count("ingested bitflyer ETH_JPY") >= 2
    assert len(server.sent) == len(frames)
    wanted = expected(server.sent, "ETH_JPY", "1", "0.00000001")
    same(stored(tmp_path / "root", "bitflyer", "ETH_JPY"), wanted)
    assert is_sound(tmp_path / "root", "bitflyer", "ETH_JPY")


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
def test_wrong_usage_starts_nothing(
    tmp_path: Path,
    arguments: list[str],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["atc", "record", *arguments, "--root", str(tmp_path / "root")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "root").exists()

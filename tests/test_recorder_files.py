"""The recorder's raw files: whole lines, whole files, whatever ends them."""

from __future__ import annotations

import asyncio
import errno
import gzip
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from recorded_frames import book
from recording import GMO, raw_lines, recorded
from ws_server import VenueServer

from atc.errors import DataError
from atc.events.recorder.raw_folder import RawFolder
from atc.events.recorder.raw_line import ReceiveClock, is_whole, line, marker, parsed, rubbish
from atc.events.recorder.segment import Segment, complete, seal


def test_the_clock_never_runs_backwards_and_says_so(tmp_path: Path) -> None:
    now = iter([5_000_000_000, 5_000_000_001, 3_000_000_000, 3_100_000_000, 5_000_000_000, 6_000_000_000])
    segment = Segment(tmp_path / "a.jsonl", ReceiveClock(lambda: next(now)))
    for n in range(6):
        segment.write(b'{"n":%d}' % n)
    segment.close()
    lines = [parsed(text) for text in (tmp_path / "a.jsonl").read_bytes().splitlines()]
    assert [ts for ts, _ in lines] == [5_000_000_000, *[5_000_000_001] * 5, 6_000_000_000]
    assert lines[2] == (5_000_000_001, {"atc": "clock", "behind_ns": 2_000_000_001})
    assert [content["n"] for _, content in lines if "n" in content] == list(range(6))


def test_a_frame_with_line_breaks_stays_one_line() -> None:
    text = line(7, b'{\n "a":\r\n1}')
    assert text == b'7 {  "a":  1}\n'
    assert parsed(text) == (7, {"a": 1})
    assert json.loads(rubbish(b"no\njson")) == {"atc": "rubbish", "text": "no\njson"}
    assert b"\n" not in rubbish(b"no\njson")


@pytest.mark.parametrize("tail", [b"", b"17", b'17 {"a":', b"\0" * 5000, b'17 {"a":1', b'18 {"a":[1,2'])
def test_a_killed_file_is_completed(tmp_path: Path, tail: bytes) -> None:
    whole = b"".join(line(n, b'{"n":%d}' % n) for n in range(3))
    path = tmp_path / "a.jsonl"
    path.write_bytes(whole + tail)
    done = complete(path)
    assert done is not None
    assert done.dropped_bytes == len(tail)
    content = path.read_bytes()
    assert content.startswith(whole)
    ts, told = parsed(content[len(whole) :].rstrip(b"\n"))
    assert (ts, told["atc"]) == (2, "lost")
    assert (str(len(tail)) in told["why"]) == bool(tail)
    # Completing again changes nothing.
    complete(path)
    assert path.read_bytes() == content


def test_a_file_that_ended_in_order_gets_no_marker(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(line(1, b"{}") + line(2, marker("next")))
    before = path.read_bytes()
    assert complete(path) is not None
    assert path.read_bytes() == before
    path.write_bytes(b"\0" * 100)
    assert complete(path) is None
    assert not path.exists()


def test_the_last_whole_line_is_found_however_long_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    long = line(5, json.dumps({"text": "x" * 3_000_000}).encode())
    path.write_bytes(line(4, b"{}") + long + b"6 {")
    done = complete(path)
    assert done is not None
    assert done.dropped_bytes == 3
    assert path.read_bytes().startswith(line(4, b"{}") + long)


def _states(tmp_path: Path) -> dict[str, Callable[[Path], None]]:
    """What a kill can leave of a file that was being sealed."""

    def nothing(path: Path) -> None:
        pass

    def half_part(path: Path) -> None:
        path.with_name(f".{path.name}.gz.part").write_bytes(b"\x1f\x8b half")

    def compressed_only(path: Path) -> None:
        copy = path.read_bytes()
        seal(path)
        path.with_name(path.name + ".gz.sha256").unlink()
        path.write_bytes(copy)

    def not_removed(path: Path) -> None:
        copy = path.read_bytes()
        seal(path)
        path.write_bytes(copy)

    def all_but_checksum(path: Path) -> None:
        seal(path)
        path.with_name(path.name + ".gz.sha256").unlink()

    return {f.__name__: f for f in (nothing, half_part, compressed_only, not_removed, all_but_checksum)}


@pytest.mark.parametrize(
    "state", ["nothing", "half_part", "compressed_only", "not_removed", "all_but_checksum"]
)
def test_a_kill_while_sealing_loses_nothing(tmp_path: Path, state: str) -> None:
    with RawFolder(tmp_path, GMO) as folder:
        segment, _ = folder.begin(["ETH_JPY"], continues=None, connected=False)
        for n in range(1000):
            segment.write(b'{"n":%d}' % n)
        segment.write(marker("close"))
        segment.close()
    plain = segment.path.read_bytes()
    _states(tmp_path)[state](segment.path)
    with RawFolder(tmp_path, GMO) as folder:
        sealed = [file.path for file in folder.sealed()]
        digests = [folder.digest(file) for file in folder.sealed()]
    assert [path.name for path in sealed] == [segment.path.name + ".gz"]
    assert gzip.decompress(sealed[0].read_bytes()) == plain
    assert digests == [hashlib.sha256(sealed[0].read_bytes()).hexdigest()]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [".recorder.lock", sealed[0].name, sealed[0].name + ".sha256"]
    )


def test_a_second_recorder_is_refused(tmp_path: Path) -> None:
    with (
        RawFolder(tmp_path, GMO),
        pytest.raises(DataError, match=r"process \d+ records into this folder.*another folder with --raw"),
    ):
        RawFolder(tmp_path, GMO).__enter__()
    with RawFolder(tmp_path, GMO):
        pass


def test_a_clock_far_behind_the_last_recording_is_refused(tmp_path: Path) -> None:
    name = "gmocoin_2100-01-01_21000101T000000.000000Z.jsonl"
    ahead = 4_102_444_800_000_000_000
    (tmp_path / name).write_bytes(line(ahead, marker("segment", symbols=["ETH_JPY"], format=1)))
    with pytest.raises(DataError, match=r"in the future of this machine's clock; set the clock"):
        RawFolder(tmp_path, GMO).__enter__()


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        (b"17 {}", True),
        (b"17 1", True),
        (b"17 ", False),
        (b"{}", False),
        (b"17 {", False),
        (b"17  {}", False),
        (b"-1 {}", False),
    ],
)
def test_what_a_whole_line_is(text: bytes, whole: bool) -> None:
    assert is_whole(text) is whole


def test_a_full_disk_ends_the_file_with_its_last_whole_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = Segment(tmp_path / "a.jsonl", ReceiveClock())
    segment.write(b'{"n":1}')
    whole = segment.path.read_bytes()
    write = os.write

    def full(descriptor: int, content: bytes) -> int:
        if len(content) > 10:
            return write(descriptor, content[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(DataError, match=r"a\.jsonl: the disk is full; all lines before are whole"):
        segment.write(b'{"n":2}')
    monkeypatch.undo()
    assert segment.path.read_bytes() == whole
    segment.write(b'{"n":3}')
    assert segment.path.read_bytes().startswith(whole)
    segment.close()
    segment.sync()
    with pytest.raises(RuntimeError, match="is closed"):
        segment.write(b"{}")


def test_the_recording_ends_with_an_error_when_the_disk_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = Segment._append
    server = VenueServer([book(i) for i in range(50)], subscriptions=3)

    def fails(segment: Segment, text: bytes) -> None:
        if b'"n": 20}' in text:
            raise DataError(f"{segment.path}: the disk is full")
        append(segment, text)

    monkeypatch.setattr(Segment, "_append", fails)

    async def run() -> None:
        async with server.serving():
            await recorded(server, GMO, ("ETH_JPY",), tmp_path, to_its_end=True)

    with pytest.raises(DataError, match="the disk is full"):
        asyncio.run(run())
    kept = [json.loads(content) for _, content in raw_lines(tmp_path / "raw")]
    assert [content["n"] for content in kept if "n" in content] == list(range(20))
    assert "ingested gmocoin ETH_JPY" in (tmp_path / "status.txt").read_text()
    assert kept[-1] == {"atc": "close"}

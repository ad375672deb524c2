"""From sealed raw files to canonical events: what cannot be published is told, and ends nothing."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path

import pytest
from recorded_frames import book
from recording import GMO, recorded
from ws_server import VenueServer

from atc.events.recorder.publish import Target, publish_day
from atc.events.recorder.raw_folder import RawFolder
from atc.events.recorder.raw_line import line, marker
from atc.events.recorder.segment import seal
from atc.events.recorder.session import Session


def test_a_spoilt_line_of_a_sealed_file_does_not_end_the_publisher(tmp_path: Path) -> None:
    """As a power cut leaves one in the middle of a file."""
    raw = tmp_path / "raw"
    with RawFolder(raw, GMO) as folder:
        segment, day = folder.begin(("ETH_JPY",), continues=None, connected=False)
        at = segment.write(marker("open"))
        segment.close()
        with segment.path.open("ab") as file:
            file.write(b'\0\0\0 {"channel":"orderbooks","symbol":"ETH_JPY",\n')
            file.write(line(at, book(1).encode()))
        seal(segment.path)
        (done,) = asyncio.run(publish_day(folder, Target(tmp_path / "root"), day))
    # The ingest has looked at it and names the place.
    assert done.failed
    assert "the raw files are whole, again with: atc ingest gmo_ws" in done.told


def test_an_ingest_that_cannot_be_started_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", refuse)
    with RawFolder(tmp_path / "raw", GMO) as folder:
        segment, day = folder.begin(("ETH_JPY",), continues=None, connected=False)
        segment.write(book(1).encode())
        segment.close()
        seal(segment.path)
        (done,) = asyncio.run(publish_day(folder, Target(tmp_path / "root"), day))
    assert done.failed
    assert "cannot be started" in done.told


def test_days_of_other_files_are_not_replaced(tmp_path: Path) -> None:
    def record(place: Path) -> Session:
        server = VenueServer([book(i) for i in range(5)], subscriptions=3)

        async def run() -> Session:
            async with server.serving():
                return await recorded(server, GMO, ("ETH_JPY",), place)

        return asyncio.run(run())

    one = record(tmp_path)
    assert [done.failed for done in one.published] == [False]
    (tmp_path / "raw").rename(tmp_path / "moved")
    two = record(tmp_path)
    assert [done.failed for done in two.published] == [True]
    assert "does not hold; the day's raw files are whole" in two.published[0].told
    for path in (tmp_path / "moved").glob("gmocoin*"):
        path.rename(tmp_path / "raw" / path.name)
    three = record(tmp_path)
    # What waits from before is ingested at the start, all of the day at the end.
    assert [(done.files, done.failed) for done in three.published] == [(2, False), (3, False)]

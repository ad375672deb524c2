"""Recording from a local server, in this process."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from ws_server import VenueServer

from atc.events.recorder.connection import Patience
from atc.events.recorder.publish import Target
from atc.events.recorder.raw_folder import RawFolder
from atc.events.recorder.session import Plan, Session
from atc.events.recorder.status import StatusLine
from atc.events.recorder.venues import VENUES, Venue

QUICK = Patience(stall_s=0.3, first_wait_s=0.01, longest_wait_s=0.05, closing_s=0.2)
GMO = replace(VENUES["gmo"], subscribe_interval_s=0.0)
BITFLYER = replace(VENUES["bitflyer"], subscribe_interval_s=0.0)


async def recorded(
    server: VenueServer,
    venue: Venue,
    symbols: tuple[str, ...],
    place: Path,
    patience: Patience = QUICK,
    *,
    now_ns: Callable[[], int] = time.time_ns,
    to_its_end: bool = False,
) -> Session:
    """Records all that the server sends, or until the recorder itself ends, into folders of `place`."""
    raw, root = place / "raw", place / "root"
    with RawFolder(raw, replace(venue, url=server.url), now_ns) as folder:
        plan = Plan(symbols, Target(root), patience)
        with (raw.parent / "status.txt").open("w") as told:
            session = Session(folder, plan, StatusLine("test", raw, stream=told))
            running = asyncio.create_task(session.run())
            ended = asyncio.create_task(server.done.wait())
            waited = {running} if to_its_end else {running, ended}
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            # The last frames may still be on their way through the event loop.
            await asyncio.sleep(0.05)
            ended.cancel()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            if not running.cancelled() and (error := running.exception()):
                raise error
    return session


def raw_lines(raw: Path) -> Iterator[tuple[int, str]]:
    """Time and content of every line of the sealed files."""
    for path in sorted(raw.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", newline="\n") as file:
            for text in file:
                ts, _, content = text.rstrip("\n").partition(" ")
                yield int(ts), content

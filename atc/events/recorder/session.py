"""A recording from its start to its end: connection, raw file, rotation, canonical events."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import orjson
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from atc.errors import DataError
from atc.events.recorder.connection import Backoff, CannotConnect, Pace, Patience, opened, why_lost
from atc.events.recorder.publish import Published, Target, days_to_publish, publish_day
from atc.events.recorder.raw_folder import RawFolder
from atc.events.recorder.raw_line import marker, rubbish
from atc.events.recorder.segment import Segment, seal
from atc.events.recorder.status import Counters, StatusLine, size_text

SYNC_EVERY_S = 1.0
"""A power cut loses at most this much of what was received."""


@dataclass(frozen=True)
class Plan:
    """What is to be recorded, and how."""

    symbols: Sequence[str]
    target: Target
    patience: Patience = field(default_factory=Patience)
    publish_every_s: float | None = None
    """Canonical events are made at rotation, at the end and at the start; None: at no other time."""


class Session:
    """One recorder at work. `run` ends when its task is cancelled, or with the error that ended it."""

    def __init__(self, folder: RawFolder, plan: Plan, status: StatusLine) -> None:
        self.counters = Counters()
        self.published: list[Published] = []
        self._folder = folder
        self._plan = plan
        self._status = status
        self._pace = Pace(folder.venue.subscribe_interval_s)
        self._segment: Segment | None = None
        self._day: date | None = None
        self._sealing: set[asyncio.Task[None]] = set()
        self._due: asyncio.Queue[date | None] = asyncio.Queue()
        self._had_data = False

    async def run(self) -> None:
        """Records until it is cancelled; then, or at an error, ends the file in order and publishes it.

        Raises DataError if the disk fails or the venue refuses a subscription for good, UsageError for an
        impossible address.
        """
        self._tell_recovered()
        for day in days_to_publish(self._folder, self._plan.target):
            self._due.put_nowait(day)
        self._begin_segment(None)
        publisher = asyncio.create_task(self._publisher())
        clocks = asyncio.create_task(self._clocks())
        recording = asyncio.create_task(self._keep_connected())
        try:
            done, _ = await asyncio.wait({recording, clocks}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (recording, clocks):
                task.cancel()
            await asyncio.gather(recording, clocks, return_exceptions=True)
            await self._finish(publisher)

    async def _finish(self, publisher: asyncio.Task[None]) -> None:
        self._status.tell("finishing: compressing and ingesting (Ctrl-C again leaves that to the next start)")
        try:
            try:
                self._end_segment("close")
            except DataError as error:
                self._status.tell(str(error))
            await asyncio.gather(*self._sealing)
            self._due.put_nowait(None)
            await publisher
        finally:
            publisher.cancel()
            await asyncio.gather(publisher, return_exceptions=True)

    # The raw file.

    def _begin_segment(self, continues: str | None) -> None:
        self._segment, self._day = self._folder.begin(
            self._plan.symbols, continues=continues, connected=self.counters.connected
        )
        self.counters.files += 1

    def _end_segment(self, kind: str) -> None:
        if self._segment is None or self._day is None:
            return
        segment, day, self._segment = self._segment, self._day, None
        try:
            # The day may have ended since the last frame, but a file holds times of one day only.
            segment.write(marker(kind), at=min(segment.time(), self._folder.last_ns_of(day)))
        finally:
            self.counters.raw_bytes += segment.size
            task = asyncio.create_task(self._seal(segment, day))
            self._sealing.add(task)
            task.add_done_callback(self._sealing.discard)

    async def _seal(self, segment: Segment, day: date) -> None:
        try:
            await asyncio.to_thread(segment.close)
            await asyncio.to_thread(seal, segment.path)
        except DataError as error:
            # The plain file is whole; the next start seals it.
            self._status.tell(f"{segment.path}: left plain, {error}")
            return
        self._due.put_nowait(day)

    def _rotate(self) -> None:
        if self._segment is None:
            return
        name = self._segment.path.name
        self._end_segment("next")
        self._begin_segment(name)

    def _write(self, content: bytes) -> int:
        """Appends a line to the file of its business day; returns its time in ns."""
        if self._segment is None:
            raise RuntimeError("a frame came after the end of the recording")
        ts = self._segment.time()
        if self._folder.day_of(ts) != self._day:
            self._rotate()
            ts = self._segment.time()
        return self._segment.write(content, at=ts)

    # The connection.

    async def _keep_connected(self) -> None:
        backoff = Backoff(self._plan.patience)
        url = self._folder.venue.url
        while True:
            try:
                async with opened(url, self._plan.patience) as socket:
                    venue = self._folder.venue
                    symbols = list(self._plan.symbols)
                    taker_only = venue.taker_only
                    self._write(
                        marker("open", url=url, venue=venue.name, symbols=symbols, taker_only=taker_only)
                    )
                    # Not before: a file that begins with this line does not go on with a connection.
                    self.counters.connected, self.counters.note = True, ""
                    try:
                        why = await self._record(socket, backoff)
                    except asyncio.CancelledError:
                        # To close takes up to seconds, in which nothing is taken any more.
                        self._write(marker("lost", why="the recording ended"))
                        raise
                    finally:
                        self.counters.connected = False
                    self._write(marker("lost", why=why))
                    self.counters.gaps += 1
            except CannotConnect as error:
                self.counters.refused_connects += 1
                why = str(error)
            wait_s = backoff.next_s()
            self.counters.note = f"{url}: {why}; try {backoff.tries + 1} in {wait_s:.1f} s"
            self._status.tell(self.counters.note)
            await asyncio.sleep(wait_s)

    async def _record(self, socket: ClientConnection, backoff: Backoff) -> str:
        """Writes frames until the connection ends; returns why it did."""
        subscribing = asyncio.create_task(self._subscribe(socket))
        stall_s = self._plan.patience.stall_s
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(stall_s) as silence:
                while True:
                    frame = await socket.recv(decode=False)
                    silence.reschedule(loop.time() + stall_s)
                    refused = self._take(frame, backoff)
                    if refused:
                        return refused
        except TimeoutError:
            self._write(marker("stall", silent_s=stall_s))
            self.counters.stalls += 1
            return f"no frame for {stall_s:g} s"
        except ConnectionClosed as error:
            return why_lost(error)
        finally:
            subscribing.cancel()
            await asyncio.gather(subscribing, return_exceptions=True)

    def _take(self, frame: bytes, backoff: Backoff) -> str | None:
        """Writes one frame; the reason to give the connection up, if there is one."""
        try:
            content = orjson.loads(frame)
        except orjson.JSONDecodeError:
            self._write(rubbish(frame))
            self.counters.frames["rubbish"] += 1
            return None
        ts = self._write(frame)
        heard = self._folder.venue.heard(content)
        self.counters.note_frame(heard, ts)
        if heard.kind in ("book", "trade", "ticker"):
            self._had_data = True
            backoff.reset()
        if heard.kind != "refusal":
            return None
        if not self._had_data and not heard.passing:
            raise DataError(
                f"{self._folder.venue.url} refused a subscription of {', '.join(self._plan.symbols)}: "
                f"{heard.detail}; check the venue's name of the symbol"
            )
        return f"refused: {heard.detail}"

    async def _subscribe(self, socket: ClientConnection) -> None:
        for request in self._folder.venue.subscriptions(self._plan.symbols):
            await self._pace.turn()
            await socket.send(request)

    # Clocks and canonical events.

    async def _clocks(self) -> None:
        """Once a second: fsync, the status line, and rotation where no frame caused it."""
        loop = asyncio.get_running_loop()
        publish_at = self._next_publish(loop.time())
        while True:
            await asyncio.sleep(SYNC_EVERY_S)
            segment = self._segment
            if segment is not None:
                await asyncio.to_thread(segment.sync)
                if (
                    self._folder.day_of(self._folder.clock.read()[0]) != self._day
                    or loop.time() >= publish_at
                ):
                    publish_at = self._next_publish(loop.time())
                    self._rotate()
            self._status.refresh(self._shown_counters())

    def _next_publish(self, now: float) -> float:
        every = self._plan.publish_every_s
        return float("inf") if every is None else now + every

    def _shown_counters(self) -> Counters:
        open_bytes = self._segment.size if self._segment else 0
        return replace(self.counters, raw_bytes=self.counters.raw_bytes + open_bytes)

    async def _publisher(self) -> None:
        """Ingests days as they become due, one at a time, until None comes."""
        while True:
            due = {await self._due.get()}
            while not self._due.empty():
                due.add(self._due.get_nowait())
            for day in sorted(day for day in due if day is not None):
                for done in await publish_day(self._folder, self._plan.target, day):
                    self.published.append(done)
                    verb = "NOT ingested" if done.failed else "ingested"
                    self._status.tell(
                        f"{verb} {self._folder.venue.name} {done.symbol} {done.day} from {done.files} raw "
                        f"file{'' if done.files == 1 else 's'}: {done.told}"
                    )
            if None in due:
                return

    def _tell_recovered(self) -> None:
        files, dropped = self._folder.recovered
        if files:
            self._status.tell(
                f"{self._folder.path}: {files} file{'' if files == 1 else 's'} of a recorder that was killed "
                f"completed; {dropped} bytes of unfinished lines dropped"
            )

    def summary(self) -> list[str]:
        """What the recording came to, for the end."""
        counters, folder = self.counters, self._folder
        told = ", ".join(f"{kind} {count:,}" for kind, count in sorted(counters.frames.items())) or "none"
        return [
            f"recorded {folder.venue.name} {' '.join(self._plan.symbols)} in {folder.path}: frames {told}; "
            f"gaps {counters.gaps} (stalls {counters.stalls}), failed connects {counters.refused_connects}, "
            f"raw files {counters.files}, {size_text(counters.raw_bytes)}"
        ]

"""The folder of raw files of one venue: one recorder at a time, names that sort by time, nothing left half
done.

`<venue>_<business day>_<start, UTC>.jsonl` while open, `.jsonl.gz` with a `.sha256` beside it once sealed. A
file holds lines of one business day.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from atc.errors import DataError
from atc.events.business_day import DAY_NS, day_of, day_start_ns
from atc.events.recorder.raw_line import FORMAT, ReceiveClock, marker, parsed
from atc.events.recorder.segment import (
    PLAIN,
    SEALED,
    Segment,
    complete,
    first_line,
    last_time,
    seal,
    sealed_digest,
)
from atc.events.recorder.venues import Venue
from atc.tracking.durable import remove_parts

_NAME = re.compile(
    r"(?P<venue>[A-Za-z0-9-]+)_(?P<day>\d{4}-\d\d-\d\d)_(?P<start>\d{8}T\d{6}\.\d{6})Z\.jsonl(\.gz)?"
)
_CLOCK_MAY_LAG_NS = 60_000_000_000
LOCK = ".recorder.lock"


class Recovered(NamedTuple):
    """What a killed recorder had left behind."""

    files: int
    dropped_bytes: int


class RawFile(NamedTuple):
    """A sealed file of the folder."""

    path: Path
    day: date


class RawFolder:
    """A context manager: holds the folder's lock. Raises DataError if another recorder has it."""

    def __init__(self, path: Path, venue: Venue, now_ns: Callable[[], int] = time.time_ns) -> None:
        """`now_ns`: this machine's clock."""
        self.path = path
        self._now_ns = now_ns
        self.venue = venue
        self.recovered = Recovered(0, 0)
        self._lock: int | None = None
        self.clock = ReceiveClock(now_ns)

    def __enter__(self) -> Self:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise DataError(
                f"{self.path}: no folder to record into ({error.strerror}); name one with --raw"
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._lock, 32, 0).decode(errors="replace").strip() or "(unknown)"
            os.close(self._lock)
            self._lock = None
            raise DataError(
                f"{self.path}: process {holder} records into this folder; one recorder takes several symbols "
                "of a venue: stop that one and name them all, or give this one another folder with --raw and "
                "other symbols"
            ) from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)
        self.recovered = self._recover()
        self.clock = ReceiveClock(self._now_ns, not_before=self._latest())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def begin(
        self, symbols: Sequence[str], *, continues: str | None, connected: bool
    ) -> tuple[Segment, date]:
        """A new open file and its business day; its first line is written."""
        at, _ = self.clock.read()
        day = self.day_of(at)
        ts = at
        while True:
            start = datetime.fromtimestamp(ts // 1_000_000_000, UTC).strftime("%Y%m%dT%H%M%S")
            name = f"{self.venue.name}_{day}_{start}.{ts // 1000 % 1_000_000:06d}Z"
            if not any((self.path / (name + end)).exists() for end in (PLAIN, SEALED)):
                break
            # The clock stood still: the name needs the next µs, the lines do not.
            ts += 1000
        segment = Segment(self.path / (name + PLAIN), self.clock)
        segment.write(
            marker(
                "segment",
                format=FORMAT,
                venue=self.venue.name,
                symbols=list(symbols),
                url=self.venue.url,
                taker_only=self.venue.taker_only,
                continues=continues,
                connected=connected,
            ),
            at=at,
        )
        return segment, day

    def day_of(self, ts_ns: int) -> date:
        """The venue's business day of a time."""
        return day_of(ts_ns, self.venue.day_cut_utc_s, self.venue.tz_offset_s)

    def last_ns_of(self, day: date) -> int:
        """The last ns of a business day."""
        return day_start_ns(day, self.venue.day_cut_utc_s, self.venue.tz_offset_s) + DAY_NS - 1

    def sealed(self) -> list[RawFile]:
        """The sealed files in the order of their beginnings."""
        return sorted(
            RawFile(path, date.fromisoformat(match["day"]))
            for path in self.path.glob("*" + SEALED)
            if (match := _NAME.fullmatch(path.name)) and match["venue"] == self.venue.name
        )

    def symbols_of(self, file: RawFile) -> list[str]:
        """The symbols that a file records. Raises DataError for a file without its first line."""
        try:
            header = parsed(first_line(file.path))[1]
            symbols = header["symbols"]
            if header["format"] != FORMAT:
                raise ValueError(f"format {header['format']}")
        except (ValueError, KeyError, TypeError, OSError, EOFError) as error:
            raise DataError(
                f"{file.path}: its first line is no marker `segment` of format {FORMAT} ({error!r}); move "
                "the file out of the folder"
            ) from error
        return [str(symbol) for symbol in symbols]

    def digest(self, file: RawFile) -> str:
        """SHA-256 of a sealed file."""
        return sealed_digest(file.path)

    def _recover(self) -> Recovered:
        remove_parts(self.path)
        files = dropped = 0
        for path in sorted(self.path.glob("*" + PLAIN)):
            if not _NAME.fullmatch(path.name):
                continue
            done = None
            if not path.with_name(path.name + ".gz").exists():
                done = complete(path)
                if done is None:
                    continue
            seal(path)
            files += 1
            dropped += done.dropped_bytes if done else 0
        for file in self.sealed():
            seal(file.path.with_name(file.path.name.removesuffix(".gz")))
        return Recovered(files, dropped)

    def _latest(self) -> int:
        """The time of the newest line. Raises DataError if this machine's clock is far behind it."""
        files = self.sealed()
        latest = last_time(files[-1].path) if files else 0
        behind = latest - self._now_ns()
        if behind > _CLOCK_MAY_LAG_NS:
            raise DataError(
                f"{files[-1].path}: its last line is {behind / 1e9:.0f} s in the future of this machine's "
                "clock; set the clock, or record into another folder with --raw"
            )
        return latest

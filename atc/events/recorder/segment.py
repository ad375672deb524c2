"""One raw file: appended to while it is open, then compressed and checksummed in a way that no crash can
spoil.

A line is handed to the kernel in one write as it comes, so what a killed process loses is at most the frame
in its hands; `sync` makes the lines survive a power cut too. Sealing writes `<name>.gz` under a temporary
name, reads it back, renames it, writes `<name>.gz.sha256` (as `sha256sum -c` reads it) and only then
removes the plain file.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import shutil
import threading
from collections import deque
from pathlib import Path
from typing import NamedTuple

from atc.errors import DataError
from atc.events.recorder.raw_line import CLOCK_STEP_NS, ReceiveClock, is_whole, line, marker, parsed
from atc.tracking.durable import appearing, part_of, remove, sync_folder, write_bytes

PLAIN, SEALED, CHECKSUM = ".jsonl", ".jsonl.gz", ".sha256"
_LEVEL = 6
_BLOCK = 1 << 20


class Segment:
    """An open raw file."""

    def __init__(self, path: Path, clock: ReceiveClock) -> None:
        """Creates the file. Raises DataError where that fails or it is there already."""
        self.path = path
        self.size = 0
        self._clock = clock
        self._open = threading.Lock()
        self._told_behind = False
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
            self._descriptor: int | None = os.open(path, flags, 0o644)
            sync_folder(path.parent)
        except OSError as error:
            raise _cannot_write(path, error) from error

    def write(self, content: bytes, at: int | None = None) -> int:
        """Appends a frame or marker; its time is now, or `at`, which the clock gave. Returns the time in ns.

        Raises DataError when the disk is full or fails; the file then ends with the last whole line.
        """
        if at is None:
            at = self.time()
        self._append(line(at, content))
        return at

    def time(self) -> int:
        """The clock's time; that the machine's clock ran backwards is told in the file, once each time."""
        now, behind = self._clock.read()
        if behind > CLOCK_STEP_NS:
            if not self._told_behind:
                self._append(line(now, marker("clock", behind_ns=behind)))
            self._told_behind = True
        elif not behind:
            self._told_behind = False
        return now

    def sync(self) -> None:
        """Makes what was written survive a power cut. May run in another thread than `write` and `close`."""
        with self._open:
            if self._descriptor is None:
                return
            try:
                os.fsync(self._descriptor)
            except OSError as error:
                raise _cannot_write(self.path, error) from error

    def close(self) -> None:
        """Syncs and closes; the file is still to be sealed. Nothing is written afterwards."""
        self.sync()
        with self._open:
            if self._descriptor is not None:
                os.close(self._descriptor)
            self._descriptor = None

    def _append(self, text: bytes) -> None:
        descriptor = self._descriptor
        if descriptor is None:
            raise RuntimeError(f"{self.path} is closed")
        try:
            written = os.write(descriptor, text)
            while written < len(text):
                written += os.write(descriptor, text[written:])
        except OSError as error:
            os.ftruncate(descriptor, self.size)
            raise _cannot_write(self.path, error) from error
        self.size += len(text)


class Completed(NamedTuple):
    """What was found at the end of a file that its process did not close."""

    path: Path
    dropped_bytes: int
    """Of a line that was not whole."""


def complete(path: Path) -> Completed | None:
    """Ends a plain file whose process was killed: drops a last line that is not whole and says `lost`.

    None for a file without a single whole line, which is removed: it records nothing.
    """
    size = path.stat().st_size
    end, last = _last_whole_line(path)
    if last is None:
        remove(path)
        return None
    ts, content = parsed(last)
    dropped = size - end
    ended = isinstance(content, dict) and content.get("atc") in ("close", "next", "lost")
    with path.open("r+b") as file:
        if dropped:
            file.truncate(end)
        if not ended:
            why = "the recorder was killed"
            if dropped:
                why += f"; {dropped} bytes of an unfinished line were dropped"
            file.seek(end)
            file.write(line(ts, marker("lost", why=why)))
        file.flush()
        os.fsync(file.fileno())
    return Completed(path, dropped)


def seal(path: Path) -> Path:
    """Compresses a closed plain file, checksums it, removes the plain one. Returns the compressed file.

    May be called again after a crash at any point. Raises DataError where writing or reading back fails.
    """
    sealed = path.with_name(path.name.removesuffix(PLAIN) + SEALED)
    try:
        if path.exists():
            if sealed.exists() and _text_digest(sealed) != _digest(path):
                remove(sealed)
            if not sealed.exists():
                with appearing(sealed) as part:
                    _compress(path, part)
                    if _text_digest(part) != _digest(path):
                        raise DataError(
                            f"{part}: the compressed copy reads back otherwise than {path.name}; the "
                            "plain file is kept: check the disk"
                        )
        checksum = sealed.with_name(sealed.name + CHECKSUM)
        if not checksum.exists():
            write_bytes(checksum, f"{_digest(sealed)}  {sealed.name}\n".encode())
        remove(path)
    except OSError as error:
        raise _cannot_write(part_of(sealed), error) from error
    return sealed


def sealed_digest(sealed: Path) -> str:
    """SHA-256 of a sealed file, as its checksum file says it. Raises DataError where that is damaged."""
    checksum = sealed.with_name(sealed.name + CHECKSUM)
    text = checksum.read_text() if checksum.exists() else ""
    digest = text.partition(" ")[0]
    if len(digest) != 64:
        raise DataError(f"{checksum}: found {text[:80]!r}; expected a SHA-256; remove it and start again")
    return digest


def first_line(path: Path) -> bytes:
    """The first line of a plain or sealed file, without its end."""
    with gzip.open(path) if path.name.endswith(SEALED) else path.open("rb") as file:
        return bytes(file.readline()).rstrip(b"\n")


def last_time(path: Path) -> int:
    """The time of the last whole line, ns; 0 if there is none."""
    if not path.name.endswith(SEALED):
        last = _last_whole_line(path)[1]
        return parsed(last)[0] if last else 0
    with gzip.open(path) as file:
        newest: deque[bytes] = deque(file, maxlen=1)
    text = newest[0].rstrip(b"\n") if newest else b""
    return parsed(text)[0] if is_whole(text) else 0


def _last_whole_line(path: Path) -> tuple[int, bytes | None]:
    """Where the last whole line ends, and what it says: (0, None) if there is none.

    Looked for from the end: after a power cut a file may end in zeros or in anything else.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = min(size, _BLOCK)
        while True:
            start = size - length
            file.seek(start)
            tail = file.read(length)
            end = tail.rfind(b"\n")
            while end >= 0:
                begin = tail.rfind(b"\n", 0, end) + 1
                if begin == 0 and start > 0:
                    break
                if is_whole(tail[begin:end]):
                    return start + end + 1, tail[begin:end]
                end = begin - 1
            if start == 0:
                return 0, None
            length = min(size, 2 * length)


def _compress(path: Path, part: Path) -> None:
    # No name and no time inside: equal lines give equal bytes.
    with (
        path.open("rb") as plain,
        part.open("wb") as raw,
        gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=_LEVEL, mtime=0) as packed,
    ):
        shutil.copyfileobj(plain, packed, _BLOCK)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _text_digest(sealed: Path) -> str:
    digest = hashlib.sha256()
    try:
        with gzip.open(sealed) as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except (EOFError, OSError):
        return "damaged"
    return digest.hexdigest()


def _cannot_write(path: Path, error: OSError) -> DataError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DataError(f"{path}: the disk is full; all lines before are whole: make room and start again")
    return DataError(
        f"{path}: cannot be written ({error.strerror}); expected a folder that can be written to"
    )

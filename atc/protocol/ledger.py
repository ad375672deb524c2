"""The holdout ledger: every look at a holdout, entered before it happens and kept with the data.

    <events root>/holdout/venue=…/symbol=…/<from>_<to>-<key>.jsonl

One file a holdout (stream, span of time, digest of its events), one line a look, only ever appended to. A
line carries the digest of the line before it, the first one that of the file's name, so that a line that was
changed, moved or taken out shows. A file that lost its last lines is not told by itself; `atc compare` tells
it by the runs that have seen the holdout and are not in the ledger.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from atc.errors import DataError, UsageError
from atc.events.commit import sync_folder
from atc.protocol.window import Span

_SUFFIX = ".jsonl"


@dataclass(frozen=True)
class Holdout:
    """Which rows are looked at: a span of time of one stream's events."""

    venue: str
    symbol: str
    span: Span
    digest: str
    """SHA-256 of the events of the span's business days."""

    @property
    def file_name(self) -> str:
        """Readable times, and a key over all that makes this holdout another than its neighbour."""
        key = _sha256(json.dumps([self.venue, self.symbol, *self.span, self.digest]).encode())
        return f"{_compact(self.span[0])}_{_compact(self.span[1])}-{key[:12]}{_SUFFIX}"


@dataclass(frozen=True)
class Asker:
    """Who looks."""

    run_id: str
    name: str
    """The experiment's."""
    config_digest: str
    data_digest: str
    commit: str | None
    """Of the code, where it lies in a git repository."""
    dirty: bool | None
    user: str | None
    host: str | None


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: Literal[1] = 1
    previous: str
    at: str


class Look(_Line):
    """A line of the ledger: a look at the holdout."""

    kind: Literal["look"]
    reason: str
    """What was asked of the holdout."""
    run_id: str
    name: str
    config_digest: str
    data_digest: str
    commit: str | None
    dirty: bool | None
    user: str | None
    host: str | None
    venue: str
    symbol: str
    from_ns: int
    to_ns: int
    holdout_digest: str

    @property
    def span(self) -> Span:
        """The time that was looked at, its end excluded."""
        return self.from_ns, self.to_ns


class Mend(_Line):
    """The first line of a ledger that stands in for a damaged one; its readable looks follow."""

    kind: Literal["mend"]
    reason: str
    damaged: str
    """Name of the damaged file, which is kept."""
    damaged_digest: str


_LINE: TypeAdapter[Look | Mend] = TypeAdapter(Annotated[Look | Mend, Field(discriminator="kind")])


class Ledger:
    """The looks at the holdouts of all data under one events root."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "holdout"

    def path(self, holdout: Holdout) -> Path:
        """The file of `holdout`."""
        return self._stream(holdout.venue, holdout.symbol) / holdout.file_name

    def enter(self, holdout: Holdout, asker: Asker, reason: str) -> Look:
        """Put a look on disk; the caller looks only after this has returned.

        Raises DataError where the ledger cannot be read or written, or is damaged: then nobody may look.
        """
        path = self.path(holdout)
        try:
            _make_folder(path.parent)
            with _locked(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, fcntl.LOCK_EX) as file:
                lines = _verified(path, _content(file))
                look = Look(
                    kind="look",
                    previous=_sha256(_bytes_of(lines[-1])) if lines else _sha256(path.name.encode()),
                    at=_now(),
                    reason=reason,
                    **asdict(asker),
                    venue=holdout.venue,
                    symbol=holdout.symbol,
                    from_ns=holdout.span[0],
                    to_ns=holdout.span[1],
                    holdout_digest=holdout.digest,
                )
                _append(file, _bytes_of(look) + b"\n")
            sync_folder(path.parent)
        except OSError as error:
            raise DataError(
                f"the holdout ledger {error.filename or path} cannot be read or written "
                f"({error.strerror or error}), and a look that is not entered does not happen; make it "
                "writable (it lies with the events, paths.events), or run sealed (protocol.sealed=true)"
            ) from error
        return look

    def looks(self, venue: str, symbol: str, span: Span | None = None) -> list[Look]:
        """Looks at the holdouts of a stream in order of time; only those that share time with `span`.

        Whatever the digest of their events: the same market seen through mended or other files is seen.
        Raises DataError where a ledger cannot be read or is damaged.
        """
        looks = self._read(self._stream(venue, symbol).glob(f"*{_SUFFIX}"))
        return [look for look in looks if span is None or _overlap(look.span, span)]

    def looks_of(self, run_id: str) -> list[Look]:
        """Looks of one run, at whatever holdout, in order of time. Raises DataError as `looks`."""
        return [look for look in self._read(self.folder.rglob(f"*{_SUFFIX}")) if look.run_id == run_id]

    def _read(self, paths: Iterable[Path]) -> list[Look]:
        found: list[Look] = []
        for path in sorted(paths):
            try:
                with _locked(path, os.O_RDONLY, fcntl.LOCK_SH) as file:
                    lines = _verified(path, _content(file))
            except OSError as error:
                raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
            found += [line for line in lines if isinstance(line, Look)]
        return sorted(found, key=lambda look: look.at)

    def _stream(self, venue: str, symbol: str) -> Path:
        return self.folder / f"venue={venue}" / f"symbol={symbol}"


def mend(path: Path, reason: str) -> int:
    """Put a ledger in place of a damaged one: who mended it why, then every look that can still be read.

    The damaged file is kept beside it. Gives the number of looks. Raises UsageError for a ledger that is
    whole or not there.
    """
    if path.suffix != _SUFFIX or not path.is_file():
        raise UsageError(f"{path} is no holdout ledger; `atc holdout log` names the damaged one")
    with _locked(path, os.O_RDWR, fcntl.LOCK_EX) as file:
        content = _content(file)
        try:
            _verified(path, content)
        except DataError:
            pass
        else:
            raise UsageError(f"{path} is whole: there is nothing to mend")
        kept = _free_name(path)
        kept.write_bytes(content)
        lines: list[Look | Mend] = [
            Mend(
                kind="mend",
                previous=_sha256(path.name.encode()),
                at=_now(),
                reason=reason,
                damaged=kept.name,
                damaged_digest=_sha256(content),
            )
        ]
        for found in _readable(content):
            lines.append(found.model_copy(update={"previous": _sha256(_bytes_of(lines[-1]))}))
        fresh = path.with_suffix(".part")
        fresh.write_bytes(b"".join(_bytes_of(line) + b"\n" for line in lines))
        for written in (kept, fresh):
            with written.open("rb") as copy:
                os.fsync(copy.fileno())
        fresh.replace(path)
        sync_folder(path.parent)
    return sum(isinstance(line, Look) for line in lines)


@contextmanager
def _locked(path: Path, flags: int, lock: int) -> Iterator[int]:
    """The file `path`, opened with `flags` and locked."""
    while True:
        file = os.open(path, flags | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(file, lock)
            if not _is_at(file, path):
                continue  # mended while this one waited
            yield file
            return
        finally:
            os.close(file)


def _is_at(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _content(file: int) -> bytes:
    size = os.fstat(file).st_size
    return os.pread(file, size, 0)


def _append(file: int, line: bytes) -> None:
    """Adds the line whole or not at all, and puts it on disk."""
    size = os.fstat(file).st_size
    try:
        if os.write(file, line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(file)
    except BaseException:
        os.ftruncate(file, size)  # under the lock: what follows `size` is this line's
        raise


def _verified(path: Path, content: bytes) -> list[Look | Mend]:
    """The lines of a ledger. Raises DataError that names the first one that is not as it was written."""
    lines: list[Look | Mend] = []
    expected = _sha256(path.name.encode())
    raw = content.split(b"\n")
    for number, text in enumerate(raw[:-1], start=1):
        line = _parsed(text)
        if isinstance(line, str):
            raise _damaged(path, number, line)
        if line.previous != expected:
            what = "the file's name" if number == 1 else "the line before it"
            raise _damaged(path, number, f"carries another digest of {what}: lines were changed or removed")
        lines.append(line)
        expected = _sha256(text)
    if raw[-1]:
        raise _damaged(path, len(raw), "was cut short while it was written")
    return lines


def _readable(content: bytes) -> list[Look]:
    parsed = [_parsed(text) for text in content.split(b"\n")]
    return [line for line in parsed if isinstance(line, Look)]


def _parsed(text: bytes) -> Look | Mend | str:
    """A line, or what is wrong with it."""
    try:
        line = _LINE.validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        return ": ".join([*map(str, first["loc"]), first["msg"]])
    return line if _bytes_of(line) == text else "is not written as a ledger writes it"


def _damaged(path: Path, number: int, what: str) -> DataError:
    return DataError(
        f"{path}, line {number} {what}. The ledger is damaged, so no holdout that it guards is looked at: "
        f'put a copy of it back, or run `atc holdout mend {path} --because "…"`, which keeps the damaged '
        "file and every look that can still be read"
    )


def _bytes_of(line: BaseModel) -> bytes:
    return json.dumps(line.model_dump(), sort_keys=True, separators=(",", ":")).encode()


def _make_folder(folder: Path) -> None:
    """`folder` and those above it, their names on disk."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for made in missing:
        sync_folder(made.parent)


def _free_name(path: Path) -> Path:
    number = 1
    while (name := path.with_name(f"{path.stem}.damaged-{number}")).exists():
        number += 1
    return name


def _overlap(a: Span, b: Span) -> bool:
    return a[0] < b[1] and b[0] < a[1]


def _compact(ns: int) -> str:
    return datetime.fromtimestamp(ns // 1_000_000_000, UTC).strftime("%Y%m%dT%H%M%SZ")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


EnterLook = Callable[[Holdout, str], None]
"""Enters a look at a holdout, with its reason, before it happens; raises where it may not."""


def distinct_runs(looks: Sequence[Look]) -> int:
    """How many different runs looked; one that looked twice knows no more than after its first look."""
    return len({look.run_id for look in looks})

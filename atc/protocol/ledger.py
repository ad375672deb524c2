"""The holdout ledger: every look at a holdout, entered before it happens and kept with the data.

    <events root>/holdout/venue=…/symbol=…/<from>_<to>-<key>.jsonl

One file a stretch of time (stream, span, digest of its events), one line a look, only ever appended to. Time
that validation and folds of a run judged on is entered too: what one window calls training another may hold
out. A line carries the digest of the line before it, the first one that of the file's name, so that a line
that was changed, moved or taken out shows. A file that lost its last lines is not told by itself; `atc
compare` tells it by the runs that have seen the holdout and are not in the ledger.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from atc.errors import DataError, UsageError
from atc.events.commit import sync_folder
from atc.protocol.ledger_lines import Kind, Look, Mend, bytes_of, readable, sha256, verified
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
        key = sha256(json.dumps([self.venue, self.symbol, *self.span, self.digest]).encode())
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


class Ledger:
    """The looks at the holdouts of all data under one events root."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "holdout"

    def path(self, holdout: Holdout) -> Path:
        """The file of `holdout`."""
        return self._stream(holdout.venue, holdout.symbol) / holdout.file_name

    def enter(self, holdout: Holdout, asker: Asker, reason: str, kind: Kind = "look") -> Look:
        """Put a look on disk; the caller looks only after this has returned. `kind="judged"`: at time that is
        the asker's validation or folds, not its holdout.

        Raises DataError where the ledger cannot be read or written, or is damaged: then nobody may look.
        """
        path = self.path(holdout)
        try:
            _make_folder(path.parent)
            with _locked(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, fcntl.LOCK_EX) as file:
                lines = verified(path, _content(file))
                look = Look(
                    kind=kind,
                    previous=sha256(bytes_of(lines[-1])) if lines else sha256(path.name.encode()),
                    at=_now(),
                    reason=reason,
                    **asdict(asker),
                    venue=holdout.venue,
                    symbol=holdout.symbol,
                    from_ns=holdout.span[0],
                    to_ns=holdout.span[1],
                    holdout_digest=holdout.digest,
                )
                _append(file, bytes_of(look) + b"\n")
            sync_folder(path.parent)
        except OSError as error:
            instead = (
                "run sealed (protocol.sealed=true)"
                if kind == "look"
                else "move the window, so that no folds and no validation lie in what was held out"
            )
            raise DataError(
                f"the holdout ledger {error.filename or path} cannot be read or written "
                f"({error.strerror or error}), and a look that is not entered does not happen; make it "
                f"writable (it lies with the events, paths.events), or {instead}"
            ) from error
        return look

    def looks(self, venue: str, symbol: str, span: Span | None = None) -> list[Look]:
        """Entries of looks at the holdouts of a stream in order of time; with `span` all at time that it
        shares. How many looks they are says `number_of_looks`.

        Judging by validation or folds is a look at the holdouts that share its time, whichever came first;
        without `span` it is given where it shares time with a holdout that was opened. Whatever the digest of
        their events: the same market seen through mended or other files is seen. Raises DataError where a
        ledger cannot be read or is damaged.
        """
        looks = self._read(self._stream(venue, symbol).glob(f"*{_SUFFIX}"))
        if span is not None:
            return [look for look in looks if _overlap(look.span, span)]
        held = {look.span for look in looks if look.kind == "look"}
        return [look for look in looks if any(_overlap(look.span, one) for one in held)]

    def looks_of(self, run_id: str, kind: Kind = "look") -> list[Look]:
        """Looks of one run at its holdouts, in order of time, or at what it judged on before. Raises
        DataError as `looks`.
        """
        return [look for look in self.every() if (look.run_id, look.kind) == (run_id, kind)]

    def every(self) -> list[Look]:
        """All entries of all streams in order of time. Raises DataError as `looks`."""
        return self._read(self.folder.rglob(f"*{_SUFFIX}"))

    def _read(self, paths: Iterable[Path]) -> list[Look]:
        found: list[Look] = []
        for path in sorted(paths):
            try:
                with _locked(path, os.O_RDONLY, fcntl.LOCK_SH) as file:
                    lines = verified(path, _content(file))
            except OSError as error:
                raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
            found += [line for line in lines if isinstance(line, Look)]
        return sorted(found, key=lambda look: look.at)

    def _stream(self, venue: str, symbol: str) -> Path:
        return self.folder / f"venue={venue}" / f"symbol={symbol}"


def mend(path: Path, reason: str) -> int:
    """Put a ledger in place of a damaged one: who mended it why, then every look that can still be read.

    The damaged file is kept beside it. Gives the number of looks. Raises UsageError for a ledger that is
    whole or not there, DataError where the folder cannot be written.
    """
    if path.suffix != _SUFFIX or not path.is_file():
        raise UsageError(f"{path} is no holdout ledger; `atc holdout log` names the damaged one")
    try:
        with _locked(path, os.O_RDWR, fcntl.LOCK_EX) as file:
            return _replace_damaged(path, _content(file), reason)
    except OSError as error:
        raise DataError(f"{error.filename or path}: cannot be written ({error.strerror or error})") from error


def _replace_damaged(path: Path, content: bytes, reason: str) -> int:
    try:
        verified(path, content)
    except DataError:
        pass
    else:
        raise UsageError(f"{path} is whole: there is nothing to mend")
    kept = _free_name(path)
    head = Mend(
        kind="mend",
        previous=sha256(path.name.encode()),
        at=_now(),
        reason=reason,
        damaged=kept.name,
        damaged_digest=sha256(content),
    )
    lines = [bytes_of(head)]
    looks = readable(content)
    for look in looks:
        lines.append(bytes_of(look.model_copy(update={"previous": sha256(lines[-1])})))
    fresh = path.with_suffix(".part")
    for written, text in ((kept, content), (fresh, b"".join(line + b"\n" for line in lines))):
        with written.open("wb") as copy:
            copy.write(text)
            copy.flush()
            os.fsync(copy.fileno())
    fresh.replace(path)
    sync_folder(path.parent)
    return len(looks)


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


EnterLook = Callable[[Holdout, str], None]
"""Enters a look at a holdout, with its reason, before it happens; raises where it may not."""

EnterJudged = Callable[[Holdout, str], str | None]
"""Enters that validation or folds judge on a stretch of time, before they do, and gives what a reader has to
know of it; raises where it may not be.
"""


def number_of_looks(entries: Sequence[Look]) -> int:
    """How many looks these entries of a ledger are: the different questions that different runs asked. Every
    count of looks that anything shows is this one.

    A run that was killed and looked again, or was made again by force, asks what it has asked and is told
    what it was told, so it counts once however often it is entered. Other code, data, config or another seed
    is another run; `atc transfer` asks something else in the name of a run.
    """
    return len({(entry.run_id, entry.reason) for entry in entries})

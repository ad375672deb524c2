"""Removing what nobody can ask for again, past what running builds hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from atc.features.day_file import Damaged, read_footer, size_of
from atc.features.day_job import LABELS
from atc.features.day_lock import LOCKS, DayIsLocked, day_lock
from atc.features.inventory import DAMAGED, Judge, cached_files, cached_matrices, half_written, plan_of
from atc.features.matrix_cache import MATRICES
from atc.tracking.durable import is_abandoned


@dataclass(frozen=True)
class Removal:
    """A file that may go."""

    path: Path
    bytes: int
    reason: str


@dataclass(frozen=True)
class Pruned:
    """What a removal came to."""

    removed: int
    bytes: int
    held: tuple[str, ...]
    """Days that were left alone, and who builds them."""


def removals(
    cache_root: Path, judge: Judge, *, keep: Collection[Path] | None = None, schemas: Collection[str] = ()
) -> list[Removal]:
    """Stale and abandoned files of the judge's instrument.

    `keep`: every other file goes too, stale or not. `schemas`: only of these.
    """
    found = []
    going: set[Path] = set()
    for file in cached_files(cache_root, judge.venue, judge.symbol):
        reason = judge.why_stale(file)
        if reason is None and keep is not None and file.path not in keep and file.schema != LABELS:
            reason = "other settings"
        if reason is not None:
            going.add(file.path)
            if not schemas or file.schema in schemas:
                found.append(Removal(file.path, size_of(file.path), reason))
    for matrix in cached_matrices(cache_root, judge.venue, judge.symbol):
        reason = f"{DAMAGED}: {matrix.damage}" if matrix.plan is None else None
        files = matrix.made_of(cache_root, judge.venue, judge.symbol)
        if any(file in going or not file.exists() for file in files):
            reason = f"its {matrix.made_of_what} are gone, or go with this"
        if reason is not None and (not schemas or MATRICES in schemas):
            found.append(Removal(matrix.path, size_of(matrix.path), reason))
    for part in half_written(cache_root, judge.venue, judge.symbol):
        if is_abandoned(part):
            found.append(Removal(part, size_of(part), "left by a killed process"))
    return found


def remove(files: Iterable[Removal]) -> Pruned:
    """Removes the files, each day under its lock; a day that is being built is left alone."""
    by_day: dict[Path, list[Removal]] = defaultdict(list)
    for file in files:
        by_day[_lock_of(file.path)].append(file)
    removed = size = 0
    held = []
    for lock, of_day in sorted(by_day.items()):
        try:
            with day_lock(lock):
                for file in of_day:
                    if file.reason.startswith(DAMAGED) and _is_whole(file.path):
                        continue  # built again since it was looked at
                    file.path.unlink(missing_ok=True)
                    removed, size = removed + 1, size + file.bytes
                for folder in {file.path.parent for file in of_day}:
                    _remove_if_empty(folder)
        except DayIsLocked as other:
            held.append(f"{lock.name}, which {other.owner} builds")
    return Pruned(removed, size, tuple(held))


def _lock_of(path: Path) -> Path:
    """The lock of the day that a cached file belongs to, or of a matrix."""
    day = path.parent
    if not day.name.startswith("date="):
        # A matrix, or `.<key>@host@process@….part` of one.
        return day / LOCKS / path.stem.removeprefix(".").partition("@")[0]
    above = day.parent
    instrument = above.parent if above.name.startswith("schema=") else above
    return instrument / LOCKS / day.name.removeprefix("date=")


def _is_whole(path: Path) -> bool:
    try:
        if path.parent.name.startswith("date="):
            read_footer(path)
        else:
            plan_of(path)
    except (Damaged, FileNotFoundError):
        return False
    return True


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return  # something is left in it, or it went already

"""The order of steps that makes an ingest whole or absent, and the removal of what killed processes leave."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from atc.events.catalog import Manifest, canonical_dir, manifests_dir, read_manifests

OWNER = "owner.lock"
"""Locked by the process that a temporary folder belongs to; the kernel unlocks it when the process ends."""
MOVES = "moves.json"
"""The files that are about to be moved to their places."""


@contextmanager
def root_lock(root: Path) -> Iterator[None]:
    """One process at a time sets up, cleans or commits; writing itself is not serialised."""
    folder = canonical_dir(root)
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / "_lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def remove_leftovers(root: Path) -> None:
    """Removes what dead processes left; to be called under the root lock."""
    temporary = canonical_dir(root) / "_tmp"
    for folder in temporary.glob("*") if temporary.is_dir() else ():
        if not _is_alive(folder):
            undo_moves(root, folder)
            # A living process may be removing it too: a session that ends badly does so outside the lock.
            shutil.rmtree(folder, ignore_errors=True)
    remove_replaced(root)


def _is_alive(folder: Path) -> bool:
    try:
        owner = os.open(folder / OWNER, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        # Folder and lock are made under the root lock, so a folder without one was left by a process that
        # died.
        return False
    try:
        fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(owner)
    return False


def undo_moves(root: Path, folder: Path) -> None:
    """Removes files that were moved to their places by an ingest that has no manifest."""
    moves = folder / MOVES
    if not moves.exists():
        return
    try:
        paths = json.loads(moves.read_bytes())
    except ValueError:
        # Cut short while it was written, that is before the first move.
        return
    listed = {entry.path for manifest in read_manifests(root).values() for entry in manifest.files}
    for path in paths:
        if path not in listed:
            (canonical_dir(root) / path).unlink(missing_ok=True)


def remove_replaced(root: Path) -> None:
    """Removes ingests that another one replaces, manifest first."""
    live = read_manifests(root)
    kept = {entry.path for manifest in live.values() for entry in manifest.files}
    for old in {old for manifest in live.values() for old in manifest.replaces}:
        path = manifests_dir(root) / f"{old}.json"
        if path.exists():
            files = Manifest.from_json(json.loads(path.read_bytes())).files
            for entry in files:
                if entry.path not in kept:
                    (canonical_dir(root) / entry.path).unlink(missing_ok=True)
            path.unlink()


def write_synced(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Makes new names in the folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

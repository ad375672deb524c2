"""Files that are whole or not there: a temporary name, fsync, rename, fsync of the folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PART_SUFFIX = ".part"


def part_of(path: Path) -> Path:
    """The hidden sibling under which `path` is written before it gets its name."""
    return path.with_name(f".{path.name}{PART_SUFFIX}")


def sync_folder(folder: Path) -> None:
    """Makes the names in `folder` survive a power cut, as fsync does for the content of a file."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(path: Path) -> None:
    """fsync of a file, or of every file and folder under a folder."""
    if path.is_dir():
        for child in path.iterdir():
            sync_tree(child)
        sync_folder(path)
        return
    with path.open("rb") as file:
        os.fsync(file.fileno())


def remove(path: Path) -> None:
    """Removes a file or a folder with all it holds; nothing if it is not there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Replaces `path` by `content` in one step: a reader sees the old bytes or the new ones, never a
    mixture.
    """
    part = part_of(path)
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


@contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """Yields a temporary path to be made into a file or a folder; it gets the name `path` when the body
    ends well.

    Raises FileExistsError if `path` is there already, FileNotFoundError if the body made nothing. After an
    exception in the body nothing is left.
    """
    if path.exists():
        raise FileExistsError(f"{path} is written already")
    part = part_of(path)
    remove(part)
    try:
        yield part
        sync_tree(part)
        part.rename(path)
    except BaseException:
        remove(part)
        raise
    sync_folder(path.parent)


def remove_parts(folder: Path) -> None:
    """Removes what an interrupted write left directly in `folder`."""
    for part in folder.glob(f".*{PART_SUFFIX}"):
        remove(part)

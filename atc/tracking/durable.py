"""Files that are whole or not there: a temporary name, fsync, rename, fsync of the folder."""

from __future__ import annotations

import errno
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from io import SEEK_END, FileIO
from pathlib import Path
from secrets import token_hex

PART_SUFFIX = ".part"
_BLOCK = 1 << 16


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
    mixture. Of several writers at a time the last one's stay, whole. What killed ones left of it goes.
    """
    part = path.with_name(f".{path.name}@{socket.gethostname()}@{os.getpid()}@{token_hex(4)}{PART_SUFFIX}")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    for left in path.parent.glob(f".{escape(path.name)}@*{PART_SUFFIX}"):
        if is_abandoned(left):
            left.unlink(missing_ok=True)
    sync_folder(path.parent)


def is_abandoned(part: Path) -> bool:
    """The process that was writing `part` was one of this machine, and is no more."""
    _, *told = part.name.rsplit("@", 3)
    if len(told) != 3 or told[0] != socket.gethostname() or not told[1].isdigit():
        return False
    try:
        os.kill(int(told[1]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False  # another user's process, and alive
    return False


def append_line(path: Path, line: bytes) -> None:
    """Adds `line`, its newline included, to a file of lines: on disk and whole when this returns, or not
    there at all. What a killed writer left of a line goes first. One process writes at a time.
    """
    with path.open("a+b", buffering=0) as file:
        end = file.seek(0, SEEK_END)
        whole = _end_of_lines(file, end)
        if whole < end:
            file.truncate(whole)
        try:
            if file.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            os.fsync(file.fileno())
        except BaseException:
            file.truncate(whole)
            raise
    if whole == 0:
        sync_folder(path.parent)


def _end_of_lines(file: FileIO, end: int) -> int:
    """Behind the last newline before `end`; 0 where there is none."""
    while end > 0:
        begin = max(0, end - _BLOCK)
        file.seek(begin)
        found = file.read(end - begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        end = begin
    return 0


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

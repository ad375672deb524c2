"""Files that are whole or not there: a temporary name, fsync, rename, fsync of the folder."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from glob import escape
from io import SEEK_END, FileIO
from pathlib import Path
from secrets import token_hex

PART_SUFFIX = ".part"
_BLOCK = 1 << 16
_LEFT_AFTER_S = 86_400.0
"""No writer lets its file be for so long."""
_PROC = Path("/proc")


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
    part = own_part(path.parent, path.name)
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


def own_part(folder: Path, name: str) -> Path:
    """`.NAME@HOST@PROCESS@TOKEN.part` in `folder`: a name that no other writer has, and that tells whether
    its writer lives. PROCESS is `PID.BOOT.SPACE`: containers of one host name may each have a process 7.
    """
    process = ".".join([str(os.getpid()), *_process_space()])
    return folder / f".{name}@{socket.gethostname()}@{process}@{token_hex(4)}{PART_SUFFIX}"


def is_abandoned(part: Path) -> bool:
    """The process that was writing `part`, named by `own_part`, was one of this machine, and is no more.

    One that counted its processes apart from us, in another container or before the machine was started
    anew, cannot be asked: its file is abandoned when nobody has written to it for a day. Names of before
    2026-11-23 have the process number alone, which is taken for one of ours.
    """
    _, *told = part.name.rsplit("@", 3)
    if len(told) != 3 or told[0] != socket.gethostname():
        return False
    number, *space = told[1].split(".")
    if not number.isdigit():
        return False
    if space and tuple(space) != _process_space():
        return _is_old(part)
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False  # another user's process, and alive
    return False


@cache
def _process_space() -> tuple[str, ...]:
    """Where our process numbers count: this start of the machine, and the kernel's number of the space of
    them. Empty where /proc does not tell.
    """
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return boot.replace("-", "")[:12], str((_PROC / "self/ns/pid").stat().st_ino)
    except OSError:
        return ()


def _is_old(part: Path) -> bool:
    try:
        return time.time() - part.stat().st_mtime > _LEFT_AFTER_S
    except FileNotFoundError:
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

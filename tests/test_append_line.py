"""Lines that are added to a file: each whole or not there, whatever the writer before died at."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from atc.tracking import durable
from atc.tracking.durable import append_line


@pytest.mark.parametrize("whole", [b"", b"one\n", b"one\n" + b"x" * 200_000 + b"\n"])
@pytest.mark.parametrize("half", [b"", b'{"half', b"y" * 70_000, b"\0" * 4096])
def test_half_a_line_gives_way_and_whole_ones_stay(tmp_path: Path, whole: bytes, half: bytes) -> None:
    path = tmp_path / "lines"
    path.write_bytes(whole + half)
    file = path.stat().st_ino
    append_line(path, b"next\n")
    append_line(path, b"last\n")
    assert path.read_bytes() == whole + b"next\nlast\n"
    assert path.stat().st_ino == file  # not written anew


def test_a_file_that_is_not_there_is_made(tmp_path: Path) -> None:
    append_line(tmp_path / "lines", b"one\n")
    assert (tmp_path / "lines").read_bytes() == b"one\n"


def test_a_disk_that_is_full_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lines"
    append_line(path, b"one\n")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(durable.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        append_line(path, b"two\n")
    assert path.read_bytes() == b"one\n"

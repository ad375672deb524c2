"""Files that several processes replace at a time."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pyarrow as pa
import pytest

from atc.events import futures
from atc.events.quality import cache as quality_cache
from atc.events.quality.day import DayQuality
from atc.tracking import durable
from atc.tracking.durable import is_abandoned, own_part, write_bytes

WRITER = """
import sys
from pathlib import Path
from atc.tracking.durable import write_bytes
for _ in range(150):
    write_bytes(Path(sys.argv[1]), sys.argv[2].encode() * 60_000)
"""


def test_two_writers_leave_nothing_torn(tmp_path: Path) -> None:
    path = tmp_path / "board.csv"
    write_bytes(path, b"a" * 60_000)
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), letter], stderr=subprocess.PIPE, text=True)
        for letter in "ab"
    ]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        content = path.read_bytes()
        seen.add((len(content), len(set(content))))
    assert [writer.communicate()[1] for writer in writers] == ["", ""]
    assert seen == {(60_000, 1)}
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_writer_left_goes_and_what_another_is_writing_stays(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    host = socket.gethostname()
    killed, alive, elsewhere, other = (  # named as before 2026-11-23
        tmp_path / f".{name}@{where}@{process}@00000000.part"
        for name, where, process in (
            ("[a].csv", host, dead.pid),
            ("[a].csv", host, os.getppid()),
            ("[a].csv", "another", dead.pid),
            ("a.csv", host, dead.pid),
        )
    )
    for part in (killed, alive, elsewhere, other):
        part.touch()
    write_bytes(tmp_path / "[a].csv", b"whole")
    assert sorted(tmp_path.iterdir()) == sorted([tmp_path / "[a].csv", alive, elsewhere, other])


LEAVES = """
import sys
from pathlib import Path
from atc.tracking.durable import own_part
part = own_part(Path(sys.argv[1]), "board.csv")
part.touch()
print(part, flush=True)
sys.stdin.read()
"""


def left_by(folder: Path, *before: str) -> tuple[Path, subprocess.Popen[str]]:
    """What a process has begun to write, and the process, which lives until its stdin closes."""
    words = [*before, sys.executable, "-c", LEAVES, str(folder)]
    writer = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    return Path(writer.stdout.readline().strip()), writer


def test_a_file_is_abandoned_when_its_writer_has_died(tmp_path: Path) -> None:
    part, writer = left_by(tmp_path)
    assert part.parent == tmp_path and not is_abandoned(part)
    writer.communicate()
    assert is_abandoned(part)
    assert not is_abandoned(own_part(tmp_path, "board.csv"))


def aged(part: Path) -> Path:
    os.utime(part, (0, 0))
    return part


def test_a_container_of_the_same_host_name_and_the_same_process_numbers_is_another(tmp_path: Path) -> None:
    """Its process 1, or 7, is not ours; nor is it gone where we have none of that number."""
    apart = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc"]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*apart, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("this machine lets nobody count processes apart")
    part, writer = left_by(tmp_path, *apart)
    try:
        _, host, process, _ = part.name.split("@")
        assert (host, process.split(".")[0]) == (socket.gethostname(), "1")
        assert not is_abandoned(part)
    finally:
        writer.communicate()
    # Nobody here can know that it has ended, but that it has not written for a day.
    assert not is_abandoned(part)
    assert is_abandoned(aged(part))


@pytest.mark.parametrize("space", [("0123456789ab", "4026531836"), ()])
def test_what_was_written_before_the_machine_was_started_anew_goes_after_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, space: tuple[str, ...]
) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    before = tmp_path / f".a@{socket.gethostname()}@{dead.pid}.ba9876543210.4026531836@00000000.part"
    before.touch()
    monkeypatch.setattr(durable, "_process_space", lambda: space)
    assert not is_abandoned(before)
    assert is_abandoned(aged(before))
    before.unlink()
    assert not is_abandoned(before)


def test_without_proc_names_are_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable, "_PROC", tmp_path / "nowhere")
    durable._process_space.cache_clear()
    try:
        assert own_part(tmp_path, "a").name.split("@")[1:3] == [socket.gethostname(), str(os.getpid())]
    finally:
        durable._process_space.cache_clear()


def kept_quality(file: Path) -> None:
    quality_cache._write(file, cast(DayQuality, None))


def kept_futures(file: Path) -> None:
    futures._keep(pa.table({"a": [1]}), file)


@pytest.mark.parametrize("keep", [kept_quality, kept_futures])
def test_a_container_with_the_same_process_number_may_keep_the_same_file_at_the_same_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: Callable[[Path], None]
) -> None:
    monkeypatch.setattr(quality_cache, "day_document", lambda _: {"a": 1})
    file, replace = tmp_path / "kept", Path.replace
    others = [keep]

    def another_is_quicker(part: Path, target: Path) -> Path:
        while others:
            others.pop()(file)
        return replace(part, target)

    monkeypatch.setattr(Path, "replace", another_is_quicker)
    keep(file)
    assert list(tmp_path.iterdir()) == [file]

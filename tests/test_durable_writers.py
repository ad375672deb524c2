"""Files that several processes replace at a time."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from atc.tracking.durable import write_bytes

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
    killed, alive, elsewhere, other = (
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

"""A sweep on a terminal: a table that stays within it, and a terminal that is left as it was found."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path

from swept_runs import WAITS
from waiting import waited_for

from atc.config.root import project_root

PROGRAM = Path(__file__).with_name("swept_runs.py")
WIDTH = 60
HIDDEN, SHOWN = "\x1b[?25l", "\x1b[?25h"
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def test_ctrl_c_leaves_a_terminal_that_can_be_used_and_says_how_to_go_on(
    tmp_path: Path, processes: list[subprocess.Popen[str]]
) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 20, WIDTH, 0, 0))
    before = termios.tcgetattr(theirs)
    words = ["-m", f"seed=1,{WAITS},2", f"paths.outputs={tmp_path}", "tracking=none"]
    sizes = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(
        [sys.executable, str(PROGRAM), *words],
        cwd=project_root().folder,
        env=sizes | {"PYTHONPATH": str(project_root().folder), "TERM": "xterm-256color"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        text=True,
        start_new_session=True,
    )
    processes.append(process)
    os.set_blocking(ours, False)
    raw = b""

    def drawn() -> str:
        nonlocal raw
        with suppress(BlockingIOError):
            raw += os.read(ours, 1 << 16)
        return raw.decode(errors="ignore")

    waited_for(lambda: "fit" in drawn() and list(tmp_path.glob("waiting-*")))
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to launcher and worker
    waited_for(lambda: drawn() and process.poll() is not None)
    text = drawn()
    assert process.returncode == 130
    assert termios.tcgetattr(theirs) == before
    os.close(theirs)
    os.close(ours)

    assert text.rindex(SHOWN) > text.rindex(HIDDEN)
    table, closing = text[: text.rindex(SHOWN)], text[text.rindex(SHOWN) :]
    lines = [ESCAPES.sub("", line) for line in re.split(r"[\r\n]+", table)]
    assert max(map(len, lines)) <= WIDTH
    assert any(line.split()[:2] == ["1", "finished"] for line in lines)
    assert "of 3 finished after" in table
    left = " ".join(closing.split())
    assert "1 of 3 jobs finished, 1 of them now" in left
    assert "2 of 3 jobs are left; the same command, or atc sweep resume" in left
    assert f"interrupted: [2/3] seed={WAITS}: Ctrl-C (SIGINT) reached the launcher" in left

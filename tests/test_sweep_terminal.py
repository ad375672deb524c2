"""A sweep on a terminal: a table that stays within it, and a terminal that is left as it was found."""

from __future__ import annotations

import fcntl
import json
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
from atc.sweep.opened import open_sweep

PROGRAM = Path(__file__).with_name("swept_runs.py")
WIDTH = 60
HIDDEN, SHOWN = "\x1b[?25l", "\x1b[?25h"
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def started(outputs: Path, terminal: int) -> subprocess.Popen[str]:
    """A sweep at `terminal`, whose second job waits to be ended."""
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 20, WIDTH, 0, 0))
    words = ["-m", f"seed=1,{WAITS},2", f"paths.outputs={outputs}", "tracking=none"]
    sizes = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    return subprocess.Popen(
        [sys.executable, str(PROGRAM), *words],
        cwd=project_root().folder,
        env=sizes | {"PYTHONPATH": str(project_root().folder), "TERM": "xterm-256color"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        text=True,
        start_new_session=True,
    )


def test_ctrl_c_leaves_a_terminal_that_can_be_used_and_says_how_to_go_on(
    tmp_path: Path, processes: list[subprocess.Popen[str]]
) -> None:
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    process = started(tmp_path, theirs)
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


def test_a_closed_terminal_leaves_a_sweep_that_says_so(
    tmp_path: Path, processes: list[subprocess.Popen[str]]
) -> None:
    ours, theirs = pty.openpty()
    heard = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # also where the tests run under nohup
    try:
        process = started(tmp_path, theirs)
    finally:
        signal.signal(signal.SIGHUP, heard)
    processes.append(process)
    os.set_blocking(ours, False)

    def waits() -> bool:
        with suppress(BlockingIOError):
            os.read(ours, 1 << 16)
        return bool(list(tmp_path.glob("waiting-*")))

    waited_for(waits)
    os.close(theirs)
    os.close(ours)
    for _ in range(2):  # kernel and shell, to launcher and worker
        os.killpg(process.pid, signal.SIGHUP)
    waited_for(lambda: process.poll() is not None)
    (folder,) = (tmp_path / "sweeps").glob("*-*")
    jobs = open_sweep(folder).jobs
    assert [job.status for job in jobs] == ["finished", "interrupted", "pending"]
    assert jobs[1].state is not None and jobs[1].state.status == "interrupted"
    assert jobs[1].why.endswith(" UTC: a closed terminal (SIGHUP) reached the launcher")
    records = [json.loads(path.read_bytes()) for path in tmp_path.glob("runs/*/manifest.json")]
    assert sorted(record["status"] for record in records) == ["finished", "interrupted"]

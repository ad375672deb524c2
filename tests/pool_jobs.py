"""Jobs for tests of pools of processes."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from atc.executors import Leave


def do(job: tuple[Path, str]) -> str:
    """Leaves a file with its process; one that is to `wait` takes a while to end itself, and says so; one
    goes on `until` there is a file `now`, one is to `die`, and one wants its process to end (`leave`).
    """
    folder, what = job
    if what == "wait":
        signal.signal(signal.SIGTERM, lambda *_: _end(folder))
    (folder / what).write_text(str(os.getpid()))
    while what == "wait":
        time.sleep(0.01)
    while what == "until" and not (folder / "now").exists():
        time.sleep(0.01)
    if what == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "leave":
        raise Leave(what)
    return what


def _end(folder: Path) -> None:
    time.sleep(0.5)
    (folder / "whole").touch()
    raise KeyboardInterrupt

"""What ends a command, in processes of their own: whatever came, and when, the exit code is the command's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from atc.config.root import project_root

RUN = """
import atexit
import os
import signal
import sys

from atc.config.entry import main_with

NAME = os.environ["SENT"]


def send():
    os.kill(os.getpid(), getattr(signal, NAME))


def run(config):
    # Libraries run such texts while they are loaded: for a dataclass, for a named tuple.
    exec("send()")


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the tests run in the background
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # or under nohup
    if NAME == "SIGHUP":
        atexit.register(send)  # the kernel sends it, and the shell
    sys.exit(main_with(run, None))
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_run_that_is_interrupted_says_so_with_its_exit_code(name: str, tmp_path: Path) -> None:
    (tmp_path / "interrupted_run.py").write_text(RUN)
    root = project_root().folder
    done = subprocess.run(
        # Of a program that is no module Python minds only the exit code.
        [sys.executable, "-m", "interrupted_run", f"paths.outputs={tmp_path}"],
        cwd=root,
        env=os.environ | {"PYTHONPATH": f"{root}{os.pathsep}{tmp_path}", "SENT": name},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (130, "interrupted\n")

"""Modules of this package in processes of their own, each with a pipe to it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import atc


def start(module: str, *words: str, own_session: bool = False) -> tuple[subprocess.Popen[bytes], Connection]:
    """`python -m MODULE NUMBER WORDS` of this package, where NUMBER is the file of its end of the pipe; our
    end.

    `own_session`: what ends the terminal's group does not reach it. Call it where `ctrl_c_waits`. Raises
    OSError.
    """
    ours, theirs = socket.socketpair()
    package = str(Path(atc.__file__).parents[1])
    path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    with ours, theirs:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", module, str(theirs.fileno()), *words],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=own_session,
        )
        return process, Connection(ours.detach())


@contextmanager
def ctrl_c_waits() -> Iterator[None]:
    """A process that is started here is deaf to Ctrl-C from its first moment on, before it can say so itself;
    and one that has been started is known before Ctrl-C ends us.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

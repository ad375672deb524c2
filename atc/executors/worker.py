"""A process that does the jobs it is handed over a socket, until the other end closes."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import traceback
from multiprocessing.connection import Connection

from atc.executors import Leave, named

LEFT_WITHIN_S = 20.0
"""So long a job may take to end itself when whoever wanted it is gone."""


def main() -> None:
    """`socket module:function [module:function]`: serves the socket of that number by the first function; the
    second is called before the first job.
    """
    # They reach the whole group: whoever started us decides, and leaves nothing half written.
    for of_the_terminal in (signal.SIGINT, signal.SIGHUP):
        signal.signal(of_the_terminal, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    number, does, begins = sys.argv[1:4]
    with Connection(int(number)) as pipe:
        at_work = threading.Event()
        threading.Thread(target=_watch, args=(pipe.fileno(), at_work), daemon=True).start()
        if begins:
            named(begins)()
        do = named(does)
        while True:
            try:
                job = pipe.recv()
            except (EOFError, ConnectionResetError):
                return
            leaves = False
            at_work.set()
            try:
                outcome = do(job)
            except Leave as leaving:
                outcome, leaves = leaving.outcome, True
            at_work.clear()
            try:
                pipe.send((outcome, leaves))
            except OSError:
                return  # nobody is left to hear it; the files are there
            if leaves:
                return


def _watch(descriptor: int, at_work: threading.Event) -> None:
    """Ends a job that nobody waits for: by SIGTERM, so that it leaves nothing half written, or at last so."""
    poll = select.poll()
    poll.register(descriptor, 0)  # what is always reported: the other end is gone
    while not poll.poll():
        pass
    if not at_work.is_set():
        return  # the other end is read, and ends us
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(LEFT_WITHIN_S)
    os._exit(1)


if __name__ == "__main__":
    try:
        main()
    except Exception:
        traceback.print_exc()
        sys.exit(1)

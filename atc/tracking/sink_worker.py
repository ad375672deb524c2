"""A process that does what a `WandbSink` is told, over a socket, until it is told to close; see
`wandb_beside`.
"""

from __future__ import annotations

import logging
import os
import sys
from multiprocessing.connection import Connection

from atc.ending import end_process

ANSWERED = frozenset({"start", "picture", "close"})
"""Calls after which the other end is told what became of the sink."""
LOG = "log"
"""What a line of the log is announced by."""


class Told(logging.Handler):
    """Sends what is logged and warned here to the other end, whose log it belongs in."""

    def __init__(self, pipe: Connection) -> None:
        super().__init__(level=logging.INFO)
        self._pipe = pipe

    def emit(self, record: logging.LogRecord) -> None:
        """Sends logger, level and text."""
        try:
            self._pipe.send((LOG, (record.name, record.levelno, record.getMessage())))
        except Exception:
            self.handleError(record)


def main() -> None:
    """Serves the socket whose number is the first argument."""
    with Connection(int(sys.argv[1])) as pipe:
        logging.getLogger().addHandler(Told(pipe))
        logging.getLogger("atc").setLevel(logging.INFO)
        logging.captureWarnings(capture=True)
        try:
            sink = pipe.recv()
            name = ""
            while name != "close":
                name, given = pipe.recv()
                getattr(sink, name)(*given)
                if name in ANSWERED:
                    pipe.send((name, sink.report()))
                if name == "start":
                    sink.make_ready()
        except (EOFError, OSError):
            # Whoever told us is dead. At a proper end W&B would call the run finished.
            os._exit(1)


if __name__ == "__main__":
    main()
    end_process(0)  # the run waits for this process before it ends

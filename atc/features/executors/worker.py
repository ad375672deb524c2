"""A process that builds the days it is handed over a socket, until the other end closes."""

from __future__ import annotations

import signal
import sys
from multiprocessing.connection import Connection

from atc.features.build_day import build_day


def main() -> None:
    """Serves the socket whose number is the first argument."""
    # Ctrl-C reaches the whole group: whoever started us decides, and leaves nothing half written.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    import pyarrow as pa

    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    with Connection(int(sys.argv[1])) as pipe:
        while True:
            try:
                job = pipe.recv()
            except (EOFError, ConnectionResetError):
                return
            outcome = build_day(job)
            try:
                pipe.send(outcome)
            except OSError:
                return  # nobody is left to hear it; the files are there


if __name__ == "__main__":
    main()

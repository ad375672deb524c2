"""What a job says, in the log of its folder."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def into_log(log: Path) -> Iterator[None]:
    """Everything that this process writes to its terminal goes to `log` meanwhile, from C as well, and what
    ATC logs too.
    """
    from atc.tracking.run_log import log_formatter

    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    before = [os.dup(descriptor) for descriptor in (1, 2)]
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    streams = sys.stdout, sys.stderr
    for descriptor in (1, 2):
        os.dup2(file, descriptor)
    os.close(file)
    # Of their own: those that were there may belong to whoever started the worker, and hold lines back.
    sys.stdout = open(1, "w", buffering=1, closefd=False, encoding="utf-8", errors="replace")  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False, encoding="utf-8", errors="replace")  # noqa: SIM115
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(logging.INFO)
    handler.setFormatter(log_formatter())
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = streams
        for descriptor, original in zip((1, 2), before, strict=True):
            os.dup2(original, descriptor)
            os.close(original)

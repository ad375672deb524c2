"""Ctrl-C and SIGTERM around the writing of a record; signals reach the main thread alone."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType


def sigterm_interrupts() -> Callable[[], object]:
    """Makes SIGTERM a KeyboardInterrupt; gives what undoes that."""
    if threading.current_thread() is not threading.main_thread():
        return nothing
    before = signal.signal(signal.SIGTERM, _interrupt)
    # None: a handler that is not Python's, which Python cannot put back.
    return nothing if before is None else partial(signal.signal, signal.SIGTERM, before)


def nothing() -> None:
    """Undoes nothing."""


@contextmanager
def undisturbed() -> Iterator[None]:
    """Holds Ctrl-C and SIGTERM back until the body has ended: a record is closed once, and wholly."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {
        number: signal.signal(number, lambda signum, _frame: came.append(signum))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        raise KeyboardInterrupt(signal.Signals(came[0]).name)


def _interrupt(signum: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt(signal.Signals(signum).name)

"""Ctrl-C, SIGTERM and SIGHUP around the writing of a record; signals reach the main thread alone."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any


def signals_interrupt() -> Callable[[], object]:
    """Makes SIGTERM a KeyboardInterrupt, and SIGHUP, which a terminal sends that closes; gives what undoes
    that. A SIGHUP that is ignored stays so: whoever said `nohup` wants to go on.
    """
    if threading.current_thread() is not threading.main_thread():
        return nothing
    return partial(_put_back, {number: signal.signal(number, _interrupt) for number in _ending()})


def nothing() -> None:
    """Undoes nothing."""


@contextmanager
def undisturbed() -> Iterator[None]:
    """Holds Ctrl-C, SIGTERM and SIGHUP back until the body has ended: a record is closed once, and wholly."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {
        number: signal.signal(number, lambda signum, _frame: came.append(signum))
        for number in (signal.SIGINT, *_ending())
    }
    try:
        yield
    finally:
        _put_back(before)
    if came:
        raise KeyboardInterrupt(signal.Signals(came[0]).name)


def _ending() -> list[signal.Signals]:
    """What ends a process besides Ctrl-C and may be heard."""
    deaf = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [signal.SIGTERM] if deaf else [signal.SIGTERM, signal.SIGHUP]


def _put_back(before: Mapping[signal.Signals, Any]) -> None:
    for number, handler in before.items():
        if handler is not None:  # else it is not Python's, which Python cannot put back
            signal.signal(number, handler)


def _interrupt(signum: int, _frame: FrameType | None) -> None:
    if signum == signal.SIGHUP:
        # Kernel and shell both send it: the second one would reach what the first one has set about to close.
        signal.signal(signum, signal.SIG_IGN)
    raise KeyboardInterrupt(signal.Signals(signum).name)

"""Ctrl-C, SIGTERM and SIGHUP around a command and the writing of its record; signals reach the main thread
alone.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any


@contextmanager
def end_by_interrupt() -> Iterator[None]:
    """Around a whole command: SIGTERM and SIGHUP end it by KeyboardInterrupt, as Ctrl-C does."""
    undo = signals_interrupt()
    try:
        yield
    finally:
        undo()


def signals_interrupt() -> Callable[[], object]:
    """Makes SIGTERM a KeyboardInterrupt, and SIGHUP, which a terminal sends that closes; gives what undoes
    that. A SIGHUP that is ignored stays so: whoever said `nohup` wants to go on. One that was heard is
    ignored from then on: kernel and shell both send it, and the second would kill what the first one ends.
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
    came: list[signal.Signals] = []
    with told(came.append):
        yield
    if came:
        raise KeyboardInterrupt(came[0].name)


@contextmanager
def told(hear: Callable[[signal.Signals], object]) -> Iterator[None]:
    """Within it Ctrl-C, SIGTERM and SIGHUP raise nothing: `hear` is called with each. Main thread only."""

    def handle(signum: int, _frame: FrameType | None) -> None:
        _close_ear(signum)
        hear(signal.Signals(signum))

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, *_ending())}
    try:
        yield
    finally:
        _put_back(before)


def forget_interrupt() -> None:
    """Lets a command that was interrupted end with its exit code; the last thing to do in it.

    Python keeps in mind that a KeyboardInterrupt left a text that `exec` or `eval` ran, though it was caught
    further up, and `python -m` then ends by SIGINT whatever its exit code: status -2 for its parent.
    Libraries run such texts for every dataclass and named tuple, so all the time while they are loaded. Each
    further text clears that mark.
    """
    exec("")


def _ending() -> list[signal.Signals]:
    """What ends a process besides Ctrl-C and may be heard."""
    deaf = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [signal.SIGTERM] if deaf else [signal.SIGTERM, signal.SIGHUP]


def _put_back(before: Mapping[signal.Signals, Any]) -> None:
    for number, handler in before.items():
        heard = number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN
        if handler is not None and not heard:  # None is not Python's, which Python cannot put back
            signal.signal(number, handler)


def _interrupt(signum: int, _frame: FrameType | None) -> None:
    _close_ear(signum)
    raise KeyboardInterrupt(signal.Signals(signum).name)


def _close_ear(signum: int) -> None:
    if signum == signal.SIGHUP:
        signal.signal(signum, signal.SIG_IGN)

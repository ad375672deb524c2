"""A terminal that is closed while a run goes on."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

_NOBODY_READS = frozenset({errno.EIO, errno.EPIPE})


@contextmanager
def terminal_may_go() -> Iterator[None]:
    """Within it nothing fails for want of a terminal: what is told is in the record too, or is no part of it.
    A run that was told to outlive its terminal would die of its bar otherwise, one that its terminal ends
    would be recorded as failed, and a sweep would leave no board.

    stderr, where bars and lines go, may fail in any way; stdout, whose reader counts on all of it, where
    there is no reader any more.
    """
    before = sys.stdout, sys.stderr
    out, err = _MayGo(before[0], _NOBODY_READS), _MayGo(before[1], None)
    sys.stdout, sys.stderr = cast(TextIO, out), cast(TextIO, err)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        for stream in (out, err):
            with suppress(
                OSError, ValueError
            ):  # what fails here fails, and is told, at the interpreter's end
                stream.flush()


class _MayGo:
    """A stream whose writes may come to nothing; all else is the stream's own."""

    def __init__(self, stream: TextIO, numbers: frozenset[int] | None) -> None:
        """`numbers`: of the errors that are none; None: all."""
        self._stream = stream
        self._numbers = numbers

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError as error:
            self._let_go(error)
        return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self._let_go(error)

    def _let_go(self, error: OSError) -> None:
        if self._numbers is not None and error.errno not in self._numbers:
            raise error
        if error.errno in _NOBODY_READS:
            self._send_into_nothing()

    def _send_into_nothing(self) -> None:
        """Else what the stream still holds fails again at the interpreter's end, which exits with 120."""
        with suppress(OSError, ValueError):  # no file of the system
            number = self._stream.fileno()
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, number)
            os.close(nothing)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

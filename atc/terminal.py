"""A terminal that is closed while a run goes on."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast


@contextmanager
def stderr_may_go() -> Iterator[None]:
    """Within it nothing fails for want of a stderr: bars and lines that no terminal, pipe or disk takes any
    more are lost, and what is told there is nothing that a record needs. A run that was told to outlive its
    terminal would die of its bar otherwise, and one that its terminal ends would be recorded as failed.
    """
    before = sys.stderr
    sys.stderr = cast(TextIO, _MayGo(before))
    try:
        yield
    finally:
        sys.stderr = before


class _MayGo:
    """A stream whose writes may come to nothing; all else is the stream's own."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError):
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

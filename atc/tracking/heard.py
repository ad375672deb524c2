"""Who is told how far this process is, besides its terminal: stages and bars tell, a worker hears."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Listener = Callable[[str, float | None, float | None], None]
"""Takes the stage that is under way and, of a bar, how much is done of how much."""

_listeners: list[Listener] = []
_stage = ""


@contextmanager
def heard(listener: Listener) -> Iterator[None]:
    """Tells `listener` of each stage that begins in this process meanwhile, and of each step of its bars."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def stage_begins(name: str) -> None:
    """A stage tells its name."""
    global _stage  # noqa: PLW0603  # of the process, as its terminal is
    _stage = name
    for listener in _listeners:
        listener(name, None, None)


def bar_steps(done: float, total: float | None) -> None:
    """A bar tells how far it is."""
    for listener in _listeners:
        listener(_stage, done, total)

"""Who is told the figures of a fold as soon as it has been fitted, and may end the run there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from atc.errors import AtcError

Figures = Mapping[str, float | int | None]
FoldListener = Callable[[str, int, int, Figures], None]
"""Takes a fold's name, how many have ended, of how many, and its figures `fold/<name>/…`."""

_listeners: list[FoldListener] = []


class Pruned(AtcError):
    """Raised by a listener: the run is not worth its end. Its record says `pruned`, and why."""


@contextmanager
def folds_heard(listener: FoldListener) -> Iterator[None]:
    """Tells `listener` of each fold that ends in this process meanwhile."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def fold_ended(name: str, ended: int, folds: int, figures: Figures) -> None:
    """A run tells the figures of a fold."""
    for listener in _listeners:
        listener(name, ended, folds, figures)

"""Figures that do not depend on each other, made on several threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from atc.models.row_chunks import threads

A = TypeVar("A")
B = TypeVar("B")


def side_by_side(tasks: Sequence[Callable[[], A]], *, most: int | None = None) -> list[A]:
    """What each task gives, in their order; sorts, products and trees hold no lock while they compute.

    One after the other where the process has one core, as a worker of a sweep. `most`: so many at a time,
    where each takes memory of its own.
    """
    workers = min(threads(), len(tasks), len(tasks) if most is None else max(1, most))
    if workers < 2:
        return [task() for task in tasks]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(lambda task: task(), tasks))


def both(first: Callable[[], A], second: Callable[[], B]) -> tuple[A, B]:
    """The same of two that give different things."""
    if threads() < 2:
        return first(), second()
    with ThreadPoolExecutor(1) as pool:
        beside = pool.submit(second)
        return first(), beside.result()

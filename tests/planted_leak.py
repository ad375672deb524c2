"""A look-ahead that a test plants by wrapping the functions that a run calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

SECOND = 1_000_000_000
Patch = pytest.MonkeyPatch
Plant = Callable[[Patch], None]

TRADING = ("policy=class", "policy.prior_adjusted=true")
"""A policy that goes in and out all day. One of thresholds that finds nothing worth its costs sends an order
or two, and what is wrong with orders has no place to show.
"""


@dataclass(frozen=True)
class Leak:
    """One planted look-ahead."""

    stage: str
    """Where it sits."""
    what: str
    plant: Plant
    words: tuple[str, ...] = ()
    """Settings that it needs."""
    in_cache: bool = False
    """Whether features or labels are built with it: then nobody else may read them."""

    def __str__(self) -> str:
        return f"{self.stage}: {self.what}"

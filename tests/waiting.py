"""Waiting for what another process or a browser is about to do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def waited_for(found: Callable[[], T], seconds: float = 60.0) -> T:
    """What `found` gives once that is something; fails after so long."""
    until = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < until, "it did not come"
        time.sleep(0.02)
    return value

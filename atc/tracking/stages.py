"""The stages of a run: how long each took, its processor time and memory, whether a cache answered it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from atc.tracking.cpu import CpuTime
from atc.tracking.heard import stage_begins
from atc.tracking.memory import PeakMemory

_log = logging.getLogger(__name__)


@dataclass
class Stage:
    """The handle of a stage that is under way; its body sets `cached` when the result was there already."""

    name: str
    cached: bool = False


@dataclass(frozen=True)
class StageCost:
    """What a stage took: wall seconds, processor seconds (see `CpuTime`), peak resident memory in MiB (see
    `PeakMemory`).
    """

    seconds: float
    cpu_seconds: float
    peak_rss_mib: float
    cached: bool

    def as_json(self) -> dict[str, float | bool]:
        return {
            "seconds": round(self.seconds, 3),
            "cpu_seconds": round(self.cpu_seconds, 3),
            "peak_rss_mib": round(self.peak_rss_mib, 1),
            "cached": self.cached,
        }


class Stages:
    """The stages of one run in order. They do not nest: the inner would reset the peak of the outer."""

    def __init__(self) -> None:
        self.costs: dict[str, StageCost] = {}
        self.ignored_processes: set[int] = set()
        self.when_one_ends: Callable[[], None] | None = None
        self._under_way: str | None = None

    @contextmanager
    def stage(self, name: str) -> Iterator[Stage]:
        """Times the body as stage `name`; a body that raises is timed too.

        Raises ValueError if the name was used before or another stage is under way.
        """
        if self._under_way is not None:
            raise ValueError(f"stage {name!r} inside stage {self._under_way!r}: stages do not nest")
        if name in self.costs:
            raise ValueError(f"stage {name!r} was there before; a stage has a name of its own")
        handle = Stage(name)
        self._under_way = name
        memory, cpu = PeakMemory(self.ignored_processes), CpuTime(self.ignored_processes)
        memory.start()
        cpu.start()
        _log.info("stage %s: start", name)
        stage_begins(name)
        began = time.perf_counter()
        outcome = "stopped by an error"
        try:
            yield handle
            outcome = "cached" if handle.cached else "done"
        finally:
            seconds, cpu_seconds = time.perf_counter() - began, cpu.stop()
            cost = StageCost(seconds, cpu_seconds, memory.stop(), handle.cached)
            self._under_way = None
            self.costs[name] = cost
            _log.info("stage %s: %s, %.2f s, peak %.0f MiB", name, outcome, cost.seconds, cost.peak_rss_mib)
        if self.when_one_ends is not None:
            self.when_one_ends()

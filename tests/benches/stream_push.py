"""How long a `FeatureStream.push` takes, and what its state weighs; `just bench-features` prints it.

`python tests/benches/stream_push.py` prints them alone, for one simulated day.
"""

from __future__ import annotations

import gc
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import atc
from atc.config.data import SimulatedData
from atc.events.event import Event, single_events
from atc.events.reader import read_events
from atc.events.simulate import ensure_simulated, located
from atc.features.stream import FeatureStream


@dataclass(frozen=True)
class StreamCost:
    """Of one day, pushed event by event from Python."""

    push_ns: np.ndarray
    """int64 (events,): wall clock of each `push`, the rows that it returned included."""
    finished: np.ndarray
    """bool (events,): whether it returned a row."""
    state_bytes: int
    state_s: float
    """To write the state at the end of the day; the best of several."""
    restore_s: float
    """To read it."""

    def percentiles_us(self) -> dict[str, float]:
        """p50, p99 and p99.9 of a push, in microseconds."""
        wanted = {"p50": 50.0, "p99": 99.0, "p99.9": 99.9}
        return {name: float(np.percentile(self.push_ns, q)) / 1e3 for name, q in wanted.items()}


def stream_cost(stream: FeatureStream, events: Sequence[Event], runs: int = 5) -> StreamCost:
    """Pushes `events` through a new stream, then writes and reads its state."""
    push, clock = stream.push, time.perf_counter_ns
    spent = np.empty(len(events), np.int64)
    finished = np.zeros(len(events), bool)
    gc.collect()
    gc.disable()  # its pauses are the interpreter's, and would be counted at random
    try:
        for number, event in enumerate(events):
            began = clock()
            rows = push(event)
            spent[number] = clock() - began
            finished[number] = bool(rows)
    finally:
        gc.enable()
    state = stream.state()
    write_s = min(_seconds(stream.state) for _ in range(runs))
    read_s = min(_seconds(lambda: stream.restore(state)) for _ in range(runs))
    return StreamCost(spent, finished, len(state), write_s, read_s)


def _seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def main() -> int:
    """One day at the real rate, rows on trades and on books."""
    with tempfile.TemporaryDirectory() as folder:
        for sampling in ("trade", "book"):
            config = atc.compose(["data.days=1", "data.rate=1.0", f"sampling={sampling}"])
            assert isinstance(config.data, SimulatedData)
            ensure_simulated(config.data, Path(folder))
            data = located(config.data)
            events = list(single_events(read_events(Path(folder), data.venue, data.symbol, 0, 2**63 - 1)))
            cost = stream_cost(FeatureStream.from_config(config), events)
            told = ", ".join(f"{name} {value:.1f}" for name, value in cost.percentiles_us().items())
            print(
                f"push from Python, a row a {sampling}: {told} µs over {len(events):,} events, "
                f"{int(cost.finished.sum()):,} of which finished a row; "
                f"state {cost.state_bytes / 2**20:.2f} MiB, "
                f"written in {cost.state_s * 1e3:.1f} ms, read in {cost.restore_s * 1e3:.1f} ms"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What is measured: business days of the `target` market at the full event rate, decoded, and ATC on them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

import atc
from atc import _rust
from atc.config.data import SimulatedData
from atc.config.schema import RunConfig
from atc.errors import UsageError
from atc.events.business_day import DAY_NS, day_start_ns
from atc.events.catalog import Catalog
from atc.events.reader import read_events
from atc.events.schema import ControlKind, Kind
from atc.events.simulate import ensure_simulated, located
from atc.features.engine_spec import engine_spec


@dataclass(frozen=True)
class Seconds:
    """Of the fastest run: on the clock, and of all threads."""

    wall: float
    cpu: float


def fastest(action: Callable[[], object], runs: int) -> Seconds:
    """The least wall time and the least CPU time of `runs`: noise only adds."""
    walls, cpus = [], []
    for _ in range(runs):
        cpu, wall = time.process_time(), time.perf_counter()
        action()
        cpus.append(time.process_time() - cpu)
        walls.append(time.perf_counter() - wall)
    return Seconds(min(walls), min(cpus))


def target_config(days: int, rate: float = 1.0) -> RunConfig:
    """The demo's market, which is of the scenario `target`, at `rate`."""
    return atc.compose([f"data.days={days}", f"data.rate={rate}"])


@dataclass(frozen=True)
class Days:
    """Simulated business days in a folder."""

    config: RunConfig
    root: Path
    length_ns: int = DAY_NS
    """Of a day; tests look at its first hours alone."""

    @classmethod
    def simulated(cls, config: RunConfig, root: Path, length_ns: int = DAY_NS) -> Days:
        """In `root`, unless they are there."""
        assert isinstance(config.data, SimulatedData)
        ensure_simulated(config.data, root)
        return cls(config, root, length_ns)

    @cached_property
    def data(self) -> SimulatedData:
        """The facts under whose venue the events lie."""
        assert isinstance(self.config.data, SimulatedData)
        return located(self.config.data)

    @cached_property
    def catalog(self) -> Catalog:
        """Of the folder."""
        return Catalog(self.root)

    def span(self, number: int) -> tuple[int, int]:
        """Begin and end of business day `number`, from 0, ns."""
        day = self.catalog.days(self.data.venue, self.data.symbol)[number]
        begin = day_start_ns(day, self.data.day_cut_utc_s, self.data.tz_offset_s)
        return begin, begin + self.length_ns

    def batches(self, number: int) -> list[pa.RecordBatch]:
        """The events of a day, decoded, a batch a kind."""
        events = read_events(self.catalog, self.data.venue, self.data.symbol, *self.span(number))
        return [one_batch(events.of(kind)) for kind in Kind]

    def files(self, number: int) -> list[tuple[Kind, Path]]:
        """The Parquet files of a day."""
        day = self.catalog.days(self.data.venue, self.data.symbol)[number]
        files = self.catalog.day(self.data.venue, self.data.symbol, day).files
        return [(kind, self.catalog.path(entry)) for kind, entries in files.items() for entry in entries]

    def spec(self, number: int, sampling: str, schemas: Sequence[str]) -> str:
        """The engine's specification for a day, with the schemas to compute."""
        kind = self.config.sampling.model_copy(update={"kind": sampling})
        engine = self.config.features.engine
        return engine_spec(self.data, kind, engine, *self.span(number), schemas=schemas)

    def rows(
        self, number: int, sampling: str, batches: list[pa.RecordBatch], schemas: Sequence[str]
    ) -> pa.RecordBatch:
        """ATC's rows of a day from its own events alone, without a warm-up."""
        return _rust.build_rows(self.spec(number, sampling, schemas), *batches, *self.span(number))

    def rows_on_threads(
        self,
        numbers: list[int],
        sampling: str,
        batches: list[list[pa.RecordBatch]],
        schemas: Sequence[str],
        threads: int,
    ) -> list[pa.RecordBatch]:
        """The same of several days, as many at a time as there are threads."""
        with ThreadPoolExecutor(threads) as pool:
            tasks = zip(numbers, batches, strict=True)
            return list(pool.map(lambda task: self.rows(task[0], sampling, task[1], schemas), tasks))

    def schemas(self) -> list[tuple[tuple[str, ...], int]]:
        """Each schema alone, and all together, with their number of columns."""
        found = {item["name"]: len(item["columns"]) for item in _rust.feature_schemas()}
        return [((name,), count) for name, count in found.items()] + [(tuple(found), sum(found.values()))]


def one_batch(table: pa.Table) -> pa.RecordBatch:
    """The table without chunks."""
    batches = table.combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)


def messages(batches: list[pa.RecordBatch]) -> dict[str, int]:
    """How many events a day has, by kind."""
    found = {}
    for kind, batch in zip(Kind, batches, strict=True):
        found[kind.value] = len(np.unique(batch.column("ev_seq").to_numpy()))
    return found


def column(batch: pa.RecordBatch, name: str) -> np.ndarray[Any, Any]:
    """A column without nulls as an array."""
    return batch.column(name).to_numpy(zero_copy_only=False)


def nan_column(batch: pa.RecordBatch, name: str) -> np.ndarray[Any, Any]:
    """A column as floats, null as NaN."""
    return batch.column(name).cast(pa.float64()).fill_null(float("nan")).to_numpy()


def refuse_resets(control: pa.RecordBatch) -> None:
    """Peers start a stretch after a silence, but not in the middle of a timestamp. Raises UsageError."""
    if ControlKind.RESET in control.column("control_kind").to_pylist():
        raise UsageError("the peers of the bench know no RESET; choose days without one")

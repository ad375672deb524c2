"""Simulated events: made once, kept as canonical events like any recording.

A simulation is a stream of its own: its venue carries a digest of all that it depends on (parameters,
seed, number of days, the simulator's build), so that two scenarios, seeds or lengths under one root never
mix, and a changed simulator never passes for the old one. The events are committed as a whole: a killed
simulation leaves nothing that a reader sees.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from atc.config.data import SimulatedData
from atc.config.maintenance import maintenance_windows
from atc.errors import UsageError
from atc.events.business_day import DAY_NS, day_start_ns
from atc.events.instrument import instrument_of
from atc.events.schema import Kind
from atc.events.writer import IngestSession, ingest_id

if TYPE_CHECKING:
    import pyarrow as pa

ADAPTER = "simulator-2"
"""Name and version of the way from the simulator's tables to canonical events."""

TICK, LOT = Decimal(1), Decimal("0.01")
"""The simulator's parameters are those of ETH_JPY at GMO Coin, in these steps."""


def simulator_params(data: SimulatedData) -> str:
    """The simulator's parameters as JSON, in full: those of `data`, defaults for the rest.

    Raises UsageError for facts that the simulator does not have.
    """
    from atc._rust import simulator_params as complete

    if data.recorded_depth is None:
        raise UsageError(
            "data.recorded_depth is null; the simulated venue publishes a fixed depth, expected 30"
        )
    for name, found, made in (("tick", data.tick, TICK), ("lot", data.lot, LOT)):
        if found != made:
            raise UsageError(f"data.{name} is {found}; the simulated market counts in {made}")
    start_ns = day_start_ns(data.start_date, data.day_cut_utc_s, data.tz_offset_s)
    asked = {
        **data.scenario.parameters(),
        "start_ns": start_ns,
        "tz_offset_s": data.tz_offset_s,
        "rate": data.rate,
        "depth": data.recorded_depth,
        "maintenance": _calendar(data, start_ns),
    }
    try:
        return complete(json.dumps(asked))
    except ValueError as error:
        raise UsageError(f"data: {error}") from error


def _calendar(data: SimulatedData, start_ns: int) -> list[dict[str, int]]:
    """The maintenance of the config from the simulator's burn-in day on."""
    end_ns = start_ns + data.days * DAY_NS
    windows = maintenance_windows(data.maintenance, data.tz_offset_s, start_ns - DAY_NS, end_ns)
    return [
        {"start_ns": start, "end_ns": stop, "open_ns": opened}
        for start, stop, opened in windows
        if start < end_ns
    ]


def simulation_digest(data: SimulatedData) -> str:
    """SHA-256 over what decides the simulated events; the name of the data set does not."""
    from atc._rust import SIM_DIGEST

    facts = {
        "adapter": ADAPTER,
        "simulator": SIM_DIGEST,
        "params": json.loads(simulator_params(data)),
        "seed": data.seed,
        "days": data.days,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def located(data: SimulatedData) -> SimulatedData:
    """`data` with the venue under which its events lie: `<venue>-<scenario>-<digest>`."""
    return data.model_copy(
        update={"venue": f"{data.venue}-{data.scenario.name}-{simulation_digest(data)[:12]}"}
    )


def ensure_simulated(
    data: SimulatedData, events_root: Path, progress: Callable[[float], object] = lambda _: None
) -> bool:
    """Simulates `data` into `events_root` unless its events are there; True if it had to.

    The events lie under the venue of `located(data)`. `progress` is called with the number of days written.
    Raises UsageError for facts that the simulator does not have, DataError if writing fails.
    """
    from atc.events.catalog import read_manifests

    digest = simulation_digest(data)
    instrument = instrument_of(located(data))
    if ingest_id(instrument, ADAPTER, digest) in read_manifests(events_root):
        return False
    source = {"name": "simulator", "seed": data.seed, "params": json.loads(simulator_params(data))}
    counts = {f"{kind.value}_rows": 0 for kind in Kind}
    with IngestSession(
        events_root, instrument, adapter=ADAPTER, source_hash=digest, sources=[source]
    ) as session:
        for number, tables in enumerate(_days(data)):
            for kind in Kind:
                session.write_day(data.start_date + timedelta(days=number), kind, tables[kind.value])
                counts[f"{kind.value}_rows"] += tables[kind.value].num_rows
            for fault, (count,) in tables["injected"].to_pydict().items():
                counts[f"injected_{fault}"] = counts.get(f"injected_{fault}", 0) + count
            progress(number + 1)
        session.commit(counts)
    return True


def _days(data: SimulatedData) -> Iterator[dict[str, pa.RecordBatch]]:
    """The tables of each day; a thread makes the next day while this one is written."""
    from atc._rust import Simulator

    with ThreadPoolExecutor(1, thread_name_prefix="simulator") as maker:
        simulator = Simulator(simulator_params(data), data.seed)
        coming = maker.submit(simulator.next_day)
        for left in range(data.days - 1, -1, -1):
            tables = coming.result()
            if left:
                coming = maker.submit(simulator.next_day)
            yield tables

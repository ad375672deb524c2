"""Recorded and simulated sessions as the product stores them, and once more as the reference takes them."""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow as pa
from engine_face import FOREVER, divergences
from recordings import ROOT
from reference.arrow import Tables, from_tables
from reference.columns import Table
from reference.events import Event, Spec

import atc
from atc import _rust
from atc.config.data import SimulatedData
from atc.config.maintenance import maintenance_windows
from atc.events.adapters import Asked
from atc.events.business_day import DAY_NS, day_start_ns
from atc.events.ingest import ingest
from atc.events.reader import Events, read_events
from atc.events.simulate import ensure_simulated, located

_BINANCE_2020 = "binance_ethbtc_2020/ETHBTC_2020-11-01T{hour}-00-00_{kind}.json.gz"
RECORDED = {
    "ETHUSDT": (
        "binance_raw",
        [f"binance_raw_2024/spot_ethusdt_202408{day}.jsonl.gz" for day in ("08", "09")],
    ),
    "ETHBTC": (
        "binance_2020",
        [
            _BINANCE_2020.format(hour=hour, kind=kind)
            for hour in ("09", "10")
            for kind in ("snapshot", "update", "trades")
        ],
    ),
}


def recordings_are_there() -> bool:
    return all((ROOT / name).exists() for _, names in RECORDED.values() for name in names)


@dataclass(frozen=True)
class Session:
    """Stored events of one symbol."""

    root: Path
    venue: str
    symbol: str
    spec: Spec

    @cached_property
    def events(self) -> list[Event]:
        """As the reference takes them."""
        tables = self.read(*FOREVER)
        return from_tables(tables.book, tables.trade, tables.ticker, tables.control)

    def read(self, first: int, end: int) -> Events:
        return read_events(self.root, self.venue, self.symbol, first, end)

    def rows(self, spec: Spec, first: int, end: int, emit: tuple[int, int]) -> pa.RecordBatch:
        """The engine's rows of `emit` from the events of [first, end)."""
        return _rust.build_rows(spec.json(), *batches(self.read(first, end)), *emit)


def batches(tables: Events) -> Tables:
    """One record batch a kind."""
    return Tables(
        *[
            pa.concat_batches(table.to_batches())
            if table.num_rows
            else pa.RecordBatch.from_pylist([], table.schema)
            for table in (tables.book, tables.trade, tables.ticker, tables.control)
        ]
    )


def recorded(symbol: str, root: Path) -> Session:
    """A real recording, ingested into `root`."""
    adapter, names = RECORDED[symbol]
    facts = ingest(adapter, [ROOT / name for name in names], root, Asked(symbol=symbol)).manifest.instrument
    spec = Spec(
        tick=facts.tick,
        lot=facts.lot,
        day_cut_utc_s=facts.day_cut_utc_s,
        tz_offset_s=facts.tz_offset_s,
        recorded_depth=facts.recorded_depth,
    )
    return Session(root, facts.venue, facts.symbol, spec)


# The faults of dirty_feed so often that they lie within hours.
DIRTY_HOURS = [
    f"data.scenario.{fault}_per_day={count}"
    for fault, count in (
        ("disconnects", 80), ("stalls", 30), ("duplicate_prints", 200), ("crossed_snapshots", 300),
        ("clock_regressions", 100), ("venue_regressions", 100),
    )
]  # fmt: skip


def simulated(
    scenario: str, root: Path, *, days: int = 1, rate: float = 0.1, words: Sequence[str] = ()
) -> Session:
    """Some business days of a scenario, with further `words` of the command line."""
    asked = [f"data/scenario={scenario}", f"data.days={days}", f"data.rate={rate}", *words]
    config = atc.compose(["+experiment=gbdt_36feat", *asked])
    assert isinstance(config.data, SimulatedData)
    ensure_simulated(config.data, root)
    data = located(config.data)
    first = day_start_ns(data.start_date, data.day_cut_utc_s, data.tz_offset_s)
    spec = Spec(
        tick=data.tick,
        lot=data.lot,
        day_cut_utc_s=data.day_cut_utc_s,
        tz_offset_s=data.tz_offset_s,
        recorded_depth=data.recorded_depth,
        maintenance=tuple(
            maintenance_windows(data.maintenance, data.tz_offset_s, first, first + days * DAY_NS)
        ),
    )
    return Session(root, data.venue, data.symbol, spec)


def assert_columns(
    session: Session,
    spec: Spec,
    count: int,
    *,
    among: float = 1.0,
    read: tuple[int, int] = FOREVER,
) -> None:
    """All columns at `count` random rows among the first rows of the events read; the keys of all rows."""
    first, end = (bisect_left(session.events, t, key=lambda e: e.ts_recv) for t in read)
    table = Table(session.events[first:end], spec)
    end = int(len(table) * among)
    rows = sorted({*random.Random(1).sample(range(end), min(count, end)), end - 1})
    found = divergences(session.rows(spec, *read, FOREVER), table, rows)
    assert not found, "\n".join([f"{len(found)} divergences", *found[:5]])

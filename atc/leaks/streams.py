"""A few days of canonical events, and the folders that the original and the perturbed ones lie in."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from atc.events.business_day import DAY_NS, day_start_ns
from atc.events.catalog import Catalog
from atc.events.instrument import Instrument
from atc.events.reader import read_events
from atc.events.schema import Kind, schema_of
from atc.events.writer import IngestSession
from atc.leaks.perturb import Tables

ADAPTER = "leaks-1"


@dataclass(frozen=True)
class Stream:
    """Events of consecutive business days of one instrument."""

    instrument: Instrument
    days: tuple[date, ...]
    tables: Tables

    @property
    def begin_ns(self) -> int:
        """Start of the first day."""
        return self._start(self.days[0])

    @property
    def end_ns(self) -> int:
        """End of the last day."""
        return self._start(self.days[-1]) + DAY_NS

    def within(self, begin_ns: int, end_ns: int) -> Stream:
        """The events of `[begin_ns, end_ns)` alone, and the days that it touches."""
        inside = pl.col("ts_recv").is_between(begin_ns, end_ns, closed="left")
        tables = {kind: table.filter(inside) for kind, table in self.tables.items()}
        days = tuple(
            day for day in self.days if self._start(day) < end_ns and self._start(day) + DAY_NS > begin_ns
        )
        return Stream(self.instrument, days, tables)

    def write(self, root: Path, name: str) -> None:
        """Files the events under `root` as an ingest of their own, `name` being what they were made from."""
        with IngestSession(
            root,
            self.instrument,
            adapter=ADAPTER,
            source_hash=hashlib.sha256(name.encode()).hexdigest(),
            sources=[{"name": name}],
        ) as session:
            for day in self.days:
                begin = self._start(day)
                for kind in Kind:
                    inside = pl.col("ts_recv").is_between(begin, begin + DAY_NS, closed="left")
                    table = self.tables[kind].filter(inside).to_arrow()
                    session.write_day(day, kind, table.cast(schema_of(kind)))
            session.commit()

    def _start(self, day: date) -> int:
        facts = self.instrument
        return day_start_ns(day, facts.day_cut_utc_s, facts.tz_offset_s)


def read_stream(catalog: Catalog, venue: str, symbol: str, days: Sequence[date]) -> Stream:
    """The events of `days`. Raises DataError where one of them has none."""
    instrument = catalog.instrument(venue, symbol, days)
    first, last = (
        day_start_ns(day, instrument.day_cut_utc_s, instrument.tz_offset_s) for day in (days[0], days[-1])
    )
    events = read_events(catalog, venue, symbol, first, last + DAY_NS)
    tables: Mapping[Kind, pl.DataFrame] = {kind: _frame(events.of(kind)) for kind in Kind}
    return Stream(instrument, tuple(days), tables)


def _frame(table: object) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame

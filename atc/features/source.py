"""Whose days are built, from where, and where they are kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from atc.config.data import InstrumentFacts
from atc.config.features import FeatureEngine, Sampling
from atc.events.business_day import DAY_NS, day_start_ns
from atc.events.catalog import Catalog

SECOND_NS = 1_000_000_000


@dataclass(frozen=True)
class Source:
    """One instrument's events, how rows are made of them, and the cache."""

    data: InstrumentFacts
    catalog: Catalog
    cache_root: Path
    sampling: Sampling
    engine: FeatureEngine

    @property
    def max_gap_ns(self) -> int:
        """Longest silence that does not reset the state, ns."""
        return round(self.sampling.max_gap_s * SECOND_NS)

    @property
    def days(self) -> list[date]:
        """Business days that have events, in order."""
        return self.catalog.days(self.data.venue, self.data.symbol)

    def span(self, day: date) -> tuple[int, int]:
        """Start and end of business day `day`, ns UTC."""
        begin = day_start_ns(day, self.data.day_cut_utc_s, self.data.tz_offset_s)
        return begin, begin + DAY_NS

    def folder(self, kind: str) -> Path:
        """Where files of `kind` (features, labels) of this instrument lie."""
        return instrument_folder(self.cache_root, kind, self.data.venue, self.data.symbol)


def instrument_folder(cache_root: Path, kind: str, venue: str, symbol: str) -> Path:
    """Where files of `kind` of one instrument lie."""
    return cache_root / kind / f"venue={venue}" / f"symbol={symbol}"

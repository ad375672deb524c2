"""The events that configs name, also where they have not been made: then stand-ins that have the same days.

Keys of cached files depend on the events. To say which of them two configs share, it is enough that equal
events are equal and others are not, so a review needs no data.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from atc.config.data import RecordedData, SimulatedData
from atc.config.schema import RunConfig
from atc.config.window import DatesWindow, DaysWindow
from atc.errors import DataError
from atc.events.business_day import DAY_NS, day_start_ns
from atc.events.catalog import Catalog, FileEntry, Manifest
from atc.events.filed import events_there
from atc.events.instrument import instrument_of
from atc.events.schema import Kind
from atc.tasks.market_data import MarketData

_ANY_DAY = date(2000, 1, 1)
"""Where the stand-ins of a window that counts days begin."""


class Streams:
    """The events of some configs that are reviewed together."""

    def __init__(self, configs: Sequence[RunConfig]) -> None:
        self._configs = tuple(configs)
        self._catalogs: dict[str, tuple[Catalog, bool]] = {}

    def market(self, config: RunConfig) -> MarketData:
        """Window, columns and events of `config`; nothing is made. Raises DataError where its window does not
        fit its data.
        """
        market = MarketData(config)
        market.catalog = self._catalog(config)[0]
        return market

    def filed(self, config: RunConfig) -> bool:
        """Whether its events are there; else stand-ins are used."""
        return self._catalog(config)[1]

    def _catalog(self, config: RunConfig) -> tuple[Catalog, bool]:
        key = stream_key(config)
        if key not in self._catalogs:
            same = [one for one in self._configs if stream_key(one) == key]
            catalog, facts = events_there(config)
            days = catalog.days(facts.venue, facts.symbol)
            if days and all(_covered(one, catalog) for one in same):
                self._catalogs[key] = catalog, True
            else:
                self._catalogs[key] = _stand_in(config, [config, *same], key), False
        return self._catalogs[key]


def stream_key(config: RunConfig) -> str:
    """Of the events that `config.data` names: equal where they are the same."""
    data = MarketData(config).facts
    facts: list[object] = [data.kind, instrument_of(data).to_json()]  # type: ignore[attr-defined]
    if isinstance(data, RecordedData):
        facts += [data.adapter, list(data.files)]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _covered(config: RunConfig, catalog: Catalog) -> bool:
    """Whether the filed days hold the window of `config`."""
    market = MarketData(config)
    market.catalog = catalog
    try:
        return bool(market.days)
    except DataError:
        return False


def _stand_in(config: RunConfig, configs: Sequence[RunConfig], key: str) -> Catalog:
    facts = MarketData(config).facts
    entries = []
    for day in sorted(set(_days(config, configs))):
        begin = day_start_ns(day, facts.day_cut_utc_s, facts.tz_offset_s)
        entries.append(
            FileEntry(Kind.BOOK, day, f"{day}.parquet", 1, 1, f"{key} {day}", begin, begin + DAY_NS - 1)
        )
    catalog = Catalog(config.paths.events_dir, only=())
    catalog.manifests = {key: Manifest(key, "stand-in", key, instrument_of(facts), tuple(entries))}
    return catalog


def _days(config: RunConfig, configs: Sequence[RunConfig]) -> Iterator[date]:
    """The days that `config.data` will have; of data that are not simulated those that the windows ask
    for.
    """
    if isinstance(config.data, SimulatedData):
        yield from _run(config.data.start_date, config.data.days)
        return
    yield _ANY_DAY
    for window in (one.window for one in configs):
        if isinstance(window, DatesWindow):
            yield from _run(window.train_from, (window.holdout_to - window.train_from).days + 1)
        elif isinstance(window, DaysWindow):
            yield from _run(_ANY_DAY, window.train_days + window.holdout_days)


def _run(first: date, count: int) -> Iterator[date]:
    return (first + timedelta(days=number) for number in range(count))

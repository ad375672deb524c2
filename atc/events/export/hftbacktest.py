"""Canonical events to hftbacktest's npz, one file a business day, and nothing lost.

`data` is what hftbacktest reads (`hftbacktest_rows`). The other arrays hold the rest, so that the adapter
`hftbacktest_npz` restores the very same canonical events (`stored_columns`): `atc.rows` tells what each row
of `data` is, `atc.json` the instrument, the day, the clock offset and the content digests.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from atc.errors import DataError
from atc.events.catalog import Catalog, DayFiles
from atc.events.export.exchange_order import FAR, ExchangeClock, NegativeLatency, Survey, TwoOrders, no_rows
from atc.events.export.hftbacktest_rows import BOOK_ROW, TRADE_ROW, RowMaker, numbers, times
from atc.events.export.npz_file import NpzFile
from atc.events.export.stored_columns import StoredColumns
from atc.events.export.windows import windows
from atc.events.schema import SCHEMA_VERSION, Kind, schema_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

FORMAT = 1
"""Version of the arrays that ATC adds."""


@dataclass(frozen=True)
class Exported:
    """One file."""

    path: Path
    rows: int
    """Of `data`."""
    split: int
    """Rows that were written twice because the two orders differ."""
    offset_ns: int
    """By which exchange times were set back."""


def export_hftbacktest(
    catalog: Catalog,
    venue: str,
    symbol: str,
    folder: Path,
    *,
    days: Collection[date] | None = None,
    negative_latency: NegativeLatency = NegativeLatency.SHIFT,
    base_latency_ns: int = 0,
    compresslevel: int = 6,
    progress: Callable[[int], object] = lambda _: None,
) -> list[Exported]:
    """Writes `<venue>_<symbol>_<day>.npz` of each of `days` (default: all) into `folder`.

    `base_latency_ns` is the smallest latency after a shift. `progress` is called with the number of days
    done. Raises DataError for a day without events, or events that hftbacktest's floats cannot hold.
    """
    filed = catalog.days(venue, symbol)
    if not filed:
        catalog.instrument(venue, symbol)
    found = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, day in enumerate(sorted(days) if days is not None else filed):
            path = folder / f"{venue}_{symbol}_{day}.npz"
            export = _Day(catalog, catalog.day(venue, symbol, day), negative_latency, base_latency_ns)
            found.append(export.write(path, compresslevel))
            progress(number + 1)
    except OSError as error:
        raise DataError(f"{folder}: the export cannot be written ({error})") from error
    return found


class _Day:
    def __init__(
        self, catalog: Catalog, day: DayFiles, negative_latency: NegativeLatency, base_latency_ns: int
    ) -> None:
        self._day = day
        self._files = {
            kind.value: [catalog.path(entry) for entry in entries] for kind, entries in day.files.items()
        }
        self._clock = ExchangeClock(self._look(), negative_latency, base_latency_ns)
        self._rows = self._split = 0

    def write(self, path: Path, compresslevel: int) -> Exported:
        with NpzFile(path, compresslevel=compresslevel) as npz:
            self._write_market(npz)
            stored = StoredColumns(npz)
            for kind in (Kind.TICKER, Kind.CONTROL):
                stored.others(kind, schema_of(kind).empty_table())
                for window in windows(self._files, {kind.value: schema_of(kind).names}):
                    stored.others(kind, window[kind.value])
            facts = json.dumps(self._facts(), sort_keys=True).encode()
            npz.append("atc.json", _as_bytes(facts))
        return Exported(path, self._rows, self._split, self._clock.offset_ns)

    def _look(self) -> Survey:
        survey = Survey()
        names = ("ts_recv", "ts_exch")
        for window in windows(self._files, {"book": names, "trade": names, "control": names}):
            looked = {kind: (numbers(table, "ts_recv"), *times(table)) for kind, table in window.items()}
            ts, exchange, timed = looked["control"]
            survey.look({**looked, "control": (ts, exchange, timed & False)})
        return survey

    def _write_market(self, npz: NpzFile) -> None:
        import numpy as np

        offset, instrument = self._clock.offset_ns, self._day.instrument
        maker, orders, stored = RowMaker(instrument.tick, instrument.lot), TwoOrders(), StoredColumns(npz)
        self._put(npz, no_rows(), np.empty(0, np.uint8))
        for kind in (Kind.BOOK, Kind.TRADE):
            stored.market(kind, schema_of(kind).empty_table(), np.empty(0, np.int64), offset)
        single = 0
        columns = {kind.value: schema_of(kind).names for kind in (Kind.BOOK, Kind.TRADE, Kind.CONTROL)}
        for window in windows(self._files, columns):
            rows = maker.rows(window["book"], window["trade"], window["control"])
            rows.data["exch_ts"] = self._clock.times(rows)
            for kind, origin in ((Kind.BOOK, BOOK_ROW), (Kind.TRADE, TRADE_ROW)):
                of_kind = rows.data["exch_ts"][rows.origin == origin]
                stored.market(kind, window[kind.value], of_kind, offset)
            last = max(int(table["ts_recv"][-1].as_py()) for table in window.values() if table.num_rows)
            coming = self._clock.earliest_after(last)
            self._put(npz, *orders.add(rows.data, rows.origin, earliest_coming=coming))
            single += len(rows.data)
        self._put(npz, *orders.add(no_rows(), np.empty(0, np.uint8), earliest_coming=FAR))
        self._split = self._rows - single

    def _put(self, npz: NpzFile, data: npt.NDArray[np.void], origin: npt.NDArray[np.uint8]) -> None:
        self._rows += len(data)
        npz.append("data", data)
        npz.append("atc.rows", origin)

    def _facts(self) -> dict[str, object]:
        files = self._day.files
        return {
            "format": FORMAT,
            "schema_version": SCHEMA_VERSION,
            "instrument": self._day.instrument.to_json(),
            "day": self._day.date.isoformat(),
            "clock_offset_ns": self._clock.offset_ns,
            "digests": {kind.value: [entry.digest for entry in entries] for kind, entries in files.items()},
        }


def _as_bytes(text: bytes) -> npt.NDArray[np.uint8]:
    import numpy as np

    return np.frombuffer(text, np.uint8)

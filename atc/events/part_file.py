"""One canonical Parquet file in the making."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from atc.errors import DataError
from atc.events.business_day import DAY_NS, day_start_ns
from atc.events.catalog import FileEntry
from atc.events.content_digest import ContentDigest
from atc.events.instrument import Instrument
from atc.events.schema import SCHEMA_VERSION, Kind, schema_of

if TYPE_CHECKING:
    import pyarrow as pa

ROW_GROUP_ROWS = 1_000_000

GROWING = frozenset({"ev_seq", "ts_recv", "ts_exch", "venue_seq", "trade_id"})
"""Columns that are written plainly, without a dictionary.

Their values are as many as the messages: a dictionary of them outgrows its page, is given up half-way and so
is paid for without use. zstd packs the plain values, of which a message repeats one in each of its rows,
better than the dictionary's indices: a simulated day of the book is a third smaller and written in half the
time (`just bench-events`).
"""


class PartFile:
    """One Parquet file in the making: rows are collected to whole row groups, checked and hashed as they
    come.
    """

    def __init__(
        self, folder: Path, instrument: Instrument, day: date, kind: Kind, *, ingest: str, source_hash: str
    ) -> None:
        import pyarrow.parquet as pq

        self._kind = kind
        self._day = day
        self._schema = schema_of(kind)
        self._start = day_start_ns(day, instrument.day_cut_utc_s, instrument.tz_offset_s)
        self._place = (
            f"events/venue={instrument.venue}/symbol={instrument.symbol}/kind={kind.value}/date={day}/"
            f"part-{ingest[:12]}.parquet"
        )
        self._path = folder / f"date={day}" / f"{kind.value}.parquet"
        self._path.parent.mkdir(exist_ok=True)
        footer = {"schema_version": SCHEMA_VERSION, "source_hash": source_hash, **instrument.to_json()}
        self._writer = pq.ParquetWriter(
            self._path,
            self._schema.with_metadata({f"atc.{key}": str(value) for key, value in footer.items()}),
            compression="zstd",
            compression_level=3,
            write_page_checksum=True,
            use_dictionary=[name for name in self._schema.names if name not in GROWING],
        )
        self._digest = ContentDigest(self._schema)
        self._waiting: list[pa.Table] = []
        self._waiting_rows = 0
        self._rows = 0
        self._first_ts = 0
        self._last: tuple[int, int] | None = None

    def append(self, table: pa.Table) -> None:
        if not table.schema.equals(self._schema):
            raise DataError(
                f"{self._kind.value} of {self._day}: found columns {_spell(table.schema)}; expected "
                f"{_spell(self._schema)}"
            )
        table = table.replace_schema_metadata(None)
        self._check_order(table)
        self._digest.update(table)
        self._rows += table.num_rows
        self._waiting.append(table)
        self._waiting_rows += table.num_rows
        while self._waiting_rows >= ROW_GROUP_ROWS:
            self._write_group()

    def _check_order(self, table: pa.Table) -> None:
        import numpy as np

        for name in (field.name for field in self._schema if not field.nullable):
            if table[name].null_count:
                raise DataError(f"{self._kind.value} of {self._day}: column {name} has nulls; expected none")
        ts = table["ts_recv"].to_numpy()
        seq = table["ev_seq"].to_numpy()
        if self._last is not None:
            ts = np.concatenate([[self._last[0]], ts])
            seq = np.concatenate([np.array([self._last[1]], dtype=np.uint64), seq])
        bad = (ts[1:] < ts[:-1]) | ((ts[1:] == ts[:-1]) & (seq[1:] < seq[:-1]))
        if self._kind is not Kind.BOOK:
            bad |= (ts[1:] == ts[:-1]) & (seq[1:] == seq[:-1])
        if bad.any():
            row = int(np.argmax(bad)) + 1
            raise DataError(
                f"{self._kind.value} of {self._day}: row {self._rows + row - (self._last is not None)} has "
                "(ts_recv, ev_seq) "
                f"= ({ts[row]}, {seq[row]}) after ({ts[row - 1]}, {seq[row - 1]}); expected a growing order"
            )
        first, last = int(ts[0]), int(ts[-1])
        if first < self._start or last >= self._start + DAY_NS:
            raise DataError(
                f"{self._kind.value} of {self._day}: ts_recv from {first} to {last}; expected "
                f"{self._start} <= ts_recv < {self._start + DAY_NS}"
            )
        if self._last is None:
            self._first_ts = first
        self._last = (last, int(seq[-1]))

    def _write_group(self) -> None:
        import pyarrow as pa

        rows = pa.concat_tables(self._waiting)
        group, rest = rows.slice(0, ROW_GROUP_ROWS), rows.slice(ROW_GROUP_ROWS)
        self._writer.write_table(group, row_group_size=ROW_GROUP_ROWS)
        self._waiting, self._waiting_rows = ([rest], rest.num_rows) if rest.num_rows else ([], 0)

    def close(self) -> FileEntry:
        try:
            if self._waiting:
                self._write_group()
        finally:
            self.abandon()
        with self._path.open("rb") as file:
            os.fsync(file.fileno())
        return FileEntry(
            kind=self._kind,
            date=self._day,
            path=self._place,
            rows=self._rows,
            bytes=self._path.stat().st_size,
            digest=self._digest.hexdigest(),
            first_ts=self._first_ts,
            last_ts=self._last[0] if self._last else self._first_ts,
        )

    def abandon(self) -> None:
        """Closes the file handle; the file itself goes with its folder."""
        self._writer.close()


def _spell(schema: pa.Schema) -> str:
    return ", ".join(f"{f.name} {f.type}{'' if f.nullable else ' not null'}" for f in schema)

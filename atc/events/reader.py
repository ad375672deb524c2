"""Reading canonical events of a time span."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from atc.errors import DataError
from atc.events.catalog import Catalog, FileEntry
from atc.events.schema import Kind, schema_of

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq


@dataclass(frozen=True)
class Events:
    """The events of one symbol in a span, one table a kind in the columns of `schema_of(kind)`, sorted by
    (`ts_recv`, `ev_seq`); a kind without events is an empty table.
    """

    book: pa.Table
    trade: pa.Table
    ticker: pa.Table
    control: pa.Table

    def of(self, kind: Kind) -> pa.Table:
        """The table of one kind."""
        return {
            Kind.BOOK: self.book,
            Kind.TRADE: self.trade,
            Kind.TICKER: self.ticker,
            Kind.CONTROL: self.control,
        }[kind]


def read_events(
    root: Path | Catalog,
    venue: str,
    symbol: str,
    start_ns: int,
    end_ns: int,
    *,
    kinds: tuple[Kind, ...] = tuple(Kind),
) -> Events:
    """All events with `start_ns <= ts_recv < end_ns`.

    `root` is the events root, or a `Catalog` of it where many spans are read. Only files of days in the span
    and only row groups that touch it are read. Kinds not asked for come back empty. Raises DataError if the
    stream has no events at all, or for a file that is missing or is not what its manifest says; a span
    without events gives empty tables.
    """
    import pyarrow as pa

    catalog = root if isinstance(root, Catalog) else Catalog(root)
    if not catalog.days(venue, symbol):
        catalog.instrument(venue, symbol)
    tables: dict[Kind, list[pa.Table]] = {kind: [] for kind in Kind}
    for day in catalog.days_within(venue, symbol, start_ns, end_ns):
        files = catalog.day(venue, symbol, day).files
        for kind in kinds:
            for entry in files.get(kind, ()):
                if entry.first_ts < end_ns and entry.last_ts >= start_ns:
                    tables[kind].append(_read_span(catalog.path(entry), entry, start_ns, end_ns))
    return Events(
        **{
            kind.value: pa.concat_tables(tables[kind]) if tables[kind] else schema_of(kind).empty_table()
            for kind in Kind
        }
    )


def read_file(path: Path, entry: FileEntry) -> pa.Table:
    """One whole file of the catalog."""
    return _read_span(path, entry, entry.first_ts, entry.last_ts + 1)


def _read_span(path: Path, entry: FileEntry, start_ns: int, end_ns: int) -> pa.Table:
    import numpy as np

    with opened(path, entry, start_ns, end_ns) as (file, groups):
        table = file.read_row_groups(groups).replace_schema_metadata(None)
    ts = table["ts_recv"].to_numpy()
    first, last = np.searchsorted(ts, [start_ns, end_ns], side="left")
    return table.slice(int(first), int(last - first))


@contextmanager
def opened(
    path: Path, entry: FileEntry, start_ns: int, end_ns: int
) -> Iterator[tuple[pq.ParquetFile, list[int]]]:
    """A file of the catalog, and the numbers of its row groups that touch `[start_ns, end_ns)`.

    Raises DataError for a file that is missing or not what its manifest says, also where the body reads it.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = schema_of(entry.kind)
    try:
        # A flipped bit seldom breaks the compression: without checksums it would be another price.
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            if not file.schema_arrow.equals(schema):
                raise DataError(
                    f"{path}: found columns {file.schema_arrow.names}; expected {schema.names} of the "
                    "canonical schema"
                )
            if file.metadata.num_rows != entry.rows:
                raise DataError(
                    f"{path}: {file.metadata.num_rows} rows; its manifest says {entry.rows}; {_way_out(path)}"
                )
            groups = range(file.num_row_groups)
            metadata = file.metadata
            yield file, [each for each in groups if _touches(metadata.row_group(each), start_ns, end_ns)]
    except FileNotFoundError as error:
        raise DataError(
            f"{path}: a manifest lists this file but it is not there; {_way_out(path)}"
        ) from error
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: not readable as Parquet ({error}); {_way_out(path)}") from error


def _way_out(path: Path) -> str:
    """Of a file of the catalog that is not what it was: without its manifest its events are made anew."""
    manifests = path.parents[5] / "_ingests" if len(path.parents) > 5 else Path("_ingests")
    ingest = path.stem.removeprefix("part-")
    return f"remove {manifests}/{ingest}*.json, and ingest the source again (the next run does, or simulates)"


def _touches(group: pa.parquet.RowGroupMetaData, start_ns: int, end_ns: int) -> bool:
    # ts_recv is the second column of every kind.
    statistics = group.column(1).statistics
    return bool(statistics.min < end_ns and statistics.max >= start_ns)

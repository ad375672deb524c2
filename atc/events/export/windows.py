"""The events of a business day in spans of time that fit the memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from atc.errors import DataError
from atc.events.schema import Kind, schema_of

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 131_072


def windows(
    files: Mapping[str, Sequence[Path]], columns: Mapping[str, Sequence[str]]
) -> Iterator[dict[str, pa.Table]]:
    """The rows of several kinds, each from its files, cut at the same times: no `ts_recv` is in two windows.

    `columns`: those to read of each kind; `ts_recv` has to be one of them. Where to cut depends on the times
    alone, so the windows of other columns of the same files are the same. A window holds about `BATCH_ROWS`
    rows of the kind that has most, and more only where more have one `ts_recv`.
    """
    coming = {kind: _batches(kind, files.get(kind, ()), names) for kind, names in columns.items()}
    waiting: dict[str, pa.Table] = {kind: next(batches) for kind, batches in coming.items()}
    unfinished = set(columns)
    while True:
        for kind in sorted(unfinished):
            if not waiting[kind].num_rows:
                _read_on(kind, coming, waiting, unfinished)
        ends = [_last_ts(waiting[kind]) for kind in unfinished]
        if not ends:
            if any(table.num_rows for table in waiting.values()):
                yield waiting
            return
        end = min(ends)
        taken = {kind: _before(table, end) for kind, table in waiting.items()}
        if any(taken.values()):
            yield {kind: table.slice(0, taken[kind]) for kind, table in waiting.items()}
            waiting = {kind: table.slice(taken[kind]) for kind, table in waiting.items()}
        else:
            for kind in sorted(unfinished):
                if _last_ts(waiting[kind]) == end:
                    _read_on(kind, coming, waiting, unfinished)


def _batches(kind: str, paths: Sequence[Path], names: Sequence[str]) -> Iterator[pa.Table]:
    """An empty table of the columns, then the rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = schema_of(Kind(kind))
    yield pa.schema([schema.field(name) for name in names]).empty_table()
    for path in paths:
        try:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(BATCH_ROWS, columns=list(names), use_threads=False):
                    yield pa.Table.from_batches([batch]).replace_schema_metadata(None).select(list(names))
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"{path}: not readable as Parquet ({error}); ingest the source again") from error


def _read_on(
    kind: str, coming: Mapping[str, Iterator[pa.Table]], waiting: dict[str, pa.Table], unfinished: set[str]
) -> None:
    import pyarrow as pa

    more = next(coming[kind], None)
    if more is None:
        unfinished.discard(kind)
    else:
        waiting[kind] = pa.concat_tables([waiting[kind], more])


def _last_ts(table: pa.Table) -> int:
    return int(table["ts_recv"][-1].as_py())


def _before(table: pa.Table, end_ns: int) -> int:
    return int(table["ts_recv"].to_numpy().searchsorted(end_ns))

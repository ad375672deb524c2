"""Canonical events of a span in parts that follow each other, so that a day need not lie in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from atc.events.catalog import FileEntry
from atc.events.reader import opened
from atc.events.schema import Kind, schema_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

PART_ROWS = 1 << 17
"""Rows of a kind that are decoded at a time."""

Files = Mapping[Kind, Sequence[tuple[Path, FileEntry]]]
"""Files of the catalog by kind, in time order."""

Part = Mapping[Kind, "pa.RecordBatch"]


def read_parts(
    files: Files, start_ns: int, end_ns: int, columns: Mapping[Kind, Sequence[str]]
) -> Iterator[Part]:
    """The events of `files` with `start_ns <= ts_recv < end_ns`: of each part one batch a kind.

    Every event of a part comes before those of the next one, over all kinds, and no `ts_recv` lies in two
    parts. Of each kind only `columns` are read, `ts_recv` among them; what is not asked for is not decoded.
    Raises DataError as `read_events`, when the part that cannot be read is reached.
    """
    empty = {kind: _empty(kind, columns[kind]) for kind in Kind}
    streams = {kind: _batches(files.get(kind, ()), start_ns, end_ns, columns[kind]) for kind in Kind}
    waiting = dict(empty)
    goes_on = dict.fromkeys(Kind, True)
    while True:
        for kind, stream in streams.items():
            # What waits of a kind that goes on is never empty, or the cut would not be known.
            while goes_on[kind] and not len(waiting[kind]):
                more = next(stream, None)
                goes_on[kind] = more is not None
                waiting[kind] = waiting[kind] if more is None else more
        ends = {kind: _times(waiting[kind])[-1] for kind in Kind if goes_on[kind]}
        if not ends:
            break
        # Of a kind that goes on nothing is known past its last row, and of that timestamp not all.
        cut = min(ends.values())
        places = {kind: int(_times(waiting[kind]).searchsorted(cut)) for kind in Kind}
        if any(places.values()):
            yield {kind: waiting[kind].slice(0, places[kind]) for kind in Kind}
        for kind, stream in streams.items():
            waiting[kind] = waiting[kind].slice(places[kind])
            if ends.get(kind) == cut:
                more = next(stream, None)
                goes_on[kind] = more is not None
                waiting[kind] = waiting[kind] if more is None else _joined(waiting[kind], more)
    if any(len(batch) for batch in waiting.values()):
        yield waiting


def ahead(parts: Iterator[Part]) -> Iterator[Part]:
    """The same parts; a thread decodes the next one while the caller works on one.

    Decoding lets go of the interpreter, and so does an engine that takes the parts: two cores are used.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="parts") as reader:
        coming = reader.submit(next, parts, None)
        while (part := coming.result()) is not None:
            coming = reader.submit(next, parts, None)
            yield part


def _batches(
    files: Sequence[tuple[Path, FileEntry]], start_ns: int, end_ns: int, columns: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """The rows of one kind in the span; no batch is empty."""
    for path, entry in files:
        if entry.first_ts >= end_ns or entry.last_ts < start_ns:
            continue
        with opened(path, entry, start_ns, end_ns) as (file, groups):
            for batch in file.iter_batches(PART_ROWS, row_groups=groups, columns=list(columns)):
                first, last = _times(batch).searchsorted([start_ns, end_ns])
                if first < last:
                    yield batch.slice(int(first), int(last - first)).replace_schema_metadata(None)
                if last < len(batch):
                    return


def _times(batch: pa.RecordBatch) -> NDArray[np.int64]:
    times: NDArray[np.int64] = batch.column("ts_recv").to_numpy()
    return times


def _joined(first: pa.RecordBatch, second: pa.RecordBatch) -> pa.RecordBatch:
    import pyarrow as pa

    return pa.concat_batches([first, second])


def _empty(kind: Kind, columns: Sequence[str]) -> pa.RecordBatch:
    import pyarrow as pa

    schema = schema_of(kind)
    # In the order of the file, as it is read.
    names = [name for name in schema.names if name in columns]
    return pa.RecordBatch.from_pylist([], schema=pa.schema([schema.field(name) for name in names]))

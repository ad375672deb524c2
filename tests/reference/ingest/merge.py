"""Several sources of one stream in one order of receive time."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar

from atc.events.schema import Flag
from reference.ingest.message import Origin
from reference.ingest.report import IngestReport
from reference.ingest.source_file import Progress, no_progress

T = TypeVar("T")


class Timed(NamedTuple, Generic[T]):
    """One thing that was read, with its time on the stream's clock in ns."""

    ts_recv: int
    origin: Origin
    what: T
    flags: int = 0


class Source(NamedTuple, Generic[T]):
    """One file of a stream: its name, and how to read it from its beginning."""

    name: str
    read: Callable[[Progress], Iterator[Timed[T]]]


def merged(
    sources: Sequence[Source[T]], report: IngestReport, progress: Progress = no_progress
) -> Iterator[Timed[T]]:
    """All that the sources hold, ordered by `ts_recv`; of equal times the earlier source comes first.

    Where a source's own clock runs backwards its running maximum stands, with BAD_TS, so the result never
    runs backwards. Each source is opened once to see where it starts and again when its turn comes: however
    many files there are, only those that overlap are open.
    """
    starts = []
    for place, source in enumerate(sources):
        first = next(source.read(no_progress), None)
        if first is None:
            report.flag(Origin(source.name, 0), "no events in the file")
        else:
            starts.append((first.ts_recv, place))
    starts.sort(reverse=True)
    heap: list[tuple[int, int, Timed[T], Iterator[Timed[T]]]] = []
    while starts or heap:
        while starts and (not heap or starts[-1][0] <= heap[0][0]):
            _, place = starts.pop()
            items = _never_backwards(sources[place].read(progress), report)
            item = next(items)
            heapq.heappush(heap, (item.ts_recv, place, item, items))
        _, place, item, items = heap[0]
        report.messages_read += 1
        yield item
        following = next(items, None)
        if following is None:
            heapq.heappop(heap)
        else:
            heapq.heapreplace(heap, (following.ts_recv, place, following, items))


def _never_backwards(items: Iterator[Timed[T]], report: IngestReport) -> Iterator[Timed[T]]:
    latest: int | None = None
    for item in items:
        if latest is not None and item.ts_recv < latest:
            report.flag(item.origin, "time ran backwards", f"{latest - item.ts_recv} ns before {latest}")
            yield item._replace(ts_recv=latest, flags=item.flags | Flag.BAD_TS)
        else:
            latest = item.ts_recv
            yield item

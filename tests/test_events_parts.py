"""A span in parts is the span: nothing lost, nothing twice, no timestamp cut."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

import atc
from atc.config.data import SimulatedData
from atc.errors import DataError
from atc.events import parts
from atc.events.catalog import Catalog
from atc.events.parts import Files, Part, ahead, read_parts
from atc.events.reader import read_events
from atc.events.schema import Kind, schema_of
from atc.events.simulate import ensure_simulated, located

COLUMNS = {kind: [name for name in schema_of(kind).names if name != "venue_seq"] for kind in Kind}


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> tuple[Catalog, str, str]:
    """Two simulated days of a feed with gaps, resets and events of equal times."""
    root = tmp_path_factory.mktemp("market")
    data = atc.compose(["data/scenario=dirty_feed", "data.days=2", "data.rate=0.05"]).data
    assert isinstance(data, SimulatedData)
    ensure_simulated(data, root)
    return Catalog(root), located(data).venue, data.symbol


def files_of(market: tuple[Catalog, str, str]) -> Files:
    catalog, venue, symbol = market
    found: dict[Kind, list] = {kind: [] for kind in Kind}
    for day in catalog.days(venue, symbol):
        for kind, entries in catalog.day(venue, symbol, day).files.items():
            found[kind] += [(catalog.path(entry), entry) for entry in entries]
    return found


@pytest.mark.parametrize("rows", [50, 1000, 1 << 20])
def test_parts_join_to_the_span(
    market: tuple[Catalog, str, str], monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr(parts, "PART_ROWS", rows)
    catalog, venue, symbol = market
    first, last = catalog.span_ns(venue, symbol)
    rng = random.Random(rows)
    width = (last - first) // (200 if rows < 100 else 3)
    for _ in range(3):
        begin = rng.randrange(first - width // 3, last)
        events = read_events(catalog, venue, symbol, begin, begin + width)
        seen: dict[Kind, list[pa.RecordBatch]] = {kind: [] for kind in Kind}
        before = begin - 1
        for part in read_parts(files_of(market), begin, begin + width, COLUMNS):
            times = [t for batch in part.values() for t in batch.column("ts_recv").to_pylist()]
            assert before < min(times)
            before = max(times)
            for kind, batch in part.items():
                seen[kind].append(batch)
        for kind in Kind:
            whole = events.of(kind).select(COLUMNS[kind])
            joined = pa.Table.from_batches(seen[kind], schema=whole.schema)
            assert joined.combine_chunks().equals(whole.combine_chunks()), kind


def test_parts_come_ahead_as_they_are(
    market: tuple[Catalog, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "PART_ROWS", 1000)
    catalog, venue, symbol = market
    first, last = catalog.span_ns(venue, symbol)

    def stream() -> Iterator[Part]:
        return read_parts(files_of(market), first, last + 1, COLUMNS)

    plain, early = list(stream()), list(ahead(stream()))
    assert len(plain) == len(early) > 5
    assert all(a[kind].equals(b[kind]) for a, b in zip(plain, early, strict=True) for kind in Kind)
    # Whoever stops early gets no more, and an error comes where it happened.
    assert next(ahead(stream()))[Kind.BOOK].equals(plain[0][Kind.BOOK])

    def breaks() -> Iterator[Part]:
        yield plain[0]
        raise DataError("the second part is damaged")

    broken = ahead(breaks())
    assert next(broken) is plain[0]
    with pytest.raises(DataError, match="second part"):
        next(broken)


def test_a_span_without_events_has_no_parts(market: tuple[Catalog, str, str]) -> None:
    catalog, venue, symbol = market
    _, last = catalog.span_ns(venue, symbol)
    assert list(read_parts(files_of(market), last + 1, last + 10**12, COLUMNS)) == []


def test_what_is_not_asked_for_is_not_read(market: tuple[Catalog, str, str], tmp_path: Path) -> None:
    """A file that cannot be read is told of when its turn comes."""
    found = {kind: list(entries) for kind, entries in files_of(market).items()}
    path, entry = found[Kind.BOOK][-1]
    broken = tmp_path / path.name
    broken.write_bytes(path.read_bytes()[:4000])
    found[Kind.BOOK][-1] = (broken, entry)
    catalog, venue, symbol = market
    first, last = catalog.span_ns(venue, symbol)
    stream = read_parts(found, first, last + 1, COLUMNS)
    assert any(len(batch) for batch in next(stream).values())
    with pytest.raises(DataError, match=broken.name):
        list(stream)

"""Recordings read by an adapter into tables, and a replay of their books that is none of the product's."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from atc._rust import IngestReader, ingest_facts
from atc.events.schema import Flag, MsgKind

Levels = dict[tuple[int, int], int]
"""Size in lots by (side, price in ticks)."""


@dataclass(frozen=True)
class Taken:
    """What an adapter made of some files."""

    facts: dict[str, Any]
    tables: dict[str, pa.Table]
    """By kind, over all days; a kind of which there is none is absent."""
    messages_read: int
    repaired: dict[str, int]
    flagged: dict[str, int]
    findings: list[tuple[str, str, str, int, str]]
    """(action, reason, file, row, detail)."""

    def ticks(self, price: str) -> int:
        return _steps(price, self.facts["tick"])

    def lots(self, size: str) -> int:
        return _steps(size, self.facts["lot"])

    def rows(self, kind: str, *columns: str) -> list[tuple[Any, ...]]:
        """The rows of a kind that there may be none of."""
        if kind not in self.tables:
            return []
        return list(zip(*(self.column(kind, name) for name in columns), strict=True))

    def column(self, kind: str, name: str) -> list[Any]:
        return self.tables[kind][name].to_pylist()


def _steps(text: str, step: str) -> int:
    steps = Decimal(text) / Decimal(step)
    assert steps == int(steps), f"{text} is no multiple of {step}"
    return int(steps)


def take(adapter: str, files: Sequence[Path], *, steps: tuple[str, str] | None = None, **asked: str) -> Taken:
    """Reads `files`; `asked` may name `venue` and `symbol`, `steps` gives tick and lot."""
    paths = list(files)
    facts = json.loads(ingest_facts(adapter, paths, json.dumps(asked)))
    if steps is not None:
        facts["tick"], facts["lot"] = steps
    reader = IngestReader(adapter, paths, json.dumps(facts), True)
    batches: dict[str, list[pa.RecordBatch]] = {}
    while (part := reader.next()) is not None:
        _, kind, batch = part
        if kind is not None:
            batches.setdefault(kind, []).append(batch)
    counts: dict[str, Counter[str]] = {"repaired": Counter(), "flagged": Counter()}
    for _, action, reason, count in reader.finding_counts():
        counts[action][reason] += count
    tables = {kind: pa.Table.from_batches(parts) for kind, parts in batches.items()}
    read, written = reader.counts()
    assert written == sum(len(set(table["ev_seq"].to_pylist())) for table in tables.values())
    return Taken(facts, tables, read, dict(counts["repaired"]), dict(counts["flagged"]), reader.findings())


def books(table: pa.Table) -> Iterator[tuple[dict[str, Any], Levels]]:
    """Each book message (its first row, and its `levels`) with the whole book after it.

    Repeated keyframes (SNAPSHOT | REPEAT), which ATC inserts, are checked to change nothing and left out. The
    book that is given is overwritten by the next message.
    """
    book: Levels = {}
    columns = {name: table[name].to_pylist() for name in table.column_names}
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    start = 0
    for end in range(1, len(rows) + 1):
        if end < len(rows) and rows[end]["ev_seq"] == rows[start]["ev_seq"]:
            continue
        message = rows[start:end]
        assert [bool(row["flags"] & Flag.LAST) for row in message] == [False] * (len(message) - 1) + [True]
        levels = {(row["side"], row["px_ticks"]): row["qty_lots"] for row in message if row["side"]}
        kind = message[0]["msg_kind"]
        start = end
        inserted = Flag.SNAPSHOT | Flag.REPEAT
        if message[0]["flags"] & inserted == inserted:
            assert book == levels
            continue
        if kind != MsgKind.DELTA:
            book.clear()
        for level, qty in levels.items():
            if qty:
                book[level] = qty
            else:
                book.pop(level, None)
        yield message[0] | {"levels": levels}, book


def best(book: Levels, side: int, depth: int) -> list[tuple[int, int]]:
    """(price, size) of the best `depth` levels of a side, best first."""
    prices = sorted((px for s, px in book if s == side), reverse=side > 0)
    return [(px, book[side, px]) for px in prices[:depth]]

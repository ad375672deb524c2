"""ATC alone: events and rows a second of one core, decode excluded and included."""

from __future__ import annotations

import pyarrow as pa
from features_day import Days, fastest, messages
from features_table import FeatureTable, Goal

PLAN = ("core", "ticker")
SAMPLINGS = {"trade": "taker group", "book": "frame", "ticker": "ticker", "clock_1s": "second"}


def rates(table: FeatureTable, days: Days, batches: list[list[pa.RecordBatch]], runs: int) -> None:
    """A business day, its own events alone, without a warm-up; CPU time."""
    day = batches[0]
    events = sum(messages(day).values())
    for sampling, word in SAMPLINGS.items():
        made = days.rows(0, sampling, day, PLAN).num_rows
        alone = fastest(lambda sampling=sampling: days.rows(0, sampling, day, PLAN), runs).cpu
        whole = fastest(lambda sampling=sampling: days.rows(0, sampling, days.batches(0), PLAN), runs).cpu
        goal = Goal(1.0) if sampling == "trade" else None
        name = f"62 columns (core, ticker), a row a {word} ({made:,} rows)"
        table.add(name, events / alone / 1e6, "M events/s a core")
        table.add("the same, decode included", events / whole / 1e6, "M events/s a core", goal=goal)
    made = days.rows(0, "book", day, ("core",)).num_rows
    alone = fastest(lambda: days.rows(0, "book", day, ("core",)), runs).cpu
    whole = fastest(lambda: days.rows(0, "book", days.batches(0), ("core",)), runs).cpu
    table.add("38 columns (core), a row a frame", made / alone / 1e3, "k rows/s a core", goal=Goal(400))
    table.add("the same, decode included", made / whole / 1e3, "k rows/s a core")
    for schemas, columns in days.schemas():
        alone = fastest(lambda schemas=schemas: days.rows(0, "trade", day, schemas), runs).cpu
        name = f"{columns} columns ({', '.join(schemas)}), a row a taker group"
        table.add(name, events / alone / 1e6, "M events/s a core")

"""ATC beside other people's tools on the same columns, once their values agree."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Collection

import pyarrow as pa
from features_compare import check
from features_day import Days, fastest
from features_rates import PLAN
from features_table import FeatureTable, Goal

WORDS = {"trade": "a row a taker group", "book": "a row a frame"}


def installed(*names: str) -> bool:
    """Whether the peers group of pyproject is there."""
    return all(importlib.util.find_spec(name) is not None for name in names)


def peers(
    table: FeatureTable, days: Days, batches: list[list[pa.RecordBatch]], runs: int, only: Collection[str]
) -> None:
    """All peers that are installed and asked for; missing ones are named on stderr."""
    if "polars" in only:
        for sampling in WORDS:
            polars_row(table, days, batches, sampling, runs)
    for name, measure in (("numba", numba_rows), ("screamer", screamer_rows)):
        if name not in only:
            continue
        if installed(name):
            measure(table, days, batches[0], runs)
        else:
            sys.stderr.write(f"{name} is not installed and not compared; `uv sync --group peers` brings it\n")


def polars_row(
    table: FeatureTable, days: Days, batches: list[list[pa.RecordBatch]], sampling: str, runs: int
) -> None:
    """Two days on two threads: polars takes both for each day, ATC a day each."""
    import features_polars as peer
    from features_polars_tables import decoded

    numbers = list(range(len(batches)))
    ours = [days.rows(number, sampling, day, PLAN) for number, day in zip(numbers, batches, strict=True)]
    specs = [json.loads(days.spec(number, sampling, PLAN)) for number in numbers]
    tables = [decoded(*day) for day in zip(specs, batches, ours, strict=True)]
    made = fastest(lambda: [decoded(*day) for day in zip(specs, batches, ours, strict=True)], runs)
    atc = fastest(lambda: days.rows_on_threads(numbers, sampling, batches, PLAN, 2), runs)
    for by_joins, way in ((False, "rolling_*_by"), (True, "running sums joined")):
        for rows, given in zip(ours, tables, strict=True):
            check(f"polars, {way}", rows, peer.by_column(peer.features(given, by_joins=by_joins)))

        def theirs(by_joins: bool = by_joins) -> None:
            for given in tables:
                peer.features(given, by_joins=by_joins)

        taken = fastest(theirs, runs)
        name = f"{len(batches)} days, 62 columns from events, {WORDS[sampling]}, 2 threads"
        against = f"polars, {way}, {len(peer.EXPRESSED)} columns from tables: {taken.wall:.3f} s"
        table.add(name, atc.wall, "s", against=against, ratio=taken.wall / atc.wall, goal=Goal(5.0))
        against = f"polars, {way}: {taken.cpu:.3f} s"
        table.add("the same, CPU of all threads", atc.cpu, "s", against=against, ratio=taken.cpu / atc.cpu)
        whole = taken.cpu + made.cpu
        against = f"polars, {way}, and making its tables: {whole:.3f} s"
        table.add("the same, from events on both sides", atc.cpu, "s", against=against, ratio=whole / atc.cpu)


def numba_rows(table: FeatureTable, days: Days, batches: list[pa.RecordBatch], runs: int) -> None:
    """A day on one thread from the same decoded arrays; compiled before."""
    from features_numba_peer import NumbaDay, decoded, facts

    arrays = decoded(batches)
    for sampling, with_ticker in (("trade", True), ("book", True), ("trade", False), ("book", False)):
        schemas = PLAN if with_ticker else ("core",)
        spec = days.spec(0, sampling, schemas)
        ours = days.rows(0, sampling, batches, schemas)
        peer = NumbaDay(arrays, facts(spec, with_ticker=with_ticker), ours.num_rows)
        if peer.run() != ours.num_rows:
            raise AssertionError(f"Numba: {peer.run():,} rows, ATC has {ours.num_rows:,}")
        check("Numba", ours, peer.by_column())
        atc = fastest(
            lambda sampling=sampling, schemas=schemas: days.rows(0, sampling, batches, schemas), runs
        )
        theirs = fastest(peer.run, runs)
        name = f"a day, {len(peer.columns)} columns from events, {WORDS[sampling]}, 1 thread"
        against = f"Numba, one pass: {theirs.cpu:.3f} s"
        table.add(name, atc.cpu, "s", against=against, ratio=theirs.cpu / atc.cpu, goal=Goal(1.5))


def screamer_rows(table: FeatureTable, days: Days, batches: list[pa.RecordBatch], runs: int) -> None:
    """Operators on values one second apart, where windows of rows are windows of time."""
    from features_polars_tables import group_sizes
    from features_screamer import compare

    sizes = group_sizes(batches[1], json.loads(days.spec(0, "trade", PLAN))["group_ns"])
    compare(table, days.rows(0, "clock_1s", batches, PLAN), sizes, runs)

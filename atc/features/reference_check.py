"""Cached rows against the slow reference of a checkout's tests: the second implementation of every
formula.
"""

from __future__ import annotations

import importlib
import random
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import atc
from atc.events.reader import read_events
from atc.features.engine_spec import engine_spec, warm_up_ns
from atc.features.source import Source
from atc.features.verifying import Finding, Stretch, difference, rows_between

if TYPE_CHECKING:
    from types import ModuleType

TESTS = Path(atc.__file__).parents[1] / "tests"


def is_there() -> bool:
    """A checkout: the reference lies beside the package; in an installed wheel it does not."""
    return (TESTS / "reference" / "columns.py").is_file() and (TESTS / "engine_face.py").is_file()


def check_against_reference(
    source: Source, stretch: Stretch, rows: int, rng: random.Random
) -> tuple[int, list[Finding]]:
    """`rows` random rows of a stretch by the reference, as near as its documentation says; how many there
    were.

    The reference sees the events that the engine sees: from the warm-up on, to two `max_gap` past the
    stretch.
    """
    import pyarrow as pa

    from atc import _rust

    face, arrow, columns, events_module = (
        _of_tests(name)
        for name in ("engine_face", "reference.arrow", "reference.columns", "reference.events")
    )
    names = list(stretch.files)
    begin = stretch.begin - warm_up_ns(source.sampling, source.engine, names)
    end = stretch.end + 2 * source.max_gap_ns
    tables = read_events(source.catalog, source.data.venue, source.data.symbol, begin, end)
    events = arrow.from_tables(tables.book, tables.trade, tables.ticker, tables.control)
    spec_json = engine_spec(
        source.data, source.sampling, source.engine, begin, source.span(stretch.day)[1], schemas=names
    )
    whole = _rust.build_rows(spec_json, *arrow.to_tables(events), *face.FOREVER)
    times = whole.column("ts_recv").to_pylist()
    # Rows within two gaps of the end may be decided by an event that was not read.
    inside = [k for k, t in enumerate(times) if stretch.begin <= t < stretch.end]
    chosen = sorted(rng.sample(inside, min(rows, len(inside))))
    table = columns.Table(events, _spec(source, events_module.Spec, begin, stretch))
    problems = face.divergences(whole, table, chosen)
    found = [Finding(next(iter(stretch.files.values())), f"the reference differs: {why}") for why in problems]
    engine = pa.Table.from_batches([whole])
    for file in stretch.files.values():
        kept = rows_between(file, stretch.begin, stretch.end)
        keys = kept["ts_recv"].to_pylist(), kept["ev_seq"].to_pylist()
        places = {key: place for place, key in enumerate(zip(*keys, strict=True))}
        for number in chosen:
            place = places.get((times[number], whole.column("ev_seq")[number].as_py()))
            if place is None:
                found.append(Finding(file, f"no row at ts_recv {times[number]}, which the reference has"))
                continue
            problem = difference(kept.slice(place, 1), engine.slice(number, 1))
            if problem:
                found.append(Finding(file, problem))
    return len(chosen), found


def _of_tests(name: str) -> ModuleType:
    if str(TESTS) not in sys.path:
        sys.path.insert(0, str(TESTS))
    return importlib.import_module(name)


def _spec(source: Source, spec: type[Any], begin: int, stretch: Stretch) -> Any:
    """The reference's specification with the config's values."""
    from atc.config.maintenance import maintenance_windows

    data, engine = source.data, source.engine
    values = {
        "sampling": source.sampling.kind,
        "tick": data.tick,
        "lot": data.lot,
        "day_cut_utc_s": data.day_cut_utc_s,
        "tz_offset_s": data.tz_offset_s,
        "recorded_depth": data.recorded_depth,
        "group_ns": round(source.sampling.group_ms * 1_000_000),
        "max_gap_ns": source.max_gap_ns,
        "min_values": engine.min_values,
        "big_window_s": engine.big_trade.window_s,
        "big_quantile_pct": engine.big_trade.quantile_pct,
        "big_fresh_s": engine.big_trade.fresh_s,
        "deep_levels": engine.deep_levels,
        "no_new_entry_s": engine.no_new_entry_s,
        "maintenance": tuple(
            maintenance_windows(data.maintenance, data.tz_offset_s, begin, source.span(stretch.day)[1])
        ),
        "schemas": tuple(stretch.files),
    }
    known = {each.name for each in fields(spec)}
    return spec(**{name: value for name, value in values.items() if name in known})

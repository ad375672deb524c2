"""`just bench-engine`: events a second of the feature engine on one core, decode excluded and included.

One simulated business day at the full event rate. Each figure is the best of several runs: noise only adds.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
from rich.console import Console
from rich.table import Table

import atc
from atc import _rust
from atc.config.schema import SimulatedData
from atc.events.catalog import Catalog
from atc.events.reader import read_events
from atc.events.simulate import ensure_simulated, located
from atc.features.engine_spec import engine_spec

RUNS = 5
OUT = Path("outputs") / "bench" / "engine.json"


def best(action: Callable[[], object]) -> float:
    """Seconds of the fastest of `RUNS`."""
    seconds = []
    for _ in range(RUNS):
        began = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def main() -> int:
    """Measures, prints the table, writes the JSON; 2 for a debug build."""
    if _rust.BUILD_PROFILE != "release":
        sys.stderr.write("the extension is a debug build; `just build` makes the release one\n")
        return 2
    config = atc.compose(["data.days=1", "data.rate=1.0"])
    assert isinstance(config.data, SimulatedData)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        simulation = best(lambda: ensure_simulated(config.data, Path(tempfile.mkdtemp(dir=folder))))
        ensure_simulated(config.data, root)
        data, catalog = located(config.data), Catalog(root)
        begin, end = catalog.span_ns(data.venue, data.symbol)

        def tables() -> list[pa.RecordBatch]:
            events = read_events(catalog, data.venue, data.symbol, begin, end + 1)
            kinds = (events.book, events.trade, events.ticker, events.control)
            return [_one_batch(table) for table in kinds]

        batches = tables()
        events = sum(len(set(batch.column("ev_seq").to_pylist())) for batch in batches)
        rows: list[dict[str, object]] = [
            _row("simulate one day, Parquet written", simulation, "s"),
            _row("read one day", events / best(tables) / 1e6, "M events/s"),
        ]
        for kind in ("trade", "book", "ticker", "clock_1s"):
            sampling = config.sampling.model_copy(update={"kind": kind})
            spec = engine_spec(data, sampling, config.features.engine, begin, end, schemas=("core", "ticker"))
            made = _rust.build_rows(spec, *batches, begin, end + 1).num_rows
            alone = best(lambda spec=spec: _rust.build_rows(spec, *batches, begin, end + 1))
            whole = best(lambda spec=spec: _rust.build_rows(spec, *tables(), begin, end + 1))
            rows += [
                _row(f"62 columns, a row a {kind} ({made:,} rows)", events / alone / 1e6, "M events/s"),
                _row(f"62 columns, a row a {kind}, decode included", events / whole / 1e6, "M events/s"),
            ]
    table = Table(
        "figure", box=None, title=f"{events:,} events of one business day, one core, best of {RUNS}"
    )
    table.add_column("value", justify="right")
    table.add_column("unit")
    for row in rows:
        table.add_row(str(row["figure"]), f"{row['value']:.2f}", str(row["unit"]))
    Console().print(table)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0


def _row(figure: str, value: float, unit: str) -> dict[str, object]:
    return {"figure": figure, "value": value, "unit": unit, "against": None, "ratio": None}


def _one_batch(table: pa.Table) -> pa.RecordBatch:
    batches = table.combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)


if __name__ == "__main__":
    sys.exit(main())

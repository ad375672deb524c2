"""What reading costs, what the cache holds, and what bounds the engine."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
from features_day import Days, fastest, messages
from features_rates import PLAN
from features_table import FeatureTable

from atc import _rust
from atc.events.schema import Kind

NEEDED = {
    Kind.BOOK: ["ev_seq", "ts_recv", "flags", "msg_kind", "side", "px_ticks", "qty_lots"],
    Kind.TRADE: ["ev_seq", "ts_recv", "ts_exch", "flags", "px_ticks", "qty_lots", "side"],
    Kind.TICKER: ["ev_seq", "ts_recv", "flags", "bid", "ask", "last", "high", "low", "vol"],
    Kind.CONTROL: ["ev_seq", "ts_recv", "flags", "control_kind"],
}


def files(table: FeatureTable, days: Days, batches: list[pa.RecordBatch], runs: int) -> None:
    """CPU time of one core on a business day whose files the system has read before."""
    events = sum(messages(batches).values())
    paths = days.files(0)
    bytes_read = sum(path.stat().st_size for _, path in paths)
    table.add("a day's event files", bytes_read / 1e6, "MB")

    def needed() -> list[pa.Table]:
        return [pq.read_table(path, columns=NEEDED[kind], use_threads=False) for kind, path in paths]

    pure = fastest(needed, runs).cpu
    decode = fastest(lambda: days.batches(0), runs).cpu
    replay = fastest(lambda: _rust.replay_top(batches[0], batches[3], 1, 60_000_000_000), runs).cpu
    trade = fastest(lambda: days.rows(0, "trade", batches, PLAN), runs).cpu
    book = fastest(lambda: days.rows(0, "book", batches, PLAN), runs).cpu
    whole = fastest(lambda: days.rows(0, "trade", days.batches(0), PLAN), runs).cpu
    table.add(
        "reading those columns and nothing else, Parquet to Arrow", events / pure / 1e6, "M events/s a core"
    )
    table.add("features of the day, of the time of reading alone", whole / pure, "×")
    table.add("decode, of the time with features", 100 * decode / whole, "%")
    table.add("replaying the book alone, of the time with features", 100 * replay / whole, "%")
    rows = [days.rows(0, sampling, batches, PLAN).num_rows for sampling in ("trade", "book")]
    table.add("a further row of 62 columns", 1e9 * (book - trade) / (rows[1] - rows[0]), "ns")
    table.add(
        "an event without its rows",
        1e9 * (trade - rows[0] * (book - trade) / (rows[1] - rows[0])) / events,
        "ns",
    )

"""The Numba peer as the bench calls it: decoded arrays in, rows out, compiled before it is timed."""

from __future__ import annotations

import json
from dataclasses import dataclass

import features_numba_store as peer
import numpy as np
import pyarrow as pa
from features_compare import F32
from features_day import column, nan_column, refuse_resets
from features_numba import features

NO_TIME = -(2**63)


def decoded(batches: list[pa.RecordBatch]) -> peer.Day:
    """The arrays of a day, nulls already replaced."""
    book, trade, ticker, control = batches
    refuse_resets(control)
    exch = trade.column("ts_exch").fill_null(NO_TIME).to_numpy()
    names = ("ts_recv", "ev_seq", "flags", "msg_kind", "side", "px_ticks", "qty_lots")
    return peer.Day(
        *(column(book, name) for name in names),
        column(trade, "ts_recv"),
        column(trade, "ev_seq"),
        exch,
        *(column(trade, name) for name in ("flags", "px_ticks", "qty_lots", "side")),
        column(ticker, "ts_recv"),
        *(nan_column(ticker, name) for name in ("bid", "ask", "last", "high", "low", "vol")),
    )


def facts(spec_json: str, *, with_ticker: bool) -> peer.Facts:
    """The specification, as far as it is not written into the code."""
    spec, second = json.loads(spec_json), peer.SECOND
    return peer.Facts(
        lot=spec["lot"],
        group_ns=spec["group_ns"],
        max_gap_ns=spec["max_gap_ns"],
        min_values=spec["min_values"],
        day_cut_ns=spec["day_cut_utc_s"] * second,
        tz_ns=spec["tz_offset_s"] * second,
        no_entry_ns=spec["no_new_entry_s"] * second,
        maintenance=np.array(spec["maintenance"], np.int64).reshape(-1, 3),
        book_rows=spec["sampling"] == "book",
        with_ticker=with_ticker,
    )


@dataclass
class NumbaDay:
    """A day, its buffers, and the results of the last run."""

    day: peer.Day
    facts: peer.Facts
    rows: int

    def __post_init__(self) -> None:
        self.store = peer.store(self.day, self.rows)
        self.columns = peer.COLUMNS if self.facts.with_ticker else tuple(peer.CORE)
        self.ts = np.zeros(self.rows, np.int64)
        self.seq = np.zeros(self.rows, np.uint64)
        self.values = np.zeros((self.rows, len(self.columns)), np.float32)

    def run(self) -> int:
        """The rows of the day; how many."""
        return features(self.day, self.facts, peer.cleared(self.store), self.ts, self.seq, self.values)

    def by_column(self) -> dict[str, F32]:
        """The values of the last run."""
        return {name: self.values[:, k] for k, name in enumerate(self.columns)}

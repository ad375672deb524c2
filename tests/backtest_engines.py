"""Both engines of the backtest behind one face: the extension's, and the slow one of the tests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from reference.arrow import from_tables, to_tables
from reference.backtest import ReferenceBacktest, Row
from reference.backtest_oracle import Steps, best_path
from reference.events import Event

from atc import _rust
from atc.events.parts import Part
from atc.events.schema import Kind

S = 1_000_000_000
Decisions = Sequence[tuple[int, Mapping[str, int]]]
Tables = dict[str, list[Row]]
EXECUTION = {
    "wait_ns": 600_000_000,
    "max_book_age_ns": 5 * S,
    "max_slippage_bps_e6": 20_000_000,
    "min_interval_ns": 300 * S,
    "max_order_lots": 10_000,
}


def spec_of(begin: int, end: int, strategies: Sequence[Mapping[str, Any]], **others: Any) -> dict[str, Any]:
    """A backtest of [begin, end) with the defaults of ETH_JPY."""
    execution = {**EXECUTION, **others.pop("execution", {})}
    return {
        "max_gap_ns": 60 * S,
        "begin_ns": begin,
        "end_ns": end,
        "day_cuts_ns": [],
        "carry_rate_e9": [],
        "carry_step": [100] * len(others.get("day_cuts_ns", [])),
        "closed": [],
        "no_new_entry": [],
        "execution": execution,
        "curve_ns": 60 * S,
        "strategies": list(strategies),
        **others,
    }


def strategy(name: str, policy: str | None = None, **others: Any) -> dict[str, Any]:
    return {
        "name": name,
        "policy": policy or name,
        "latency_ns": 300_000_000,
        "depth_num": 1,
        "depth_den": 1,
        "fee_bps_e6": 0,
        "size_lots": 1000,
        "log": True,
        "curve": True,
        **others,
    }


def run_reference(spec: Mapping[str, Any], events: Sequence[Event], decisions: Decisions) -> Tables:
    backtest = ReferenceBacktest(spec, events, decisions)
    names = ("orders", "fills", "curve", "days", "totals", "drawdowns", "given_up")
    tables: Tables = {name: [] for name in names}
    for one in spec["strategies"]:
        if one["policy"] == "oracle_path":
            equity, account = best_path(Steps(backtest, one))
            assert account.equity(spec["end_ns"]) == equity
        else:
            account = backtest.account(one)
        tables["totals"].append(account.totals())
        tables["days"] += account.days()
        if one["log"]:
            first = len(tables["orders"])
            tables["orders"] += account.orders
            for fill in account.fills:
                row = {"order": first + fill.order, "px": fill.px, "lots": fill.lots, "fee": fill.fee}
                tables["fills"].append({"strategy": one["name"], **row})
        if one["curve"]:
            tables["curve"] += account.curve()
    for pair in spec.get("drawdowns", ()):
        tables["drawdowns"].append(backtest.drawdown(pair["strategy"], pair["against"]))
    return tables


def run_rust(spec: Mapping[str, Any], events: Sequence[Event], decisions: Decisions) -> Tables:
    tables = to_tables(events)
    engine = _rust.Backtest(json.dumps(spec), decision_batch(decisions))
    engine.feed(tables.book, tables.control)
    return {name: batch.to_pylist() for name, batch in engine.finish().items()}


ENGINES = {"reference": run_reference, "rust": run_rust}


def decision_batch(decisions: Decisions) -> pa.RecordBatch:
    policies = sorted({name for _, targets in decisions for name in targets})
    columns = {"ts_close": pa.array([d for d, _ in decisions], pa.int64())}
    for name in policies:
        columns[name] = pa.array([targets[name] for _, targets in decisions], pa.int64())
    return pa.RecordBatch.from_pydict(columns)


class ReferenceEngine:
    """The slow engine with the face of the extension's."""

    def __init__(self, spec_json: str, decisions: pa.RecordBatch) -> None:
        self._spec = json.loads(spec_json)
        self._decisions = [(row.pop("ts_close"), row) for row in decisions.to_pylist()]
        self._events: list[Event] = []

    def feed(self, book: pa.RecordBatch, control: pa.RecordBatch) -> bool:
        nothing = {kind: [] for kind in (Kind.TRADE, Kind.TICKER)}
        self._events += from_tables(book, *map(_Rows, nothing.values()), control)
        return bool(self._events) and self._events[-1].ts_recv >= self._spec["end_ns"]

    def finish(self) -> dict[str, pa.RecordBatch]:
        tables = run_reference(self._spec, self._events, self._decisions)
        return {name: pa.RecordBatch.from_pylist(rows) for name, rows in tables.items()}


class _Rows:
    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self._rows = rows

    def to_pylist(self) -> list[dict[str, Any]]:
        return self._rows


def events_of(parts: Sequence[Part]) -> list[Event]:
    return [event for part in parts for event in from_tables(*(part[kind] for kind in Kind))]

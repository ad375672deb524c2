"""The engine under test, as the parity tests drive it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from reference.arrow import to_tables
from reference.columns import COLUMNS, Table, Values
from reference.events import SECOND, Advance, Book, Control, Event, Level, Spec, Step, Ticker, Trade

from atc import _rust

FOREVER = (-(2**63), 2**63 - 1)

# What float64 may lose before the value becomes a float32, by column: a difference of two nearly equal
# numbers keeps the absolute error of its operands. Two imbalances are each off by at most 2^-54; m/VWAP and
# last/m lie near 1, are off by 2^-53 and count 10^4-fold, as do microprices, whose own quotient is rounded
# before; the logarithm of two of those, and 1 less a share, keep such an error; a spread can reach 2 10^4
# bps; 1 - `ttc_sec_norm` is off by 2^-53 just after the cut; sine and cosine are off by a few 2^-53 near a
# zero.
FLOAT64_LOSS = {
    "top1_vs_deep": 2.0**-53,
    "vwap_dev_1m_bps": 1e4 * 2.0**-52,
    "vwap_dev_30m_bps": 1e4 * 2.0**-52,
    "tk_last_mid_dev_bps": 1e4 * 2.0**-52,
    "tk_spread_chg_5s_bps": 1e4 * 2.0**-51,
    "biz_day_frac": 2.0**-53,
    "tk_biz_day_frac": 2.0**-53,
    "tod_sin": 2.0**-50,
    "tod_cos": 2.0**-50,
    "tk_tod_sin": 2.0**-50,
    "tk_tod_cos": 2.0**-50,
    "microprice_dev_bps": 1e4 * 2.0**-51,
    "microprice_top5_dev_bps": 1e4 * 2.0**-51,
    "microprice_logret_1s": 2.0**-51,
    "jump_share_300s": 2.0**-51,
}
ULPS = 1  # a float64 that is not the nearest one may become the neighbouring float32


def push(engine: Any, step: Step) -> None:
    """One event or promise."""
    match step:
        case Advance():
            engine.advance(step.now)
        case Book():
            levels = [tuple(level) for level in step.levels or (Level(0, 0, 0),)]
            engine.push_book(step.ev_seq, step.ts_recv, step.ts_exch, step.flags, step.msg_kind, levels)
        case Trade():
            engine.push_trade(
                step.ev_seq, step.ts_recv, step.ts_exch, step.flags, step.px, step.qty, step.side
            )
        case Ticker():
            engine.push_ticker(
                step.ev_seq,
                step.ts_recv,
                step.ts_exch,
                step.flags,
                step.bid,
                step.ask,
                step.last,
                step.high,
                step.low,
                step.bid_qty,
                step.ask_qty,
                step.vol,
            )
        case Control():
            engine.push_control(step.ev_seq, step.ts_recv, step.flags, step.control_kind)


def pushed(steps: Iterable[Step], spec: Spec, *, flush: bool = True) -> pa.RecordBatch:
    """The rows of the push loop."""
    engine = _rust.FeatureEngine(spec.json())
    for step in steps:
        push(engine, step)
    if flush:
        engine.flush()
    return engine.take_rows()


def built(events: Iterable[Event], spec: Spec, emit: tuple[int, int] = FOREVER) -> pa.RecordBatch:
    """The rows of the batch, those with t in [emit_from, emit_to)."""
    tables = to_tables(events)
    return _rust.build_rows(spec.json(), *tables, *emit)


LOOKBACK_S: dict[str, int] = {item["name"]: item["lookback_s"] for item in _rust.feature_schemas()}
KEYFRAME_NS = 60 * SECOND


def warm_up_ns(spec: Spec) -> int:
    """How long before a cut a stream has to begin for the schemas of `spec`, with the plan's constants."""
    return max(LOOKBACK_S[name] for name in spec.schemas) * SECOND + 2 * 60 * SECOND + KEYFRAME_NS


def same_bits(left: pa.RecordBatch, right: pa.RecordBatch) -> bool:
    """Equal schema, null pattern and bits; -0.0 differs from 0.0."""
    if left.schema != right.schema or left.num_rows != right.num_rows:
        return False
    return all(_bits(a).equals(_bits(b)) for a, b in zip(left.columns, right.columns, strict=True))


def _bits(column: pa.Array) -> pa.Array:
    return column.view(pa.int32()) if column.type == pa.float32() else column


def describe_difference(left: pa.RecordBatch, right: pa.RecordBatch) -> str:
    """The first row and columns in which two batches differ, for a failure message."""
    for i, (a, b) in enumerate(zip(left.to_pylist(), right.to_pylist(), strict=False)):
        different = {name: (a[name], b[name]) for name in a if repr(a[name]) != repr(b.get(name))}
        if different:
            return f"row {i} (t {a['ts_recv']}, ev_seq {a['ev_seq']}): {different}"
    return f"{left.num_rows} rows against {right.num_rows}"


def allowed(name: str, value: float, one_unit: float) -> float:
    """How far the engine's float32 may lie from the reference's `value`.

    One float32 ulp; what float64 loses before; and what the rounding to 2^-40 may do: where a float64 input
    lies within its own error of the middle between two multiples of 2^-40, engine and reference may round it
    to different neighbours. Such an input moves rv by at most one unit, and a z-score by one unit of x, of
    the mean and, times |z|, of the standard deviation.
    """
    rounding = one_unit * (2 + abs(value)) if "_z_" in name else one_unit
    return ULPS * float(np.spacing(np.float32(abs(value)))) + FLOAT64_LOSS.get(name, 0.0) + rounding


def divergences(batch: pa.RecordBatch, table: Table, numbers: Sequence[int] | None = None) -> list[str]:
    """Where rows of the engine differ from the reference's: keys of all rows, values of rows `numbers`."""
    keys = list(
        zip(*(batch.column(name).to_pylist() for name in ("ts_recv", "ev_seq", "ts_close")), strict=True)
    )
    expected = [(row.ts_recv, row.ev_seq, row.ts_close) for row in table.rows]
    if keys != expected:
        first = next(
            (k for k, pair in enumerate(zip(keys, expected, strict=False)) if pair[0] != pair[1]), None
        )
        if first is None:
            return [f"{len(keys)} rows, the reference has {len(expected)}"]
        return [f"row {first}: (t, ev_seq, ts_close) {keys[first]}, the reference has {expected[first]}"]
    names = [name for name in COLUMNS if name in batch.schema.names]
    columns = {name: batch.column(name).to_pylist() for name in names}
    found = []
    for number in range(len(table)) if numbers is None else numbers:
        values = table.at(number)
        for name in names:
            difference = _difference(name, columns[name][number], values)
            if difference:
                found.append(
                    f"row {number} (t {values.row.ts_recv}, ev_seq {values.row.ev_seq}) {difference}"
                )
    return found


def _difference(name: str, engine: float | None, values: Values) -> str | None:
    reference = values.as_float(name)
    if engine is None or reference is None:
        same = engine is None and reference is None
    else:
        error = abs(engine - float(np.float32(reference)))
        same = error <= allowed(name, reference, values.one_unit.get(name, 0.0)) or _lost_sign(name, values)
    return None if same else f"{name}: engine {engine!r}, reference {reference!r}"


def _lost_sign(name: str, values: Values) -> bool:
    """The gate asks for signs of float64 values: two imbalances may differ beyond their last bit only."""
    difference = values.as_float("top1_vs_deep")
    if name != "mscale_consensus_3sig" or difference is None:
        return False
    return 0 < abs(difference) < FLOAT64_LOSS["top1_vs_deep"]

"""What trading earned: equity, alpha and its falls, the oracle path, the waterfall, the size."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from atc.report.backtest_lines import RIVALS, backtest_tables
from atc.report.html.content import Block, Figure, Section, Words, from_rich
from atc.report.html.draw.frame import HALF
from atc.report.html.draw.lines import Curve, line_chart
from atc.report.html.draw.rows import Mark, Row, row_chart
from atc.report.html.record import Record
from atc.report.waterfall_lines import STEPS

_CURVES = (
    ("strategy", "strategy", "s0"),
    ("always_hold", "always HOLD", "s1"),
    ("flat", "flat", "s2"),
    ("random", "random", "s4"),
)
_CAPTIONS = {
    "backtest": "Money",
    "from": "Where it came from",
    "orders": "What became of the orders",
    "alpha waterfall": "Where alpha is lost, in both orders",
    "alpha": "Alpha on other terms and of other sizes",
}
_LOOKS = {"fallback": "s5", "refit": "s3"}


def money_section(record: Record) -> Section:
    """Of the holdout; of a sealed run, of validation alone."""
    equity = record.table("equity")
    if equity is not None:
        blocks = [*_of_equity(record, equity), *_waterfall(record), *_capacity(record), *_tables(record)]
        return Section("money", "Equity and alpha", blocks, lead=_LEAD)
    valid = record.table("equity_valid")
    if valid is not None:
        lead = (
            "No backtest of the holdout is in this record. What the policy earned on validation, where it "
            "chose its thresholds, flatters."
        )
        return Section("money", "Equity and alpha", _of_equity(record, valid, "on validation"), lead=lead)
    return Section(
        "money",
        "Equity and alpha",
        empty=(
            "This run traded nothing: backtest=none, a label of returns (policies take probabilities), or a "
            "protocol that opens no holdout."
        ),
    )


_LEAD = (
    "Alpha is the strategy's equity less that of a benchmark that buys at the first decision and never lets "
    "go. The drawdown is the fall from the highest alpha so far, at the points of the curve."
)


def _of_equity(record: Record, equity: pl.DataFrame, where: str = "on the holdout") -> list[Block]:
    quote = record.quote
    times = equity["ts"].to_numpy().astype(np.float64)
    shown = [one for one in _CURVES if one[0] in equity.columns]
    shown += [(name, said, _LOOKS[name]) for name, said in RIVALS.items() if name in equity.columns]
    curves = [Curve(said, times, _column(equity, name), look) for name, said, look in shown]
    ends = ", ".join(f"{one.name} {one.y[-1]:+,.0f}" for one in curves)
    blocks: list[Block] = [
        Figure(
            "equity",
            f"Equity {where}, {quote}",
            f"Lines over time. At the end: {ends} {quote}.",
            line_chart(curves, times=True, y_title=quote, sign="+", height=300),
            [(f"{one.look}", one.name) for one in curves],
        )
    ]
    alpha = _column(equity, "alpha")
    if not alpha.any():
        blocks.append(Words("", ["Alpha is 0 throughout: the strategy held as the benchmark does."]))
        return [*blocks, *_oracle_path(record, equity)]
    fall = alpha - np.maximum.accumulate(np.nan_to_num(alpha))
    blocks.append(
        Figure(
            "alpha",
            f"Alpha over always HOLD, {quote}",
            f"Ends at {alpha[-1]:+,.0f}; least {alpha.min():+,.0f}, most {alpha.max():+,.0f} {quote}.",
            line_chart([Curve("alpha", times, alpha, "s0", filled=True)], times=True, width=HALF, sign="+"),
        )
    )
    blocks.append(
        Figure(
            "drawdown",
            f"Drawdown of alpha, {quote}",
            f"The deepest fall from a peak is {fall.min():,.0f} {quote}.",
            line_chart([Curve("drawdown", times, fall, "s5", filled=True)], times=True, width=HALF),
        )
    )
    return [*blocks, *_oracle_path(record, equity)]


def _oracle_path(record: Record, equity: pl.DataFrame) -> Iterator[Block]:
    times, quote = equity["ts"].to_numpy().astype(np.float64), record.quote
    if "oracle_path" in equity.columns and equity["oracle_path"].null_count() == 0:
        best = _column(equity, "oracle_path")
        captured = record.metrics.get("backtest/oracle_path/captured")
        part = "" if captured is None else f" The strategy has {captured:.1%} of its alpha."
        yield Figure(
            "oracle-path",
            f"Beside the oracle path, {quote}",
            f"The best sequence of positions that hindsight finds ends at {best[-1]:+,.0f}, the strategy "
            f"at {_column(equity, 'strategy')[-1]:+,.0f} {quote}.",
            line_chart(
                [
                    Curve("oracle path", times, best, "s3"),
                    Curve("strategy", times, _column(equity, "strategy"), "s0"),
                ],
                times=True,
                width=HALF,
                sign="+",
            ),
            [("s3", "oracle path"), ("s0", "strategy")],
            words=(
                "The best of all sequences of positions at the same decisions, in hindsight: no policy "
                "earns more."
            )
            + part,
        )


def _column(frame: pl.DataFrame, name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return frame[name].cast(pl.Float64).to_numpy()


def _waterfall(record: Record) -> Iterator[Block]:
    table = record.table("waterfall")
    if table is None:
        return
    names = {step: said.rstrip("*") for step, said in STEPS}
    rows: list[Row] = []
    before = 0.0
    for row in table.filter(way="forward").iter_rows(named=True):
        change, alpha = row["change"], row["alpha"]
        look = "s4" if not rows else "gain" if change > 0 else "loss"
        mark = Mark(alpha, look=look, start=before, name="left")
        rows.append(
            Row(names.get(row["step"], row["step"]), (mark,), f"{change:+,.0f}" if round(change) else "0")
        )
        before = alpha
    rows.append(
        Row(
            "realised alpha",
            (Mark(before, look="s7", start=0.0),),
            f"{before:+,.0f}" if round(before) else "0",
        )
    )
    yield Figure(
        "waterfall",
        f"Where the alpha of the oracle path is lost, {record.quote}",
        "; ".join(f"{row.name} {row.said}" for row in rows),
        row_chart(rows, width=HALF, digits=0, sign="+"),
        [("gain bar", "gained"), ("loss bar", "lost")],
        words=(
            "Information first, then execution. The first steps are chosen in hindsight and used for nothing."
        ),
    )


def _capacity(record: Record) -> Iterator[Block]:
    table = record.table("capacity")
    if table is None or table.height < 2 or not _column(table.fill_null(0), "alpha").any():
        return
    size, alpha = _column(table, "size"), _column(table, "alpha")
    rate = _column(table, "fill_rate")
    said = "; ".join(f"{one:g}: {value:+,.0f}" for one, value in zip(size, alpha, strict=True))
    low = size[rate < 0.99]
    words = (
        f"From {low.min():g} on orders fill in part, so less is held than the benchmark has."
        if len(low)
        else ""
    )
    yield Figure(
        "capacity",
        f"Alpha by size of the order, {record.quote}",
        said,
        line_chart(
            [Curve("alpha", size, alpha, "s0")], x_title="size of an order", width=HALF, sign="+", at_y=0.0
        ),
        words=words,
    )


def _tables(record: Record) -> Iterator[Block]:
    for table in backtest_tables(record.config, record.metrics):
        title = str(table.columns[0].header)
        known = (said for start, said in _CAPTIONS.items() if title.startswith(start))
        yield from_rich(table, "money-table", next(known, title))

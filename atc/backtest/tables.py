"""The tables of a backtest as a run keeps them."""

from __future__ import annotations

import numpy as np
import polars as pl

from atc.backtest.controls import random_name
from atc.backtest.engine import ORACLE_PATH, Traded
from atc.backtest.figures import Split, curve_of, edge_of, fill_rate
from atc.backtest.holdout import ALWAYS_HOLD, FLAT, STRATEGY, Walked
from atc.events.business_day import DAY_NS

RANDOM = "random"
_ROW = ("ts_recv", "ev_seq", "score")
_UNITS = {
    "bid": "bid_ticks",
    "ask": "ask_ticks",
    "exec_bid": "exec_bid_ticks",
    "exec_ask": "exec_ask_ticks",
    "expected_px": "expected_ticks",
    "target": "target_lots",
    "position_before": "position_before_lots",
    "qty": "qty_lots",
    "filled": "filled_lots",
    "position_after": "position_after_lots",
}


def tables_of(walked: Walked) -> dict[str, pl.DataFrame]:
    """By name: `orders`, `equity`, `sensitivity`, `capacity`; the last two where they were asked for."""
    found = {"orders": _orders(walked), "equity": _equity(walked)}
    if walked.cells:
        found["sensitivity"] = _sensitivity(walked)
    if walked.sizes:
        found["capacity"] = _capacity(walked)
    return found


def _orders(walked: Walked) -> pl.DataFrame:
    """A row an order (or a decision that a calendar refused), its row of the data and its fills beside it.

    Money in quote currency, prices in ticks, sizes in lots, times ns UTC.
    """
    decisions = walked.decisions
    known = pl.DataFrame(
        {
            "decision": pl.Series(range(len(decisions)), dtype=pl.Int64),
            "ts_recv": decisions.ts_recv,
            "ev_seq": decisions.ev_seq,
            "score": decisions.score,
            **{_score_of(name): rival.decisions.score for name, rival in walked.rivals.items()},
        }
    )
    # A rival decides by its own score.
    score = pl.col("score")
    for name in walked.rivals:
        score = pl.when(strategy=name).then(_score_of(name)).otherwise(score)
    names = (STRATEGY, ALWAYS_HOLD, FLAT, ORACLE_PATH, random_name(0), *walked.rivals)
    orders = _with_fills(walked.traded).filter(pl.col("strategy").is_in(names))
    money = [
        walked.traded.units.quoted(pl.col(name))
        for name in ("cash_flow", "fees", "cash_after", "equity_after")
    ]
    return (
        orders.with_columns(
            pl.col("decision").cast(pl.Int64), pl.col("strategy").replace(random_name(0), RANDOM)
        )
        .join(known, on="decision", how="left", maintain_order="left")
        .with_columns(*money, score.alias("score"))
        .drop(map(_score_of, walked.rivals))
        .rename(_UNITS)
        .select("strategy", "decision", *_ROW, pl.exclude(["strategy", "decision", *_ROW]))
    )


def _score_of(rival: str) -> str:
    return f"score_of_{rival}"


def _with_fills(traded: Traded) -> pl.DataFrame:
    """Orders with the levels that they took, as a list."""
    level = pl.struct(px_ticks="px", lots="lots", fee="fee")
    fills = traded.fills.with_columns(pl.col("order").cast(pl.Int64), traded.units.quoted(pl.col("fee")))
    levels = fills.group_by("order", maintain_order=True).agg(fills=level)
    numbered = traded.orders.with_row_index("order").with_columns(pl.col("order").cast(pl.Int64))
    return numbered.join(levels, on="order", how="left", maintain_order="left").drop("order")


def _equity(walked: Walked) -> pl.DataFrame:
    """Equity of the policy, its controls and its rivals at each point of the curve, quote currency."""
    traded = walked.traded
    names = {STRATEGY: STRATEGY, ALWAYS_HOLD: ALWAYS_HOLD, FLAT: FLAT, ORACLE_PATH: ORACLE_PATH}
    names[RANDOM] = random_name(0)
    names |= {name: name for name in walked.rivals}
    curves = {column: curve_of(traded, name) for column, name in names.items() if traded.has(name)}
    money = pl.DataFrame({column: equity for column, (_, equity) in curves.items()})
    money = money.with_columns(alpha=pl.col(STRATEGY) - pl.col(ALWAYS_HOLD))
    if ORACLE_PATH not in curves:
        money = money.with_columns(pl.lit(None, pl.Int64).alias(ORACLE_PATH))
    times = pl.Series("ts", curves[STRATEGY][0])
    return money.select(traded.units.quoted(pl.all())).select(times, *names, "alpha")


def equity_series(equity: pl.DataFrame, most: int) -> dict[str, list[float]]:
    """At most `most` points of the table `equity`, evenly spread, the first and the last among them: `day`
    since the first, then each curve that there is.
    """
    rows = np.unique(np.linspace(0, equity.height - 1, min(most, equity.height)).round().astype(np.int64))
    days = ((pl.col("ts") - equity["ts"][0]) / DAY_NS).alias("day")
    shown = equity[rows].select(days, pl.exclude("ts"))
    return {name: shown[name].to_list() for name in shown.columns if shown[name].null_count() == 0}


def _sensitivity(walked: Walked) -> pl.DataFrame:
    traded = walked.traded
    rows: list[dict[str, float | None]] = []
    for cell in walked.cells:
        terms = {"latency_s": cell.latency_s, "depth": cell.depth, "fee_bps": cell.fee_bps}
        rows.append({**terms, **_summary(traded, cell.strategy, cell.benchmark)})
    return _typed(rows)


def _capacity(walked: Walked) -> pl.DataFrame:
    traded = walked.traded
    rows: list[dict[str, float | None]] = []
    for size in walked.sizes:
        orders = traded.orders.filter(pl.col("strategy") == size.strategy)
        whole = float(size.lots * traded.units.lot)
        summary = _summary(traded, size.strategy, size.benchmark)
        alpha = summary["alpha"]
        assert alpha is not None
        rows.append(
            {"size": whole, **summary, "alpha_per_unit": alpha / whole, "fill_rate": fill_rate(orders)}
        )
    return _typed(rows)


def _typed(rows: list[dict[str, float | None]]) -> pl.DataFrame:
    """A column that is null throughout is one of numbers too."""
    frame = pl.DataFrame(rows, infer_schema_length=None)
    return frame.with_columns(pl.col(pl.Null).cast(pl.Float64))


def _summary(traded: Traded, strategy: str, benchmark: str) -> dict[str, float | None]:
    mine, bench = traded.of(strategy), traded.of(benchmark)
    edge, split = edge_of(mine, bench), Split.of(mine).minus(Split.of(bench))
    money = traded.units.money
    return {
        "pnl": money(mine["equity"]),
        "always_hold": money(bench["equity"]),
        "alpha": money(mine["equity"] - bench["equity"]),
        **{f"alpha_{part}": money(value) for part, value in vars(split).items()},
        "orders": mine["submissions"],
        "fills": mine["fills"],
        "turnover": money(mine["turnover"]),
        "edge_before_costs_bps": edge.before_costs,
        "edge_after_costs_bps": edge.after_costs,
        "breakeven_cost_bps": edge.breakeven,
    }

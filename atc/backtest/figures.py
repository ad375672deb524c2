"""What a walked holdout says in figures, for metrics.json: money in quote currency, shares, basis points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from atc.backtest.engine import ORACLE_PATH, Span, Traded
from atc.backtest.holdout import ALWAYS_HOLD, FLAT, STRATEGY, Walked
from atc.backtest.statistics import mean_interval, sharpe
from atc.config.data import InstrumentFacts
from atc.config.evaluation import Evaluation
from atc.evaluation.blocks import Blocks, blocks_of
from atc.events.business_day import DAY_NS, days_of

Figures = dict[str, float | None]
OUTCOMES = (
    "filled",
    "partial",
    "thin",
    "maintenance",
    "stale_book",
    "no_book",
    "crossed",
    "end_of_data",
    "no_new_entry",
    "late_entry",
)
E4 = 10_000


@dataclass(frozen=True)
class Split:
    """Where money came from, in money units; halves occur in the first two only."""

    price: float
    spread_impact: float
    fees: float
    carry: float

    @classmethod
    def of(cls, total: Mapping[str, Any]) -> Split:
        """Of a row of `totals`; fees and carry as what they take, below 0."""
        return cls(total["price_half"] / 2, total["spread_impact_half"] / 2, -total["fees"], -total["carry"])

    def minus(self, other: Split) -> Split:
        """What this one has more."""
        return Split(
            self.price - other.price,
            self.spread_impact - other.spread_impact,
            self.fees - other.fees,
            self.carry - other.carry,
        )


@dataclass(frozen=True)
class Edge:
    """What a strategy's trades beyond the benchmark's earn, in bps of their value; None without any."""

    before_costs: float | None
    after_costs: float | None
    breakeven: float | None


def edge_of(strategy: Mapping[str, Any], benchmark: Mapping[str, Any]) -> Edge:
    """Of two rows of `totals`.

    Before costs: the alpha's price part. After: less spread, impact and fees. Break-even: the cost per traded
    value at which the whole alpha, carry saved or paid included, is 0. The benchmark's own purchase is in
    both, so only what is traded beyond it counts.
    """
    traded = strategy["turnover"] - benchmark["turnover"]
    if traded <= 0:
        return Edge(None, None, None)
    alpha = Split.of(strategy).minus(Split.of(benchmark))
    scale = E4 / traded
    return Edge(
        before_costs=alpha.price * scale,
        after_costs=(alpha.price + alpha.spread_impact + alpha.fees) * scale,
        breakeven=(alpha.price + alpha.carry) * scale,
    )


def figures_of(
    walked: Walked, facts: InstrumentFacts, evaluation: Evaluation, *, horizon_ns: int, seed: int
) -> Figures:
    """Everything under `backtest/` but what the policy learned; of each rival, by its name in front, what is
    its own.
    """
    terms = _Terms(facts, evaluation, horizon_ns, seed)
    money, bench = walked.traded.units.money, walked.traded.of(ALWAYS_HOLD)
    found = _of_strategy(walked, STRATEGY, terms)
    found |= {f"backtest/always_hold/{part}": money(value) for part, value in vars(Split.of(bench)).items()}
    found |= _controls(walked)
    for name in walked.rivals:
        found |= {f"{name}/{key}": value for key, value in _of_strategy(walked, name, terms).items()}
    return found


@dataclass(frozen=True)
class _Terms:
    """What intervals are made with."""

    facts: InstrumentFacts
    evaluation: Evaluation
    horizon_ns: int
    seed: int


def _of_strategy(walked: Walked, strategy: str, terms: _Terms) -> Figures:
    """Of the strategy of one model; the keys are those of the named one."""
    traded, money = walked.traded, walked.traded.units.money
    mine, bench = traded.of(strategy), traded.of(ALWAYS_HOLD)
    found: Figures = {
        "backtest/pnl": money(mine["equity"]),
        "backtest/alpha": money(mine["equity"] - bench["equity"]),
    }
    found |= _paths(walked, strategy, terms)
    found |= _trading(traded, strategy)
    for prefix, split in (
        ("backtest", Split.of(mine)),
        ("backtest/alpha", Split.of(mine).minus(Split.of(bench))),
    ):
        found |= {f"{prefix}/{part}": money(value) for part, value in vars(split).items()}
    edge = edge_of(mine, bench)
    found |= {
        "backtest/edge_before_costs_bps": edge.before_costs,
        "backtest/edge_after_costs_bps": edge.after_costs,
        "backtest/breakeven_cost_bps": edge.breakeven,
        "backtest/cost_bps": _cost_bps(mine, bench),
    }
    return found | _against_chance(walked, strategy)


def _cost_bps(mine: Mapping[str, Any], bench: Mapping[str, Any]) -> float | None:
    """What spread, impact and fees took of the value traded beyond the benchmark's."""
    traded = mine["turnover"] - bench["turnover"]
    if traded <= 0:
        return None
    alpha = Split.of(mine).minus(Split.of(bench))
    return float(-(alpha.spread_impact + alpha.fees) * E4 / traded)


def daily(traded: Traded, strategy: str) -> NDArray[np.float64]:
    """(days,) equity gained in each whole business day of the span, carry at its end included; quote
    currency.
    """
    rows = traded.days.filter(pl.col("strategy") == strategy)
    times = np.concatenate([[traded.span[0]], rows["ts"].to_numpy()])
    equity = np.concatenate([[0], rows["equity"].to_numpy()])
    gained: NDArray[np.float64] = np.diff(equity)[np.diff(times) == DAY_NS] / traded.units.per_quote
    return gained


def _paths(walked: Walked, strategy: str, terms: _Terms) -> Figures:
    """Figures of days and of curves."""
    traded, evaluation = walked.traded, terms.evaluation
    money = traded.units.money
    mine, bench = daily(traded, strategy), daily(traded, ALWAYS_HOLD)
    alpha = mine - bench
    times, equity = curve_of(traded, strategy)
    _, held = curve_of(traded, ALWAYS_HOLD)
    gained = np.diff(equity - held, prepend=0)
    blocks = gain_blocks(
        times,
        traded.span,
        terms.facts,
        horizon_ns=terms.horizon_ns,
        min_blocks=evaluation.min_blocks,
    )
    length = (traded.span[1] - traded.span[0]) / DAY_NS
    interval = mean_interval(
        gained,
        blocks,
        length * traded.units.per_quote,
        resamples=evaluation.resamples,
        confidence=evaluation.confidence,
        seed=terms.seed,
    )
    return {
        "backtest/days": len(alpha),
        "backtest/alpha_daily": money(int(np.sum(gained))) / length,
        "backtest/alpha_daily/lo": None if interval is None else interval.lo,
        "backtest/alpha_daily/hi": None if interval is None else interval.hi,
        "backtest/alpha_daily/blocks": blocks.count,
        "backtest/sharpe": sharpe(mine),
        "backtest/alpha_sharpe": sharpe(alpha),
        "backtest/drawdown": money(traded.drawdown(strategy)),
        "backtest/alpha_drawdown": money(traded.drawdown(strategy, ALWAYS_HOLD)),
    }


def gain_blocks(
    times: NDArray[np.int64], span: Span, facts: InstrumentFacts, *, horizon_ns: int, min_blocks: int
) -> Blocks:
    """Blocks of what a curve over `span` gains up to each of its points `times` (n,)."""
    # That belongs to the time before the point; at the begin of the span nothing is gained yet, and the day
    # before it is none of the curve's.
    gained_at = np.maximum(times - 1, span[0])
    days = days_of(gained_at, facts.day_cut_utc_s, facts.tz_offset_s)
    return blocks_of(gained_at, days, horizon_ns, min_blocks=min_blocks)


def curve_of(traded: Traded, strategy: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Times and equity (n,) of a strategy's curve, with the end of the span; money units."""
    rows = traded.curve.filter(pl.col("strategy") == strategy)
    times = np.append(rows["ts"].to_numpy(), traded.span[1])
    equity = np.append(rows["equity"].to_numpy(), traded.of(strategy)["equity"])
    return times, equity


def _trading(traded: Traded, strategy: str) -> Figures:
    """Orders, what became of them, and how long each position was held."""
    mine, units = traded.of(strategy), traded.units
    orders = traded.orders.filter(pl.col("strategy") == strategy)
    span = traded.span[1] - traded.span[0]
    return {
        "backtest/orders": mine["submissions"],
        "backtest/orders/capped": mine["capped"],
        "backtest/orders/reduced": mine["reduced"],
        "backtest/fills": mine["fills"],
        "backtest/fill_rate": fill_rate(orders),
        "backtest/turnover": units.money(mine["turnover"]),
        "backtest/turnover_size": float(mine["turnover_lots"] * units.lot),
        "backtest/slippage_bps": slippage_bps(orders),
        **_prices(orders, float(units.tick)),
        "backtest/time_long": mine["long_ns"] / span,
        "backtest/time_flat": mine["flat_ns"] / span,
        "backtest/time_short": mine["short_ns"] / span,
        **{f"backtest/outcome/{outcome}": mine[f"n_{outcome}"] for outcome in OUTCOMES},
    }


def fill_rate(orders: pl.DataFrame) -> float | None:
    """Share of the lots asked for that were filled; None without an order."""
    asked = int(orders["qty"].sum())
    return int(orders["filled"].sum()) / asked if asked else None


def slippage_bps(orders: pl.DataFrame) -> float | None:
    """Paid beyond the best price at the decision, in bps of that, weighed by size; below 0 where the price
    came nearer meanwhile. None without a fill.
    """
    value = pl.col("expected_px") * pl.col("filled")
    worse = -pl.col("cash_flow") - pl.col("side") * value
    expected, paid = _filled(orders).select(value.sum(), worse.sum().alias("worse")).row(0)
    return float(paid / expected * E4) if expected else None


def _prices(orders: pl.DataFrame, tick: float) -> Figures:
    """Mean price of the lots bought and of those sold, as expected at the decisions and as filled; quote
    currency.
    """
    found: Figures = {}
    for name, side in (("buy", 1), ("sell", -1)):
        of_side = _filled(orders).filter(pl.col("side") == side)
        lots = int(of_side["filled"].sum())
        value = of_side.select((pl.col("expected_px") * pl.col("filled")).sum()).item()
        paid = of_side.select(pl.col("cash_flow").abs().sum()).item()
        found[f"backtest/{name}/expected_px"] = float(value / lots * tick) if lots else None
        found[f"backtest/{name}/actual_px"] = float(paid / lots * tick) if lots else None
    return found


def _filled(orders: pl.DataFrame) -> pl.DataFrame:
    """With a fill and a price that was expected."""
    return orders.filter((pl.col("filled") > 0) & pl.col("expected_px").is_not_null())


def _controls(walked: Walked) -> Figures:
    """Those that stand beside every strategy."""
    traded, money = walked.traded, walked.traded.units.money
    bench = traded.of(ALWAYS_HOLD)["equity"]
    best = traded.of(ORACLE_PATH)["equity"] if traded.has(ORACLE_PATH) else None
    found: Figures = {"backtest/always_hold/pnl": money(bench)}
    for name, equity in ((FLAT, traded.of(FLAT)["equity"]), (ORACLE_PATH, best)):
        found[f"backtest/{name}/pnl"] = None if equity is None else money(equity)
        found[f"backtest/{name}/alpha"] = None if equity is None else money(equity - bench)
    return found


def _against_chance(walked: Walked, strategy: str) -> Figures:
    """A strategy beside its own wishes at random times, and what it takes of the best path."""
    traded, money = walked.traded, walked.traded.units.money
    mine, bench = traded.of(strategy)["equity"], traded.of(ALWAYS_HOLD)["equity"]
    best = traded.of(ORACLE_PATH)["equity"] if traded.has(ORACLE_PATH) else None
    rows = [traded.of(name) for name in walked.draws_of(strategy)]
    draws = [int(row["equity"]) for row in rows]
    known = best is not None and best > bench
    return {
        "backtest/random/pnl": money(sum(draws)) / len(draws),
        "backtest/random/alpha": money(sum(draws) - len(draws) * bench) / len(draws),
        "backtest/random/fills": sum(row["fills"] for row in rows) / len(draws),
        "backtest/random/beaten": sum((draw < mine) + (draw <= mine) for draw in draws) / (2 * len(draws)),
        "backtest/oracle_path/captured": (mine - bench) / (best - bench) if known else None,
    }

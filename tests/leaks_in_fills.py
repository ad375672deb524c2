"""Look-ahead planted in what becomes of orders, and in the equity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import polars as pl
from planted_leak import SECOND, TRADING, Leak, Patch, Plant

from atc.backtest import holdout
from atc.backtest.engine import Market, Session, Traded


def other_trades(change: Callable[[Callable[[Session], Traded], Session, Market], Traded]) -> Plant:
    """What the engine tells of the holdout, changed; `change` gets the engine, the session and the market."""

    def plant(patch: Patch) -> None:
        trade = holdout.trade

        def planted(market: Any, session: Any, progress: Any = None) -> Any:
            del progress
            return change(lambda other: trade(market, other), session, market)

        patch.setattr(holdout, "trade", planted)

    return plant


def other_orders(*columns: pl.Expr) -> Plant:
    """The orders with other columns; they are in the order of strategy and time."""

    def change(trade: Callable[[Session], Traded], session: Session, market: Market) -> Traded:
        del market
        found = trade(session)
        return replace(found, orders=found.orders.with_columns(*columns), _totals={})

    return other_trades(change)


def other_equity(equity: pl.Expr) -> Plant:
    """The equity at the points of the curve of each strategy, changed."""

    def change(trade: Callable[[Session], Traded], session: Session, market: Market) -> Traded:
        del market
        found = trade(session)
        return replace(found, curve=found.curve.with_columns(equity), _totals={})

    return other_trades(change)


def later_price_stamped_early(seconds: float) -> Plant:
    """Orders that take `seconds` longer on their way, told as if they had not."""

    def change(trade: Callable[[Session], Traded], session: Session, market: Market) -> Traded:
        slow = float(market.execution.latency_s) + seconds
        slower = [replace(one, latency_s=slow) for one in session.strategies]
        late = trade(replace(session, strategies=slower))
        stamps = (pl.col(name) - round(seconds * SECOND) for name in ("ts_arrival", "ts_exec"))
        return replace(late, orders=late.orders.with_columns(stamps), _totals={})

    return other_trades(change)


def told_early(seconds: float) -> Plant:
    """The time of execution lies before it happened, even before the decision."""
    return other_orders(pl.col("ts_exec") - round(seconds * SECOND))


def following(column: str) -> pl.Expr:
    """The value of the strategy's next order."""
    return pl.col(column).shift(-1).over("strategy").fill_null(pl.col(column))


BETTER_PRICE = pl.max_horizontal("cash_flow", following("cash_flow")).alias("cash_flow")
MEAN_PRICE = pl.col("cash_flow").abs().sum().over("strategy") / pl.col("filled").sum().over("strategy")
AT_MEAN_PRICE = (pl.col("cash_flow").sign() * pl.col("filled") * MEAN_PRICE).alias("cash_flow")
SHARE_OF_TURNOVER = pl.col("filled") / pl.col("filled").sum().over("strategy")
FEES_BY_TURNOVER = (pl.col("cash_flow").abs() * SHARE_OF_TURNOVER * 1e-3).alias("fees")
WOULD_LOSE = following("equity_after") < pl.col("equity_after")
LOSERS_UNFILLED = pl.when(WOULD_LOSE).then(0).otherwise("filled").alias("filled")

DAY = pl.col("ts") // (86_400 * SECOND)

LEAKS: tuple[Leak, ...] = tuple(
    Leak("fill", what, plant, TRADING)
    for what, plant in (
        ("the price 1 s after the stated time", later_price_stamped_early(1)),
        ("the price 30 s after the stated time", later_price_stamped_early(30)),
        ("told 0.1 s before it happened", told_early(0.1)),
        ("told 60 s before it happened", told_early(60)),
        ("the better of an order's price and the next one's", other_orders(BETTER_PRICE)),
        ("the mean price of all orders", other_orders(AT_MEAN_PRICE)),
        ("fees by the turnover of the whole session", other_orders(FEES_BY_TURNOVER)),
        ("orders that lose are not filled", other_orders(LOSERS_UNFILLED)),
        ("the position after the next order", other_orders(following("position_after"))),
        (
            "the equity of the next point",
            other_equity(pl.col("equity").shift(-1).over("strategy").fill_null(pl.col("equity"))),
        ),
        ("the equity at the end of the day", other_equity(pl.col("equity").last().over("strategy", DAY))),
    )
)

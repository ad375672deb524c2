"""Look-ahead planted after the model: calibration, scores, thresholds, wishes, fills."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from planted_leaks import SECOND, Everything, Leak, Patch

from atc.backtest import engine, holdout
from atc.backtest.policy import Thresholds
from atc.protocol.dataset import Block
from atc.tasks import fitting, trading

# calibration, predictions


def calibrated_on_the_holdout(kind: str) -> Callable[[Patch], None]:
    def plant(patch: Patch) -> None:
        everything = Everything(patch)
        fit_one, fit_calibration = fitting.fit_one, fitting.fit_calibration

        def planted(config: Any, plan: Any, train: Block, valid: Block, progress: Any = None) -> Any:
            one = fit_one(config, plan, train, valid, progress)
            late = everything.block("holdout", plan.columns)
            return replace(one, calibration=fit_calibration(kind, one.model.predict(late.x), late.y))

        patch.setattr(fitting, "fit_one", planted)

    return plant


def scores_ahead(count: int) -> Callable[[Patch], None]:
    """Every row has the score of the row `count` later."""

    def plant(patch: Patch) -> None:
        raw_scores = fitting.FittedModel.raw_scores

        def planted(self: Any, rows: Any) -> Any:
            scores = raw_scores(self, rows).copy()
            scores[:-count] = scores[count:].copy()
            return scores

        patch.setattr(fitting.FittedModel, "raw_scores", planted)

    return plant


# thresholds, targets


def learnt_on(how: str) -> Callable[[Patch], None]:
    """The thresholds of a policy from more than validation."""

    def plant(patch: Patch) -> None:
        decisions_of, learn = trading._decisions, trading.learn
        made: list[Any] = []

        def remember(*arguments: Any) -> Any:
            made.append(decisions_of(*arguments))
            return made[-1]

        def planted(policy: Any, market: Any, decisions: Any, *further: Any) -> Any:
            begin, end = decisions.span
            hours = {"validation and six hours": 6, "validation and an hour": 1}.get(how, 0)
            other = replace(decisions, span=(begin, end + hours * 3600 * SECOND))
            learned = learn(policy, market, made[-1] if how == "the holdout" else other, *further)
            if how == "the median score of the holdout":
                learned = replace(learned, fitted=Thresholds(float(np.median(made[-1].score))))
            return learned

        patch.setattr(trading, "_decisions", remember)
        patch.setattr(trading, "learn", planted)

    return plant


def wishes_ahead(count: int) -> Callable[[Patch], None]:
    """At each decision the position that is wished for `count` decisions later."""

    def plant(patch: Patch) -> None:
        positions = trading.positions

        def planted(policy: Any, decisions: Any, fitted: Any) -> Any:
            wished = positions(policy, decisions, fitted).copy()
            wished[:-count] = wished[count:].copy()
            return wished

        patch.setattr(trading, "positions", planted)

    return plant


def book_ahead(seconds: float) -> Callable[[Patch], None]:
    """A decision sees the book, and an order meets it, `seconds` early."""

    def plant(patch: Patch) -> None:
        trade, book_parts = holdout.trade, engine._book_parts

        def early(market: Any, span: tuple[int, int]) -> Iterator[Any]:
            import pyarrow as pa
            import pyarrow.compute as pc

            for book, control in book_parts(market, span):
                place = book.schema.get_field_index("ts_recv")
                times = pc.subtract(book.column("ts_recv"), pa.scalar(round(seconds * SECOND), pa.int64()))
                yield book.set_column(place, book.schema.field(place), times), control

        def planted(*arguments: Any) -> Any:
            # On the holdout alone: thresholds stay those of validation.
            with patch.context() as inner:
                inner.setattr(engine, "_book_parts", early)
                return trade(*arguments)

        patch.setattr(holdout, "trade", planted)

    return plant


# fills


def other_trades(patch: Patch, change: Callable[[Any, Any, Any], Any]) -> None:
    """What the engine tells of the holdout, changed; `change` gets the engine, the session and the market."""
    trade = holdout.trade

    def planted(market: Any, session: Any, progress: Any = None) -> Any:
        del progress
        return change(lambda other: trade(market, other), session, market)

    patch.setattr(holdout, "trade", planted)


def later_fill_stamped_early(seconds: float) -> Callable[[Patch], None]:
    """Orders that take `seconds` longer on their way, told as if they had not."""

    def change(trade: Any, session: Any, market: Any) -> Any:
        slow = float(market.execution.latency_s) + seconds
        late = trade(
            replace(session, strategies=[replace(one, latency_s=slow) for one in session.strategies])
        )
        stamps = (pl.col(name) - round(seconds * SECOND) for name in ("ts_arrival", "ts_exec"))
        return replace(late, orders=late.orders.with_columns(stamps), _totals={})

    return lambda patch: other_trades(patch, change)


def told_before_it_happened(seconds: float) -> Callable[[Patch], None]:
    """The time of execution is `seconds` too early, even before the decision."""

    def change(trade: Any, session: Any, market: Any) -> Any:
        del market
        found = trade(session)
        early = pl.col("ts_exec") - round(seconds * SECOND)
        return replace(found, orders=found.orders.with_columns(early), _totals={})

    return lambda patch: other_trades(patch, change)


def equity_ahead(points: int) -> Callable[[Patch], None]:
    def change(trade: Any, session: Any, market: Any) -> Any:
        del market
        found = trade(session)
        ahead = pl.col("equity").shift(-points).over("strategy").fill_null(pl.col("equity"))
        return replace(found, curve=found.curve.with_columns(ahead), _totals={})

    return lambda patch: other_trades(patch, change)


def better_of_two_orders(patch: Patch) -> None:
    """An order pays what the strategy's next order pays, where that is better."""

    def change(trade: Any, session: Any, market: Any) -> Any:
        del market
        found = trade(session)
        following = pl.col("cash_flow").shift(-1).over("strategy").fill_null(pl.col("cash_flow"))
        better = pl.max_horizontal("cash_flow", following).alias("cash_flow")
        return replace(found, orders=found.orders.with_columns(better), _totals={})

    other_trades(patch, change)


DECISION_LEAKS: tuple[Leak, ...] = (
    *(
        Leak("calibration", f"{kind} fitted on the holdout", calibrated_on_the_holdout(kind))
        for kind in ("temperature", "isotonic")
    ),
    *(Leak("prediction", f"the score of {count} rows later", scores_ahead(count)) for count in (1, 20)),
    *(
        Leak("threshold", f"learnt on {how}", learnt_on(how))
        for how in (
            *("the holdout", "validation and six hours", "validation and an hour"),
            "the median score of the holdout",
        )
    ),
    *(Leak("target", f"the wish of {count} decisions later", wishes_ahead(count)) for count in (1, 20)),
    *(Leak("fill", f"a book that is {seconds:g} s early", book_ahead(seconds)) for seconds in (1, 60)),
    *(
        Leak("fill", f"the price {seconds:g} s after the stated time", later_fill_stamped_early(seconds))
        for seconds in (0.5, 1, 5, 30)
    ),
    *(
        Leak("fill", f"told {seconds:g} s before it happened", told_before_it_happened(seconds))
        for seconds in (0.1, 10, 60)
    ),
    *(Leak("fill", f"the equity of {points} points later", equity_ahead(points)) for points in (1, 60)),
    Leak("fill", "the better of an order's price and the next one's", better_of_two_orders),
)

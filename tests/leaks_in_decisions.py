"""Look-ahead planted between models and orders: scores, thresholds of policies, wishes, the book seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from planted_leak import SECOND, TRADING, Leak, Patch, Plant

from atc.backtest import engine, holdout, theta
from atc.backtest.policy import Thresholds
from atc.evaluation.report import MODEL
from atc.tasks import fitting, folds, outcome, refitting, trading

# scores


def other_scores(change: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Plant:
    """What models predict of consecutive rows (n, columns), changed."""

    def plant(patch: Patch) -> None:
        raw_scores = fitting.FittedModel.raw_scores
        patch.setattr(fitting.FittedModel, "raw_scores", lambda self, rows: change(raw_scores(self, rows)))

    return plant


def of_the_next_row(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([scores[1:], scores[-1:]])


def smoothed_on_both_sides(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    means = [pl.Series(one).rolling_mean(5, center=True, min_samples=1).to_numpy() for one in scores.T]
    return np.column_stack(means)


def folds_fitted_on_their_test_rows(patch: Patch) -> None:
    fit_fold = folds._fit_fold

    def planted(config: Any, loaded: Any, rows: Any, fold: Any, desk: Any) -> Any:
        return fit_fold(config, loaded, rows, replace(fold, train=np.union1d(fold.train, fold.test)), desk)

    patch.setattr(folds, "_fit_fold", planted)


def refitted_on_rows_to_score(patch: Patch) -> None:
    """Each model on the way learns the labels of the rows that it scores."""
    updates = refitting.updates

    def planted(*arguments: Any, usable: NDArray[np.bool_], **named: Any) -> Any:
        return tuple(
            replace(one, train=np.union1d(one.train, one.scores[usable[one.scores]]))
            for one in updates(*arguments, usable=usable, **named)
        )

    patch.setattr(refitting, "updates", planted)


# thresholds


Learn = Callable[[Any], Any]


def learnt_once_open(learned: Callable[[Patch, Any, Any, Learn], Any]) -> Plant:
    """A policy that is fitted anew when the holdout is open: `learned` is told the fitted one, the holdout's
    decisions, and how to learn of any decisions. Before, nothing opens it.
    """

    def plant(patch: Patch) -> None:
        trades_of = outcome.trades_of

        def planted(config: Any, data: Any, loaded: Any, heads: Any, places: Any, *further: Any) -> Any:
            scores, policies, desk = further
            policy = policies[MODEL]
            number, span = trading._traded_head(config, heads), loaded.spans.holdout
            own, rows = heads[number].own(scores[MODEL]), loaded.split.holdout_decisions
            late = trading._decisions(config, places.holdout, own, span, rows)

            def learn(decisions: Any) -> Any:
                market = trading._market(config, data).before(span[1])
                shares = trading._shares(places.valid, heads[number], number)
                return theta.learn(config.policy, market, {MODEL: decisions}, shares)[MODEL]

            other = {**policies, MODEL: replace(policy, learned=learned(patch, policy, late, learn))}
            return trades_of(config, data, loaded, heads, places, scores, other, desk)

        patch.setattr(outcome, "trades_of", planted)

    return plant


def on_the_holdout(patch: Patch, policy: Any, late: Any, learn: Learn) -> Any:
    del patch, policy
    return learn(late)


def median_of_the_holdout(patch: Patch, policy: Any, late: Any, learn: Learn) -> Any:
    """Long in half of the holdout's decisions."""
    del patch, learn
    return replace(policy.learned, fitted=Thresholds(float(np.median(late.score))))


def candidates_from_the_holdout(patch: Patch, policy: Any, late: Any, learn: Learn) -> Any:
    """Validation chooses, among quantiles of the holdout's scores."""
    grid = theta.grid
    with patch.context() as inner:
        inner.setattr(theta, "grid", lambda asked, _: grid(asked, late))
        return learn(policy.valid)


def learnt_beyond_validation(hours: int) -> Plant:
    """What the last orders of validation come to is looked up some hours after its end."""

    def plant(patch: Patch) -> None:
        learn = trading.learn

        def planted(policy: Any, market: Any, decisions: Any, *further: Any) -> Any:
            begin, end = decisions[MODEL].span
            later = end + hours * 3_600 * SECOND
            longer = {name: replace(one, span=(begin, later)) for name, one in decisions.items()}
            return learn(policy, replace(market, end_ns=later), longer, *further)

        patch.setattr(trading, "learn", planted)

    return plant


# wishes


def wished(change: Callable[[NDArray[np.float64], Any], NDArray[np.float64]]) -> Plant:
    """The positions (n,) that are wished for at the decisions, changed."""

    def plant(patch: Patch) -> None:
        positions = trading.positions
        patch.setattr(
            trading,
            "positions",
            lambda policy, decisions, fitted: change(positions(policy, decisions, fitted), decisions),
        )

    return plant


def of_the_next_decision(wishes: NDArray[np.float64], decisions: Any) -> NDArray[np.float64]:
    del decisions
    return np.concatenate([wishes[1:], wishes[-1:]])


def out_before_a_silence(wishes: NDArray[np.float64], decisions: Any) -> NDArray[np.float64]:
    """No position where the next decision is more than half a minute away."""
    return np.where(np.diff(decisions.ts_close, append=decisions.span[1]) > 30 * SECOND, 0.0, wishes)


def agreeing_with_the_next_decision(patch: Patch) -> None:
    """The gate of each decision is that of the next one."""
    decisions_of = trading._decisions

    def planted(*arguments: Any) -> Any:
        decisions = decisions_of(*arguments)
        assert decisions.gate is not None
        return replace(decisions, gate=np.append(decisions.gate[1:], decisions.gate[-1:]))

    patch.setattr(trading, "_decisions", planted)


def book_ahead(seconds: float) -> Plant:
    """A decision sees the book of `seconds` later, and an order meets it."""

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


FOLDS = ("protocol=walk_forward", "protocol.folds=2", "protocol.first_train_fraction=0.4")
REFIT = ("refit=expanding", "refit.every_days=1")
GATED = (*TRADING, "policy.gate=mscale_consensus_3sig")

LEAKS: tuple[Leak, ...] = (
    Leak("prediction", "the score of the next row", other_scores(of_the_next_row)),
    Leak("prediction", "scores smoothed on both sides", other_scores(smoothed_on_both_sides)),
    Leak("prediction", "folds fitted on their test rows", folds_fitted_on_their_test_rows, FOLDS),
    Leak("prediction", "refitted on the rows to score", refitted_on_rows_to_score, REFIT),
    Leak("threshold", "learnt on the holdout", learnt_once_open(on_the_holdout)),
    Leak("threshold", "learnt on validation and six hours", learnt_beyond_validation(6)),
    Leak("threshold", "learnt on validation and an hour", learnt_beyond_validation(1)),
    Leak("threshold", "the median score of the holdout", learnt_once_open(median_of_the_holdout)),
    Leak("threshold", "candidates from the holdout", learnt_once_open(candidates_from_the_holdout)),
    Leak("target", "the wish of the next decision", wished(of_the_next_decision), TRADING),
    Leak("target", "out before a silence", wished(out_before_a_silence), TRADING),
    Leak("target", "agreeing with the next decision's gate", agreeing_with_the_next_decision, GATED),
    Leak("target", "decided on the book of 1 s later", book_ahead(1), TRADING),
)

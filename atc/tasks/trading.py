"""The backtest of a run: scores as decisions, thresholds from validation, trades on the holdout.

What is learned is learned before the holdout opens, from a market that ends where validation does. There the
policy of every run trades, sealed or not: the track record by which trials are compared.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from atc.backtest.decisions import Decisions, decisions_of
from atc.backtest.engine import ORACLE_PATH, Market
from atc.backtest.figures import figures_of
from atc.backtest.holdout import Walked, walk
from atc.backtest.policy import Thresholds, can_short, positions
from atc.backtest.tables import equity_series, tables_of
from atc.backtest.theta import Learned, learn, metrics_of
from atc.backtest.validation import TABLE, validation_equity
from atc.backtest.waterfall import Plan, plan_of
from atc.backtest.waterfall import Scored as Ranked
from atc.backtest.waterfall_tables import waterfall_figures, waterfall_table
from atc.config.cost import other_market
from atc.config.schema import InstrumentFacts, RunConfig, SimulatedData
from atc.evaluation.head import Head
from atc.protocol.sealed_holdout import fit_in_progress
from atc.tasks.base import Desk, Series
from atc.tasks.fitting import FittedModel
from atc.tasks.loaded import Loaded
from atc.tasks.market_data import MarketData
from atc.tasks.predictions import Judged
from atc.tasks.tables import Further, Places
from atc.tasks.truth_scores import truth_scores

SECOND_NS = 1_000_000_000
CURVE_POINTS = 2_000
"""Of the curve that the tracker gets; the table has all."""
HEADLINE = ("pnl", "alpha", "alpha_daily", "alpha_sharpe", "breakeven_cost_bps")
"""Figures that are null, not absent, where a backtest was asked for and none is possible."""


def why_not(config: RunConfig, heads: tuple[Head, ...], *, sealed: bool) -> str | None:
    """Why a run has no backtest; None where it has one."""
    if not config.backtest.enabled:
        return "no backtest was asked for (backtest=none)"
    if sealed:
        return (
            "no backtest: the holdout is not open in this run; what the policy earned on validation, where "
            f"it chose its thresholds, is in {TABLE}.parquet, for `atc compare`"
        )
    if not any(head.classes for head in heads):
        return (
            f"no backtest: label.kind={config.label.kind} is a return, and policies take the probabilities "
            "of classes; choose a label with classes, such as label=hold10_oracle"
        )
    return None


@dataclass(frozen=True)
class FittedPolicy:
    """What a policy learned, and of what."""

    learned: Learned
    valid: Decisions
    """Those of validation."""
    equity: pl.DataFrame
    """What it earned there, see `validation_equity`."""


def learn_policy(  # noqa: PLR0917  # all of them are different things
    config: RunConfig,
    data: MarketData,
    loaded: Loaded,
    heads: tuple[Head, ...],
    named: FittedModel,
    desk: Desk,
) -> FittedPolicy | None:
    """What the policy learns from the scores of the named model on validation, and earns there; no holdout
    opens meanwhile. None where no backtest was asked for, or the label has none.

    Raises DataError where the scores do not cover the span, UsageError for costs without a row for a date.
    """
    if why_not(config, heads, sealed=False) is not None:
        return None
    number = _traded_head(config, heads)
    head, place = heads[number], Judged(loaded.valid, loaded.valid_judged)
    span = (loaded.split.valid_start_ns, loaded.spans.train[1])
    with fit_in_progress(), desk.stage("policy"), desk.bar("policy", 1.0, "passes") as bar:
        scores = head.own(named.scores(place.rows))
        decisions = _decisions(config, place, scores, span, len(loaded.split.valid_decisions))
        market = _market(config, data).before(span[1])
        learned = learn(config.policy, market, decisions, _shares(place, head, number), bar.update)
        equity = validation_equity(
            market,
            config.policy,
            decisions,
            learned.fitted,
            curve_s=config.backtest.curve_s,
            progress=bar.update,
        )
    return FittedPolicy(learned, decisions, equity)


def trades_of(  # noqa: PLR0917  # all of them are different things
    config: RunConfig,
    data: MarketData,
    loaded: Loaded,
    heads: tuple[Head, ...],
    places: Places,
    scores: NDArray[np.float64] | None,
    policy: FittedPolicy | None,
    desk: Desk,
) -> Further:
    """Trades on the holdout where it is open, as the fitted policy says.

    `scores`: of the named model, the holdout's rows. Raises as `learn_policy`.
    """
    if places.holdout is None or scores is None or policy is None:
        keys = HEADLINE if config.backtest.enabled else ()
        metrics: dict[str, float | None] = {f"backtest/{key}": None for key in keys}
        reason = why_not(config, heads, sealed=policy is not None)
        if policy is None:
            return Further(metrics=metrics, notes=(str(reason),))
        return Further(metrics | metrics_of(policy.learned), {TABLE: policy.equity}, (str(reason),))
    number = _traded_head(config, heads)
    head, market = heads[number], _market(config, data)
    learned, split, spans = policy.learned, loaded.split, loaded.spans
    holdout = _decisions(
        config, places.holdout, head.own(scores), spans.holdout, len(split.holdout_decisions)
    )
    fall = _waterfall(config, market, policy, holdout, head, desk)
    with desk.stage("backtest"), desk.bar("backtest", 1.0, "passes") as bar:
        wished = positions(config.policy, holdout, learned.fitted)
        walked = walk(
            market,
            holdout,
            wished,
            config.backtest,
            seed=config.seed,
            riders=None if fall is None else fall.riders,
            progress=bar.update,
        )
        figures = figures_of(
            walked, data.facts, config.evaluation, horizon_ns=head.horizon_ns, seed=config.seed
        )
        tables = {**tables_of(walked), TABLE: policy.equity}
        if fall is not None:
            # It begins with the best path, so without that there is none.
            falls = fall.falls(walked.traded) if walked.traded.given_up.is_empty() else {}
            figures |= waterfall_figures(falls, walked.traded)
            if falls:
                tables["waterfall"] = waterfall_table(falls, walked.traded)
    late = int(np.count_nonzero(places.holdout.rows.keys["ts_close"].to_numpy() >= spans.holdout[1]))
    notes = [
        f"backtest: {len(holdout):,} decisions from {places.holdout.rows.n_rows:,} rows; rows that became "
        "known at one instant are one decision"
        + (f", and {late:,} that became known after the end of the holdout are none" if late else ""),
        *oracle_notes(config, walked),
        *calendar_notes(data.facts),
        *borrowed_notes(config),
    ]
    if len(heads) > 1:
        notes.append(f"backtest: trades on head {head.name}: its horizon is nearest to the orders' interval")
    curve = equity_series(tables["equity"], CURVE_POINTS)
    series = {"backtest_curve": Series("day", curve.pop("day"), curve)}
    return Further(metrics_of(learned) | figures, tables, tuple(notes), series)


def _market(config: RunConfig, data: MarketData) -> Market:
    return Market(
        data.facts, data.catalog, config.execution, config.cost, max_gap_s=config.sampling.max_gap_s
    )


def oracle_notes(config: RunConfig, walked: Walked) -> list[str]:
    """Why there is no oracle path or no waterfall, where they are missing."""
    if not config.backtest.oracle_path:
        return [
            "backtest: no oracle path was asked for (backtest.oracle_path=false), so there is no waterfall"
        ]
    if walked.traded.given_up.is_empty():
        return []
    at = walked.traded.given_up.row(0, named=True)
    mine = config.backtest
    key, limit = {
        "orders": ("oracle_orders", f"{mine.oracle_orders:,} orders, and 64 a decision"),
        "memory": ("oracle_memory_mib", f"{mine.oracle_memory_mib:,} MiB"),
    }[at["limit"]]
    without = "the waterfall" if walked.traded.has(ORACLE_PATH) else "the oracle path and the waterfall"
    return [
        f"backtest: {without} are null: a search of the best path was given up at decision "
        f"{at['decision']:,} of {len(walked.decisions):,}, after {at['orders']:,} orders, at its limit of "
        f"{limit}. Most fill in part, and each leads to a position of its own, more than can be followed. "
        f"More backtest.{key}, a smaller execution.size or a larger execution.depth make it possible, "
        "backtest.oracle_path=false leaves it out; all other figures stand"
    ]


def calendar_notes(facts: InstrumentFacts) -> list[str]:
    """What a backtest cannot refuse for want of the venue's calendar."""
    if facts.maintenance:
        return []
    return [
        "backtest: data.maintenance is empty, so no order was refused for maintenance or the pre-open after "
        "it, in which a book may be shown that takes none; if the venue has such hours, list them"
    ]


def borrowed_notes(config: RunConfig) -> list[str]:
    """That the costs are those of another market, where it was asked for."""
    data = config.data
    wrong = other_market(config.cost, data=data.name, venue=data.costs_venue, symbol=data.symbol)
    return [] if wrong is None else [f"backtest: {wrong}; it is borrowed on purpose (cost.borrowed=true)"]


def _waterfall(  # noqa: PLR0917  # all of them are different things
    config: RunConfig,
    market: Market,
    policy: FittedPolicy,
    holdout: Decisions,
    head: Head,
    desk: Desk,
) -> Plan | None:
    """None where none is asked for, and without an oracle path, with which it begins."""
    asked = config.backtest.waterfall
    if not (asked.enabled and config.backtest.oracle_path):
        return None
    fitted = policy.learned.fitted
    own = fitted if isinstance(fitted, Thresholds) else None
    classes = holdout.probabilities.shape[1]
    model = Ranked(holdout.score, policy.valid.score, can_short(config.policy, classes), own)
    truth = None
    if asked.continuations and isinstance(config.data, SimulatedData):
        truth = truth_scores(
            config.data,
            holdout.ts_close,
            asked,
            horizon_ns=head.horizon_ns,
            outputs=config.paths.outputs_dir,
            desk=desk,
        )
    return plan_of(model, size_lots=market.size_lots, grid=asked.grid, truth=truth)


def _traded_head(config: RunConfig, heads: tuple[Head, ...]) -> int:
    """The head with classes whose horizon is nearest to the least time between orders."""
    interval_ns = config.execution.min_interval_s * SECOND_NS
    with_classes = [number for number, head in enumerate(heads) if head.classes]
    return min(with_classes, key=lambda number: abs(heads[number].horizon_ns - interval_ns))


def _decisions(
    config: RunConfig,
    place: Judged,
    probabilities: NDArray[np.float64],
    span: tuple[int, int],
    expected: int,
) -> Decisions:
    gate = None
    if config.policy.gate is not None:
        gate = place.rows.select([config.policy.gate]).x[:, 0].astype(np.float64)
    return decisions_of(place.rows.keys, probabilities, span, expected=expected, gate=gate)


def _shares(valid: Judged, head: Head, number: int) -> NDArray[np.float64]:
    """(classes,) how often each class occurs in the judged rows of validation."""
    labels = valid.rows.y[valid.judged, number]
    codes = labels[~np.isnan(labels)].astype(np.int64)
    counts: NDArray[np.float64] = np.bincount(codes, minlength=len(head.classes)) / max(len(codes), 1)
    return counts

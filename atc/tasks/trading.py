"""The backtest of a run: scores as decisions, thresholds from validation, trades on the holdout."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from atc.backtest.decisions import Decisions, decisions_of
from atc.backtest.engine import Market
from atc.backtest.figures import figures_of
from atc.backtest.holdout import walk
from atc.backtest.policy import Thresholds, can_short, positions
from atc.backtest.tables import tables_of
from atc.backtest.theta import Learned, learn, metrics_of
from atc.backtest.waterfall import Plan, plan_of
from atc.backtest.waterfall import Scored as Ranked
from atc.backtest.waterfall_tables import waterfall_figures, waterfall_table
from atc.config.schema import RunConfig, SimulatedData
from atc.evaluation.head import Head
from atc.evaluation.report import Scored
from atc.tasks.base import Desk
from atc.tasks.loaded import Loaded
from atc.tasks.market_data import MarketData
from atc.tasks.predictions import Judged
from atc.tasks.tables import Further, Places
from atc.tasks.truth_scores import truth_scores

SECOND_NS = 1_000_000_000
HEADLINE = ("pnl", "alpha", "alpha_daily", "alpha_sharpe", "breakeven_cost_bps")
"""Figures that are null, not absent, where a backtest was asked for and none is possible."""


def why_not(config: RunConfig, heads: tuple[Head, ...], *, sealed: bool) -> str | None:
    """Why a run has no backtest; None where it has one."""
    if not config.backtest.enabled:
        return "no backtest was asked for (backtest=none)"
    if sealed:
        return "no backtest: the holdout is not open in this run, and nothing else is traded on"
    if not any(head.classes for head in heads):
        return (
            f"no backtest: label.kind={config.label.kind} is a return, and policies take the probabilities "
            "of classes; choose a label with classes, such as label=hold10_oracle"
        )
    return None


def trades_of(  # noqa: PLR0917  # all of them are different things
    config: RunConfig,
    data: MarketData,
    loaded: Loaded,
    heads: tuple[Head, ...],
    places: Places,
    scored: Scored,
    desk: Desk,
) -> Further:
    """Trades on the holdout where it is open, as the policy says after validation was asked.

    `scored`: of the named model, all rows. Raises DataError where the scores do not cover a span, UsageError
    for costs without a row for a date.
    """
    reason = why_not(config, heads, sealed=places.holdout is None)
    if reason is not None or places.holdout is None or scored.holdout is None:
        keys = HEADLINE if config.backtest.enabled else ()
        return Further(metrics={f"backtest/{key}": None for key in keys}, notes=(str(reason),))
    number = _traded_head(config, heads)
    head = heads[number]
    market = Market(
        data.facts, data.catalog, config.execution, config.cost, max_gap_s=config.sampling.max_gap_s
    )
    split, spans = loaded.split, loaded.spans
    valid_span = (split.valid_start_ns, spans.train[1])
    valid = _decisions(config, places.valid, head.own(scored.valid), valid_span, len(split.valid_decisions))
    holdout = _decisions(
        config, places.holdout, head.own(scored.holdout), spans.holdout, len(split.holdout_decisions)
    )
    with desk.stage("policy"), desk.bar("policy", 1.0, "passes") as bar:
        learned = learn(config.policy, market, valid, _shares(places.valid, head, number), bar.update)
    fall = _waterfall(config, market, valid, holdout, learned, head, desk)
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
        tables = tables_of(walked)
        if fall is not None:
            falls = fall.falls(walked.traded)
            figures |= waterfall_figures(falls, walked.traded)
            tables["waterfall"] = waterfall_table(falls, walked.traded)
    notes = [
        f"backtest: {len(holdout):,} decisions from {places.holdout.rows.n_rows:,} rows; rows that became "
        "known at one instant are one decision"
    ]
    if len(heads) > 1:
        notes.append(f"backtest: trades on head {head.name}: its horizon is nearest to the orders' interval")
    return Further(metrics_of(learned) | figures, tables, tuple(notes))


def _waterfall(  # noqa: PLR0917  # all of them are different things
    config: RunConfig,
    market: Market,
    valid: Decisions,
    holdout: Decisions,
    learned: Learned,
    head: Head,
    desk: Desk,
) -> Plan | None:
    """None where none is asked for."""
    asked = config.backtest.waterfall
    if not asked.enabled:
        return None
    own = learned.fitted if isinstance(learned.fitted, Thresholds) else None
    classes = holdout.probabilities.shape[1]
    model = Ranked(holdout.score, valid.score, can_short(config.policy, classes), own)
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

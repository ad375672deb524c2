"""The backtest of a run: scores as decisions, thresholds from validation, trades on the holdout.

What is learned is learned before the holdout opens, from a market that ends where validation does. There the
policy of every run trades, sealed or not: the track record by which trials are compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from atc.backtest.decisions import Decisions, decisions_of
from atc.backtest.engine import Market
from atc.backtest.figures import figures_of
from atc.backtest.headline import headline_figures
from atc.backtest.holdout import Rival, walk
from atc.backtest.policy import Thresholds, can_short, positions
from atc.backtest.tables import equity_series, tables_of
from atc.backtest.theta import Learned, learn, metrics_of
from atc.backtest.validation import TABLE, validation_equity
from atc.backtest.waterfall import Plan, plan_of
from atc.backtest.waterfall import Scored as Ranked
from atc.backtest.waterfall_tables import waterfall_figures, waterfall_table
from atc.config.data import SimulatedData
from atc.config.refit import Never
from atc.config.schema import RunConfig
from atc.evaluation.head import Head
from atc.evaluation.report import MODEL
from atc.protocol.sealed_holdout import fit_in_progress
from atc.tasks.base import Desk, Series
from atc.tasks.fitting import FALLBACK, Fitted
from atc.tasks.loaded import Loaded
from atc.tasks.market_data import MarketData
from atc.tasks.predictions import Judged
from atc.tasks.refitting import REFIT, Refitted
from atc.tasks.tables import Further, Places
from atc.tasks.trading_notes import borrowed_notes, calendar_notes, oracle_notes
from atc.tasks.truth_scores import truth_scores

SECOND_NS = 1_000_000_000
CURVE_POINTS = 1_000
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
    """What a policy learned of the scores of one model, and of what."""

    learned: Learned
    valid: Decisions
    """Those of validation."""
    equity: pl.DataFrame | None
    """What it earned there, see `validation_equity`; of the named model alone."""

    def tables(self) -> dict[str, pl.DataFrame]:
        """For the run folder."""
        return {} if self.equity is None else {TABLE: self.equity}


def traded_models(config: RunConfig, fitted: Fitted) -> tuple[str, ...]:
    """The named model; beside it the fallback of a rejected one, and the refits where there are any."""
    fallback = (FALLBACK,) if FALLBACK in fitted.by_name else ()
    return (MODEL, *fallback, *(() if isinstance(config.refit, Never) else (REFIT,)))


def learn_policies(  # noqa: PLR0917  # all of them are different things
    config: RunConfig,
    data: MarketData,
    loaded: Loaded,
    heads: tuple[Head, ...],
    fitted: Fitted,
    young: Refitted | None,
    desk: Desk,
) -> dict[str, FittedPolicy | None]:
    """By model that is traded, what its policy learns from its own scores on validation, and what that of the
    named model earns there; no holdout opens meanwhile. None where no backtest was asked for, or the label
    has none. `young`: scores of validation by refits.

    Raises DataError where the scores do not cover the span, UsageError for costs without a row for a date.
    """
    models = traded_models(config, fitted)
    if why_not(config, heads, sealed=False) is not None:
        return dict.fromkeys(models)
    number = _traded_head(config, heads)
    head, place = heads[number], Judged(loaded.valid, loaded.valid_judged)
    span = (loaded.split.valid_start_ns, loaded.spans.train[1])
    with fit_in_progress(), desk.stage("policy"), desk.bar("policy", 1.0, "passes") as bar:
        scores = {name: fitted.valid_decisions(name) for name in models if name != REFIT}
        scores |= {} if young is None else {REFIT: young.scores}
        decisions = {
            name: _decisions(config, place, head.own(of), span, loaded.split.valid_decisions)
            for name, of in scores.items()
        }
        market = _market(config, data).before(span[1])
        learned = learn(config.policy, market, decisions, _shares(place, head, number), bar.update)
        equity = validation_equity(
            market,
            config.policy,
            decisions[MODEL],
            learned[MODEL].fitted,
            curve_s=config.backtest.curve_s,
            progress=bar.update,
        )
    return {
        name: FittedPolicy(learned[name], one, equity if name == MODEL else None)
        for name, one in decisions.items()
    }


def trades_of(  # noqa: PLR0917  # all of them are different things
    config: RunConfig,
    data: MarketData,
    loaded: Loaded,
    heads: tuple[Head, ...],
    places: Places,
    scores: Mapping[str, NDArray[np.float64]],
    policies: Mapping[str, FittedPolicy | None],
    desk: Desk,
) -> Further:
    """Trades on the holdout where it is open, as the fitted policies say.

    `scores`: of the holdout's rows, by model. Raises as `learn_policies`.
    """
    fitted = {name: policy for name, policy in policies.items() if policy is not None and name in scores}
    if places.holdout is None or MODEL not in fitted:
        keys = HEADLINE if config.backtest.enabled else ()
        metrics: dict[str, float | None] = {
            f"{_prefix(name)}backtest/{key}": None for name in policies for key in keys
        }
        metrics |= _learned_figures(policies)
        named = policies[MODEL]
        reason = why_not(config, heads, sealed=named is not None)
        return Further(metrics, {} if named is None else named.tables(), (str(reason),))
    number = _traded_head(config, heads)
    head, market, place = heads[number], _market(config, data), places.holdout
    split, spans = loaded.split, loaded.spans
    rivals = {}
    for name, policy in fitted.items():
        own = head.own(scores[name])
        decisions = _decisions(config, place, own, spans.holdout, split.holdout_decisions)
        rivals[name] = Rival(decisions, positions(config.policy, decisions, policy.learned.fitted))
    mine = rivals.pop(MODEL)
    fall = _waterfall(config, market, fitted[MODEL], mine.decisions, head, desk)
    with desk.stage("backtest"), desk.bar("backtest", 1.0, "passes") as bar:
        walked = walk(
            market,
            mine.decisions,
            mine.wished,
            config.backtest,
            seed=config.seed,
            rivals=rivals,
            riders=None if fall is None else fall.riders,
            progress=bar.update,
        )
        figures = figures_of(
            walked, data.facts, config.evaluation, horizon_ns=head.horizon_ns, seed=config.seed
        )
        tables = {**tables_of(walked), **fitted[MODEL].tables()}
        figures |= headline_figures(tables, depth=float(config.execution.depth))
        if fall is not None:
            # It begins with the best path, so without that there is none.
            falls = fall.falls(walked.traded) if walked.traded.given_up.is_empty() else {}
            figures |= waterfall_figures(falls, walked.traded)
            if falls:
                tables["waterfall"] = waterfall_table(falls, walked.traded)
    figures |= _learned_figures(fitted)
    late = int(np.count_nonzero(place.rows.keys["ts_close"].to_numpy() >= spans.holdout[1]))
    notes = [
        f"backtest: {len(mine.decisions):,} decisions from {place.rows.n_rows:,} rows; rows that became "
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
    return Further(figures, tables, tuple(notes), series)


def _learned_figures(policies: Mapping[str, FittedPolicy | None]) -> dict[str, float | None]:
    return {
        f"{_prefix(name)}{key}": value
        for name, policy in policies.items()
        if policy is not None
        for key, value in metrics_of(policy.learned).items()
    }


def _prefix(model: str) -> str:
    """What stands before the keys of a model's backtest."""
    return "" if model == MODEL else f"{model}/"


def _market(config: RunConfig, data: MarketData) -> Market:
    return Market(
        data.facts, data.catalog, config.execution, config.cost, max_gap_s=config.sampling.max_gap_s
    )


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

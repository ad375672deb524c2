"""What a stage has to do, as a number that its time grows with; no time stands here.

Two runs compare in a stage where the `kind` of the work is the same; then times stand to each other about as
the amounts do, but for a fixed part that small runs feel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import comb

from atc.config.model import Gbdt
from atc.config.protocol import Cpcv, Protocol, RandomSplit, WalkForward
from atc.config.refit import DailyUpdate, Never, Rolling
from atc.config.schema import RunConfig
from atc.features.declarations import schemas_of
from atc.features.sets import set_columns
from atc.review.fit_work import FIT, FITS, Work, fit_work, model_column_count
from atc.review.keys import columns_of, window_rows_of
from atc.review.size import Size


@dataclass(frozen=True)
class _Asked:
    """What a stage is given."""

    config: RunConfig
    size: Size
    share: float
    """Of the files of a shared stage."""
    iterations: float | None
    """Of the named model's fit, of all heads together, where they are known."""

    @property
    def heads(self) -> int:
        return len(self.config.label.all_horizons_s)

    @property
    def fit(self) -> Work:
        """Of the named model."""
        return fit_work(FIT, self.config, self.size, self.iterations)


def work_of(
    stage: str, config: RunConfig, size: Size, *, share: float = 1.0, iterations: float | None = None
) -> Work:
    """The work of `stage`. `share`: of the files of a shared stage; `iterations`: of the named model's fit,
    where they are known, of all heads together.
    """
    if stage in FITS:
        return fit_work(stage, config, size, iterations)
    asked = _Asked(config, size, share, iterations)
    return _OF_STAGE[stage](asked) if stage in _OF_STAGE else Work(config.model.kind, 1.0)


def _events(of: _Asked) -> Work:
    data = of.config.data
    scenario = getattr(data, "scenario", None)
    kind = scenario.name if scenario else getattr(data, "adapter", data.kind)
    return Work(kind, getattr(data, "days", of.size.days) * of.size.events_day)


def _quality(of: _Asked) -> Work:
    return Work("", of.size.days * of.size.events_day * of.share)


def _features(of: _Asked) -> Work:
    schemas = "+".join(schema.name for schema in schemas_of(columns_of(of.config)))
    return Work(f"{schemas} {of.config.sampling.kind}", of.size.days * of.size.events_day * of.share)


def _labels(of: _Asked) -> Work:
    heads = of.heads + len(of.config.auxiliary.horizons_s)
    return Work(f"{heads} {of.config.sampling.kind}", of.size.days * of.size.events_day * of.share)


def _dataset(of: _Asked) -> Work:
    cells = of.size.rows * (len(columns_of(of.config)) + 4 * of.heads)
    return Work("", cells * math.sqrt(window_rows_of(of.config)))


def _power(of: _Asked) -> Work:
    return Work(str(of.heads), of.size.valid_rows)


def _members(of: _Asked) -> Work:
    return Work("", of.size.valid_rows)


def _folds(of: _Asked) -> Work:
    kind = f"{of.fit.kind} {of.config.baseline.model.kind} {of.config.protocol.kind}"
    return Work(kind, (fits_in("folds", of.config, of.size) or 0.0) * of.fit.amount)


def _refit_valid(of: _Asked) -> Work:
    return _refits(of, "refit valid")


def _refit_holdout(of: _Asked) -> Work:
    return _refits(of, "refit holdout")


def _refits(of: _Asked, stage: str) -> Work:
    fits = fits_in(stage, of.config, of.size) or 0.0
    return Work(f"{of.fit.kind} {of.config.refit.kind}", fits * of.fit.amount)


def fits_in(stage: str, config: RunConfig, size: Size) -> float | None:
    """How many final fits the fits of `stage` amount to, each on its share of the training rows; None of a
    stage that is no repetition of the final fit.
    """
    if stage == "folds":
        return _fits_of_folds(config.protocol)
    if stage in {"refit valid", "refit holdout"}:
        days = size.holdout_days if stage == "refit holdout" else size.train_days * size.valid_share
        return _refits_in(days, config, size)
    return None


def _fits_of_folds(protocol: Protocol) -> float:
    if isinstance(protocol, WalkForward):
        return protocol.folds * (1.0 + protocol.first_train_fraction) / 2.0
    if isinstance(protocol, Cpcv):
        count = comb(protocol.groups, protocol.test_groups)
        return count * (1.0 - protocol.test_groups / protocol.groups)
    return 1.0 - protocol.test_fraction if isinstance(protocol, RandomSplit) else 0.0


def _refits_in(days: float, config: RunConfig, size: Size) -> float:
    refit, model = config.refit, config.model
    if isinstance(refit, Never):
        return 0.0
    share = 1.0
    if isinstance(refit, Rolling | DailyUpdate):
        share = min(1.0, refit.window_days / max(size.train_days, 1))
    if isinstance(refit, DailyUpdate) and isinstance(model, Gbdt):
        share *= refit.trees / model.n_estimators
    return max(1, math.ceil(days / refit.every_days)) * share


def _policy(of: _Asked) -> Work:
    """A pass over the events of validation, and thresholds on its decisions."""
    days = of.size.train_days * of.size.valid_share
    return Work(of.config.policy.kind, days * of.size.events_day + of.size.valid_rows / 20_000)


def _explain(of: _Asked) -> Work:
    """Answers that the model is asked for."""
    asked, columns = of.config.explain, model_column_count(of.config)
    length = window_rows_of(of.config)
    rows = asked.window_rows * length if length > 1 else asked.rows
    answers: float = rows * asked.repeats * columns + asked.top * asked.curve_points * asked.curve_rows
    answers += asked.top * (asked.top + 1) / 2 * asked.pair_rows**2 + 20 * asked.resamples * columns
    if isinstance(of.config.model, Gbdt):
        answers += 20 * asked.shap_rows * columns
    return Work(of.config.model.kind, of.heads * answers)


def _evaluate(of: _Asked) -> Work:
    """Resamples, and rows that are scored and sorted."""
    config, size = of.config, of.size
    opened = not config.protocol.sealed
    rows = size.train_rows + size.valid_rows + (size.holdout_rows if opened else 0.0)
    columns = len(set_columns(config.baseline.features)) + model_column_count(config)
    scored = rows / 100_000 * (1 + columns / 100)
    kind = f"{config.model.kind} {config.label.kind} {'open' if opened else 'sealed'}"
    return Work(kind, of.heads * (config.evaluation.resamples / 4000 + scored))


def _truth(of: _Asked) -> Work:
    asked = of.config.backtest.waterfall
    states = of.size.holdout_days * 86_400 / max(asked.state_every_s, 1e-3)
    return Work("", states * asked.continuations * of.config.label.longest_horizon_s)


def _backtest(of: _Asked) -> Work:
    """Events of the holdout, times the strategies that ride in the pass."""
    backtest = of.config.backtest
    grid = backtest.sensitivity
    riding = 30 + backtest.random_draws + 2 * len(backtest.capacity)
    riding += 2 * len(grid.latency_s) * len(grid.depth) * len(grid.fee_bps)
    if backtest.oracle_path:
        riding += 20 + (2 * backtest.waterfall.grid if backtest.waterfall.enabled else 0)
    return Work("", of.size.holdout_days * of.size.events_day * riding)


_OF_STAGE: Mapping[str, Callable[[_Asked], Work]] = {
    "events": _events,
    "quality": _quality,
    "features": _features,
    "labels": _labels,
    "dataset": _dataset,
    "power": _power,
    "members": _members,
    "folds": _folds,
    "refit valid": _refit_valid,
    "refit holdout": _refit_holdout,
    "policy": _policy,
    "explain": _explain,
    "evaluate": _evaluate,
    "truth": _truth,
    "backtest": _backtest,
}

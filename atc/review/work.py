"""What a stage has to do, as a number that its time grows with.

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
from atc.review.fit_work import FIT, FITS, Work, beginning, begun, fit_work
from atc.review.iterations import heads_of, limit_of
from atc.review.judged_work import evaluate_work, explain_work
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

    @property
    def steps(self) -> float:
        """Iterations of all heads and seeds: those that are known, else as many as can be."""
        known = self.iterations or limit_of(self.config.model) * heads_of(self.config)
        return known * self.config.seeds.count


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
    return _times(beginning(of.fit, of.config.model), fits_in("folds", of.config, of.size) or 0.0, kind)


def _refit_valid(of: _Asked) -> Work:
    return _refits(of, "refit valid")


def _refit_holdout(of: _Asked) -> Work:
    return _refits(of, "refit holdout")


def _refits(of: _Asked, stage: str) -> Work:
    fit = begun(of.fit)
    return _times(fit, fits_in(stage, of.config, of.size) or 0.0, f"{fit.kind} {of.config.refit.kind}")


def _times(fit: Work, fits: float, kind: str) -> Work:
    """So many fits, the first of which is `fit`."""
    if fit.begin is None:
        return Work(kind, fits * fit.amount)
    begin = fit.imports + fits * (fit.begin - fit.imports)
    return Work(kind, fits * fit.amount, begin, fit.imports)


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
    "explain": lambda of: explain_work(of.config, of.steps),
    "evaluate": lambda of: evaluate_work(of.config, of.size, of.steps),
    "truth": _truth,
    "backtest": _backtest,
}

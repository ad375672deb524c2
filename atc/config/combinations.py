"""Slices of a config that are fine alone and wrong together."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from atc.config.cost import missing_costs, refused_market
from atc.config.data import SimulatedData
from atc.config.labels import THREE_CLASSES, Tlob
from atc.config.model import REGRESSORS
from atc.config.nets import Net
from atc.config.protocol import Cpcv
from atc.config.trading import ConfidencePolicy
from atc.config.window import DatesWindow

if TYPE_CHECKING:
    from atc.config.schema import RunConfig

Problem = tuple[str, str]
"""The key to change, and in words what is wrong and what to do."""


def problems_of(config: RunConfig) -> list[Problem]:
    """What to change so that the slices of `config` fit together; nothing where they do."""
    found = _other_targets(config)
    if config.label.kind == "fwd_logret" and config.calibration.kind != "none":
        found.append(
            (
                "calibration.kind",
                f"{config.calibration.kind} mends probabilities, and label fwd_logret has none; set "
                "calibration=none",
            )
        )
    if config.baseline.features.engine != config.features.engine:
        found.append(
            (
                "baseline.features.engine",
                "differs from features.engine, but the lift compares models on the same formulas; set "
                "features.engine.… instead, which the baseline follows",
            )
        )
    found += _wrong_class_weights(config)
    found += _wrong_auxiliary(config)
    found += _nothing_to_fit(config)
    found += _no_bags(config)
    found += [] if config.model.kind == "ensemble" else _embargo_too_short(config)
    if config.refit.kind == "daily_update" and config.model.kind != "gbdt":
        found.append(
            (
                "refit.kind",
                f"daily_update grows further trees, and model.kind={config.model.kind} has none; choose "
                "refit=expanding or refit=rolling",
            )
        )
    found += _trading_problems(config) if config.backtest.enabled else []
    return found


def _no_bags(config: RunConfig) -> list[Problem]:
    """Limits of bags that nobody draws."""
    return [
        (
            f"{key}.max_bag_rows",
            f"found {model.max_bag_rows:,}, but with {key}.bagging_freq=0 no bags are drawn and a tree sees "
            f"every row; set {key}.bagging_freq=5, or {key}.max_bag_rows=null",
        )
        for key, model in (("model", config.model), ("baseline.model", config.baseline.model))
        if model.kind == "gbdt" and model.max_bag_rows is not None and model.bagging_freq == 0
    ]


def _other_targets(config: RunConfig) -> list[Problem]:
    """Models that predict something else than the label is."""
    models = {"model": config.model, "baseline.model": config.baseline.model}
    is_return = config.label.kind == "fwd_logret"
    wrong = [
        f"{key}.kind={model.kind}"
        for key, model in models.items()
        if model.kind != "ensemble" and (model.kind in REGRESSORS) is not is_return
    ]
    if not wrong:
        return []
    named = " and ".join(wrong)
    if is_return:
        told = (
            f"fwd_logret is a return, and {named} can only fit classes; choose "
            "label=hold10_oracle or label=hold10_oracle_q14, or model=ridge with baseline=ridge_13feat"
        )
    else:
        told = (
            f"{config.label.kind} has classes, and {named} can only predict a return; choose "
            "label=fwd_logret, with model=ridge and baseline=ridge_13feat, or another model"
        )
    return [("label.kind", told)]


def _wrong_class_weights(config: RunConfig) -> list[Problem]:
    """Weights of classes that the label does not have."""
    asked = config.weights.classes
    if asked == "none":
        return []
    if config.label.kind == "fwd_logret":
        return [("weights.classes", "label fwd_logret is a return and has no classes; set none")]
    classes = 3 if config.label.kind in THREE_CLASSES else 2
    if asked != "balanced" and len(asked) != classes:
        told = f"{len(asked)} weights, and label {config.label.kind} has {classes} classes; give one a class"
        return [("weights.classes", told)]
    return []


def _wrong_auxiliary(config: RunConfig) -> list[Problem]:
    """Auxiliary horizons that could not be labelled, or that would teach the model nothing."""
    asked, model, label = config.auxiliary.horizons_s, config.model, config.label
    if not asked:
        return []
    found: list[str] = []
    named = f"[{','.join(f'{one:g}' for one in asked)}]"
    shared = {"multihorizon": "trunk", "softmax_mlp": "hidden"}.get(model.kind)
    if model.kind == "ensemble":
        found.append(
            f"{named} train a net beside its label, but model.kind=ensemble averages finished models, each "
            "of which keeps what its own run had; set []"
        )
    elif not isinstance(model, Net):
        found.append(
            f"{named} train what the heads of a net share, but model.kind={model.kind} fits each head by "
            "itself and would learn nothing from them; set [], or choose a net: model=softmax_mlp, "
            "multihorizon with model.trunk=[128,64], or multihorizon_transformer"
        )
    elif shared is not None and not getattr(model, shared):
        found.append(
            f"{named} train what the heads share, but with model.{shared}=[] each head reads the inputs "
            "itself and shares nothing; give the width of at least one layer, such as "
            f"model.{shared}=[128,64], or set []"
        )
    judged = [f"{one:g}" for one in asked if one in label.all_horizons_s]
    if judged:
        found.append(f"{', '.join(judged)} s is a horizon of label {label.kind} itself; leave it out")
    if isinstance(label, Tlob) and asked[0] < label.smooth_s:
        found.append(
            f"{asked[0]:g} s is shorter than label.smooth_s={label.smooth_s:g}: the stretch after the row "
            "would begin before it; expected horizons of at least label.smooth_s"
        )
    return [("auxiliary.horizons_s", told) for told in found]


def _nothing_to_fit(config: RunConfig) -> list[Problem]:
    """What an ensemble of finished models cannot do."""
    found = []
    if config.baseline.model.kind == "ensemble":
        found.append(("baseline.model.kind", "the baseline is fitted; an ensemble is not"))
    if config.model.kind != "ensemble":
        return found
    if not config.model.runs:
        told = "names none; at least two finished runs are averaged, such as "
        found.append(("model.runs", f"{told}model.runs=[gbdt_36feat-0123456789ab,logistic_36feat]"))
    given = "its members come fitted on the whole train window, so"
    if config.protocol.kind != "sealed_holdout":
        told = f"{config.protocol.kind} fits in folds, and {given} they know every test block; set "
        found.append(("protocol.kind", f"{told}protocol=sealed_holdout"))
    if config.refit.kind != "never":
        found.append(("refit.kind", f"{given} nothing is fitted anew; set refit=never"))
    if config.seeds.count > 1:
        told = "no seed fits it; run its members with seeds.count, and set 1 here"
        found.append(("seeds.count", f"{given} {told}"))
    return found


def _embargo_too_short(config: RunConfig) -> list[Problem]:
    if not isinstance(config.protocol, Cpcv) or config.protocol.embargo_s is None:
        return []
    from atc.tasks.market_data import look_back_ns

    least_s = look_back_ns(config) / 1e9
    if config.protocol.embargo_s >= least_s:
        return []
    return [
        (
            "protocol.embargo_s",
            f"{config.protocol.embargo_s:g} s after a test block, but the columns of this run look "
            f"{least_s:g} s back: rows from then on would carry what the test labels looked at into the "
            f"fit. Set null, or at least {least_s:g}",
        )
    ]


def _trading_problems(config: RunConfig) -> list[Problem]:
    found = []
    execution, tried = config.execution, config.backtest.sensitivity.latency_s
    needed = execution.shortest_interval_s(max(tried, default=0.0))
    if execution.min_interval_s < needed:
        found.append(
            (
                "backtest.sensitivity.latency_s",
                f"with a latency of {max(tried):g} s orders have to be {needed:g} s apart, and "
                f"execution.min_interval_s={execution.min_interval_s:g}; shorten the latencies or "
                "lengthen the interval",
            )
        )
    from atc.backtest.units import size_problems

    sizes = [("execution.size", execution.size)]
    sizes += [("backtest.capacity", size) for size in config.backtest.capacity]
    found += size_problems(config.data, sizes)
    asked = config.backtest.waterfall
    if asked.enabled and asked.continuations and not isinstance(config.data, SimulatedData):
        found.append(
            (
                "backtest.waterfall.continuations",
                f"{asked.continuations} futures of each state, but data={config.data.name} is "
                f"{config.data.kind}: a market that was recorded cannot be continued; set 0",
            )
        )
    policy = config.policy
    if isinstance(policy, ConfidencePolicy) and policy.neutral is None and config.label.kind in THREE_CLASSES:
        found.append(
            (
                "policy.neutral",
                "null is the share of HOLD of a label with two classes, and "
                f"label.kind={config.label.kind} has three; give the score that asks for no position, such "
                "as policy.neutral=0.5",
            )
        )
    data = config.data
    foreign = refused_market(config.cost, data=data.name, venue=data.costs_venue, symbol=data.symbol)
    if foreign is not None:
        found.append(("cost", foreign))
    days = _known_days(config)
    missing = missing_costs(config.cost, *days) if days is not None else None
    if missing is not None:
        found.append(("cost", missing))
    return found


def _known_days(config: RunConfig) -> tuple[date, date] | None:
    """First and last business day of the window, where the config alone says them."""
    if isinstance(config.window, DatesWindow):
        return config.window.train_from, config.window.holdout_to
    if isinstance(config.data, SimulatedData):
        return config.data.start_date, config.data.start_date + timedelta(days=config.data.days - 1)
    return None

"""The named model and what it is compared with, fitted on the same rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from atc.config.ensemble import Ensemble
from atc.config.model import Model as ModelConfig
from atc.config.protocol import WalkForward
from atc.config.schema import RunConfig
from atc.evaluation.power import PowerByHead
from atc.evaluation.report import BASELINE, MODEL, VOLATILITY, VOLATILITY_FEATURES
from atc.features.sets import set_columns
from atc.models.base import FitReport, Model, Progress, fit_model
from atc.models.build import build_model
from atc.models.calibration import Calibration, calibrated, fit_calibration
from atc.models.lightgbm_kept import bins_kept_in
from atc.protocol.dataset import Block, Dataset, Labels
from atc.protocol.gate import REJECTED, GateVerdict
from atc.protocol.sealed_holdout import fit_in_progress
from atc.tasks.base import Desk
from atc.tasks.loaded import Loaded
from atc.tasks.market_data import model_columns
from atc.tasks.power import state_power
from atc.tasks.training_rows import by_class

if TYPE_CHECKING:
    from atc.tasks.folds import FittedFold

FALLBACK = "fallback"
"""The logistic regression that stands in for a rejected model; beside it, never in its place."""


@dataclass(frozen=True)
class FittedModel:
    """A model on its columns, and how its fit went."""

    model: Model
    report: FitReport
    config: ModelConfig
    valid: Block
    """The rows that selected it, and that it is calibrated on, with its columns."""
    calibration: Calibration | None
    """Fitted on these; None: the probabilities are the model's own."""
    _raw_valid: NDArray[np.float64] | None = None

    @cached_property
    def raw_valid(self) -> NDArray[np.float64]:
        """(n, columns) what the model predicts of `valid`: asked for once, by calibration or by who comes
        first.
        """
        return self.raw_scores(self.valid) if self._raw_valid is None else self._raw_valid

    @classmethod
    def of(
        cls, config: RunConfig, model: Model, report: FitReport, kind: ModelConfig, valid: Block
    ) -> FittedModel:
        """A fitted `model` of the config `kind`, calibrated on `valid` (with its columns) if the run
        calibrates.
        """
        plain = cls(model, report, kind, valid, calibration=None)
        if config.calibration.kind == "none":
            return plain
        calibration = calibration_of(config, plain.raw_valid, valid.y)
        return replace(plain, calibration=calibration, _raw_valid=plain.raw_valid)

    def raw_scores(self, rows: Block | Dataset) -> NDArray[np.float64]:
        """(n, columns) what the model predicts."""
        return self.model.predict(rows.select(self.model.features).x)

    def scores(self, rows: Block | Dataset) -> NDArray[np.float64]:
        """(n, columns) what figures, policies and predictions take: calibrated, where the run calibrates."""
        return calibrated(self.raw_scores(rows), self.calibration)


@dataclass(frozen=True)
class Fitted:
    """The named model and what it is compared with, all on the same rows."""

    by_name: Mapping[str, FittedModel]
    """FALLBACK among them where the gate rejects the named model."""
    loaded: Loaded
    power: PowerByHead
    """What the holdout can show, as stated before the named model was fitted."""
    folds: tuple[FittedFold, ...]
    gate: GateVerdict
    notes: tuple[str, ...] = ()
    """What there is to say of the time that validation and folds judge on."""

    def raw_valid_decisions(self, name: str) -> NDArray[np.float64]:
        """(n, columns) what the model of this name predicts of every row of validation's time: policy,
        figures and predictions share one answer.
        """
        if name not in self._raw_valid_decisions:
            one, judged = self.by_name[name], self.loaded.valid_judged
            scores = one.raw_valid
            if not judged.all():
                # No score depends on the rows that it is predicted with, so the others alone are asked for.
                others = np.flatnonzero(~judged)
                scores = np.empty((len(judged), one.raw_valid.shape[1]))
                scores[judged] = one.raw_valid
                scores[others] = one.raw_scores(self.loaded.valid.take(others))
            self._raw_valid_decisions[name] = scores
        return self._raw_valid_decisions[name]

    def valid_decisions(self, name: str) -> NDArray[np.float64]:
        """The same, calibrated where the run calibrates."""
        return calibrated(self.raw_valid_decisions(name), self.by_name[name].calibration)

    @cached_property
    def _raw_valid_decisions(self) -> dict[str, NDArray[np.float64]]:
        return {}


@dataclass(frozen=True)
class Plan:
    """A model to fit, and the columns that it sees."""

    name: str
    config: ModelConfig
    columns: tuple[str, ...]


def plans_of(config: RunConfig) -> tuple[Plan, ...]:
    """The named model, the baseline and volatility alone."""
    # Volatility alone goes through the baseline's kind of model, so that only the inputs differ.
    return (
        Plan(MODEL, config.model, model_columns(config)),
        Plan(BASELINE, config.baseline.model, set_columns(config.baseline.features)),
        Plan(VOLATILITY, config.baseline.model, VOLATILITY_FEATURES),
    )


def fit_all(config: RunConfig, loaded: Loaded, desk: Desk) -> Fitted:
    """Fits what the named model is compared with, says what the holdout can show, fits the folds, asks the
    gate, and fits the named model, with the fallback where the gate rejects it; the holdout is closed
    meanwhile.
    """
    from atc.tasks.folds import fit_folds, gate_of
    from atc.tasks.gathering import gathered

    model, baseline, volatility = plans_of(config)

    def fit(plan: Plan) -> FittedModel:
        stage_name = "fit" if plan.name == MODEL else f"fit {plan.name}"
        with desk.stage(stage_name), desk.bar(stage_name, None, "iterations") as bar:
            return fit_one(
                config,
                plan,
                loaded.parts.train,
                loaded.parts.valid,
                progress=bar.update,
                checkpoint=desk.checkpoint(stage_name),
            )

    with fit_in_progress():
        # First the pilot of the power, which is stated before the named model is fitted anywhere.
        compared = {plan.name: fit(plan) for plan in (baseline, volatility)}
        power = state_power(config, loaded, compared[BASELINE], compared[VOLATILITY], desk)
        folds = fit_folds(config, loaded, desk)
        gate = gate_of(config, folds)
        if isinstance(config.model, Ensemble):
            with desk.stage("members"):
                named = gathered(config, model, loaded)
        else:
            # Not those of folds and refits: each has rows of its own, which no other job bins.
            with bins_kept_in(config.paths.outputs_dir / "cache" / "bins"):
                named = fit(model)
        fitted = {MODEL: named, **compared}
        if gate.verdict == REJECTED and isinstance(config.protocol, WalkForward):
            fitted[FALLBACK] = fit(Plan(FALLBACK, config.protocol.gate.fallback, model.columns))
    return Fitted(fitted, loaded, power, folds, gate)


def fit_one(
    config: RunConfig,
    plan: Plan,
    train: Block,
    valid: Block,
    *,
    progress: Progress | None = None,
    checkpoint: Path | None = None,
) -> FittedModel:
    """The model of `plan` on its columns of these rows, calibrated on `valid` if the run calibrates; the
    named model as often as the run has seeds, and it alone with auxiliary targets. `checkpoint`: see
    `build_model`.
    """
    seeds = config.seeds.count if plan.name == MODEL else 1
    model = build_model(plan.config, seeds, checkpoint=checkpoint)
    seen = valid.select(plan.columns)
    if plan.name != MODEL:
        train = replace(train, auxiliary=None)
    weighed, watched = by_class(config, train.select(plan.columns), seen)
    report = fit_model(model, weighed, watched, seed=config.seed, progress=progress)
    return FittedModel.of(config, model, report, plan.config, seen)


def calibration_of(config: RunConfig, scores: NDArray[np.float64], y: Labels) -> Calibration | None:
    """What the run calibrates scores with, fitted on the raw `scores` (n, columns) of rows that their model
    was not fitted on, and their labels `y` (n, heads); None where the run does not calibrate.
    """
    return fit_calibration(config.calibration.kind, scores, y)

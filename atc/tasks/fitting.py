"""The named model and what it is compared with, fitted on the same rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atc.config.model import Model as ModelConfig
from atc.config.schema import RunConfig
from atc.evaluation.power import PowerByHead
from atc.evaluation.report import BASELINE, MODEL, VOLATILITY, VOLATILITY_FEATURES
from atc.features.sets import set_columns
from atc.models.base import FitReport, Model, fit_model
from atc.models.build import build_model
from atc.models.calibration import Calibration, calibrated, fit_calibration
from atc.protocol.dataset import Block, Dataset
from atc.tasks.base import Desk
from atc.tasks.loaded import Loaded
from atc.tasks.power import state_power


@dataclass(frozen=True)
class FittedModel:
    """A model on its columns, and how its fit went."""

    model: Model
    report: FitReport
    config: ModelConfig
    calibration: Calibration | None
    """Fitted on the validation rows; None: the probabilities are the model's own."""

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
    loaded: Loaded
    power: PowerByHead
    """What the holdout can show, as stated before the named model was fitted."""


def fit_all(config: RunConfig, loaded: Loaded, desk: Desk) -> Fitted:
    """Fits the named model, the baseline and volatility alone; the holdout is closed meanwhile."""

    def fit(name: str, model: ModelConfig, columns: tuple[str, ...]) -> FittedModel:
        return _fit_one(name, model, columns, run=config, loaded=loaded, desk=desk)

    # First what is compared with: the pilot of the power, which is stated before the named model is fitted.
    baseline = fit(BASELINE, config.baseline.model, set_columns(config.baseline.features))
    # Volatility alone goes through the baseline's kind of model, so that only the inputs differ.
    volatility = fit(VOLATILITY, config.baseline.model, VOLATILITY_FEATURES)
    power = state_power(config, loaded, baseline, volatility, desk)
    model = fit(MODEL, config.model, set_columns(config.features))
    return Fitted({MODEL: model, BASELINE: baseline, VOLATILITY: volatility}, loaded, power)


def _fit_one(
    name: str, config: ModelConfig, columns: tuple[str, ...], *, run: RunConfig, loaded: Loaded, desk: Desk
) -> FittedModel:
    model = build_model(config)
    stage_name = "fit" if name == MODEL else f"fit {name}"
    with desk.stage(stage_name), desk.bar(stage_name, None, "iterations") as bar:
        report = fit_model(
            model,
            loaded.parts.train.select(columns),
            loaded.parts.valid.select(columns),
            seed=run.seed,
            progress=bar.update,
        )
        calibration = None
        if run.calibration.kind != "none":
            valid = loaded.parts.valid
            raw = model.predict(valid.select(columns).x)
            calibration = fit_calibration(run.calibration.kind, raw, valid.y)
    return FittedModel(model, report, config, calibration)

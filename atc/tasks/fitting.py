"""The named model and what it is compared with, fitted on the same rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from atc.config.model import Model as ModelConfig
from atc.config.schema import RunConfig
from atc.evaluation.report import BASELINE, MODEL, VOLATILITY, VOLATILITY_FEATURES
from atc.features.sets import set_columns
from atc.models.base import FitReport, Model, fit_model
from atc.models.build import build_model
from atc.tasks.base import Desk
from atc.tasks.loaded import Loaded


@dataclass(frozen=True)
class FittedModel:
    """A model on its columns, and how its fit went."""

    model: Model
    report: FitReport
    config: ModelConfig


@dataclass(frozen=True)
class Fitted:
    """The named model and what it is compared with, all on the same rows."""

    by_name: Mapping[str, FittedModel]
    loaded: Loaded


def fit_all(config: RunConfig, loaded: Loaded, desk: Desk) -> Fitted:
    """Fits the named model, the baseline and volatility alone; the holdout is closed meanwhile."""
    # Volatility alone goes through the baseline's kind of model, so that only the inputs differ.
    plans: list[tuple[str, ModelConfig, tuple[str, ...]]] = [
        (MODEL, config.model, set_columns(config.features)),
        (BASELINE, config.baseline.model, set_columns(config.baseline.features)),
        (VOLATILITY, config.baseline.model, VOLATILITY_FEATURES),
    ]
    fitted = {
        name: _fit_one(name, model, columns, seed=config.seed, loaded=loaded, desk=desk)
        for name, model, columns in plans
    }
    return Fitted(fitted, loaded)


def _fit_one(
    name: str, config: ModelConfig, columns: tuple[str, ...], *, seed: int, loaded: Loaded, desk: Desk
) -> FittedModel:
    model = build_model(config)
    stage_name = "fit" if name == MODEL else f"fit {name}"
    with desk.stage(stage_name), desk.bar(stage_name, None, "iterations") as bar:
        report = fit_model(
            model,
            loaded.parts.train.select(columns),
            loaded.parts.valid.select(columns),
            seed=seed,
            progress=bar.update,
        )
    return FittedModel(model, report, config)

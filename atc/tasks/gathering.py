"""An ensemble's model: copies of its members' models, which are read and not fitted."""

from __future__ import annotations

from typing import Any

import numpy as np

from atc.config.ensemble import Ensemble
from atc.config.schema import RunConfig
from atc.errors import UsageError
from atc.features.declarations import feature_schema
from atc.models.artifact import load_model
from atc.models.average import AverageModel, Member
from atc.models.base import FitReport, Importance, degenerate_columns
from atc.tasks.fitting import FittedModel, Plan
from atc.tasks.loaded import Loaded
from atc.tasks.member_runs import MemberRun, member_runs
from atc.tracking.run_files import MODEL


def gathered(config: RunConfig, plan: Plan, loaded: Loaded) -> FittedModel:
    """The members' models as one, on the columns of `plan`, calibrated as the run asks; each member goes
    through its own calibration first.

    Raises UsageError for a member whose label was fitted to other constants, DataError for a damaged model.
    """
    assert isinstance(config.model, Ensemble)
    runs = member_runs(config)
    model = AverageModel("ensemble", plan.columns, [_member(config, loaded, one) for one in runs])
    train, valid = (block.select(plan.columns) for block in (loaded.parts.train, loaded.parts.valid))
    null, constant = degenerate_columns(train.x, plan.columns)
    parameters: dict[str, Any] = {f"weight of {one.name}": one.weight for one in runs}
    report = FitReport(
        parameters=parameters,
        curves={},
        iterations=0,
        best_iteration=0,
        converged=None,
        gradient_norm=None,
        importance_kind="share",
        importance=_importance(runs),
        null_columns=null,
        constant_columns=constant,
        notes=(
            "the weighted mean of "
            + ", ".join(f"{one.name} ({one.weight:.3g})" for one in runs)
            + ", each as its run calibrated it; nothing was fitted but what it is compared with",
            "members were chosen by somebody: whoever chose them by their figures on this holdout has no "
            "holdout left; valid/… is what to choose by",
            *_calibrated(model),
        ),
    )
    return FittedModel.of(config, model, report, config.model, valid)


def _calibrated(model: AverageModel) -> list[str]:
    """What to know of validation figures where members were calibrated there."""
    names = [member.name for member in model.members if member.calibration is not None]
    told = (
        f"calibrated on validation: {', '.join(names)}; members/valid/… are of the scores before, valid/… of "
        "the ensemble's own scores, which those calibrations flatter there"
    )
    return [told] if names else []


def _member(config: RunConfig, loaded: Loaded, one: MemberRun) -> Member:
    own = load_model(
        one.run.folder / MODEL, features=one.features, feature_schema=feature_schema(one.features)
    )
    label = {**config.label.model_dump(mode="json"), **loaded.label.constants}
    differs = [key for key, value in label.items() if own.manifest["label"].get(key) != value]
    if differs:
        key = differs[0]
        raise UsageError(
            f"model.runs: {one.name} cannot be a member: its label has "
            f"{key}={own.manifest['label'].get(key)}, this run's, fitted on its own training rows, has "
            f"{label[key]}"
        )
    return Member(
        name=one.name,
        model=own.model,
        config=one.run.config.model,
        weight=one.weight,
        calibration=own.calibration,
        origin={
            "run_id": one.run.run_id,
            "model_digest": own.manifest["manifest_digest"],
            "config_digest": own.manifest["config_digest"],
            "created_at": own.manifest["created_at"],
        },
    )


def _importance(runs: tuple[MemberRun, ...]) -> tuple[Importance, ...]:
    """Each input's part of the sum of its member's importances, which are of different kinds, weighted."""
    shares: dict[str, float] = {}
    for one in runs:
        items = one.model_manifest["fit"]["importance"]
        total = float(np.sum([item["value"] for item in items])) or 1.0
        for item in items:
            share = one.weight * item["value"] / total
            shares[item["feature"]] = shares.get(item["feature"], 0.0) + share
    ordered = sorted(shares.items(), key=lambda item: -item[1])
    return tuple(Importance(name, value, None) for name, value in ordered)

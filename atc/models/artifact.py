"""A model directory: open files, their digests, and what the model is (SPEC 4). No pickles."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from atc.config.model import Model as ModelConfig
from atc.errors import DataError, UsageError, nearest
from atc.models import average
from atc.models.base import FitReport, Model, Scores
from atc.models.build import load_fitted
from atc.models.calibration import (
    CALIBRATION_FILE,
    Calibration,
    calibrated,
    load_calibration,
    save_calibration,
)
from atc.models.kinds import KINDS
from atc.models.manifest import (
    FORMAT,
    MANIFEST_FILE,
    check_files,
    file_digest,
    read_manifest,
    require_features,
    require_schema,
    write_manifest,
)
from atc.models.profile import PROFILE_FILE, Profile, read_profile
from atc.protocol.row_runs import Matrix


@dataclass(frozen=True)
class Provenance:
    """What a model was made of and from; the run knows it."""

    symbol: str
    train_from: date
    train_to: date
    """Business days, both included."""
    train_span_ns: tuple[int, int]
    """Start (included) and end (excluded) of train and internal validation."""
    feature_schema: str
    label: Mapping[str, Any]
    """The label's config and fitted constants."""
    config_digest: str
    data_digest: str
    git_commit: str | None
    created_at: str
    """ISO 8601, UTC."""
    versions: Mapping[str, str]
    """Of the packages that made it."""
    role: str = "model"
    """What the run calls it: the named `model`, or the `fallback` of one that the gate rejected."""
    score_columns: tuple[str, ...] = ()
    """What the run's predictions call its scores; empty: what the model calls them."""
    gate: Mapping[str, float | str | None] = field(default_factory=dict)
    """What the gate said of the named model; empty where nobody asked."""


@dataclass(frozen=True)
class LoadedModel:
    """A verified model with what its directory says of it."""

    model: Model
    manifest: Mapping[str, Any]
    profile: Profile
    calibration: Calibration | None

    @property
    def score_columns(self) -> tuple[str, ...]:
        """What the run's predictions call the columns of `scores`."""
        return tuple(self.manifest.get("score_columns", self.manifest["scores"]))

    def scores(self, x: Matrix) -> Scores:
        """(n, columns) what the run calls the model's scores of inputs `x` (n, k): its predictions,
        calibrated where the run calibrates. `model.predict` gives the raw ones.
        """
        return calibrated(self.model.predict(x), self.calibration)


def save_model(
    model: Model,
    directory: Path,
    *,
    config: ModelConfig,
    provenance: Provenance,
    report: FitReport,
    valid_metrics: Mapping[str, float | None],
    profile: Profile,
    calibration: Calibration | None = None,
) -> Path:
    """Write `model` into `directory` (made if absent) and return the manifest's path; the manifest comes
    last.

    Raises UsageError if a model is there already: nothing is overwritten.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if (directory / MANIFEST_FILE).exists():
        raise UsageError(
            f"{directory} holds a model already; a model is never overwritten, choose another folder"
        )
    stem = f"{model.kind}_{provenance.symbol}_{provenance.train_from}_{provenance.train_to}"
    model_files = model.save(directory, stem)
    files = [*model_files, PROFILE_FILE]
    if calibration is not None:
        files.append(save_calibration(calibration, directory))
    (directory / PROFILE_FILE).write_text(
        json.dumps(profile, indent=1, allow_nan=False) + "\n", encoding="utf-8"
    )
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "model_type": model.kind,
        "role": provenance.role,
        "gate": dict(provenance.gate),
        "model_config": config.model_dump(mode="json"),
        "model_files": list(model_files),
        "features": list(model.features),
        "scores": list(model.score_names),
        "score_columns": list(provenance.score_columns or model.score_names),
        "calibration": None if calibration is None else calibration.content()["kind"],
        "feature_schema": provenance.feature_schema,
        "label": dict(provenance.label),
        "symbol": provenance.symbol,
        "train_range": [str(provenance.train_from), str(provenance.train_to)],
        "train_span_ns": list(provenance.train_span_ns),
        "valid_metrics": dict(valid_metrics),
        "fit": {
            "parameters": dict(report.parameters),
            "iterations": report.iterations,
            "best_iteration": report.best_iteration,
            "converged": report.converged,
            "gradient_norm": report.gradient_norm,
            "importance_kind": report.importance_kind,
            "importance": [asdict(item) for item in report.importance],
            "null_columns": list(report.null_columns),
            "constant_columns": list(report.constant_columns),
            "notes": list(report.notes),
        },
        "created_at": provenance.created_at,
        "git_commit": provenance.git_commit,
        "config_digest": provenance.config_digest,
        "data_digest": provenance.data_digest,
        "versions": dict(provenance.versions),
        "files": {name: file_digest(directory / name) for name in files},
    }
    return write_manifest(directory, manifest)


def load_model(
    directory: Path, *, features: Sequence[str] | None = None, feature_schema: str | None = None
) -> LoadedModel:
    """The model of `directory`, once every file has been checked against the manifest.

    `features`: the columns, in order, that the caller will give; `feature_schema`: the version that
    computes them. Raises DataError for a missing or changed file, another format, other features or another
    order of them, another schema version.
    """
    manifest = read_manifest(directory)
    calibrates = manifest.get("calibration") is not None
    read = [*manifest["model_files"], PROFILE_FILE, *([CALIBRATION_FILE] if calibrates else [])]
    check_files(directory, manifest, read)
    have = tuple(manifest["features"])
    if features is not None:
        require_features(directory, have, tuple(features))
    if feature_schema is not None:
        require_schema(directory, manifest, feature_schema)
    kind = manifest["model_type"]
    known = (*KINDS, *average.KINDS)
    if kind not in known:
        raise DataError(f"{directory}: model type {kind!r} is unknown; {nearest(kind, known)}")
    try:
        model: Model = load_fitted(directory, manifest)
        profile = read_profile(directory, have)
        calibration = load_calibration(directory / CALIBRATION_FILE) if calibrates else None
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise DataError(
            f"{directory}: its files are whole, but no {kind} model that this version of atc reads: "
            f"{' '.join(str(error).split())}"
        ) from None
    return LoadedModel(model=model, manifest=manifest, profile=profile, calibration=calibration)

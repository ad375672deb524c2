"""The folders of the named model and of its fallback, which load without the run."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from atc.config.digest import config_digest
from atc.config.schema import RunConfig
from atc.evaluation.report import MODEL
from atc.features.declarations import feature_schema
from atc.models.artifact import Provenance, save_model
from atc.models.profile import reference_profile
from atc.tasks.fitting import FALLBACK, Fitted


def save_models(config: RunConfig, data_digest: str, fitted: Fitted, folder: Path) -> None:
    """The named model in `folder`, and in `folder`/fallback what stands in for it where the gate rejects it.

    Each manifest says which of the two it is and what the gate said.
    """
    _save(config, data_digest, fitted, MODEL, folder)
    if FALLBACK in fitted.by_name:
        _save(config, data_digest, fitted, FALLBACK, folder / FALLBACK)


def _save(config: RunConfig, data_digest: str, fitted: Fitted, name: str, folder: Path) -> None:
    from atc.evaluation import metrics
    from atc.protocol.window import span_dates
    from atc.tracking import provenance

    loaded, named = fitted.loaded, fitted.by_name[name]
    facts = config.data
    first, last = span_dates(
        loaded.spans.train, day_cut_utc_s=facts.day_cut_utc_s, tz_offset_s=facts.tz_offset_s
    )
    columns = named.model.features
    valid = loaded.parts.valid
    positive, score = valid.y[:, 0] == 1.0, named.scores(valid)[:, 0]
    save_model(
        named.model,
        folder,
        config=named.config,
        provenance=Provenance(
            symbol=facts.symbol,
            train_from=first,
            train_to=last,
            train_span_ns=loaded.spans.train,
            feature_schema=feature_schema(columns),
            label={**config.label.model_dump(mode="json"), "threshold_bps": loaded.label.threshold_bps},
            config_digest=config_digest(config),
            data_digest=data_digest,
            role=name,
            gate={**fitted.gate.figures(), "why": fitted.gate.why},
            git_commit=str(commit) if (commit := provenance.git_state()["commit"]) else None,
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            versions={name: version or "" for name, version in provenance.package_versions().items()},
        ),
        report=named.report,
        valid_metrics={
            "auc": metrics.auc(positive, score),
            "log_loss": metrics.log_loss(positive, score),
        },
        calibration=named.calibration,
        profile=reference_profile(loaded.parts.train.select(columns).x, columns),
    )

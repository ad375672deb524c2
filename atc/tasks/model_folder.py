"""The folders of the named model and of its fallback, which load without the run."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from atc.config.digest import config_digest
from atc.config.schema import RunConfig
from atc.evaluation import metrics
from atc.evaluation.report import MODEL, ranking_of
from atc.features.declarations import feature_schema
from atc.models.artifact import Provenance, save_model
from atc.models.profile import reference_profile
from atc.tasks.fitting import FALLBACK, Fitted, FittedModel
from atc.tasks.heads import heads_of
from atc.tasks.loaded import Loaded
from atc.tasks.predictions import score_columns


def save_models(config: RunConfig, data_digest: str, fitted: Fitted, folder: Path) -> None:
    """The named model in `folder`, and in `folder`/fallback what stands in for it where the gate rejects it.

    Each manifest says which of the two it is and what the gate said.
    """
    _save(config, data_digest, fitted, MODEL, folder)
    if FALLBACK in fitted.by_name:
        _save(config, data_digest, fitted, FALLBACK, folder / FALLBACK)


def _save(config: RunConfig, data_digest: str, fitted: Fitted, name: str, folder: Path) -> None:
    from atc.protocol.window import span_dates
    from atc.tracking import provenance

    loaded, named = fitted.loaded, fitted.by_name[name]
    facts = config.data
    first, last = span_dates(
        loaded.spans.train, day_cut_utc_s=facts.day_cut_utc_s, tz_offset_s=facts.tz_offset_s
    )
    columns = named.model.features
    save_model(
        named.model,
        folder,
        # An ensemble's as it was asked for, not with the folders that its members were found in.
        config=config.model if name == MODEL else named.config,
        provenance=Provenance(
            symbol=facts.symbol,
            train_from=first,
            train_to=last,
            train_span_ns=loaded.spans.train,
            feature_schema=feature_schema(columns),
            label={**config.label.model_dump(mode="json"), **loaded.label.constants},
            config_digest=config_digest(config),
            data_digest=data_digest,
            role=name,
            score_columns=tuple(score_columns(loaded.label.heads, loaded.label.classes)),
            gate={**fitted.gate.figures(), "why": fitted.gate.why},
            git_commit=str(commit) if (commit := provenance.known_git_state()["commit"]) else None,
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            versions={name: version or "" for name, version in provenance.package_versions().items()},
        ),
        report=named.report,
        valid_metrics=_valid_metrics(config, loaded, named),
        calibration=named.calibration,
        profile=reference_profile(loaded.parts.train.select(columns).x, columns),
    )


def _valid_metrics(config: RunConfig, loaded: Loaded, named: FittedModel) -> dict[str, float | None]:
    """On the internal validation, of each head: AUC of the last class against the rest, and log loss; of a
    return Pearson's ρ and the mean squared error. Before calibration, which is fitted on these rows.
    """
    valid, scores = loaded.parts.valid, named.raw_valid
    found: dict[str, float | None] = {}
    for number, head in enumerate(heads_of(config, loaded)):
        rows = np.flatnonzero(~np.isnan(valid.y[:, number]))
        if not head.classes:
            predicted = head.own(scores[rows])
            found[head.key("pearson")] = ranking_of(head, valid.y[rows, number], predicted)
            found[head.key("mse")] = float(np.mean((predicted[:, 0] - valid.y[rows, number]) ** 2))
            continue
        codes, p = valid.y[rows, number].astype(np.int64), head.own(scores[rows])
        found[head.key("auc")] = metrics.auc(codes == len(head.classes) - 1, p[:, -1])
        found[head.key("log_loss")] = float(np.mean(metrics.log_losses(codes, p)))
    return found

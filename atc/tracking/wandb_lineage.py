"""Where a run stands in W&B's lineage: data → features → the run → its model.

Data and features stay where they are: their artifacts hold one reference each, whose address is their digest,
so a version in W&B is a digest and nothing is copied. A small run of its own, `features-<digest>`, uses the
data and gives the features; whoever reads the same features finds it made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from atc.tracking.record import RunIdentity
from atc.tracking.run_files import CONFIG, LOG, MANIFEST, METRICS, MODEL

if TYPE_CHECKING:
    from wandb.sdk.artifacts.artifact import Artifact
    from wandb.sdk.wandb_run import Run

_SHORT = 12
DATA, FEATURES, RECORD, MODEL_TYPE, REPORT, SWEEP = (
    *("data", "features", "run-record", "model", "report", "sweep"),
)
"""Types of artifacts."""


@dataclass(frozen=True)
class Lineage:
    """The artifacts of one run, named after the experiment, its data and its features."""

    experiment: str
    identity: RunIdentity
    config: Mapping[str, object]
    """The resolved config as plain values."""

    @property
    def features_run(self) -> str:
        """Id of the W&B run that made the features of the data."""
        return f"features-{_digest(self.identity.data_digest, self.identity.feature_schema)[:16]}"

    @property
    def features_name(self) -> str:
        """What that run is called."""
        return f"{FEATURES}-{self._name(FEATURES)}-{self.identity.data_digest[:_SHORT]}"

    def record_features(self, run: Run) -> None:
        """`run`, the one of `features_run`, uses the data and gives the features."""
        _use(run, self._data(), self.identity.data_digest)
        run.log_artifact(self._features(), aliases=_aliases(self._features_digest))

    def record_inputs(self, run: Run) -> None:
        """`run`, that of the experiment, uses the data, for its labels and its market, and the features."""
        _use(run, self._data(), self.identity.data_digest)
        _use(run, self._features(), self._features_digest)

    def record_outputs(self, run: Run, folder: Path) -> None:
        """`run` gives its record in `folder`, and its model if it has come to one."""
        aliases = _aliases(self.identity.run_id)
        run.log_artifact(self._record(folder), aliases=aliases)
        if (folder / MODEL).is_dir():
            run.log_artifact(self._model(folder / MODEL), aliases=aliases)

    def record_report(self, run: Run, page: Path) -> None:
        """`run` gives its report, one HTML page."""
        report = self._artifact(f"{self.experiment}-report", REPORT, asdict(self.identity))
        report.add_file(str(page), name=page.name, skip_cache=True)
        run.log_artifact(report, aliases=_aliases(self.identity.run_id))

    def _data(self) -> Artifact:
        digest = self.identity.data_digest
        about = {"data_digest": digest, "data": self._part(DATA), "window": self._part("window")}
        data = self._artifact(f"{DATA}-{self._name(DATA)}", DATA, about)
        data.add_reference(f"atc://{DATA}/{digest}", name="events", checksum=False)
        return data

    def _features(self) -> Artifact:
        about = {
            "data_digest": self.identity.data_digest,
            "feature_schema": self.identity.feature_schema,
            "sampling": self._part("sampling"),
            "features": self._part(FEATURES),
        }
        features = self._artifact(f"{FEATURES}-{self._name(FEATURES)}", FEATURES, about)
        features.add_reference(f"atc://{FEATURES}/{self._features_digest}", name="matrix", checksum=False)
        return features

    def _record(self, folder: Path) -> Artifact:
        record = self._artifact(f"{self.experiment}-record", RECORD, asdict(self.identity))
        for name in (CONFIG, MANIFEST, METRICS, LOG):
            if (folder / name).is_file():
                record.add_file(str(folder / name), name=name, skip_cache=True)
        return record

    def _model(self, folder: Path) -> Artifact:
        model = self._artifact(f"{self.experiment}-model", MODEL_TYPE, asdict(self.identity))
        for path in sorted(folder.rglob("*")):  # add_dir prints how long it took
            if path.is_file():
                model.add_file(str(path), name=str(path.relative_to(folder)), skip_cache=True)
        return model

    @property
    def _features_digest(self) -> str:
        return _digest(self.identity.data_digest, self.identity.feature_schema)

    def _artifact(self, name: str, kind: str, about: Mapping[str, object]) -> Artifact:
        import wandb

        return wandb.Artifact(name, type=kind, metadata=dict(about))

    def _part(self, name: str) -> Mapping[str, object]:
        part = self.config.get(name)
        return part if isinstance(part, Mapping) else {}

    def _name(self, part: str) -> str:
        return str(self._part(part).get("name", "unnamed"))


def _use(run: Run, artifact: Artifact, digest: str) -> None:
    """`run.use_artifact(artifact)`, offline too.

    Offline that call refuses, though the file of a run has a field for it and W&B's sync enters the use as
    soon as the artifact is there. This is what the call itself does with an artifact that no server knows,
    without the wait for the server. A test reads the field back.
    """
    run._log_artifact(artifact, aliases=_aliases(digest), is_user_created=True, use_after_commit=True)


def _aliases(digest: str) -> list[str]:
    return ["latest", digest[:_SHORT]]


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()

"""Several fitted models as one: its scores are the weighted mean of theirs.

The mean is the arithmetic one of what each says, probabilities or returns, so that the classes of a row still
sum to 1. A member sees its own columns in its own order; what it was calibrated with goes with it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Self

import numpy as np

from atc.config.model import Model as ModelConfig
from atc.errors import DataError
from atc.models.base import FitReport, Model, Progress, Scores, check_width
from atc.models.calibration import Calibration, calibrated, load_calibration, save_calibration
from atc.models.checks import BringsChecks, Check
from atc.protocol.dataset import Block
from atc.protocol.row_runs import FloatMatrix, Matrix, columns_of

MEMBERS_FILE = "members.json"
FORMAT = "atc-members-1"
FORMULA = "sum over members of weight * score of the member, after its calibration where it has one"
KINDS = ("seeds", "ensemble")
"""As manifests name them: one config fitted with several seeds, or finished runs put together."""


@dataclass(frozen=True)
class Member:
    """One of several models."""

    name: str
    """Of its folder."""
    model: Model
    config: ModelConfig
    weight: float
    """All of them sum to 1."""
    calibration: Calibration | None = None
    origin: Mapping[str, Any] | None = None
    """Where it comes from, as plain values: its seed, or the run that it is a copy of."""

    def scores(self, x: Matrix, features: Sequence[str], *, before_calibration: bool = False) -> Scores:
        """(n, columns) of inputs `x` (n, k) with columns `features`, of which it picks its own."""
        own = self.model.features
        if tuple(features) != own:
            position = {name: place for place, name in enumerate(features)}
            x = columns_of(x, np.array([position[name] for name in own], dtype=np.int64))
        return calibrated(self.model.predict(x), None if before_calibration else self.calibration)


class AverageModel:
    """A `Model` of fitted members; a kind that is fitted has its own `fit`."""

    def __init__(self, kind: str, features: Sequence[str], members: Sequence[Member]) -> None:
        self.kind = kind
        self._features = tuple(features)
        self._members = tuple(members)

    @property
    def members(self) -> tuple[Member, ...]:
        """Raises RuntimeError before the fit."""
        if not self._members:
            raise RuntimeError("the model is not fitted")
        return self._members

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the inputs in order: each member's are among them."""
        _ = self.members
        return self._features

    @property
    def score_names(self) -> tuple[str, ...]:
        """Names of the score columns, the same for every member."""
        return self.members[0].model.score_names

    def fit(self, train: Block, valid: Block, *, seed: int, progress: Progress | None = None) -> FitReport:
        """Raises TypeError: members come fitted."""
        del train, valid, seed, progress
        raise TypeError(f"a model of kind {self.kind} is made of fitted models and not fitted itself")

    def predict(self, x: Matrix) -> Scores:
        """(n, n_scores), the weighted mean of the members' scores."""
        check_width(x, self.features)
        total: Scores | None = None
        for scores, member in zip(self.each(x), self.members, strict=True):
            total = member.weight * scores if total is None else total + member.weight * scores
        assert total is not None
        return total

    def each(self, x: Matrix, *, before_calibration: bool = False) -> Iterator[Scores]:
        """The members' scores (n, n_scores) of inputs `x` (n, k), one after the other."""
        for member in self.members:
            yield member.scores(x, self._features, before_calibration=before_calibration)

    def own_checks(self, directory: Path, sample: FloatMatrix) -> Iterator[Check]:
        """What its members check of their own folders, `sample` (n, k) with their columns."""
        position = {name: place for place, name in enumerate(self._features)}
        for member in self.members:
            if isinstance(member.model, BringsChecks):
                columns = [position[name] for name in member.model.features]
                own = np.ascontiguousarray(sample[:, columns])
                for check in member.model.own_checks(directory / member.name, own):
                    yield replace(check, name=f"{member.name} {check.name}")

    def save(self, directory: Path, stem: str) -> tuple[str, ...]:
        """Write `members.json` and each member's files in a folder of its name."""
        files, told = [MEMBERS_FILE], []
        for member in self.members:
            folder = directory / member.name
            folder.mkdir()
            own = member.model.save(folder, stem)
            kept = [*own]
            if member.calibration is not None:
                kept.append(save_calibration(member.calibration, folder))
            files += [str(PurePosixPath(member.name, name)) for name in kept]
            told.append(
                {
                    "name": member.name,
                    "weight": member.weight,
                    "origin": dict(member.origin or {}),
                    "model_type": member.model.kind,
                    "model_config": member.config.model_dump(mode="json"),
                    "model_files": list(own),
                    "features": list(member.model.features),
                    "scores": list(member.model.score_names),
                    "calibration": kept[-1] if member.calibration is not None else None,
                }
            )
        content = {
            "format": FORMAT,
            "formula": FORMULA,
            "kind": self.kind,
            "features": list(self.features),
            "scores": list(self.score_names),
            "members": told,
        }
        text = json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
        (directory / MEMBERS_FILE).write_text(text, encoding="utf-8")
        return tuple(files)

    @classmethod
    def load(cls, directory: Path, manifest: Mapping[str, Any]) -> Self:
        """The model of the folder that `save` wrote; DataError if its list of members is not one, names a
        file that has no digest in the manifest, or members that do not fit each other.
        """
        from pydantic import TypeAdapter

        from atc.models.build import load_fitted

        path, digested = directory / MEMBERS_FILE, [str(name) for name in manifest["files"]]
        if MEMBERS_FILE not in digested:
            raise DataError(f"{path}: the manifest has no digest of it")
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.get("format") != FORMAT:
            raise DataError(f"{path}: format {content.get('format')!r}, {FORMAT!r} was expected")
        configs: TypeAdapter[ModelConfig] = TypeAdapter(ModelConfig)
        members = []
        for told in content["members"]:
            folder, kept = directory / told["name"], told["calibration"]
            own = _digested(digested, told["name"])
            _require_fitting(path, content, told, own)
            members.append(
                Member(
                    name=told["name"],
                    model=load_fitted(folder, {**told, "files": own}),
                    config=configs.validate_python(told["model_config"]),
                    weight=told["weight"],
                    calibration=None if kept is None else load_calibration(folder / kept),
                    origin=told["origin"],
                )
            )
        return cls(manifest["model_type"], content["features"], members)


def _digested(names: Sequence[str], member: str) -> list[str]:
    """Those of the files `names` that lie in the folder of `member`, from there."""
    start = f"{member}/"
    return [name.removeprefix(start) for name in names if name.startswith(start)]


def _require_fitting(
    path: Path, content: Mapping[str, Any], told: Mapping[str, Any], own: Sequence[str]
) -> None:
    """Raises DataError for a member of the list in `path` with other scores or inputs than the model's
    `content`, and for a file of it that is not among its `own` ones, which have digests.
    """
    read = [*told["model_files"], *([] if told["calibration"] is None else [told["calibration"]])]
    unlisted = [name for name in read if name not in own]
    if unlisted:
        raise DataError(
            f"{path}: the manifest has no digest of {', '.join(unlisted)} in the folder {told['name']}"
        )
    if told["scores"] != content["scores"]:
        raise DataError(
            f"{path}: {told['name']} has the scores {', '.join(told['scores'])}, the model has "
            f"{', '.join(content['scores'])}"
        )
    unknown = [name for name in told["features"] if name not in content["features"]]
    if unknown:
        raise DataError(f"{path}: {told['name']} has inputs that the model has not: {', '.join(unknown)}")

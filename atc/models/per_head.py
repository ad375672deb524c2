"""A model of its own for each head of a label, for models that have one head; the rest sees one model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Self

import numpy as np

from atc.config.model import Model as ModelConfig
from atc.errors import DataError, UsageError
from atc.models.base import FitReport, Progress, Scores, check_width
from atc.models.gbdt import GbdtModel
from atc.models.joined import joined
from atc.models.kinds import one_head_class
from atc.models.one_head import AnyOneHead
from atc.protocol.dataset import Block
from atc.protocol.row_runs import Matrix, rows_of


class PerHead:
    """A fitted model of `config` for each head; with one head it is that model, files and all."""

    def __init__(self, config: ModelConfig, models: Mapping[str, AnyOneHead] | None = None) -> None:
        self._config = config
        self._models = dict(models or {})

    @property
    def kind(self) -> str:
        """Of the config."""
        return self._config.kind

    @property
    def models(self) -> tuple[AnyOneHead, ...]:
        """The fitted model of each head, in order."""
        return tuple(self._models.values())

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the inputs in order."""
        return self._first.features

    @property
    def score_names(self) -> tuple[str, ...]:
        """Head after head, with its name at the end: `p_1s`, `p_5s`."""
        return tuple(
            f"{score}_{head}" if head else score
            for head, model in self._models.items()
            for score in model.score_names
        )

    def fit(self, train: Block, valid: Block, *, seed: int, progress: Progress | None = None) -> FitReport:
        """Fit each head on the rows that have its label; UsageError for rows with auxiliary targets."""
        if train.auxiliary is not None:
            raise UsageError(
                f"auxiliary heads {', '.join(train.auxiliary.heads)} train what the heads of a net share, "
                f"and model.kind={self.kind} fits each head by itself: set auxiliary.horizons_s=[], or "
                "choose a net"
            )
        models: dict[str, AnyOneHead] = {}
        reports: dict[str, FitReport] = {}
        for number, head in enumerate(train.heads):
            model = one_head_class(self._config, len(train.classes))(self._config)
            shown = None if progress is None else partial(_shown, progress, number, len(train.heads))
            reports[head] = model.fit(
                _of_head(train, number), _of_head(valid, number), seed=seed, progress=shown
            )
            models[head] = model
        self._models = models
        return joined(reports) if len(reports) > 1 else reports[train.heads[0]]

    def grown(self, more: Block, *, trees: int, seed: int) -> PerHead:
        """This model with `trees` further ones a head, grown on the rows of `more`; trees alone grow."""
        models: dict[str, AnyOneHead] = {}
        for number, (head, model) in enumerate(self._models.items()):
            if not isinstance(model, GbdtModel):
                raise TypeError(f"model.kind={self.kind} has no trees that could grow")
            models[head] = model.grown(_of_head(more, number), trees=trees, seed=seed)
        return PerHead(self._config, models)

    def predict(self, x: Matrix) -> Scores:
        """The heads' scores side by side, (n, n_scores). Raises RuntimeError before the fit."""
        check_width(x, self.features)
        found = [model.predict(x) for model in self._models.values()]
        return found[0] if len(found) == 1 else np.concatenate(found, axis=1)

    def of_heads(self, block: Block) -> Iterator[tuple[str, AnyOneHead, Block]]:
        """Each head's name and model, and the rows of `block` that have its label, as its fit sees them."""
        for number, (head, model) in enumerate(self._models.items()):
            yield head, model, _of_head(block, number)

    def save(self, directory: Path, stem: str) -> tuple[str, ...]:
        """The files of the only head, or of each in a folder of its name."""
        files: list[str] = []
        for head, model in self._models.items():
            folder = directory / head
            folder.mkdir(exist_ok=True)
            files += [str(PurePosixPath(head, name)) for name in model.save(folder, stem)]
        return tuple(files)

    @classmethod
    def load(cls, directory: Path, manifest: Mapping[str, Any]) -> Self:
        """The models of the files that the manifest names, one a head; DataError where they do not fit it."""
        from pydantic import TypeAdapter

        config: ModelConfig = TypeAdapter(ModelConfig).validate_python(manifest["model_config"])
        files: list[str] = manifest["model_files"]
        scores: list[str] = manifest["scores"]
        each = len(scores) // len(files)
        models: dict[str, AnyOneHead] = {}
        for number, file in enumerate(files):
            head = PurePosixPath(file).parent.name
            of_head = scores[number * each : (number + 1) * each]
            own = tuple(score.removesuffix(f"_{head}") for score in of_head)
            kind = one_head_class(config, 2 if each == 1 else each)
            model = kind.load(config, directory / file, own)
            if list(model.features) != manifest["features"]:
                raise DataError(
                    f"{directory / file}: it takes the features {', '.join(model.features)}, its manifest "
                    f"has {', '.join(manifest['features'])}"
                )
            # That it gives as many numbers as it has scores is found out by asking.
            model.predict(np.zeros((1, len(model.features)), dtype=np.float32))
            models[head] = model
        return cls(config, models)

    @property
    def _first(self) -> AnyOneHead:
        if not self._models:
            raise RuntimeError("the model is not fitted")
        return next(iter(self._models.values()))


def _shown(progress: Progress, number: int, heads: int, step: int, steps: int) -> None:
    progress(number * steps + step, heads * steps)


def _of_head(block: Block, number: int) -> Block:
    """The rows that have the label of this head, and no other label."""
    y, weights = block.y[:, number], block.weights
    if weights is not None and weights.ndim == 2:
        weights = weights[:, number]
    known = ~np.isnan(y)
    if known.all():
        return replace(block, y=block.y[:, number : number + 1], weights=weights, heads=("",))
    rows = np.flatnonzero(known)
    return replace(
        block,
        x=rows_of(block.x, rows),
        y=y[rows, None],
        weights=None if weights is None else weights[rows],
        heads=("",),
    )

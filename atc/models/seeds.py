"""One config fitted once a seed on the same rows, as one model: its scores are the mean of the seeds'."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from atc.config.model import Model as ModelConfig
from atc.models.average import AverageModel, Member
from atc.models.base import FitReport, Model, Progress
from atc.models.joined import joined
from atc.models.per_head import PerHead
from atc.protocol.dataset import Block

_CLOSED = {"ridge": "a closed form"}
_SOLVERS = {"newton": "the optimum of a convex problem"}


def why_seedless(config: ModelConfig) -> str | None:
    """Why the fit of `config` is the same whatever the seed, in words; None where it may differ."""
    solver = getattr(config, "solver", None)
    if config.kind in _CLOSED:
        return f"model.kind={config.kind} is {_CLOSED[config.kind]} and draws nothing"
    if solver in _SOLVERS:
        return f"model.solver={solver} finds {_SOLVERS[solver]} and draws nothing"
    return None


class SeedsModel(AverageModel):
    """`count` fits with the seeds from the given one on."""

    def __init__(self, config: ModelConfig, count: int, build: Callable[[ModelConfig], Model]) -> None:
        super().__init__("seeds", (), ())
        self._config, self._count, self._build = config, count, build

    def fit(self, train: Block, valid: Block, *, seed: int, progress: Progress | None = None) -> FitReport:
        """Fit one after the other, each as it would be fitted alone."""
        members, reports = [], {}
        for number in range(self._count):
            model = self._build(self._config)
            shown = None if progress is None else partial(_shown, progress, number, self._count)
            name = f"seed{seed + number}"
            reports[name] = model.fit(train, valid, seed=seed + number, progress=shown)
            members.append(self._member(model, seed + number))
        self._features, self._members = train.features, tuple(members)
        return joined(reports)

    def grown(self, more: Block, *, trees: int, seed: int) -> SeedsModel:
        """This model with `trees` further ones a head and seed, grown on the rows of `more`."""
        grown = SeedsModel(self._config, self._count, self._build)
        members = []
        for number, member in enumerate(self.members):
            if not isinstance(member.model, PerHead):
                raise TypeError(f"model.kind={self._config.kind} has no trees that could grow")
            model = member.model.grown(more, trees=trees, seed=seed + number)
            members.append(self._member(model, seed + number))
        grown._features, grown._members = self.features, tuple(members)
        return grown

    def _member(self, model: Model, seed: int) -> Member:
        return Member(f"seed{seed}", model, self._config, 1.0 / self._count, origin={"seed": seed})


def _shown(progress: Progress, number: int, count: int, step: int, steps: int) -> None:
    progress(number * steps + step, count * steps)

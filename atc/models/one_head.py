"""What models of one head share: what goes in and out of a fitted one, and how a fit is told.

A kind of model brings its fitted state, `_fit`, `_outputs`, `save` and `load`; that a label is made of codes,
which columns scores have, and that nothing is asked of an unfitted model is decided here. Several heads are
`PerHead`'s; a model that fits all heads at once is a `Model` of its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from itertools import compress
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from atc.config.slices import Slice
from atc.errors import DataError
from atc.models.base import (
    FitReport,
    Importance,
    Plain,
    Progress,
    Scores,
    check_width,
    degenerate_columns,
    one_head,
)
from atc.protocol.dataset import Block, Labels
from atc.protocol.row_runs import Matrix


class FittedState(Protocol):
    """What a fit leaves; the kind of model knows what else is in it."""

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the inputs in order."""
        ...

    @property
    def score_names(self) -> tuple[str, ...]:
        """Names of the score columns."""
        ...


C = TypeVar("C", bound=Slice)
S = TypeVar("S", bound=FittedState)


class OneHeadModel(ABC, Generic[C, S]):
    """A model of one head: P(class), a score column a class, or `p`, that of the last of two; or, of a label
    without classes, the predicted return.
    """

    kind: ClassVar[str]

    def __init__(self, config: C, state: S | None = None) -> None:
        self._config = config
        self._state = state

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the inputs in order."""
        return self._fitted().features

    @property
    def score_names(self) -> tuple[str, ...]:
        """`p`, the probability of the last of two classes; or `p_short`, `p_flat`, `p_hold`; or
        `predicted_bps`.
        """
        return self._fitted().score_names

    def fit(self, train: Block, valid: Block, *, seed: int, progress: Progress | None = None) -> FitReport:
        """Fit on `train`; `valid` may decide when to stop, and nothing else."""
        codes = one_head(train, "training rows"), one_head(valid, "validation rows")
        self._state, report = self._fit(train, valid, codes, seed=seed, progress=progress)
        return report

    def predict(self, x: Matrix) -> Scores:
        """P(class), (n, classes); of two classes that of the last, of none the return in bps, (n, 1)."""
        state = self._fitted()
        check_width(x, state.features)
        outputs, names = self._outputs(state, x), state.score_names
        # Of two classes both may come, and the last one is the score.
        if outputs.shape[1] != len(names) and (outputs.shape[1], len(names)) != (2, 1):
            raise DataError(
                f"{self.kind} gives {outputs.shape[1]} numbers a row, for the scores {', '.join(names)}"
            )
        return outputs[:, -len(names) :]

    @abstractmethod
    def save(self, directory: Path, stem: str) -> tuple[str, ...]:
        """Write the fitted state in an open format; the names of the files. `load` takes the first."""

    @classmethod
    @abstractmethod
    def load(cls, config: C, path: Path, score_names: tuple[str, ...]) -> Self:
        """The model of `config` in the file `path` that `save` wrote; DataError if it is not one."""

    @abstractmethod
    def _fit(
        self,
        train: Block,
        valid: Block,
        codes: tuple[Labels, Labels],
        *,
        seed: int,
        progress: Progress | None,
    ) -> tuple[S, FitReport]:
        """The fitted state; `codes` (n,) of the classes of `train` and of `valid`."""

    @abstractmethod
    def _outputs(self, state: S, x: Matrix) -> Scores:
        """(n, classes) probabilities, or (n, 1), that of the last of two or a predicted return."""

    def _fitted(self) -> S:
        if self._state is None:
            raise RuntimeError("the model is not fitted")
        return self._state


AnyOneHead = OneHeadModel[Any, Any]
"""A model of one head of whatever kind."""


def fit_report(
    train: Block,
    *,
    parameters: Mapping[str, Plain],
    curves: Mapping[str, Sequence[float]],
    iterations: int,
    best_iteration: int,
    importance_kind: str,
    importance: NDArray[np.float64],
    splits: NDArray[np.int64] | None = None,
    active: NDArray[np.bool_] | None = None,
    converged: bool | None = None,
    gradient_norm: float | None = None,
    notes: tuple[str, ...] = (),
) -> FitReport:
    """The report of a fit on `train`; `importance` (k,) and `splits` (k,) of its inputs in order.

    `active` (k,): inputs that are known to have two values or more; None: nothing is known.
    """
    seen = train if active is None else train.select([*compress(train.features, ~active)])
    null, constant = degenerate_columns(seen.x, seen.features)
    order = np.argsort(-importance, kind="stable")
    return FitReport(
        parameters=parameters,
        curves={name: tuple(values) for name, values in curves.items()},
        iterations=iterations,
        best_iteration=best_iteration,
        converged=converged,
        gradient_norm=gradient_norm,
        importance_kind=importance_kind,
        importance=tuple(
            Importance(train.features[i], float(importance[i]), None if splits is None else int(splits[i]))
            for i in order
        ),
        null_columns=null,
        constant_columns=constant,
        notes=notes,
    )

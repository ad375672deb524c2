"""What every model is to the rest: fit on two blocks, predict, save, load."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from atc.errors import DataError
from atc.models.out_of_memory import ran_out, too_large
from atc.models.row_chunks import count_codes, extremes, over_tasks
from atc.protocol.auxiliary import AuxiliaryTargets
from atc.protocol.dataset import Block, Labels, require_two_classes
from atc.protocol.row_runs import Matrix
from atc.protocol.sealed_holdout import fit_in_progress

Progress = Callable[[int, int], None]
"""Called with the steps done and the steps at most to do."""

Scores = NDArray[np.float64]
"""(n, n_scores)."""

PREDICTED_RETURN = "predicted_bps"
"""The score of a model of returns."""

Plain = str | int | float | bool | None

CHUNK_ROWS = 65_536
"""Rows that are held in float64 at once."""
CURVE_ROWS = 100_000
"""Training rows that the training curves are drawn from, evenly spaced: scoring all of them would cost as
much as the fit, and a curve needs no more."""


@dataclass(frozen=True)
class Importance:
    """What one input contributed."""

    feature: str
    value: float
    splits: int | None
    """Trees: how many splits use it."""


@dataclass(frozen=True)
class FitReport:
    """How a fit went."""

    parameters: Mapping[str, Plain]
    """Everything that the result depends on besides the rows: seeds, threads and defaults included."""
    curves: Mapping[str, tuple[float, ...]]
    """By name, such as `valid/log_loss`; one value an iteration."""
    iterations: int
    """Iterations done."""
    best_iteration: int
    """Iterations that the model keeps."""
    converged: bool | None
    """Whether the optimum was reached; None for a model that stops by validation."""
    gradient_norm: float | None
    """Largest entry of the objective's gradient at the end, where there is one."""
    importance_kind: str
    importance: tuple[Importance, ...]
    """Largest first."""
    null_columns: tuple[str, ...]
    """Inputs that are null in every training row; kept, as missing."""
    constant_columns: tuple[str, ...]
    """Inputs with one single value in the training rows; kept."""
    notes: tuple[str, ...] = field(default=())
    """What a reader of the figures should know."""


class Model(Protocol):
    """A model before and after its fit. `fit` is for `fit_model`, `save` and `load` for
    `atc.models.artifact`.
    """

    @property
    def kind(self) -> str:
        """Of its config; a manifest's `model_type`."""
        ...

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the inputs in order, known after the fit."""
        ...

    @property
    def score_names(self) -> tuple[str, ...]:
        """Names of the columns that `predict` gives."""
        ...

    def fit(self, train: Block, valid: Block, *, seed: int, progress: Progress | None = None) -> FitReport:
        """Fit on `train`; `valid` may decide when to stop, and nothing else."""
        ...

    def predict(self, x: Matrix) -> Scores:
        """Scores (n, n_scores) of inputs (n, k), columns as in `features`; a row's scores depend on it
        alone.
        """
        ...

    def save(self, directory: Path, stem: str) -> tuple[str, ...]:
        """Write the fitted state in open formats; the names of the files. `stem` says what it was fitted
        on.
        """
        ...

    @classmethod
    def load(cls, directory: Path, manifest: Mapping[str, Any]) -> Self:
        """The model of files that `save` wrote and `artifact.load_model` has verified."""
        ...


def fit_model(
    model: Model, train: Block, valid: Block, *, seed: int, progress: Progress | None = None
) -> FitReport:
    """Fit `model`, with every holdout of the process closed meanwhile.

    Raises DataError for an infinite input, for null or single-class labels, for returns that are all the
    same, and where the memory is not enough.
    """
    if train.features != valid.features:
        raise ValueError("train and valid have different features")
    for part, block in (("training rows", train), ("validation rows", valid)):
        refuse_infinite(block.x, block.features, part)
        for head, name in enumerate(block.heads):
            # A row has the label of one head at least; what it lacks of the others is left out of their fits.
            target, may_lack = block.y[:, head], len(block.heads) > 1
            of_head = f"{part} of {name}" if name else part
            if not block.classes:
                _require_returns(target[~np.isnan(target)] if may_lack else target, of_head)
                continue
            counts = _require_codes(target, len(block.classes), of_head, may_lack=may_lack)
            if np.count_nonzero(counts) < 2:
                require_two_classes(target[~np.isnan(target)], of_head)
    if valid.auxiliary is not None:
        raise ValueError("validation rows have auxiliary targets, which train and select nothing")
    if train.auxiliary is not None:
        _require_auxiliary(train.auxiliary)
    with fit_in_progress():
        try:
            return model.fit(train, valid, seed=seed, progress=progress)
        except Exception as error:
            if ran_out(error):
                raise too_large(model.kind, train) from error
            raise


def one_head(block: Block, part: str) -> Labels:
    """The class codes, or returns, (n,) of a block with one head; raises DataError for a null or what is no
    code.
    """
    if block.y.shape[1] != 1:
        raise ValueError(f"{part}: {block.y.shape[1]} heads, this model has one")
    target: Labels = block.y[:, 0]
    if block.classes:
        _require_codes(target, len(block.classes), part)
    return target


def class_scores(classes: tuple[str, ...]) -> tuple[str, ...]:
    """Names of a model's score columns: of two classes `p`, the last one's; of more `p_<class>` each; of none
    the predicted return.
    """
    if not classes:
        return (PREDICTED_RETURN,)
    return ("p",) if len(classes) == 2 else tuple(f"p_{name.lower()}" for name in classes)


def _require_auxiliary(targets: AuxiliaryTargets) -> None:
    for head, y in zip(targets.heads, targets.y.T, strict=True):
        part = f"training rows of the auxiliary head {head}"
        if np.count_nonzero(_require_codes(y, len(targets.classes), part, may_lack=True)) < 2:
            require_two_classes(y[~np.isnan(y)], part)


def _require_codes(target: Labels, classes: int, part: str, *, may_lack: bool = False) -> NDArray[np.int64]:
    """(classes,) how many rows are of each; raises DataError for what is no code, and for a null unless it
    `may_lack`.
    """
    counts, null = count_codes(target, classes)
    if counts.sum() + null * may_lack < len(target):
        right = np.isin(target, np.arange(classes))
        wrong = np.flatnonzero(~(right | np.isnan(target) if may_lack else right))
        expected = f"{', '.join(map(str, range(classes - 1)))} or {classes - 1}"
        raise DataError(
            f"{part}: label {target[wrong[0]]} in row {wrong[0]} ({len(wrong):,} such rows), {expected} was "
            "expected"
        )
    return counts


def _require_returns(target: Labels, part: str) -> None:
    wrong = np.flatnonzero(~np.isfinite(target))
    if len(wrong):
        raise DataError(
            f"{part}: return {target[wrong[0]]} in row {wrong[0]} ({len(wrong):,} such rows), a finite "
            "number of bps was expected"
        )
    if len(target) == 0 or float(np.ptp(target)) == 0.0:
        raise DataError(
            f"{part}: all {len(target):,} returns are {target[0] if len(target) else '(none)'}, so there is "
            "nothing to learn; choose a longer window or another horizon of the label"
        )


def refuse_infinite(x: Matrix, features: tuple[str, ...], part: str) -> None:
    """Raise DataError that names each column of `x` (n, k) with an infinite value."""
    counts = np.zeros(x.shape[1], dtype=np.int64)
    first = np.full(x.shape[1], -1, dtype=np.int64)

    def work(rows: slice) -> tuple[int, NDArray[np.bool_] | None]:
        infinite = np.isinf(x[rows])
        return rows.start, infinite if infinite.any() else None

    for start, infinite in over_tasks(len(x), work, task_rows=CHUNK_ROWS):
        if infinite is None:
            continue
        found = np.count_nonzero(infinite, axis=0)
        fresh = (counts == 0) & (found > 0)
        first[fresh] = start + np.argmax(infinite[:, fresh], axis=0)
        counts += found
    if counts.any():
        listed = ", ".join(
            f"{features[i]} ({counts[i]:,} rows, the first is {first[i]})" for i in np.flatnonzero(counts)
        )
        raise DataError(
            f"{part}: infinite values in {listed}; a feature is a finite number or null, so the column's "
            "definition or its input is at fault"
        )


def curve_rows(n_rows: int) -> NDArray[np.int64]:
    """Positions of the at most `CURVE_ROWS` evenly spaced training rows of the curves."""
    return np.arange(0, n_rows, -(-n_rows // CURVE_ROWS), dtype=np.int64)


def check_width(x: Matrix, features: tuple[str, ...]) -> None:
    """Raise ValueError unless `x` is a float32 matrix with a column for each of `features`."""
    if x.dtype != np.float32 or x.ndim != 2 or x.shape[1] != len(features):
        raise ValueError(f"x is {x.dtype} of shape {x.shape}, float32 (n, {len(features)}) was expected")


def degenerate_columns(x: Matrix, features: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the columns of `x` that are null throughout, and of those with one single value besides
    nulls.
    """
    _, low, high = extremes(x)
    null = low > high
    return (
        tuple(name for name, is_null in zip(features, null, strict=True) if is_null),
        tuple(name for name, is_one in zip(features, low == high, strict=True) if is_one),
    )

"""What a fit has to do, as the seconds that it takes on the machine of docs/bench_train.md.

No price stands on such seconds alone: a recorded fit says how many times as long it took, and so will the
next. They tell the parts of a fit from each other, above all what grows with trees and epochs from what does
not: the import of LightGBM or torch, and the bins.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from atc.config.ensemble import Ensemble
from atc.config.labels import THREE_CLASSES
from atc.config.model import Gbdt, Linear, Model, Ridge
from atc.config.nets import MultihorizonTransformer, Net, SoftmaxMlp
from atc.config.protocol import WalkForward
from atc.config.schema import RunConfig
from atc.errors import AtcError
from atc.evaluation.report import VOLATILITY_FEATURES
from atc.features.sets import set_columns
from atc.protocol.plan import has_folds
from atc.review.keys import columns_of
from atc.review.size import Size
from atc.review.stages import FALLBACK

FIT, FIT_BASELINE, FIT_VOLATILITY = "fit", "fit baseline", "fit volatility"
FITS = (FIT, FIT_BASELINE, FIT_VOLATILITY, FALLBACK)


@dataclass(frozen=True)
class Work:
    """Of one stage of one run."""

    kind: str
    """Times of other kinds say little about it."""
    amount: float
    begin: float | None = None
    """What it takes to begin, however much there is to do, in the unit of `amount`; None: not known. Where it
    is known, both are seconds of one machine.
    """
    imports: float = 0.0
    """Of `begin`, the import of a library, which a process does once."""
    like: str = ""
    """Where this is another, a time of the same kind is scaled, however alike the amounts are."""

    @property
    def whole(self) -> float:
        """Both."""
        return self.amount + (self.begin or 0.0)


@dataclass(frozen=True)
class _Asked:
    """What a fit is given."""

    rows: float
    valid_rows: float
    columns: int
    heads: int
    iterations: float | None
    """Trees, epochs or steps of all heads together, where they are known."""
    columns_out: int = 1
    """Scores that a head is fitted for: 1 of two classes, else one a class."""


@dataclass(frozen=True)
class _Fit:
    """How a kind of model is fitted."""

    kind: type
    operations: Callable[[Any, _Asked], float]
    speed: float
    """Operations a second; 0: never measured."""
    before: Callable[[Any, _Asked], float] = lambda _model, _asked: 0.0
    """Operations before the first of them."""
    library: str = ""
    """That the first stage of a run that fits such a model imports."""


def fit_work(stage: str, config: RunConfig, size: Size, iterations: float | None) -> Work:
    """The work of a stage of `FITS`; `iterations`: of the named model."""
    heads, model, seeds = len(config.label.all_horizons_s), config.baseline.model, 1
    match stage:
        case "fit":
            model, columns, seeds = config.model, model_column_count(config), config.seeds.count
        case "fit baseline":
            columns = len(set_columns(config.baseline.features))
        case "fit volatility":
            columns = len(VOLATILITY_FEATURES)
        case _:
            columns = len(columns_of(config))
            if isinstance(config.protocol, WalkForward):
                model = config.protocol.gate.fallback
    steps = iterations if stage == FIT else None
    out = 3 if config.label.kind in THREE_CLASSES else 1
    asked = _Asked(size.train_rows, size.valid_rows, columns, heads, steps, out)
    fit = _fit_of(model)
    amount = seeds * fit.operations(model, asked)
    if not fit.speed:
        return Work(_kind_of(model), amount)
    imports = _IMPORT_S[fit.library] if _imports(stage, config) else 0.0
    begin = _BEGIN_S + imports + seeds * fit.before(model, asked) / fit.speed
    return Work(_kind_of(model), amount / fit.speed, begin, imports)


def begun(work: Work) -> Work:
    """The same in a process that has fitted such a model before."""
    return work if work.begin is None else replace(work, begin=work.begin - work.imports, imports=0.0)


def beginning(work: Work, model: Model) -> Work:
    """The same in a process that has fitted no such `model`."""
    if work.begin is None:
        return work
    imports = _IMPORT_S[_fit_of(model).library]
    return replace(work, begin=work.begin - work.imports + imports, imports=imports)


def _imports(stage: str, config: RunConfig) -> bool:
    """Whether no stage before fits what comes from the same library."""
    if stage == FIT_BASELINE:
        return True
    if stage != FIT or has_folds(config.protocol):
        return False
    return _fit_of(config.model).library != _fit_of(config.baseline.model).library


def _fit_of(model: Model) -> _Fit:
    return next(one for one in _HOW if isinstance(model, one.kind))


def model_column_count(config: RunConfig) -> int:
    """Inputs of the named model; of an ensemble whose members are not there yet those of its own set."""
    from atc.tasks.market_data import model_columns

    try:
        return len(model_columns(config))
    except AtcError:
        return len(set_columns(config.features))


def _kind_of(model: Model) -> str:
    """How a model is fitted."""
    solver = getattr(model, "solver", None) or getattr(model, "optimiser", None)
    accelerator = model.trainer.accelerator if isinstance(model, Net) else None
    return " ".join(str(part) for part in (model.kind, solver, accelerator) if part is not None)


def _gbdt(model: Gbdt, of: _Asked) -> float:
    """Histograms of the rows on each level, the threads of each leaf brought together and its bins subtracted
    and searched, validation scored. The unit is a value in a histogram, 1.1 ns; the others, and that of
    `_bins`, by LightGBM 4.7 on 5,000 to 300,000 rows × 13 and 36, 15 and 63 leaves, 20 to 120 trees.
    """
    trees = (of.iterations or model.n_estimators * of.heads) * of.columns_out
    leaves = min(model.num_leaves, max(2.0, of.rows / model.min_child_samples))
    sampled = of.rows * of.columns * model.feature_fraction * model.bagging_fraction
    of_leaf = 55_000 + 3.6 * of.columns * model.max_bin
    return trees * (sampled * math.log2(leaves) + leaves * of_leaf + 8 * of.valid_rows)


def _bins(model: Gbdt, of: _Asked) -> float:  # noqa: ARG001  # however many they are
    return 130 * (of.rows + of.valid_rows) * of.columns * of.heads


def _linear(model: Linear, of: _Asked) -> float:
    if model.solver == "newton":
        return of.heads * of.rows * of.columns * (of.columns * of.columns_out + 20) * of.columns_out
    return of.heads * model.epochs * (of.rows + of.valid_rows) * of.columns * of.columns_out


def _ridge(model: Ridge, of: _Asked) -> float:  # noqa: ARG001  # a closed form: nothing of it counts
    return of.rows * of.columns * (of.columns + 20)


def _transformer(model: MultihorizonTransformer, of: _Asked) -> float:
    tokens, width = float(model.sequence_length), float(model.d_model)
    layer: float = tokens * (4 * width**2 + 2 * width * model.dim_feedforward) + 2 * tokens**2 * width
    windows = 3 * of.rows + of.valid_rows / model.valid_every
    return (of.iterations or model.epochs) * windows * model.layers * layer


def _net(model: Net, of: _Asked) -> float:
    hidden: tuple[int, ...] = getattr(model, "hidden" if isinstance(model, SoftmaxMlp) else "trunk", ())
    weights = sum(a * b for a, b in pairwise([of.columns, *hidden, of.heads + 2]))
    # A row's way into its batch and the loss cost as much as 4,000 weights: 41 epochs of lines on the demo.
    return (of.iterations or model.epochs) * (3 * of.rows + of.valid_rows) * (weights + 4000)


def _ensemble(model: Ensemble, of: _Asked) -> float:
    return of.valid_rows * len(model.runs)


_HOW = (
    _Fit(Gbdt, _gbdt, 1.4e9, _bins, library="lightgbm"),
    _Fit(Linear, _linear, 5e9),
    _Fit(Ridge, _ridge, 1.5e10),
    _Fit(MultihorizonTransformer, _transformer, 3.7e10, library="torch"),
    _Fit(Net, _net, 5.3e10, library="torch"),
    _Fit(Ensemble, _ensemble, 0.0),
)
"""The first that fits counts. Speeds are the figures of docs/bench_train.md, of lines those of Newton."""
_BEGIN_S = 0.02
_IMPORT_S = {"": 0.0, "lightgbm": 0.3, "torch": 3.4}
"""By `python -X importtime`; torch with Lightning as docs/bench_train.md has it."""

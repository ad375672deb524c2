"""What a fit has to do, as a number that its time grows with."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
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
from atc.review.keys import columns_of
from atc.review.size import Size
from atc.review.stages import FALLBACK

FIT, FIT_BASELINE, FIT_VOLATILITY = "fit", "fit baseline", "fit volatility"
FITS = (FIT, FIT_BASELINE, FIT_VOLATILITY, FALLBACK)


@dataclass(frozen=True)
class Work:
    """Of one stage of one run."""

    kind: str
    """Times of other kinds say nothing about it."""
    amount: float


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
    amount = next(of(model, asked) for kind, of in _AMOUNTS if isinstance(model, kind))
    return Work(_kind_of(model), seeds * amount)


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
    """Histograms of the larger child's sibling on each level, splits of each leaf, validation scored."""
    trees = (of.iterations or model.n_estimators * of.heads) * of.columns_out
    leaves = min(model.num_leaves, max(2.0, of.rows / model.min_child_samples))
    sampled = of.rows * of.columns * model.feature_fraction * model.bagging_fraction
    return trees * (sampled * math.log2(leaves) + leaves * of.columns * model.max_bin + 8 * of.valid_rows)


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
    return (of.iterations or model.epochs) * (3 * of.rows + of.valid_rows) * (weights + 200)


def _ensemble(model: Ensemble, of: _Asked) -> float:
    return of.valid_rows * len(model.runs)


_AMOUNTS: tuple[tuple[type, Callable[[Any, _Asked], float]], ...] = (
    (Gbdt, _gbdt),
    (Linear, _linear),
    (Ridge, _ridge),
    (MultihorizonTransformer, _transformer),
    (Net, _net),
    (Ensemble, _ensemble),
)
"""Operations of a fit, up to a factor that its kind has; the first that fits counts."""

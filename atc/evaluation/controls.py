"""Controls: runs whose result is known beforehand, so that a leak has somewhere to show (SPEC 5).

A leak is *caught* when one of three alarms is raised: the prefix test (a feature changes when later events
are taken away), the screen (one column alone ranks the validation labels better than a column of the past
can), or the jump (one column lifts the whole model by more than a column of the past can).

The prefix test belongs to the engine's tests, is exact, and sees every look-ahead. The screen and the jump
are here and need nothing but the matrix. They are statistics: they see a look-ahead that tells the label
outright, and miss one that is drowned in noise while the label windows are few. Both lean on a bound for
what honest columns can do; where the past truly predicts more than that, they cry wolf. So an alarm asks
for the prefix test of that column, and silence does not replace it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from atc.evaluation.blocks import auc_standard_error, chance_standard_error
from atc.evaluation.lift import Estimate, Resampling
from atc.evaluation.metrics import auc
from atc.models.base import Model, fit_model
from atc.protocol.dataset import Block

PLAUSIBLE_AUC = 0.75
"""No column of the past is taken to rank better than this alone: the plan hopes for 0.68 of all its columns
together, and the trap of SPEC 3, volatility under a wide threshold, gives 0.68."""
PLAUSIBLE_JUMP = 0.05
"""No column of the past is taken to add more AUC than this: the plan expects 0.056 of 23 columns and trees
together.
"""
STANDARD_ERRORS = 2.0
"""How far beyond `PLAUSIBLE_AUC` a column must be. An honest column near the bound lies beyond it half of
the time.
"""

LEAKED = "leaked"


@dataclass(frozen=True)
class Suspicion:
    """A column that knows too much."""

    feature: str
    auc: float
    """Of the column alone on the validation labels; below ½ it ranks the wrong way round, which is as good.
    """
    by_nulls: bool
    """Whether it is where the column is null that tells, not its values."""


def screen_features(
    block: Block, windows: int, *, limit: float = PLAUSIBLE_AUC, standard_errors: float = STANDARD_ERRORS
) -> tuple[Suspicion, ...]:
    """Columns of `block` (validation rows) that rank its labels implausibly well alone, worst first.

    A column is suspicious if |AUC − ½| reaches `limit` − ½ and `standard_errors` times what chance gives on
    `windows` disjoint label windows; by its non-null values, or by which of them are null.
    """
    positive = block.y[:, 0] == 1.0
    found: list[Suspicion] = []
    for i, name in enumerate(block.features):
        column = block.x[:, i].astype(np.float64)
        known = ~np.isnan(column)
        for by_nulls, rows, score in (
            (False, known, column),
            (True, np.ones(len(column), dtype=np.bool_), known.astype(np.float64)),
        ):
            area = auc(positive[rows], score[rows])
            if area is None:
                continue
            covered = max(round(windows * float(np.mean(rows))), 1)
            error = auc_standard_error(covered, float(np.mean(positive[rows])), limit)
            assert error is not None  # both classes are there
            if max(area, 1.0 - area) >= limit + standard_errors * error:
                found.append(Suspicion(name, area, by_nulls))
    return tuple(sorted(found, key=lambda item: -abs(item.auc - 0.5)))


def plant_column(block: Block, column: NDArray[np.float64], name: str = LEAKED) -> Block:
    """`block` with one more input `column` (n,), last."""
    x = np.concatenate([block.x, column.astype(np.float32)[:, None]], axis=1)
    return replace(block, x=x, features=(*block.features, name))


def leaked_by(values: NDArray[np.float64], events: int = 1) -> NDArray[np.float64]:
    """(n,) the value of the row that comes `events` rows later: look-ahead of as many events; null at the
    end.
    """
    if events < 1:
        raise ValueError(f"a leak looks ahead by at least one event, not {events}")
    ahead = np.full(len(values), np.nan)
    ahead[:-events] = values[events:]
    return ahead


def auc_jump(
    build: Callable[[], Model], train: Block, valid: Block, column: str, draws: Resampling, *, seed: int
) -> Estimate:
    """AUC on `valid` of a model with `column` minus one without it, paired over the blocks of `draws`."""
    rest = tuple(name for name in train.features if name != column)
    positive = valid.y[:, 0] == 1.0

    def area_with(features: tuple[str, ...]) -> NDArray[np.float64]:
        model = build()
        fit_model(model, train.select(features), valid.select(features), seed=seed)
        return model.predict(valid.select(features).x)[:, 0]

    with_it = draws.auc(positive, area_with(train.features))
    return with_it.minus(draws.auc(positive, area_with(rest)))


def jump_is_suspicious(jump: Estimate, limit: float = PLAUSIBLE_JUMP) -> bool:
    """Whether a column's jump is a leak until shown otherwise: its interval lies above `limit`.

    Without an interval the value alone decides: too few blocks must not silence the alarm.
    """
    if jump.value is None:
        return False
    return (jump.value if jump.interval is None else jump.interval.lo) > limit


def shuffled(block: Block, seed: int) -> Block:
    """`block` with its labels (and weights, and what trains beside them) in random order: nothing is left to
    learn.

    Every part is shuffled, the judging one too: a model of noise points in some direction of the inputs,
    and the true labels, which depend on the inputs, would score that direction above or below ½.
    """
    order = np.random.default_rng(seed).permutation(block.n_rows)
    weights = None if block.weights is None else block.weights[order]
    auxiliary = None if block.auxiliary is None else block.auxiliary.take(order)
    return replace(block, y=block.y[order], weights=weights, auxiliary=auxiliary)


@dataclass(frozen=True)
class ShuffledControl:
    """The AUC of a model of shuffled labels."""

    auc: float
    standard_error: float
    """Of a worthless score on as many independent labels, which shuffled ones are."""

    @property
    def scores_chance(self) -> bool:
        """Whether the AUC lies within four standard errors of ½."""
        return abs(self.auc - 0.5) <= 4.0 * self.standard_error


def shuffled_control(
    build: Callable[[], Model], train: Block, valid: Block, judged: Block, *, seed: int
) -> ShuffledControl:
    """Fit on shuffled labels, score on shuffled labels of `judged`: any AUC but ½ is made by the pipeline
    itself.
    """
    model = build()
    fit_model(model, shuffled(train, seed), shuffled(valid, seed + 1), seed=seed)
    target = shuffled(judged, seed + 2).y[:, 0] == 1.0
    area = auc(target, model.predict(judged.x)[:, 0])
    error = chance_standard_error(len(target), float(np.mean(target)))
    if area is None or error is None:
        raise ValueError("the judged rows hold one class only")
    return ShuffledControl(area, error)

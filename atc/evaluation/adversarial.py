"""Adversarial validation: can the holdout be told from the training rows by its inputs alone?

A small LightGBM learns to tell them apart. An AUC of ½ says that the inputs are of one distribution; what
lies above is what has changed between train and holdout, and the columns that tell say where. The rows of
both sides are cut into contiguous folds of time, and each fold is scored by trees that saw none of it: rows
drawn at random would be told apart by their neighbours, and every slow column would look like a shift.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from atc.config.evaluation import Adversarial
from atc.evaluation.drift import stability
from atc.models.ranking import auc
from atc.protocol.row_runs import FloatMatrix, Matrix

NUM_THREADS = 1
"""Fixed, because the sums of a histogram depend on it; the rows are too few to share out."""
TELLING = 0.6
"""AUC from which a note says which columns tell."""


@dataclass(frozen=True)
class ToldApart:
    """How well, and by what."""

    auc: float | None
    """Of the scores of all folds together."""
    columns: pl.DataFrame
    """`feature`, `gain` (share of the trees' total), `auc` of the column alone (above ½: larger in the
    holdout), `null_train`, `null_holdout` (shares), `psi` with its error `psi_se` and `psi_chance`, which it
    stays below in 95 % of cases without drift (`atc.evaluation.drift`); the most telling first.
    """

    @property
    def note(self) -> str | None:
        """A sentence where the inputs have changed."""
        if self.auc is None or self.auc < TELLING:
            return None
        first = ", ".join(self.columns["feature"].head(3))
        return (
            f"the holdout's inputs are told from training's with an AUC of {self.auc:.2f} (0.5: they are "
            f"alike); most telling: {first}"
        )


def tell_apart(
    train: Matrix, holdout: Matrix, features: Sequence[str], config: Adversarial, *, seed: int
) -> ToldApart:
    """Train rows (n, k) against holdout rows (m, k), both in order of time."""
    import lightgbm

    sides = [_spread(side, config.rows) for side in (train, holdout)]
    x = np.concatenate(sides)
    is_holdout = np.repeat([0.0, 1.0], [len(side) for side in sides])
    fold = np.concatenate([np.arange(len(side)) * config.folds // len(side) for side in sides])
    score, gain = np.zeros(len(x)), np.zeros(len(features))
    for number in range(config.folds):
        held = fold == number
        booster = lightgbm.train(
            _parameters(seed),
            lightgbm.Dataset(x[~held], label=is_holdout[~held], params={"verbosity": -1}),
            num_boost_round=config.trees,
        )
        score[held] = np.asarray(booster.predict(x[held], num_threads=NUM_THREADS))
        gain += booster.feature_importance("gain")
    drifts = [stability(sides[0][:, column], sides[1][:, column]) for column in range(len(features))]
    alone = [_alone(is_holdout == 1.0, x[:, column].astype(np.float64)) for column in range(len(features))]
    total = gain.sum()
    columns = pl.DataFrame(
        {
            "feature": list(features),
            "gain": gain / total if total > 0 else gain,
            "auc": alone,
            **{
                f"null_{name}": np.isnan(side).mean(axis=0)
                for name, side in zip(("train", "holdout"), sides, strict=True)
            },
            "psi": [drift.psi for drift in drifts],
            "psi_se": [drift.se for drift in drifts],
            "psi_chance": [drift.chance for drift in drifts],
        },
        schema_overrides=dict.fromkeys(("auc", "psi_se", "psi_chance"), pl.Float64),
    )
    return ToldApart(auc(is_holdout == 1.0, score), columns.sort("gain", "feature", descending=[True, False]))


def _spread(rows: Matrix, most: int) -> FloatMatrix:
    """At most so many rows, evenly spread."""
    if len(rows) <= most:
        return rows[:]
    return rows[np.arange(most) * len(rows) // most]


def _alone(positive: NDArray[np.bool_], column: NDArray[np.float64]) -> float | None:
    known = ~np.isnan(column)
    return auc(positive[known], column[known])


def _parameters(seed: int) -> dict[str, object]:
    return {
        "objective": "binary",
        "num_leaves": 15,
        "min_child_samples": 100,
        "learning_rate": 0.1,
        "feature_fraction": 0.9,
        "num_threads": NUM_THREADS,
        "seed": seed,
        "deterministic": True,
        "force_col_wise": True,
        "verbosity": -1,
    }

"""SHAP values of trees, by LightGBM's own `pred_contrib` (Lundberg et al., *From local explanations to global
understanding with explainable AI for trees*, Nature Machine Intelligence 2020).

They are the path-dependent ones: what a tree expects of an unknown input is the mean over the training rows
that went either way. They sum, with the base, to the margin: the log-odds of two classes, of more the raw
score of a class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atc.models.average import AverageModel
from atc.models.base import Model
from atc.models.gbdt import GbdtModel
from atc.models.per_head import PerHead
from atc.protocol.row_runs import FloatMatrix

Contributions = NDArray[np.float64]


@dataclass(frozen=True)
class HeadContributions:
    """Of one head, for its last class."""

    values: Contributions
    """(n, k)."""
    base: NDArray[np.float64]
    """(n,) what is expected before any input is known; equal in all rows."""


def tree_contributions(model: Model, x: FloatMatrix) -> list[HeadContributions] | None:
    """The contributions of each head for the rows `x` (n, k); None for a model that is not of trees alone.

    Of several seeds the mean of the members': it sums to the mean of their margins, which is not quite the
    margin of their mean score.
    """
    members = _members(model)
    if members is None:
        return None
    each = [[_of_trees(trees, x) for trees in heads] for heads in members]
    return [_mean(of_head) for of_head in zip(*each, strict=True)]


def _members(model: Model) -> list[list[GbdtModel]] | None:
    """The trees of each member, head by head."""
    if isinstance(model, AverageModel):
        found = [_members(member.model) for member in model.members]
        alike = all(member.model.features == model.features for member in model.members)
        if not alike or any(one is None for one in found):
            return None
        return [heads for one in found if one is not None for heads in one]
    if not isinstance(model, PerHead):
        return None
    trees = [one for one in model.models if isinstance(one, GbdtModel)]
    return [trees] if len(trees) == len(model.models) else None


def _of_trees(trees: GbdtModel, x: FloatMatrix) -> HeadContributions:
    import lightgbm

    found = np.asarray(lightgbm.Booster(model_str=trees.text).predict(x, pred_contrib=True))
    # Class after class, each with its base at the end.
    last = found[:, -(x.shape[1] + 1) :]
    return HeadContributions(last[:, :-1], last[:, -1])


def _mean(members: Sequence[HeadContributions]) -> HeadContributions:
    return HeadContributions(
        np.mean([one.values for one in members], axis=0), np.mean([one.base for one in members], axis=0)
    )

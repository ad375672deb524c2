"""SHAP values of trees, by LightGBM's own `pred_contrib` (Lundberg et al., *From local explanations to global
understanding with explainable AI for trees*, Nature Machine Intelligence 2020).

They are the path-dependent ones: what a tree expects of an unknown input is the mean over the training rows
that went either way. They sum, with the base, to the margin: the log-odds of two classes, of more the raw
score of a class.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atc.models.average import AverageModel, Member
from atc.models.base import Model
from atc.models.calibration import Temperature
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


def why_no_contributions(model: Model) -> str | None:
    """Why `model` has none, in words; None where it has."""
    if isinstance(model, AverageModel):
        for member in model.members:
            why = why_no_contributions(member.model)
            if why is None and not isinstance(member.calibration, Temperature | None):
                why = "a curve, its calibration, stands between the sum of its trees and its scores"
            if why is not None:
                return f"{member.name}: {why}"
        return None
    if isinstance(model, PerHead) and all(isinstance(one, GbdtModel) for one in model.models):
        return None
    return f"model.kind={model.kind} is not of trees"


def tree_contributions(model: Model, x: FloatMatrix) -> list[HeadContributions] | None:
    """The contributions of each head for the rows `x` (n, k); None where `why_no_contributions` says why.

    Of several models the mean of the members', with their weights, each divided by its temperature where it
    has one: it sums to the mean of their margins, which is not quite the margin of their mean score.
    """
    return None if why_no_contributions(model) else _contributions(model, x)


def _contributions(model: Model, x: FloatMatrix) -> list[HeadContributions]:
    if isinstance(model, AverageModel):
        each = [_of_member(member, model.features, x) for member in model.members]
        return [
            HeadContributions(
                np.sum([one.values for one in of_head], axis=0), np.sum([one.base for one in of_head], axis=0)
            )
            for of_head in zip(*each, strict=True)
        ]
    assert isinstance(model, PerHead)
    return [_of_trees(trees, x) for trees in model.models if isinstance(trees, GbdtModel)]


def _of_member(member: Member, features: tuple[str, ...], x: FloatMatrix) -> list[HeadContributions]:
    """Those of a member times its weight; inputs of others contribute nothing."""
    position = {name: place for place, name in enumerate(features)}
    own = [position[name] for name in member.model.features]
    scaled = []
    for number, found in enumerate(_contributions(member.model, np.ascontiguousarray(x[:, own]))):
        share = member.weight
        if isinstance(member.calibration, Temperature):
            # ln p / T is what goes into the softmax, so the margin is divided by T.
            share /= member.calibration.temperatures[number]
        values = np.zeros(x.shape)
        values[:, own] = share * found.values
        scaled.append(HeadContributions(values, share * found.base))
    return scaled


def _of_trees(trees: GbdtModel, x: FloatMatrix) -> HeadContributions:
    import lightgbm

    found = np.asarray(lightgbm.Booster(model_str=trees.text).predict(x, pred_contrib=True))
    # Class after class, each with its base at the end.
    last = found[:, -(x.shape[1] + 1) :]
    return HeadContributions(last[:, :-1], last[:, -1])

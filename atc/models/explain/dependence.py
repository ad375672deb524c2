"""How the answers move with one input: partial dependence with its spread over rows, and accumulated local
effects.

Partial dependence (Friedman, *Greedy function approximation*, 2001) sets the input of every row to a value
and takes the mean; where inputs depend on each other it asks about rows that never occur. The single rows'
curves (Goldstein et al., *Peeking inside the black box*, 2015) show whether the mean hides an interaction.
Accumulated local effects (Apley and Zhu, *Visualizing the effects of predictor variables in black box
supervised learning models*, JRSS B 2020) move each row only to the ends of the bin that it is in, so they
stay among values that occur; the two side by side show how much the dependence of inputs matters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atc.models.explain.response import Answers, Asked

BAND = (0.1, 0.9)
"""Of the rows' own curves between which a band is drawn."""


@dataclass(frozen=True)
class Curve:
    """Answers over values of one input, each above its mean over the rows."""

    at: NDArray[np.float32]
    """(points,) ascending, distinct."""
    mean: Answers
    """(points, m)."""
    low: Answers | None
    """(points, m) the tenth of the rows' own curves, each about its own mean; None where there are none."""
    high: Answers | None
    rows: NDArray[np.int64]
    """(points,) rows that the point is made of."""


def partial_dependence(asked: Asked, feature: int, points: int) -> Curve | None:
    """The mean answer with `feature` set to each of at most so many quantiles of its values, minus the mean
    answer of the rows as they are; None for an input with fewer than two values.
    """
    at = _grid(asked, feature, points)
    if len(at) < 2:
        return None
    own = asked.with_values([feature], at[:, None])
    mean = own.mean(axis=1) - asked.response(asked.values).mean(axis=0)
    # A row's curve about its own mean: where all rows move alike, the band has no width.
    shape = own - own.mean(axis=0, keepdims=True) + mean.mean(axis=0)
    low, high = np.quantile(shape, BAND, axis=1)
    return Curve(at, mean, low, high, np.full(len(at), asked.n_rows))


def accumulated_effects(asked: Asked, feature: int, points: int) -> Curve | None:
    """The sum, from bin to bin of the input's quantiles, of the mean change of the answer across the bin of
    the rows in it, of mean 0 over the rows; rows where the input is null are left out.
    """
    at = _grid(asked, feature, points)
    if len(at) < 2:
        return None
    column = asked.column(feature)
    known = np.flatnonzero(~np.isnan(column))
    # The first bin has both its ends.
    bins = np.clip(np.searchsorted(at, column[known], side="left"), 1, len(at) - 1)
    ends = []
    for shift in (0, 1):
        values = asked.values[known].copy()
        values[:, 0, feature] = at[bins - 1 + shift]
        ends.append(asked.response(values))
    change = ends[1] - ends[0]
    rows = np.bincount(bins, minlength=len(at))
    summed = np.zeros((len(at), change.shape[1]))
    np.add.at(summed, bins, change)
    # No bin is empty: its upper end is a value that occurs.
    steps = summed[1:] / rows[1:, None]
    curve = np.concatenate([np.zeros((1, change.shape[1])), np.cumsum(steps, axis=0)])
    middle = (curve[:-1] + curve[1:]) / 2
    mean = np.sum(middle * rows[1:, None], axis=0) / rows[1:].sum()
    return Curve(at, curve - mean, None, None, rows)


def _grid(asked: Asked, feature: int, points: int) -> NDArray[np.float32]:
    """Quantiles of the known values that occur as values, both extremes among them; ascending, distinct."""
    column = asked.column(feature)
    known = np.sort(column[~np.isnan(column)])
    if len(known) == 0:
        return known
    places = np.linspace(0, len(known) - 1, points).round().astype(np.int64)
    return np.unique(known[places])

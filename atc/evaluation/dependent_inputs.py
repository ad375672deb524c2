"""Inputs that say the same: a model shares between them, so that none of them alone looks important."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from atc.models.ranking import rank

Matrix = NDArray[np.float64]


def rank_correlations(x: NDArray[np.float32]) -> Matrix:
    """(k, k) |Spearman's ρ| of the columns of `x` (n, k); a null counts as the middle rank. 0 for a column
    without spread.
    """
    n, k = x.shape
    ranks = np.zeros((n, k))
    for column in range(k):
        known = ~np.isnan(x[:, column])
        if known.any():
            ranks[known, column] = rank(x[known, column].astype(np.float64)).mid_ranks
            ranks[known, column] -= ranks[known, column].mean()
    norms = np.sqrt(np.sum(ranks**2, axis=0))
    scale = np.outer(norms, norms)
    products = np.einsum("na,nb->ab", ranks, ranks)
    found = np.divide(products, scale, out=np.zeros((k, k)), where=scale > 0)
    return np.asarray(np.minimum(np.abs(found), 1.0))


def dependent_groups(correlations: Matrix, least: float, same: Collection[int]) -> list[tuple[int, ...]]:
    """Groups of two and more columns in which any two have at least `least` of `correlations` (k, k), joined
    from the strongest on (complete linkage); the columns `same` are one group to begin with.
    """
    first = tuple(sorted(same))
    groups: list[tuple[int, ...]] = [(one,) for one in range(len(correlations)) if one not in same]
    if first:
        groups.append(first)
    while len(groups) > 1:
        links = [
            (float(correlations[np.ix_(one, other)].min()), place, after)
            for place, one in enumerate(groups)
            for after, other in enumerate(groups[place + 1 :], start=place + 1)
        ]
        strength, place, after = max(links, key=lambda link: link[0])
        if strength < least:
            break
        groups = [
            *(group for number, group in enumerate(groups) if number not in {place, after}),
            tuple(sorted((*groups[place], *groups[after]))),
        ]
    return sorted(group for group in groups if len(group) > 1)

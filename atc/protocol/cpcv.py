"""Combinatorial purged cross-validation of groups of equal time.

López de Prado, Advances in Financial Machine Learning (Wiley, 2018), 12.4.
"""

from __future__ import annotations

from itertools import combinations, pairwise
from math import comb

import numpy as np
from numpy.typing import NDArray

from atc.config.protocol import Cpcv
from atc.protocol.fold import FoldSpans, last_part
from atc.protocol.window import Span


def cpcv(train: Span, protocol: Cpcv) -> tuple[FoldSpans, ...]:
    """The C(N, k) folds of N groups of equal time inside `train`: any k of them judge, the others fit.

    The internal validation of a fold is the last part of the time of its fitting groups. Groups are of equal
    time and not of equal rows, so that a busy day weighs no more than a calm one and the borders do not
    depend on the rows.
    """
    groups = group_spans(train, protocol.groups)
    folds = []
    for number, chosen in enumerate(chosen_groups(protocol.groups, protocol.test_groups), start=1):
        fit = tuple(span for group, span in enumerate(groups) if group not in chosen)
        folds.append(
            FoldSpans(
                name=str(number),
                fit=fit,
                test=tuple(groups[group] for group in chosen),
                valid_start_ns=last_part(fit, protocol.valid_fraction),
            )
        )
    return tuple(folds)


def group_spans(train: Span, groups: int) -> tuple[Span, ...]:
    """`groups` spans of equal time (to the ns) that make up `train`."""
    start, end = train
    edges = [start + (end - start) * number // groups for number in range(groups + 1)]
    return tuple(pairwise(edges))


def chosen_groups(groups: int, test_groups: int) -> tuple[tuple[int, ...], ...]:
    """The groups, from 0, that judge in each fold, in lexical order."""
    return tuple(combinations(range(groups), test_groups))


def n_paths(groups: int, test_groups: int) -> int:
    """How often each group is judged, and so how many whole paths the folds make: C(N−1, k−1)."""
    return comb(groups - 1, test_groups - 1)


def paths(groups: int, test_groups: int) -> NDArray[np.int64]:
    """(paths, groups): the fold, from 0, whose prediction of a group belongs to a path.

    Each path crosses all groups once, each (fold, test group) belongs to one path: the j-th fold that judges
    a group is in path j.
    """
    found = np.empty((n_paths(groups, test_groups), groups), dtype=np.int64)
    used = [0] * groups
    for fold, chosen in enumerate(chosen_groups(groups, test_groups)):
        for group in chosen:
            found[used[group], group] = fold
            used[group] += 1
    return found

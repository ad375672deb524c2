"""From the protocol of a config to its folds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from atc.config.protocol import Cpcv, Protocol, RandomSplit, WalkForward
from atc.protocol.cpcv import cpcv
from atc.protocol.fold import Fold, FoldSpans, rows_of_fold
from atc.protocol.purge import Instants
from atc.protocol.random_split import WARNING, random_split
from atc.protocol.walk_forward import walk_forward
from atc.protocol.window import Span


def has_folds(protocol: Protocol) -> bool:
    """Whether models are fitted on folds besides the final fit."""
    return isinstance(protocol, WalkForward | Cpcv | RandomSplit)


def warnings_of(protocol: Protocol) -> dict[str, str]:
    """By name what every output of a run under `protocol` has to say of its figures."""
    return {"random_split": WARNING} if isinstance(protocol, RandomSplit) else {}


def plan_folds(
    protocol: Protocol, train: Span, *, day_cut_utc_s: int, tz_offset_s: int
) -> tuple[FoldSpans, ...]:
    """The time of each fold inside the `train` span; empty for protocols without folds of time.

    Needs no row, so that a protocol that does not fit the window is refused before a feature is built.
    """
    if isinstance(protocol, WalkForward):
        return walk_forward(train, protocol, day_cut_utc_s=day_cut_utc_s, tz_offset_s=tz_offset_s)
    if isinstance(protocol, Cpcv):
        return cpcv(train, protocol)
    return ()


def assign_folds(
    protocol: Protocol,
    planned: tuple[FoldSpans, ...],
    t0: Instants,
    t1: Instants,
    usable: NDArray[np.bool_],
    *,
    look_back_ns: int,
    seed: int,
) -> tuple[Fold, ...]:
    """The rows of each fold, of rows of the train span with labels over [t0, t1] (n,), ns.

    `usable` (n,): rows that have a label which ends inside the train span, so that no fold looks into the
    holdout. `look_back_ns`: `max_lookback` of the columns, the embargo of CPCV unless a longer one is asked.
    """
    if isinstance(protocol, RandomSplit):
        return (random_split(usable, protocol, seed=seed),)
    embargo_ns = 0  # past-only training needs none
    if isinstance(protocol, Cpcv):
        embargo_ns = look_back_ns if protocol.embargo_s is None else round(protocol.embargo_s * 1e9)
    return tuple(rows_of_fold(spans, t0, t1, usable, embargo_ns=embargo_ns) for spans in planned)

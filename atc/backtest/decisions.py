"""Scores as decisions: when each became known, and which of them count."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from atc.errors import DataError

Span = tuple[int, int]


@dataclass(frozen=True)
class Decisions:
    """The instants of a span at which a strategy may act, ascending and distinct."""

    span: Span
    """Begin, included, and end, excluded, ns UTC."""
    ts_close: NDArray[np.int64]
    """(n,) ns UTC."""
    ts_recv: NDArray[np.int64]
    """(n,) of the row that decides, with `ev_seq` its key."""
    ev_seq: NDArray[np.uint64]
    probabilities: NDArray[np.float64]
    """(n, classes) from the shortest position to the longest: FLAT and HOLD, or SHORT, FLAT and HOLD."""
    gate: NDArray[np.float64] | None = None
    """(n,) the sign that entries have to agree with; None: not asked for."""

    def __len__(self) -> int:
        """Number of decisions."""
        return len(self.ts_close)

    @property
    def score(self) -> NDArray[np.float64]:
        """(n,) in [0, 1]: p(HOLD) of two classes, (1 + p(HOLD) − p(SHORT))/2 of three."""
        p = self.probabilities
        return p[:, 1] if p.shape[1] == 2 else (1.0 + p[:, 2] - p[:, 0]) / 2.0


def decisions_of(
    keys: pl.DataFrame,
    probabilities: NDArray[np.float64],
    span: Span,
    *,
    expected: int,
    gate: NDArray[np.float64] | None = None,
) -> Decisions:
    """The decisions of all rows of the span [begin, end), in key order.

    A row decides when it became known (`ts_close`), so rows are taken in that order; of several that became
    known at one instant the last decides, and one that became known after the span never could.
    `keys`: `ts_recv`, `ev_seq`, `ts_close` (n,). `expected`: how many rows the span has. Raises DataError
    where rows are missing or have no score: every row is a decision, and which to leave out would be a choice
    made with hindsight.
    """
    if keys.height != expected or len(probabilities) != expected:
        raise DataError(
            f"the predictions do not cover the window: {len(probabilities):,} scores of {keys.height:,} "
            f"rows, and the span has {expected:,}; every row of it is a decision, with a label or without: "
            "score all of them"
        )
    ts_close, ts_recv, ev_seq = (keys[name].to_numpy() for name in ("ts_close", "ts_recv", "ev_seq"))
    unknown = np.flatnonzero(~np.isfinite(probabilities).all(axis=1))
    if len(unknown):
        first = int(unknown[0])
        raise DataError(
            f"the predictions do not cover the window: {len(unknown):,} rows have no score, the first at "
            f"ts_recv={ts_recv[first]}, ev_seq={ev_seq[first]}; every row of the span is a decision: score "
            "all of them"
        )
    order = np.argsort(ts_close, kind="stable")
    chosen = order[np.append(np.diff(ts_close[order]) > 0, [True] * (len(order) > 0))]
    chosen = chosen[(ts_close[chosen] >= span[0]) & (ts_close[chosen] < span[1])]
    return Decisions(
        span=span,
        ts_close=ts_close[chosen],
        ts_recv=ts_recv[chosen],
        ev_seq=ev_seq[chosen],
        probabilities=np.ascontiguousarray(probabilities[chosen]),
        gate=None if gate is None else gate[chosen],
    )

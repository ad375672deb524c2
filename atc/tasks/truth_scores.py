"""The known truth as a score of decisions: what a simulated market is expected to do next, given all of it.

The market is stopped at decisions that are some seconds apart, with all that it hides, and continued many
times; the mean return of the continuations over the label's horizon is the score. Between two of these states
the earlier one's score stands, so a score knows no future. It knows more than any observable could tell, and
of the present less than all by as much as it is old and its continuations are few.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from atc.config.data import SimulatedData
from atc.config.trading import Waterfall
from atc.events.futures import futures_of

if TYPE_CHECKING:
    from pathlib import Path

    from atc.tasks.base import Desk

SECOND_NS = 1_000_000_000
SEED = 1
"""Of the continuations, as `Effort.seed` of atc/tasks/known_truth.py; the market has one of its own."""


def truth_scores(
    data: SimulatedData,
    ts_close: NDArray[np.int64],
    asked: Waterfall,
    *,
    horizon_ns: int,
    outputs: Path,
    desk: Desk,
) -> NDArray[np.float64]:
    """(n,) mean return in bps over the horizon, of the decisions at `ts_close` (n,) ascending."""
    at = states(ts_close, round(asked.state_every_s * SECOND_NS))
    with desk.stage("truth") as stage, desk.bar("truth", len(at), "states") as bar:
        futures = futures_of(
            data,
            at,
            horizon_ns=horizon_ns,
            continuations=asked.continuations,
            seed=SEED,
            cache=outputs / "cache" / "oracle",
            progress=bar.update,
        )
        stage.cached = futures.cached
        bar.update(len(at))
    expected = futures.r_bps.mean(axis=1)
    latest = np.searchsorted(at, ts_close, side="right") - 1
    return np.asarray(expected[latest], dtype=np.float64)


def states(ts_close: NDArray[np.int64], every_ns: int) -> NDArray[np.int64]:
    """The first decision, and always the next one that is at least `every_ns` later."""
    chosen = []
    place = 0
    while place < len(ts_close):
        chosen.append(int(ts_close[place]))
        place = max(int(np.searchsorted(ts_close, chosen[-1] + every_ns)), place + 1)
    return np.array(chosen, dtype=np.int64)

"""When a model is fitted anew while it judges, and which rows it may have learnt from by then.

Each row is scored by a model that knew no label which had not ended, and come in, before. So rows that judge
may train later models: a score never moves again, and nothing selects by it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atc.config.refit import DailyUpdate, Never, Refit, Rolling
from atc.events.business_day import DAY_NS
from atc.protocol.fold import last_part
from atc.protocol.purge import Instants, overlaps_any
from atc.protocol.row_runs import Rows
from atc.protocol.window import Span


@dataclass(frozen=True)
class Update:
    """One fit on the way, at `span[0]`, and the rows that its model scores."""

    span: Span
    """Start (included) and end (excluded), ns, of the rows that it scores."""
    train: Rows
    valid: Rows
    """The last of the known rows in time; none where trees go on without a stop and nothing is calibrated."""
    scores: Rows


def updates(
    refit: Refit,
    judged: Span,
    start_ns: int,
    t0: Instants,
    t1: Instants,
    *,
    usable: NDArray[np.bool_],
    valid_fraction: float,
    calibrates: bool,
) -> tuple[Update, ...]:
    """The fits on the way through the `judged` span, of rows with labels over [t0, t1] (n,), ns.

    `usable` (n,): rows that have a label. `start_ns`: start of the train window. A row is known at a fit when
    its label ended more than `refit.label_delay_s` before. No update without a row to score. `calibrates`:
    scores go through a calibration, which is fitted on rows that the model was not, trees that go on or not.
    """
    if isinstance(refit, Never):
        return ()
    delay, step = round(refit.label_delay_s * 1e9), refit.every_days * DAY_NS
    found = []
    for at in range(judged[0], judged[1], step):
        until = min(at + step, judged[1])
        scores = np.flatnonzero((t0 >= at) & (t0 < until))
        if len(scores) == 0:
            continue
        first = start_ns
        if isinstance(refit, Rolling | DailyUpdate):
            first = max(start_ns, at - refit.window_days * DAY_NS)
        known = np.flatnonzero(usable & (t0 >= first) & (t1 + delay < at))
        if isinstance(refit, DailyUpdate) and not calibrates:
            found.append(Update((at, until), known, known[:0], scores))
            continue
        selects = t0[known] >= last_part(((first, at),), valid_fraction)
        valid, train = known[selects], known[~selects]
        late = overlaps_any(t0, t1, t0[valid], t1[valid], rows=train)
        found.append(Update((at, until), train[~late], valid, scores))
    return tuple(found)

"""What the holdout can show, from a pilot on validation, before the named model is fitted."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from atc.config.schema import RunConfig
from atc.evaluation.blocks import disjoint_windows
from atc.evaluation.head_scores import direction_score
from atc.evaluation.metrics import direction_rows
from atc.evaluation.power import Moves, PowerByHead, described, power_before
from atc.tasks.base import Desk
from atc.tasks.heads import heads_of
from atc.tasks.loaded import Loaded

if TYPE_CHECKING:
    from atc.tasks.fitting import FittedModel


def state_power(
    config: RunConfig, loaded: Loaded, baseline: FittedModel, volatility: FittedModel, desk: Desk
) -> PowerByHead:
    """The power of the holdout of each head with classes, said at the terminal and in the log.

    Of three classes it is that of the last one, HOLD, against the rest. Of the holdout nothing enters but how
    many disjoint label windows its rows have room for.
    """
    block, judged = loaded.parts.valid, loaded.valid_judged
    t0, days = loaded.valid.t0[judged], loaded.valid.days[judged]
    found: PowerByHead = {}
    with desk.stage("power"):
        scores = [one.raw_valid for one in (baseline, volatility)]
        for number, head in enumerate(heads_of(config, loaded)):
            if not head.classes:
                continue
            rows = ~np.isnan(block.y[:, number])
            first, second = (head.own(of_all)[rows, -1] for of_all in scores)
            r_bps = loaded.valid.r_bps[judged, number][rows]
            found[head.name] = power_before(
                positive=block.y[rows, number] == len(head.classes) - 1,
                scores=(first, second),
                t0=t0[rows],
                days=days[rows],
                horizon_ns=head.horizon_ns,
                pilot_windows=disjoint_windows(t0, head.horizon_ns),
                holdout_windows=loaded.holdout_windows(head.horizon_ns),
                min_blocks=config.evaluation.min_blocks,
                confidence=config.evaluation.confidence,
                moves=Moves(
                    moved=direction_rows(r_bps, head.exit_bps),
                    up=r_bps > 0,
                    score=direction_score(head.own(scores[0])[rows]),
                ),
            )
    for text in described(found):
        logging.getLogger(__name__).info("%s", text)
        desk.say(text)
    return found

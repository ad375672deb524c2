"""What the holdout can show, from a pilot on validation, before the named model is fitted."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from atc.config.schema import RunConfig
from atc.evaluation.power import Power, described, power_before
from atc.tasks.base import Desk
from atc.tasks.loaded import Loaded

if TYPE_CHECKING:
    from atc.tasks.fitting import FittedModel


def state_power(
    config: RunConfig, loaded: Loaded, baseline: FittedModel, volatility: FittedModel, desk: Desk
) -> Power | None:
    """The power of the holdout, said at the terminal and in the log; None where the pilot cannot tell.

    Of the holdout nothing enters but how many disjoint label windows its rows have room for.
    """
    judged, block = loaded.valid_judged, loaded.parts.valid
    with desk.stage("power"):
        first, second = (
            one.model.predict(block.select(one.model.features).x)[:, 0] for one in (baseline, volatility)
        )
        power = power_before(
            positive=block.y[:, 0] == 1.0,
            scores=(first, second),
            t0=loaded.valid.t0[judged],
            days=loaded.valid.days[judged],
            horizon_ns=round(config.label.horizon_s * 1_000_000_000),
            holdout_windows=loaded.holdout_windows,
            min_blocks=config.evaluation.min_blocks,
            confidence=config.evaluation.confidence,
        )
    text = described(power, config.label.horizon_s)
    logging.getLogger(__name__).info("%s", text)
    desk.say(text)
    return power

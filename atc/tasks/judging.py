"""On which time a run judges before its holdout opens, entered in the ledger before it does."""

from __future__ import annotations

from atc.config.schema import RunConfig
from atc.protocol.judged_time import judged_spans
from atc.tasks.base import Desk
from atc.tasks.loaded import Loaded
from atc.tasks.market_data import MarketData


def enter_judged(config: RunConfig, market: MarketData, loaded: Loaded, desk: Desk) -> tuple[str, ...]:
    """What a reader of the figures has to know of the time that validation and folds judge on.

    Raises DataError where it may not be judged on.
    """
    what = "validation"
    if config.protocol.kind != "sealed_holdout":
        what += f" and folds of {config.protocol.kind}"
    spans = judged_spans(
        config.protocol, market.planned_folds, loaded.spans.train, loaded.split.valid_start_ns
    )
    notes = (desk.judge(market.in_ledger(span), what) for span in spans)
    return tuple(note for note in notes if note is not None)

"""What the policy of a run earns on validation: the track record of a trial whose holdout stays shut."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

from atc.backtest.decisions import Decisions
from atc.backtest.engine import BENCHMARK, PastMarket, Session, Strategy
from atc.backtest.figures import curve_of
from atc.backtest.holdout import ALWAYS_HOLD, STRATEGY
from atc.backtest.policy import Fitted, positions, target_lots
from atc.config.trading import Policy

TABLE = "equity_valid"
"""Name of the table in the run folder."""


def validation_equity(
    market: PastMarket,
    policy: Policy,
    decisions: Decisions,
    fitted: Fitted,
    *,
    curve_s: int,
    progress: Callable[[float], object] = lambda _: None,
) -> pl.DataFrame:
    """Equity of the fitted policy and of always HOLD over the span of validation, with their difference:
    `ts` (ns UTC; the begin of the span, then every `curve_s` seconds, then its end), `strategy`,
    `always_hold`, `alpha`, quote currency.

    `market` ends where validation does. What the policy learned it learned on this very time.
    """
    wished = positions(policy, decisions, fitted)
    session = Session(
        decisions.span,
        decisions.ts_close,
        {STRATEGY: target_lots(wished, market.whole.size_lots)},
        [Strategy(STRATEGY, STRATEGY, curve=True), Strategy(ALWAYS_HOLD, BENCHMARK, curve=True)],
        curve_s=curve_s,
    )
    traded = market.trade(session, progress)
    times, mine = curve_of(traded, STRATEGY)
    _, held = curve_of(traded, ALWAYS_HOLD)
    # The grid's first point is at the begin of the span or after it; what was gained before it counts.
    later = times > decisions.span[0]
    mine, held = (np.append(0, equity[later]) for equity in (mine, held))
    return pl.DataFrame(
        {
            "ts": np.append(decisions.span[0], times[later]),
            STRATEGY: mine / traded.units.per_quote,
            ALWAYS_HOLD: held / traded.units.per_quote,
            "alpha": (mine - held) / traded.units.per_quote,
        }
    )

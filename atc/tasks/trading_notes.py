"""What a run says of its backtest beside the figures."""

from __future__ import annotations

from atc.backtest.engine import ORACLE_PATH
from atc.backtest.holdout import Walked
from atc.config.cost import other_market
from atc.config.data import InstrumentFacts
from atc.config.schema import RunConfig


def oracle_notes(config: RunConfig, walked: Walked) -> list[str]:
    """Why there is no oracle path or no waterfall, where they are missing."""
    if not config.backtest.oracle_path:
        return [
            "backtest: no oracle path was asked for (backtest.oracle_path=false), so there is no waterfall"
        ]
    if walked.traded.given_up.is_empty():
        return []
    at = walked.traded.given_up.row(0, named=True)
    mine = config.backtest
    key, limit = {
        "orders": ("oracle_orders", f"{mine.oracle_orders:,} orders, and 64 a decision"),
        "memory": ("oracle_memory_mib", f"{mine.oracle_memory_mib:,} MiB"),
    }[at["limit"]]
    without = "the waterfall" if walked.traded.has(ORACLE_PATH) else "the oracle path and the waterfall"
    return [
        f"backtest: {without} are null: a search of the best path was given up at decision "
        f"{at['decision']:,} of {len(walked.decisions):,}, after {at['orders']:,} orders, at its limit of "
        f"{limit}. Most fill in part, and each leads to a position of its own, more than can be followed. "
        f"More backtest.{key}, a smaller execution.size or a larger execution.depth make it possible, "
        "backtest.oracle_path=false leaves it out; all other figures stand"
    ]


def calendar_notes(facts: InstrumentFacts) -> list[str]:
    """What a backtest cannot refuse for want of the venue's calendar."""
    if facts.maintenance:
        return []
    return [
        "backtest: data.maintenance is empty, so no order was refused for maintenance or the pre-open after "
        "it, in which a book may be shown that takes none; if the venue has such hours, list them"
    ]


def borrowed_notes(config: RunConfig) -> list[str]:
    """That the costs are those of another market, where it was asked for."""
    data = config.data
    wrong = other_market(config.cost, data=data.name, venue=data.costs_venue, symbol=data.symbol)
    return [] if wrong is None else [f"backtest: {wrong}; it is borrowed on purpose (cost.borrowed=true)"]

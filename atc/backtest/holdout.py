"""The backtest of a run: which strategies walk the holdout's events, in one pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
from numpy.typing import NDArray

from atc.backtest.controls import random_name, random_targets
from atc.backtest.decisions import Decisions
from atc.backtest.engine import BENCHMARK, ORACLE_PATH, Market, Session, Strategy, Traded, trade
from atc.backtest.policy import target_lots
from atc.config.trading import Backtest

STRATEGY, ALWAYS_HOLD, FLAT = "strategy", "always_hold", "flat"


@dataclass(frozen=True)
class Cell:
    """A cell of the sensitivity table, with the benchmark that has the same execution."""

    latency_s: float
    depth: float
    fee_bps: float
    strategy: str
    benchmark: str


@dataclass(frozen=True)
class Size:
    """A point of the capacity curve, with the benchmark of that size."""

    lots: int
    strategy: str
    benchmark: str


@dataclass(frozen=True)
class Riders:
    """What else rides in the pass."""

    targets: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    """By policy (n,) lots."""
    strategies: Sequence[Strategy] = ()


@dataclass(frozen=True)
class Rival:
    """Another model beside the named one: the same instants, its own scores and wishes."""

    decisions: Decisions
    wished: NDArray[np.float64]
    """(n,) the positions that its policy wishes."""


@dataclass(frozen=True)
class Walked:
    """The holdout, traded."""

    traded: Traded
    """The policy, its controls, the sensitivity table and the capacity curve."""
    draws: tuple[str, ...]
    """Names of the random draws."""
    cells: tuple[Cell, ...]
    sizes: tuple[Size, ...]
    decisions: Decisions
    rivals: Mapping[str, Rival] = field(default_factory=dict)
    """By name of their strategy."""

    def draws_of(self, strategy: str) -> tuple[str, ...]:
        """Names of the random draws of the strategy or of a rival."""
        if strategy == STRATEGY:
            return self.draws
        return tuple(random_name(number, strategy) for number in range(len(self.draws)))


def walk(
    market: Market,
    decisions: Decisions,
    wished: NDArray[np.float64],
    config: Backtest,
    *,
    seed: int,
    rivals: Mapping[str, Rival] | None = None,
    riders: Riders | None = None,
    progress: Callable[[float], object] = lambda _: None,
) -> Walked:
    """Trades the wished positions (n,) of a policy, everything that they are compared with, its rivals by
    name with their own random draws, and the riders; `progress` is told the share that is done.
    """
    rivals = rivals or {}
    cells, sizes = _cells(config), _sizes(config, market)
    mine = target_lots(wished, market.size_lots)
    chance = random_targets(mine, draws=config.random_draws, seed=seed)
    targets = {STRATEGY: mine, FLAT: np.zeros(len(decisions), np.int64), **chance}
    targets |= {size.strategy: target_lots(wished, size.lots) for size in sizes}
    strategies = [
        Strategy(STRATEGY, STRATEGY, log=True, curve=True),
        Strategy(ALWAYS_HOLD, BENCHMARK, log=True, curve=True),
        Strategy(FLAT, FLAT, log=True, curve=True),
    ]
    if config.oracle_path:
        strategies.append(Strategy(ORACLE_PATH, ORACLE_PATH, log=True, curve=True))
    shown = random_name(0)
    strategies += [Strategy(name, name, log=name == shown, curve=name == shown) for name in chance]
    for cell in cells:
        terms = (cell.latency_s, cell.depth, cell.fee_bps)
        strategies += [
            Strategy(cell.strategy, STRATEGY, *terms),
            Strategy(cell.benchmark, BENCHMARK, *terms),
        ]
    for size in sizes:
        strategies += [
            Strategy(size.strategy, size.strategy, size_lots=size.lots, log=True),
            Strategy(size.benchmark, BENCHMARK, size_lots=size.lots),
        ]
    for name, rival in rivals.items():
        lots = target_lots(rival.wished, market.size_lots)
        drawn = random_targets(lots, draws=config.random_draws, seed=seed, of=name)
        targets |= {name: lots, **drawn}
        strategies += [Strategy(name, name, log=True, curve=True), *(Strategy(one, one) for one in drawn)]
    if riders is not None:
        targets |= riders.targets
        strategies += riders.strategies
    drawdowns = [(name, against) for name in (STRATEGY, *rivals) for against in (None, ALWAYS_HOLD)]
    session = Session(
        decisions.span,
        decisions.ts_close,
        targets,
        strategies,
        curve_s=config.curve_s,
        oracle_orders=config.oracle_orders,
        oracle_memory_mib=config.oracle_memory_mib,
        drawdowns=drawdowns,
    )
    return Walked(trade(market, session, progress), tuple(chance), cells, sizes, decisions, rivals)


def _cells(config: Backtest) -> tuple[Cell, ...]:
    grid = product(config.sensitivity.latency_s, config.sensitivity.depth, config.sensitivity.fee_bps)
    return tuple(
        Cell(latency, depth, fee, f"cell_{number}", f"cell_{number}_hold")
        for number, (latency, depth, fee) in enumerate(grid)
    )


def _sizes(config: Backtest, market: Market) -> tuple[Size, ...]:
    return tuple(
        Size(market.units.lots("backtest.capacity", size), f"size_{number}", f"size_{number}_hold")
        for number, size in enumerate(config.capacity)
    )

"""The best of all sequences of targets in {+size, 0, −size}: tried out where that is possible, else found
backwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .backtest import Account, ReferenceBacktest, Sent

Step = tuple[int, int, int]
"""Next decision that is free, position then, money made on the way (fills, fees and carry)."""


class Steps:
    """What may be done at each decision, and what comes of it. No step depends on what was done before: the
    minimum interval keeps the levels that an order consumed from the next one.
    """

    def __init__(self, backtest: ReferenceBacktest, strategy: Mapping[str, Any]) -> None:
        self.backtest, self.strategy = backtest, strategy
        self.rules = backtest.rules
        self.times = [d for d, _ in backtest.decisions]
        self.end = backtest.spec["end_ns"]

    def options(self, number: int, position: int) -> dict[int | None, Step]:
        """By target; None: waits for the next decision."""
        d, size = self.times[number], self.strategy["size_lots"]
        targets = (size,) if number == 0 else (size, 0, -size)
        found: dict[int | None, Step] = {}
        for target in targets:
            side, qty, _, _ = self.rules.wanted(d, position, target)
            if target == position or not qty:
                # Asks for what is there already, or for what the calendar leaves nothing of.
                until = self.times[number + 1] if number + 1 < len(self.times) else self.end
                found[None] = (number + 1, position, -self.carry(position, d, until))
                continue
            done = self.rules.execute(self.strategy, d, Sent(side, qty, position))
            after, flow = position + side * done.filled, 0
            for px, lots in done.fills:
                assert done.e is not None
                flow -= side * px * lots + self.rules.fee(self.strategy, done.e, px, lots)
            again = d + self.rules.x["min_interval_ns"]
            free = next((n for n in range(number, len(self.times)) if self.times[n] >= again), None)
            until = self.end if free is None else self.times[free]
            filled_at = self.end if done.e is None else done.e
            carry = sum(
                self.rules.carry(self.strategy, after if filled_at < cut else position, cut)
                for cut in self.rules.spec["day_cuts_ns"]
                if d < cut <= until
            )
            found[target] = (len(self.times) if free is None else free, after, flow - carry)
        return found

    def carry(self, position: int, after: int, until: int) -> int:
        """Of a position that is held over the cuts in (after, until]."""
        cuts = [cut for cut in self.rules.spec["day_cuts_ns"] if after < cut <= until]
        return sum(self.rules.carry(self.strategy, position, cut) for cut in cuts)

    def worth(self, position: int) -> int:
        return position * self.rules.market.mark(position, self.end)


def best_by_trying(steps: Steps, number: int = 0, position: int = 0) -> int:
    """The largest final equity over every path there is."""
    if number == len(steps.times):
        return steps.worth(position)
    return max(
        money + best_by_trying(steps, free, after)
        for free, after, money in steps.options(number, position).values()
    )


def best_path(steps: Steps) -> tuple[int, Account]:
    """The largest final equity, and a strategy that reaches it, found from the end backwards."""
    reachable: list[set[int]] = [set() for _ in range(len(steps.times) + 1)]
    reachable[0].add(0)
    options: dict[tuple[int, int], dict[int | None, Step]] = {}
    for number in range(len(steps.times)):
        for position in reachable[number]:
            options[number, position] = steps.options(number, position)
            for free, after, _ in options[number, position].values():
                reachable[free].add(after)
    value = {(len(steps.times), position): steps.worth(position) for position in reachable[-1]}
    choice: dict[tuple[int, int], int | None] = {}
    for number in reversed(range(len(steps.times))):
        for position in reachable[number]:
            found = {
                target: money + value[free, after]
                for target, (free, after, money) in options[number, position].items()
            }
            best = max(found.values())
            # Waiting first: an order that changes nothing is no part of the path.
            choice[number, position] = None if found.get(None) == best else max(found, key=lambda t: found[t])
            value[number, position] = best

    def target(number: int, position: int) -> int:
        chosen = choice[number, position]
        return position if chosen is None else chosen

    return (value[0, 0] if steps.times else 0), steps.backtest.walked(steps.strategy, target)

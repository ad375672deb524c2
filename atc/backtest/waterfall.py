"""The alpha waterfall: where the alpha of the best path in hindsight is lost on the way to the realised one.

A level is a strategy with the benchmark that has the same terms, and its alpha is their difference; a step is
the difference of two levels. So the steps sum to the realised alpha to the money unit, whatever the order
in which ideals are given up. All levels ride in the pass of the holdout. Those chosen in hindsight have
looked at what they are judged by: they say where alpha is lost, and nothing is ever chosen by them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from atc.backtest.engine import AT_TOUCH, BENCHMARK, ORACLE_PATH, Strategy, Traded
from atc.backtest.holdout import ALWAYS_HOLD, STRATEGY, Riders
from atc.backtest.policy import Thresholds

Scores = NDArray[np.float64]
Lots = NDArray[np.int64]

NEVER = -float("inf")
"""A threshold that no score is at or below: nothing is sold short. Scores of a truth are no probabilities."""
PAIR_GRID = 10
"""Quantiles a side where long and short thresholds are tried together: 45 pairs, and 10 without a short."""


@dataclass(frozen=True)
class Terms:
    """What the orders of a level meet; False: the ideal."""

    latency: bool = False
    """Orders take time and wait for a frame; ideal: they meet the book of the decision."""
    depth: bool = False
    """Orders walk what is displayed; ideal: all of their size is there at the best price."""
    costs: bool = False
    """Fees and carry; ideal: none."""

    @property
    def name(self) -> str:
        """`ideal`, `real`, or what is real of them."""
        real = [name for name, is_real in vars(self).items() if is_real]
        return "ideal" if not real else "real" if len(real) == len(vars(self)) else "+".join(real)

    def strategy(self, name: str, policy: str) -> Strategy:
        """Who follows `policy` on these terms."""
        return Strategy(
            name,
            policy,
            latency_s=None if self.latency else 0.0,
            wait_s=None if self.latency else 0.0,
            depth=None if self.depth else AT_TOUCH,
            fee_bps=None if self.costs else 0.0,
            pays_carry=self.costs,
        )


IDEAL, REAL = Terms(), Terms(latency=True, depth=True, costs=True)

ORACLE, TRUTH, RANKING, LEVEL, POLICY = "oracle path", "known truth", "ranking", "level", "policy"
"""Who trades at a level: the best path; the known truth with thresholds best in hindsight; the model's score
likewise; the same quantiles as levels learned on validation; the policy.
"""

Step = tuple[str, str, Terms]
FORWARD: tuple[Step, ...] = (
    ("oracle_path", ORACLE, IDEAL),
    ("observables", TRUTH, IDEAL),
    ("ranking", RANKING, IDEAL),
    ("calibration", LEVEL, IDEAL),
    ("threshold", POLICY, IDEAL),
    ("latency", POLICY, Terms(latency=True)),
    ("depth", POLICY, Terms(latency=True, depth=True)),
    ("fees_carry", POLICY, REAL),
)
"""What a step gives up, and the level after it; the first one is the level to begin with."""
REVERSE: tuple[Step, ...] = (
    ("oracle_path", ORACLE, IDEAL),
    ("fees_carry", ORACLE, Terms(costs=True)),
    ("depth", ORACLE, Terms(depth=True, costs=True)),
    ("latency", ORACLE, REAL),
    ("observables", TRUTH, REAL),
    ("ranking", RANKING, REAL),
    ("calibration", LEVEL, REAL),
    ("threshold", POLICY, REAL),
)
"""Execution first, from its end backwards. What is known keeps its order: each step of it is a part of the
one before, and there is no threshold without a ranking.
"""
STEPS = tuple(step for step, _, _ in FORWARD)


@dataclass(frozen=True)
class Candidate:
    """Thresholds that may turn out best in hindsight."""

    name: str
    at: Thresholds
    twin: str
    """The candidate of the same quantiles whose levels are those of validation."""


@dataclass(frozen=True)
class Level:
    """What is earned once a step is given up."""

    step: str
    who: str
    terms: Terms
    strategy: str
    """Its name in the pass; the benchmark's where never leaving was best."""
    benchmark: str
    alpha: int
    """Money units."""
    at: Thresholds | None = None

    @property
    def hindsight(self) -> bool:
        """Whether it was chosen by what it is judged by."""
        return self.who != POLICY


@dataclass(frozen=True)
class Fall:
    """The levels of one order of removal, the realised one last."""

    levels: tuple[Level, ...]

    @property
    def steps(self) -> dict[str, int]:
        """By step what it changes, money units; the first one is the alpha to begin with."""
        first, *_ = self.levels
        return {first.step: first.alpha} | {b.step: b.alpha - a.alpha for a, b in pairwise(self.levels)}


@dataclass(frozen=True)
class Scored:
    """Who is followed where thresholds are chosen."""

    holdout: Scores
    """(n,) at the decisions of the holdout."""
    valid: Scores
    """(m,) at those of validation."""
    shorts: bool
    """Whether low scores may be sold short."""
    own: Thresholds | None = None
    """What the policy learned on validation, if that are thresholds."""


@dataclass(frozen=True)
class Plan:
    """What rides in the pass so that the levels can be read off."""

    riders: Riders
    candidates: Mapping[str, Sequence[Candidate]]
    """Of TRUTH and of RANKING; what holds always is none, for its alpha is 0."""

    def falls(self, traded: Traded) -> dict[str, Fall]:
        """`forward` and `reverse`. Without a known truth `observables` is no step of its own."""
        return {
            "forward": Fall(self._levels(traded, FORWARD)),
            "reverse": Fall(self._levels(traded, REVERSE)),
        }

    def _levels(self, traded: Traded, steps: Sequence[Step]) -> tuple[Level, ...]:
        return tuple(
            self._level(traded, *step) for step in steps if step[1] != TRUTH or TRUTH in self.candidates
        )

    def _level(self, traded: Traded, step: str, who: str, terms: Terms) -> Level:
        benchmark = _benchmark(terms)
        held = int(traded.of(benchmark)["equity"])

        def level(strategy: str, at: Thresholds | None = None) -> Level:
            return Level(step, who, terms, strategy, benchmark, int(traded.of(strategy)["equity"]) - held, at)

        if who == ORACLE:
            return level(ORACLE_PATH if terms == REAL else _named(ORACLE, terms))
        if who == POLICY:
            return level(STRATEGY if terms == REAL else _named(POLICY, terms))
        candidates = self.candidates[TRUTH if who == TRUTH else RANKING]
        best = max(candidates, key=lambda one: traded.of(_named(one.name, terms))["equity"], default=None)
        if best is None or traded.of(_named(best.name, terms))["equity"] <= held:
            return level(benchmark)
        if who == LEVEL:
            best = next(one for one in candidates if one.name == best.twin)
        return level(_named(best.name, terms), best.at)


def plan_of(model: Scored, *, size_lots: int, grid: int, truth: Scores | None = None) -> Plan:
    """`truth`: (n,) at the decisions of the holdout, a score made of all that decides the future; None:
    unknown.
    """
    tried = {RANKING: (model.holdout, list(_of_model(model, grid)))}
    if truth is not None:
        tried[TRUTH] = (truth, list(_of_truth(truth, grid, shorts=model.shorts)))
    targets = {
        one.name: targets_at(score, one.at, size_lots) for score, ones in tried.values() for one in ones
    }
    strategies: list[Strategy] = []
    for terms in dict.fromkeys(terms for _, _, terms in (*FORWARD, *REVERSE)):
        there = {who for _, who, on in (*FORWARD, *REVERSE) if on == terms}
        riding = [] if RANKING not in there else [(name, name) for name in targets]
        if terms != REAL:  # those of the backtest itself are in the pass
            riding += [(BENCHMARK, BENCHMARK)]
            riding += [(ORACLE, ORACLE_PATH)] if ORACLE in there else []
            riding += [(POLICY, STRATEGY)] if POLICY in there else []
        strategies += [terms.strategy(_named(name, terms), policy) for name, policy in riding]
    return Plan(Riders(targets, strategies), {who: ones for who, (_, ones) in tried.items()})


def targets_at(score: Scores, at: Thresholds, size_lots: int) -> Lots:
    """(n,) long from `at.long` up, short from `at.short` down where that is below, else no position."""
    is_long = score >= at.long
    lots = np.where(is_long, size_lots, 0)
    if at.short != NEVER:
        lots[~is_long & (score <= at.short)] = -size_lots
    return lots


def ranks(grid: int, *, shorts: bool) -> list[tuple[float, float | None]]:
    """Quantiles to go long from and to go short at, None: never; evenly spread."""
    if not shorts:
        return [((k + 0.5) / grid, None) for k in range(grid)]
    sides = [(k + 0.5) / PAIR_GRID for k in range(PAIR_GRID)]
    return [(long, short) for long in sides for short in (None, *sides) if short is None or short < long]


def levels_at(ascending: Scores, rank: tuple[float, float | None]) -> Thresholds:
    """The scores at a pair of quantiles: those that have the share of all scores below them."""
    last = len(ascending) - 1
    long, short = (None if share is None else min(int(share * (last + 1)), last) for share in rank)
    assert long is not None
    return Thresholds(float(ascending[long]), NEVER if short is None else float(ascending[short]))


def _of_model(model: Scored, grid: int) -> Iterator[Candidate]:
    """Each pair of quantiles as levels of the holdout and as those of validation, the policy's own among
    them.
    """
    if not len(model.valid) or not len(model.holdout):
        return
    there, before = np.sort(model.holdout), np.sort(model.valid)
    tried = [(rank, levels_at(before, rank)) for rank in ranks(grid, shorts=model.shorts)]
    if model.own is not None:
        below = np.searchsorted(before, model.own.long) / len(before)
        down = np.searchsorted(before, model.own.short, side="right") / len(before)
        own = Thresholds(model.own.long, model.own.short if down else NEVER)
        tried.append(((float(below), float(down) or None), own))
    for number, (rank, learned) in enumerate(tried):
        name, twin = f"ranking_{number}", f"ranking_{number}_learned"
        yield Candidate(name, levels_at(there, rank), twin)
        yield Candidate(twin, learned, twin)


def _of_truth(truth: Scores, grid: int, *, shorts: bool) -> Iterator[Candidate]:
    ascending = np.sort(truth)
    for number, rank in enumerate(ranks(grid, shorts=shorts) if len(truth) else ()):
        name = f"truth_{number}"
        yield Candidate(name, levels_at(ascending, rank), name)


def _named(policy: str, terms: Terms) -> str:
    return f"waterfall/{policy}/{terms.name}"


def _benchmark(terms: Terms) -> str:
    return ALWAYS_HOLD if terms == REAL else _named(BENCHMARK, terms)

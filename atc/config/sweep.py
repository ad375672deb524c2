"""The jobs of a multirun, all judged before the first one starts, and whether they may see the holdout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

from atc.config.compose import Composer, Job, settled
from atc.config.diff import differences, plain
from atc.config.problems import ConfigError, Problem

LISTED = ("experiment", "data")
"""Groups whose options a multirun may list with open holdouts: each experiment is a question of its own, each
data set has a holdout of its own (SPEC 5)."""

HARMLESS = frozenset(
    {
        *("seed", "data.seed", "data.scenario"),  # the draw, and the simulated market with its own holdout
        *("model.num_threads", "baseline.model.num_threads"),  # the machine
        "protocol.sealed",  # what each job says itself
    }
)
"""Keys, with all below them, in which the jobs of one experiment on one data set may differ with open
holdouts, besides those that no result depends on (`atc.config.digest`). Any other could be chosen by what the
holdout says: a hyper-parameter as much as the fraction that validates, the size of an order, a fee or the
width of an interval. So what is not listed here seals.
"""


@dataclass(frozen=True)
class Sweep:
    """The jobs in the order in which Hydra's launcher runs them."""

    jobs: tuple[Job, ...]
    sealing: tuple[str, ...]
    """The keys that they vary and could choose by the holdout, which therefore stays sealed."""

    @property
    def sealed(self) -> bool:
        """Whether the holdout stays closed to jobs that say nothing about it."""
        return bool(self.sealing)


def expand(composer: Composer, overrides: Sequence[str]) -> Sweep:
    """Every job of `-m OVERRIDES`; raises `ConfigError` naming the jobs that are wrong."""
    everything = composer.parse(overrides)
    given = [o for o in everything if not o.is_hydra_override()]
    hydra_lines = [str(o.input_line) for o in everything if o.is_hydra_override()]
    fixed = [str(o.input_line) for o in given if not o.is_sweep_override()]
    master, problems = composer.composition([*fixed, *hydra_lines])
    if problems:
        raise ConfigError(problems)
    lines = [f"{key}={value}" for key, value in master.sweep_params.items()]
    parsed = composer.parse([*lines, *(str(o.input_line) for o in given)])
    if any(o.is_sweep_override() and not o.is_discrete_sweep() for o in parsed):
        raise ConfigError([Problem("", "interval(…) has no end: list the values, or use range(…)")])
    batch = BasicSweeper.split_arguments(parsed, None)[0]
    composed = _composed(composer, [tuple(job) for job in batch])
    keys = sealing(composed)
    group = master.choices.get("sweep")
    return Sweep(
        tuple(replace(job, config=settled(job.config, sealed=bool(keys), group=group)) for job in composed),
        keys,
    )


def sealing(jobs: Sequence[Job]) -> tuple[str, ...]:
    """The keys, in order, in which jobs of one experiment on one data set differ and that are not harmless.

    Of the configs as they are composed, so that no spelling of an override goes around it.
    """
    first: dict[tuple[str | None, ...], dict[str, Any]] = {}
    found: set[str] = set()
    for job in jobs:
        config = plain(job.config)
        listed = tuple(job.choices.get(group) for group in LISTED)
        found |= {one.key for one in differences(first.setdefault(listed, config), config)}
    return tuple(sorted(key for key in found if not _harmless(key)))


def _harmless(key: str) -> bool:
    parts = key.split(".")
    return any(".".join(parts[:end]) in HARMLESS for end in range(1, len(parts) + 1))


def _composed(composer: Composer, batch: Sequence[tuple[str, ...]]) -> list[Job]:
    jobs: list[Job] = []
    found: dict[Problem, list[int]] = {}
    for number, overrides in enumerate(batch):
        try:
            jobs.append(composer.job(overrides))
        except ConfigError as failure:
            for problem in failure.problems:
                found.setdefault(problem, []).append(number)
    problems = []
    for problem, numbers in found.items():
        where = ""
        if len(numbers) < len(batch):
            where = f" (job {numbers[0] + 1} of {len(batch)}: {' '.join(batch[numbers[0]])})"
        problems.append(Problem(problem.key, problem.message + where))
    if problems:
        raise ConfigError(problems)
    return jobs

"""The jobs of a multirun, all judged before the first one starts, and whether they may see the holdout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.types import Override

from atc.config.compose import Composer, Job, settled
from atc.config.problems import ConfigError, Problem

# Whoever varies these may choose by the result, so the holdout stays sealed (SPEC 5): a threshold tried at
# three values on the holdout is chosen by it, and so are weights of rows and calibration.
SELECTING = frozenset({"model", "features", "label", "sampling", "refit", "weights", "calibration", "policy"})


@dataclass(frozen=True)
class Sweep:
    """The jobs in the order in which Hydra's launcher runs them."""

    jobs: tuple[Job, ...]
    sealed: bool


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
    sealed = bool(varied(parsed) & SELECTING)
    group = master.choices.get("sweep")
    jobs = [
        replace(job, config=settled(job.config, sealed=sealed, group=group))
        for job in _composed(composer, [tuple(job) for job in batch])
    ]
    return Sweep(tuple(jobs), sealed)


def varied(overrides: Sequence[Override]) -> set[str]:
    """The top-level keys that take more than one value. A later override of a key replaces an earlier one."""
    last = {o.get_key_element(): o for o in overrides}
    return {
        (o.package or o.key_or_group).replace("/", ".").partition(".")[0]
        for o in last.values()
        if o.is_sweep_override() and len(set(o.sweep_string_iterator())) > 1
    }


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

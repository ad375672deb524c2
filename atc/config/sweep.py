"""The jobs of a multirun, all judged before the first one starts, and whether they may see the holdout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.types import Override

from atc.config.compose import Composer, Job, launching, of_launching, settled
from atc.config.diff import differences, plain
from atc.config.launcher import Basic, Launcher
from atc.config.of_hydra import unread_keys, unread_words
from atc.config.problems import ConfigError, Problem
from atc.config.search import Search, of_kinds
from atc.config.search_check import check_search, one_by_one
from atc.config.sweep_file import deleted_axes, demand_axes, demand_words, empty_search, listed_in

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

_NOT_BY_FORCE = (
    "a sweep goes on where it was left, and would not know what it has made anew: leave it out; give "
    "paths.outputs another folder to make all jobs anew, or run one of them alone with runtime.force=true"
)


@dataclass(frozen=True)
class Sweep:
    """The jobs in the order in which they are started."""

    name: str
    """The sweep file's; without one the experiment's with `-multirun`."""
    jobs: tuple[Job, ...]
    sealing: tuple[str, ...]
    """The keys that they vary and could choose by the holdout, which therefore stays sealed."""
    launcher: Launcher = field(default_factory=lambda: Basic(kind="basic"))
    search: Search | None = None
    """Where there is one, the only job is what its trials vary."""

    @property
    def sealed(self) -> bool:
        """Whether the holdout stays closed to jobs that say nothing about it."""
        return bool(self.sealing)

    def grouped(self, group: str) -> Sweep:
        """The same with jobs of this group, where they name none."""
        jobs = (
            replace(job, config=settled(job.config, sealed=self.sealed, group=group)) for job in self.jobs
        )
        return replace(self, jobs=tuple(jobs))


def expand(composer: Composer, overrides: Sequence[str]) -> Sweep:
    """Every job of `-m OVERRIDES`; raises `ConfigError` naming the jobs that are wrong."""
    everything = composer.parse(overrides)
    given = [o for o in everything if not o.is_hydra_override()]
    wrong = [*unread_words(everything), *_contradictions(given), *_swept_launcher(given)]
    if wrong:
        raise ConfigError(wrong)
    fixed = [str(o.input_line) for o in everything if o.is_hydra_override() or not o.is_sweep_override()]
    master, problems = composer.composition(fixed)
    problems += unread_keys(master)
    if problems:
        raise ConfigError(problems)
    how = launching(master)
    if gone := [*empty_search(how.search, master), *deleted_axes(given, master)]:
        raise ConfigError(gone)
    if how.search is None and not master.sweep_params and not any(o.is_sweep_override() for o in given):
        demand_axes(master)
    lines = [f"{key}={value}" for key, value in master.sweep_params.items()]
    of_jobs = [str(o.input_line) for o in given if not of_launching(o)]
    parsed = composer.parse([*lines, *of_jobs])
    if any(o.is_sweep_override() and not o.is_discrete_sweep() for o in parsed):
        raise ConfigError([Problem("", "interval(…) has no end: list the values, or use range(…)")])
    empty = _empty_axes(parsed)
    if empty:
        raise ConfigError(empty)
    batch = BasicSweeper.split_arguments(parsed, None)[0]
    composed = _composed(composer, [tuple(job) for job in batch], listed_in(master, everything))
    if any(job.config.runtime.force for job in composed):
        raise ConfigError([Problem("runtime.force", _NOT_BY_FORCE)])
    keys, search = sealing(composed), how.search
    if search is not None:
        search = of_kinds(search, composed[0].config)
        keys = _searched(search, how.launcher, composed, parsed)
        demand_words(composer, composed[0], master)
    names = {job.config.name for job in composed}
    single_name = f"{names.pop()}-multirun" if len(names) == 1 else "multirun"
    return Sweep(
        master.choices.get("sweep", single_name),
        tuple(replace(job, config=settled(job.config, sealed=bool(keys))) for job in composed),
        keys,
        how.launcher,
        search,
    )


def _searched(
    search: Search, launcher: Launcher, composed: Sequence[Job], parsed: Sequence[Override]
) -> tuple[str, ...]:
    """The keys that a search varies; raises `ConfigError` with all that keeps it from being one."""
    problems = [
        Problem(str(one.key_or_group), f"{one.input_line}: a search proposes its values itself; give one")
        for one in parsed
        if one.is_sweep_override() and len(composed) > 1
    ]
    if (why := one_by_one(launcher.kind)) is not None:
        problems.append(Problem("launcher", why))
    problems += check_search(search, composed[0].config)
    if problems:
        raise ConfigError(problems)
    return tuple(sorted(search.space))


def _contradictions(given: Sequence[Override]) -> list[Problem]:
    """Keys that the command line gives twice with different values; Hydra would take the last."""
    first: dict[str, Override] = {}
    found = []
    for one in given:
        key = str(one.get_key_element()).lstrip("+~")
        before = first.setdefault(key, one)
        if before is not one and before.value() != one.value():
            found.append(
                Problem(key, f"given twice: {before.input_line} and {one.input_line}; leave one of them out")
            )
    return found


def _swept_launcher(given: Sequence[Override]) -> list[Problem]:
    return [
        Problem(str(one.key_or_group), f"{one.input_line}: one sweep is launched one way; give one value")
        for one in given
        if of_launching(one) and one.is_sweep_override()
    ]


def _empty_axes(parsed: Sequence[Override]) -> list[Problem]:
    """Axes without a value: they would leave nothing to run."""
    found = []
    for one in parsed:
        key = str(one.key_or_group)
        if one.is_sweep_override():
            if next(iter(one.sweep_string_iterator()), None) is None:
                found.append(Problem(key, f"{one.input_line} has no values: nothing would be run"))
        elif one.value() == "" and not one.is_delete():
            found.append(Problem(key, f"{one.input_line!r} has no value: list some, or leave it out"))
    return found


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


def _composed(
    composer: Composer, batch: Sequence[tuple[str, ...]], listed_in: Mapping[str, str]
) -> list[Job]:
    jobs: list[Job] = []
    found: dict[Problem, list[int]] = {}
    for number, overrides in enumerate(batch):
        try:
            jobs.append(composer.job(overrides, several=True, listed_in=listed_in))
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

"""All config files of the project at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from atc.config.compose import Composer, single
from atc.config.launcher import LAUNCHING
from atc.config.misnamed import misnamed_files
from atc.config.plan import wrong_figure
from atc.config.plugins import PRESET_GROUPS, hypothesis
from atc.config.problems import ConfigError, Problem
from atc.config.sweep import expand


@dataclass(frozen=True)
class Check:
    """What was composed, and how it was found."""

    composed: str
    verdict: Literal["ok", "skip", "FAIL"]
    """`skip`: an option whose values are fine, but not beside the default ones of other groups."""
    why: str = ""


def check_presets(composer: Composer) -> Iterator[Check]:
    """Every experiment and every job of every sweep, and files of configs that nobody reads."""
    for why in misnamed_files(composer.root):
        yield Check(why.split(",")[0].removeprefix("found "), "FAIL", why)
    for name in composer.options("experiment"):
        yield _checked(composer, [f"+experiment={name}"], preset=("experiment", name))
    for name in composer.options("sweep"):
        yield _checked(composer, [f"+sweep={name}"], preset=("sweep", name), several=True)


def check_options(composer: Composer) -> Iterator[Check]:
    """Every option of every group in the default run, and every experiment with every data set."""
    for group in composer.groups():
        if "/" not in group and group not in PRESET_GROUPS:
            for option in composer.options(group):
                yield _checked(composer, [f"{group}={option}"], alone=True, several=group in LAUNCHING)
    for name in composer.options("experiment"):
        for data in composer.options("data"):
            yield _checked(composer, [f"+experiment={name}", f"data={data}"])


def _checked(
    composer: Composer,
    overrides: list[str],
    *,
    preset: tuple[str, str] | None = None,
    several: bool = False,
    alone: bool = False,
) -> Check:
    composed = " ".join(["-m", *overrides] if several else overrides)
    problems: list[Problem] = []
    try:
        if several:
            expand(composer, overrides)
        else:
            config = single(composer, overrides).config
            if preset is not None and (wrong := wrong_figure(config, of_this_run=True)):
                problems.append(Problem("plan.figure", wrong))
    except ConfigError as failure:
        problems += failure.problems
    if preset is not None and not hypothesis(composer.root, *preset):
        file = f"{preset[0]}s/{preset[1]}.yaml"
        problems.append(Problem(file, "the first line must be a comment that states the hypothesis"))
    why = "\n".join(map(str, problems))
    if not problems:
        return Check(composed, "ok")
    if alone and all(problem.combination for problem in problems):
        return Check(composed, "skip", f"valid, but not with the default options of the other groups:\n{why}")
    return Check(composed, "FAIL", why)

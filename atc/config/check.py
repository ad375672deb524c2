"""All config files of the project at once."""

from __future__ import annotations

from collections.abc import Iterator

from atc.config.compose import Composer, single
from atc.config.plugins import PRESET_GROUPS, hypothesis
from atc.config.problems import ConfigError, Problem
from atc.config.sweep import expand


def check_presets(composer: Composer) -> Iterator[tuple[str, str | None]]:
    """Every experiment and every job of every sweep: what was composed, and what is wrong, else None."""
    for name in composer.options("experiment"):
        yield _checked(composer, [f"+experiment={name}"], preset=("experiment", name))
    for name in composer.options("sweep"):
        yield _checked(composer, [f"+sweep={name}"], preset=("sweep", name), several=True)


def check_options(composer: Composer) -> Iterator[tuple[str, str | None]]:
    """Every option of every group in the default run, and every experiment with every data set."""
    for group in composer.groups():
        if "/" not in group and group not in PRESET_GROUPS:
            for option in composer.options(group):
                yield _checked(composer, [f"{group}={option}"])
    for name in composer.options("experiment"):
        for data in composer.options("data"):
            yield _checked(composer, [f"+experiment={name}", f"data={data}"])


def _checked(
    composer: Composer, overrides: list[str], *, preset: tuple[str, str] | None = None, several: bool = False
) -> tuple[str, str | None]:
    label = " ".join(["-m", *overrides] if several else overrides)
    problems: list[Problem] = []
    try:
        if several:
            expand(composer, overrides)
        else:
            single(composer, overrides)
    except ConfigError as failure:
        problems += failure.problems
    if preset is not None and not hypothesis(composer.root, *preset):
        file = f"{preset[0]}s/{preset[1]}.yaml"
        problems.append(Problem(file, "the first line must be a comment that states the hypothesis"))
    return label, "\n".join(map(str, problems)) or None

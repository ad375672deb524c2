"""What a sweep file lists: its axes or its search, which nothing may take away unseen."""

from __future__ import annotations

from collections.abc import Sequence

from hydra.core.override_parser.types import Override

from atc.config.compose import Composer, Job
from atc.config.diff import differences, plain
from atc.config.loader import AXIS_OF, Composition
from atc.config.problems import ConfigError, Problem
from atc.config.search import Search, words_alone

_NAMED = 3
"""Keys that a message names; to choose another option of a group sets many."""
_NO_SEARCH = (
    "is null, so nothing is searched, and the one job would open its holdout: give objective, trials and "
    "space, or run the experiment without the sweep"
)


def empty_search(search: Search | None, master: Composition) -> list[Problem]:
    """A section `search` without content."""
    return [Problem("search", _NO_SEARCH)] if search is None and "search" in master.launching else []


def demand_axes(master: Composition) -> None:
    """Raises `ConfigError` for a sweep file that lists nothing: some other run would start."""
    if (name := master.choices.get("sweep")) is not None:
        why = (
            f"sweeps/{name}.yaml lists no jobs: hydra.sweeper.params with keys and their values was "
            "expected, or a section `search`"
        )
        raise ConfigError([Problem("sweep", why)])


def deleted_axes(given: Sequence[Override], master: Composition) -> list[Problem]:
    """`~key` for an axis of the sweep file: it would take the key out of each job and leave all jobs, alike
    and so with open holdouts.
    """
    listed = {"search", *(word.lstrip("+") for word in master.sweep_params)}
    return [
        Problem(key, f"{one.input_line}: the sweep's jobs differ in it; give one value, or list no such axis")
        for one in given
        if one.is_delete() and (key := str(one.key_or_group)) in listed
    ]


def demand_words(composer: Composer, base: Job, master: Composition) -> None:
    """Raises `ConfigError` where the words of a trial alone make another config: the best trial is told by
    them, and what would be opened is another one's holdout.
    """
    try:
        alone = plain(composer.job(words_alone(base.overrides)).config)
        beside = [one.key for one in differences(alone, plain(base.config)) if one.key != "protocol.sealed"]
    except ConfigError:
        beside = ["keys without which there is no config"]
    if beside:
        name, keys = master.choices.get("sweep"), ", ".join(beside[:_NAMED])
        keys += f" and {len(beside) - _NAMED} more" if len(beside) > _NAMED else ""
        why = (
            f"{'the sweep' if name is None else f'sweeps/{name}.yaml'} sets {keys} beside its lists, which "
            "the words of a trial alone would not have: write it among hydra.sweeper.params"
        )
        raise ConfigError([Problem("search", why)])


def listed_in(master: Composition, given: Sequence[Override]) -> dict[str, str]:
    """Where keys come from that the sweep file lists and the command line does not give."""
    name = master.choices.get("sweep")
    if name is None:
        return {}
    told = {str(one.key_or_group).removeprefix("hydra.sweeper.params.").lstrip("+") for one in given}
    file = f"{AXIS_OF} sweeps/{name}.yaml"
    found = {}
    for word, value in master.sweep_params.items():
        if (key := word.lstrip("+~")) not in told:
            each = f"; for a job each write {value[1:-1]}, without brackets" if value[:1] == "[" else ""
            found[key] = f"{file}{each}"
    return found

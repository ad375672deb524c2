"""What a multirun may ask of Hydra's own section: ATC launches the jobs itself, and reads little of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hydra.core.override_parser.types import Override

from atc.config.loader import Composition
from atc.config.problems import Problem
from atc.errors import nearest

_READ: Mapping[str, Any] = {"mode": None, "sweeper": {"params": None}}
"""What a multirun takes from it."""
_PATHS = ("hydra.mode", "hydra.sweeper.params")
_INSTEAD = (
    "ATC launches the jobs of a multirun without Hydra, which would have read this: leave it out (folders: "
    "paths.outputs; jobs side by side: launcher=joblib)"
)


def unread_words(overrides: Sequence[Override]) -> list[Problem]:
    """Words for Hydra's launchers and sweepers, which ATC has in place of, and what Hydra would misread."""
    found = []
    for one in overrides:
        key = str(one.key_or_group)
        if key == "hydra/launcher":
            found.append(Problem(key, f"ATC launches the jobs itself: write launcher={one.value()}"))
        elif key == "hydra/sweeper":
            found.append(Problem(key, "ATC searches itself: a sweep file with a section `search` says how"))
        elif key.startswith(("hydra.", "hydra/")) and not any(
            key == known or key.startswith(f"{known}.") for known in _PATHS
        ):
            found.append(Problem(key, _INSTEAD))
        elif key.startswith("hydra.sweeper.params.") and one.is_sweep_override():
            word = str(one.input_line).lstrip("+").removeprefix("hydra.sweeper.params.")
            found.append(Problem(key, f"on the command line an axis is a word of its own: {word}"))
    return found


def unread_keys(composition: Composition) -> list[Problem]:
    """Keys of files that nobody would read: a misspelt list of axes would leave another experiment to run.

    What conf/config.yaml itself says to Hydra is for single runs, and stays.
    """
    found = []
    for key, why in _unread(composition.of_hydra, composition.of_hydra_by_default, _READ, "hydra"):
        file = composition.origin(key)
        found.append(Problem(key, f"{why} ({file})" if file else why))
    params = _section(composition.of_hydra, "sweeper").get("params")
    if params is not None and not isinstance(params, Mapping):
        why = f"found {params!r}; keys with their values were expected, such as model.num_leaves: 31,63"
        found.append(Problem("hydra.sweeper.params", why))
    for key, value in params.items() if isinstance(params, Mapping) else ():
        if isinstance(value, Mapping) and value:
            below, inner = next(iter(value.items()))
            word = f"{key}.{below}: {inner}"
            why = f"found {below} as a level below {key}; the key of an axis is one word: {word}"
            found.append(Problem(f"hydra.sweeper.params.{key}", why))
    return found


def _unread(
    said: Mapping[str, Any], by_default: Mapping[str, Any], read: Mapping[str, Any], above: str
) -> Iterator[tuple[str, str]]:
    for name, value in said.items():
        key = f"{above}.{name}"
        inner, default = read.get(name), by_default.get(name)
        if name in read and inner is None:
            continue
        if isinstance(value, Mapping) and (isinstance(inner, Mapping) or isinstance(default, Mapping)):
            yield from _unread(value, _section(by_default, name), _section(read, name), key)
        elif name not in by_default or value != default:
            yield key, f"{_INSTEAD}; {nearest(name, read)}" if read else _INSTEAD


def _section(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = values.get(name)
    return found if isinstance(found, Mapping) else {}

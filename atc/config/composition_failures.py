"""What Hydra, OmegaConf and YAML say of a config that cannot be composed, in words that name the way out."""

from __future__ import annotations

from collections.abc import Sequence

import yaml
from hydra.errors import OverrideParseException

from atc.config.root import ProjectRoot
from atc.errors import nearest

_FOLDERS = ("conf", "experiments", "sweeps")


def first_lines(failure: BaseException) -> str:
    """What is said, without the lines on the internals of who says it."""
    text = str(failure).strip() or (str(failure.__cause__).strip() if failure.__cause__ else "")
    lines = [line.strip() for line in text.splitlines()]
    kept = [
        line
        for line in lines
        if line and not line.startswith(("full_key:", "object_type=", "reference_type="))
    ]
    return "\n".join(kept) or type(failure).__name__


def unreadable(word: str, failure: OverrideParseException) -> str:
    """Why a word of the command line is no setting."""
    if word.endswith(","):
        return f"cannot read {word!r}: it ends in a comma, and another value was expected behind it"
    if "=" in word.strip("="):
        return f"cannot read {word!r} as key=value: {first_lines(failure)}"
    return f"cannot read {word!r}: expected key=value in one word, such as model.num_leaves=31"


def why_not_composed(failure: BaseException, root: ProjectRoot, groups: Sequence[str]) -> str:
    """Why the files and the command line give no config; `groups` are those that there are."""
    if isinstance(failure, yaml.MarkedYAMLError):
        return _not_yaml(failure, root)
    text = first_lines(failure)
    if isinstance(failure, UnicodeDecodeError):
        return _not_utf8(root) or text
    if text.startswith("Ambiguous value for argument '"):
        word = text.split("'")[1]
        key, _, value = word.partition("=")
        return (
            f"{word} has several values: add -m (--multirun) to run each, or make it a list: {key}=[{value}]"
        )
    if "appears more than once in the final defaults list" in text:
        text += "; a file that takes another option than the default one writes `- override /group: option`"
    if "No match in the defaults list" in text and "'" in text:
        word = text.split("Could not override '")[-1].partition("'")[0]
        text += f"\n{nearest(word.strip('/'), groups)}"
    return text


def _not_yaml(failure: yaml.MarkedYAMLError, root: ProjectRoot) -> str:
    """Where a file is no YAML, and why."""
    mark = failure.problem_mark or failure.context_mark
    found = ": ".join(str(part) for part in (failure.context, failure.problem) if part)
    if "'\\t'" in found:
        found = "there is a tab: YAML is indented with spaces"
    if mark is None:
        return found
    name = mark.name.removeprefix(f"{root.folder}/")
    return f"{name}, line {mark.line + 1}, column {mark.column + 1}: {found}"


def _not_utf8(root: ProjectRoot) -> str | None:
    """The first file of the configs that is not UTF-8, and where."""
    for file in (file for folder in _FOLDERS for file in sorted((root.folder / folder).rglob("*.yaml"))):
        content = file.read_bytes()
        try:
            content.decode("utf-8")
        except UnicodeDecodeError as failure:
            place = f"{file.relative_to(root.folder)}, line {content[: failure.start].count(10) + 1}"
            return f"{place}: byte 0x{content[failure.start]:02x} is no UTF-8: save the file as UTF-8"
    return None

"""What a difference of two configs changes: found by changing one key after the other and looking at the keys
of the stages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from atc.config.diff import Difference
from atc.config.schema import RunConfig
from atc.errors import AtcError
from atc.review.code import CodeDifference
from atc.review.code_stages import stages_of_code
from atc.review.keys import (
    CLASSES,
    EVENTS,
    FEATURES,
    JUDGED_ROWS,
    LABELS,
    OWN,
    Keys,
    RunKeys,
)

RUN_ID = "run id"
OF_CACHE = {EVENTS: "events", FEATURES: "feature cache", LABELS: "label cache"}
"""Files that a run of the right side has to make and a run of the left side has not made."""
OF_QUESTION = {CLASSES: "labels", JUDGED_ROWS: "judged rows"}
"""What makes figures of two runs those of two questions."""


def tagged(found: Sequence[Difference], left: RunConfig, right: RunConfig) -> list[Difference]:
    """`found` with what each of them changes on the way from `left` to `right`."""
    keys = Keys([left, right])
    return [replace(one, changes=_changes(one.key, left, right, keys)) for one in found]


def tagged_code(code: CodeDifference, right: RunConfig | None) -> Difference:
    """The code as a line among the differences, with what it changes for a run of `right`."""
    touched = {} if right is None else stages_of_code(code, right)
    caches = (tag for stage, tag in OF_CACHE.items() if stage in touched)
    sides = (code.left, code.right)
    return Difference("code", *sides, values=sides, changes=(RUN_ID, *caches))


def _changes(key: str, left: RunConfig, right: RunConfig, keys: Keys) -> tuple[str, ...]:
    """Of the left config with this one value of the right, or the other way about where that is no config."""
    for here, there, forward in ((left, right, True), (right, left, False)):
        try:
            changed = with_value_of(here, there, key)
            before, after = keys.of(here), keys.of(changed)
        except AtcError:
            continue
        return changes_between(before, after) if forward else changes_between(after, before)
    return (RUN_ID,)


def changes_between(before: RunKeys, after: RunKeys) -> tuple[str, ...]:
    """The tags of a change from one config's keys to another's."""
    if before.run == after.run:
        return ()
    above = [name for stage, name in OF_CACHE.items() if after.shared[stage] - before.shared[stage]]
    above += [name for part, name in OF_QUESTION.items() if after.other[part] != before.other[part]]
    if above:
        return (RUN_ID, *above)
    # The first part that changes is all that changes, with what follows of it.
    only = next((part for part in OWN if before.other[part] != after.other[part]), None)
    return (RUN_ID,) if only is None else (RUN_ID, f"{only} only")


def with_value_of(config: RunConfig, other: RunConfig, key: str) -> RunConfig:
    """`config` with the value that `key` has in `other`; where its section cannot have that alone, as with
    other kinds of models, with the whole section.
    """
    section, _, inside = key.partition(".")
    theirs = getattr(other, section)
    if inside:
        mine, value = getattr(config, section), theirs
        plain: dict[str, Any] = mine.model_dump(mode="json")
        try:
            value = _of(theirs.model_dump(mode="json"), inside)
            _put(plain, inside, value)
            kind: Any = RunConfig.model_fields[section].annotation
            theirs = TypeAdapter(kind).validate_python(plain)
        except (KeyError, TypeError, ValidationError):
            pass
    return config.model_copy(update={section: theirs})


def _of(values: Mapping[str, Any], path: str) -> Any:
    for part in path.split("."):
        values = values[part]
    return values


def _put(values: dict[str, Any], path: str, value: Any) -> None:
    *above, leaf = path.split(".")
    for part in above:
        values = values[part]
    if leaf not in values:
        raise KeyError(path)
    values[leaf] = value

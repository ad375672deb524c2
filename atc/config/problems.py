"""Validation failures as messages: the full key, what was found and expected, the nearest valid spelling."""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from atc.config.launcher import LAUNCHING
from atc.config.plugins import PRESET_GROUPS
from atc.config.schema import RunConfig
from atc.config.slices import Mismatch
from atc.errors import UsageError, nearest

Origin = Callable[[str], str | None]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong; `key` is empty where no key is to blame."""

    key: str
    message: str
    combination: bool = False
    """The values are fine alone and wrong together."""

    def __str__(self) -> str:
        return f"{self.key}: {self.message}" if self.key else self.message


class ConfigError(UsageError):
    """A wrong config; `problems` holds everything that was found, not only the first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(dict.fromkeys(problems))
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        body = "\n".join(f"  {str(p).replace(chr(10), chr(10) + '    ')}" for p in self.problems)
        super().__init__(f"config: {count}\n{body}")


def _alternatives(annotation: Any) -> Iterator[Any]:
    """The plain types that an annotation allows."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _alternatives(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for arg in get_args(annotation):
            yield from _alternatives(arg)
    else:
        yield annotation


def _kind(model: type[BaseModel]) -> str | None:
    field = model.model_fields.get("kind")
    return str(get_args(field.annotation)[0]) if field is not None else None


def model_of(annotation: Any, value: object) -> type[BaseModel] | None:
    """The model that `annotation` means for `value`: of a union the one whose `kind` the value has."""
    models = [a for a in _alternatives(annotation) if isinstance(a, type) and issubclass(a, BaseModel)]
    if len(models) > 1:
        kind = value.get("kind") if isinstance(value, Mapping) else None
        models = [m for m in models if _kind(m) == kind]
    return models[0] if models else None


def types_of(key: str, data: Mapping[str, object], root: type[BaseModel] = RunConfig) -> tuple[Any, ...]:
    """The plain types that the value of `key` may have in a config with the kinds of `data`, such as
    `float`; none of a key that it has not.
    """
    *above, leaf = key.split(".")
    parent = _parent(data, above, root)
    known = {} if parent is None else parent.model_fields
    return tuple(_alternatives(known[leaf].annotation)) if leaf in known else ()


def known_keys(
    data: Mapping[str, object], model: type[BaseModel] = RunConfig, prefix: str = ""
) -> Iterator[str]:
    """Every key that a config with the kinds of `data` can have."""
    for name, field in model.model_fields.items():
        yield f"{prefix}{name}"
        value = data.get(name)
        inner = model_of(field.annotation, value)
        if inner is not None:
            yield from known_keys(value if isinstance(value, Mapping) else {}, inner, f"{prefix}{name}.")


def _parent(
    data: Mapping[str, object], parts: Sequence[str], root: type[BaseModel]
) -> type[BaseModel] | None:
    model: type[BaseModel] | None = root
    value: object = data
    for part in parts:
        if model is None or part not in model.model_fields:
            return None
        value = value.get(part) if isinstance(value, Mapping) else None
        model = model_of(model.model_fields[part].annotation, value)
    return model


def _path(data: object, loc: Sequence[int | str]) -> list[str]:
    """The config's key of a pydantic location, which also names the chosen `kind` of each union."""
    parts: list[str] = []
    value = data
    for part in loc:
        if isinstance(value, Mapping):
            if part not in value and part == value.get("kind"):
                continue
            value = value.get(part)
        elif isinstance(value, list | tuple) and isinstance(part, int):
            value = value[part] if part < len(value) else None
        parts.append(str(part))
    return parts


def unknown_key(key: str, data: Mapping[str, object], root: type[BaseModel] = RunConfig) -> str:
    """What to write instead of `key`."""
    *above, leaf = key.split(".")
    parent = _parent(data, above, root)
    siblings = list(parent.model_fields) if parent is not None else []
    if not above:
        siblings += [*PRESET_GROUPS, *LAUNCHING]
    elsewhere = [k for k in known_keys(data, root) if k.rpartition(".")[2] == leaf]
    if elsewhere and leaf not in siblings:
        return f"unknown key; did you mean {' or '.join(repr(k) for k in elsewhere)}?"
    prefix = ".".join(above)
    of_kind = ""
    if parent is not None and (kind := _kind(parent)) is not None:
        of_kind = f" of {prefix} kind '{kind}'"
    clause = nearest(leaf, siblings)
    if prefix:
        clause = clause.replace("did you mean '", f"did you mean '{prefix}.", 1)
    return f"unknown key{of_kind}; {clause}"


def _expected(error: ErrorDetails) -> str:
    """Pydantic's sentence, without its opening."""
    message = error["msg"].removeprefix("Value error, ")
    message = message.replace("Input should be", "expected").split(", unable to parse")[0]
    message = re.sub(r"Decimal\('(.+)'\)", r"\1", message)
    kind = "date" if re.search(r" \d{4}-\d\d-\d\d$", message) else "number"
    return re.sub(r"^expected (greater|less)", rf"expected a {kind} \1", message)


def _literal_choices(data: Mapping[str, object], parts: Sequence[str], root: type[BaseModel]) -> list[str]:
    while parts and parts[-1].isdigit():
        parts = parts[:-1]
    parent = _parent(data, parts[:-1], root)
    field = parent.model_fields.get(parts[-1]) if parent is not None and parts else None
    if field is None:
        return []
    choices: list[str] = []
    pending = [field.annotation]
    while pending:
        annotation = pending.pop()
        if get_origin(annotation) is Literal:
            choices += [str(a) for a in get_args(annotation)]
        else:
            pending += [a for a in get_args(annotation) if get_origin(a) is not None]
    return choices


def _describe(
    error: ErrorDetails, data: Mapping[str, object], parts: Sequence[str], root: type[BaseModel]
) -> str:
    found = error["input"]
    context = error.get("ctx", {})
    text = f"found {found!r}, {_expected(error)}"
    match error["type"]:
        case "extra_forbidden":
            text = unknown_key(".".join(parts), data, root)
        case "missing":
            text = "needs a value"
        case "union_tag_not_found":
            text = f"no kind: choose an option of the group ({parts[-1]}=…) or set {'.'.join(parts)}.kind"
        case "union_tag_invalid":
            tags = [tag.strip("' ") for tag in str(context.get("expected_tags", "")).split(",")]
            text = f"found {context.get('tag')!r}; {nearest(str(context.get('tag')), tags)}"
        case "literal_error":
            text = f"found {found!r}; {nearest(str(found), _literal_choices(data, parts, root))}"
        case "string_pattern_mismatch":
            text = f"found {found!r}, expected a match of {context.get('pattern')}"
        case "value_error" if isinstance(found, Mapping):
            # Of a whole slice: the message names the values, the slice is too long to repeat.
            text = _expected(error)
    return text


def explain(
    failure: ValidationError,
    data: Mapping[str, object],
    origin: Origin,
    root: type[BaseModel] = RunConfig,
) -> list[Problem]:
    """One problem an error of pydantic in judging `data` as a `root`; `origin` tells the file or override
    that a key came from.
    """
    problems = []
    for error in failure.errors(include_url=False):
        parts = _path(data, error["loc"])
        mismatch = error.get("ctx", {}).get("error")
        if isinstance(mismatch, Mismatch):
            for key, message in mismatch.found:
                problems.append(Problem(key, message + _from(origin(key)), combination=True))
            continue
        if error["type"] == "union_tag_invalid":
            parts.append("kind")
        key = ".".join(parts)
        problems.append(Problem(key, _describe(error, data, parts, root) + _from(origin(key))))
    return problems


def _from(source: str | None) -> str:
    return f" ({source})" if source else ""

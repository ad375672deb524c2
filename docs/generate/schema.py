"""A pydantic schema as a list of keys: name, type, default, range, and the words below the field."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from itertools import pairwise
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import BaseModel, StringConstraints
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

Model = type[BaseModel]

_PLAIN = {
    **{bool: "true or false", int: "whole number", float: "number", str: "text", Decimal: "decimal"},
    date: "date",
}


@dataclass(frozen=True)
class Key:
    """One key of the config."""

    name: str
    """From the group on: `trainer.num_threads`; `fees[].taker_bps` of each entry of a list."""
    kind: str
    default: str
    """As YAML; empty where it has to be given."""
    bounds: str
    text: str


def variants_of(annotation: Any) -> tuple[Model, ...]:
    """The slices that a field may be, in order; none of a plain value."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return (annotation,)
    return tuple(dict.fromkeys(one for inner in get_args(annotation) for one in variants_of(inner)))


def keys_of(model: Model, pages: Mapping[Model, str], prefix: str = "") -> Iterator[Key]:
    """The keys of a slice and of what it holds, except of slices that have a page of their own."""
    told = words_below(model)
    for name, field in model.model_fields.items():
        key, text = f"{prefix}{name}", told.get(name, "")
        inside = variants_of(field.annotation)
        if inside and inside[0] in pages:
            yield Key(key, f"see [{pages[inside[0]]}]({pages[inside[0]]}.md)", "", "", text)
        elif inside:
            entries = ""
            if get_origin(field.annotation) is tuple:
                entries = "[]"
                yield Key(key, "list", default_of(field), "", text)
            elif get_origin(field.annotation) is dict:
                entries = ".<key>"
                yield Key(key, "section, an entry a key", default_of(field), "", text)
            elif type(None) in get_args(field.annotation):
                yield Key(key, "section or `null`", default_of(field), "", text)
            for variant in inside:
                below = list(keys_of(variant, pages, f"{key}{entries}."))
                if len(inside) > 1:
                    kind = next(one.kind for one in below if one.name.endswith(".kind"))
                    below = [Key(k.name, k.kind, k.default, k.bounds, _of(kind, k)) for k in below]
                yield from below
        else:
            kind, bounds = words(field.annotation, field.metadata)
            yield Key(key, kind, default_of(field), bounds, text)


def _of(kind: str, key: Key) -> str:
    return key.text if key.name.endswith(".kind") else f"of {kind}: {key.text}".rstrip(": ")


def default_of(field: FieldInfo) -> str:
    """The default as YAML has it; empty for a field that has to be given."""
    if field.default is PydanticUndefined:
        return ""
    return as_yaml(field.default)


def as_yaml(value: Any) -> str:
    """A plain value as a config spells it."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case Decimal():
            return format(value.normalize(), "f")
        case tuple() | list():
            return f"[{', '.join(map(as_yaml, value))}]"
        case _:
            return str(value)


def words(annotation: Any, metadata: tuple[Any, ...] | list[Any] = ()) -> tuple[str, str]:
    """A type in words, and its range."""
    kind, inner = _type(Annotated[annotation, *metadata]) if metadata else _type(annotation)
    return kind, ", ".join(dict.fromkeys(inner))


def _type(annotation: Any) -> tuple[str, list[str]]:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        kind, inner = _type(arguments[0])
        constraints = [one for one in arguments[1:] if isinstance(one, StringConstraints)]
        if any(one.pattern for one in constraints):
            kind = "name"
        return kind, [*inner, *_bounds(arguments[1:])]
    if origin is Literal:
        return " · ".join(f"`{as_yaml(value)}`" for value in arguments), []
    if origin in (Union, UnionType):
        found = [_type(one) for one in arguments if one is not type(None)]
        names = [kind for kind, _ in found] + (["`null`"] if type(None) in arguments else [])
        return " or ".join(names), [bound for _, bounds in found for bound in bounds]
    if origin is tuple:
        kind, inner = _type(arguments[0])
        if arguments[-1] is Ellipsis:
            return f"list of: {kind}", [f"each {bound}" for bound in inner]
        return f"list of {len(arguments)}: {kind}", [f"each {bound}" for bound in inner]
    return _PLAIN.get(annotation, getattr(annotation, "__name__", str(annotation)).lower()), []


def _bounds(metadata: Any) -> Iterator[str]:
    for one in metadata:
        match one:
            case FieldInfo():
                yield from _bounds(one.metadata)
            case Ge():
                yield f"≥ {_number(one.ge)}"
            case Gt():
                yield f"> {_number(one.gt)}"
            case Le():
                yield f"≤ {_number(one.le)}"
            case Lt():
                yield f"< {_number(one.lt)}"
            case MinLen(min_length=least) if least:
                yield f"at least {least} long"
            case MaxLen():
                yield f"at most {one.max_length} long"
            case StringConstraints():
                yield from (f"matches `{one.pattern}`" for _ in [0] if one.pattern)
                yield from (f"at most {one.max_length} characters" for _ in [0] if one.max_length)
                yield from ("not empty" for _ in [0] if one.min_length)


def _number(value: Any) -> str:
    if isinstance(value, int) and value > 1_000_000 and value & (value - 1) == 0:
        return "2" + str(value.bit_length() - 1).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}".replace("-", "−")
    return f"{value:g}" if isinstance(value, float) else str(value)


@cache
def words_below(of: type) -> dict[str, str]:
    """The string below each field of a class, those of the classes that it is made of included."""
    found: dict[str, str] = {}
    for base in reversed(of.__mro__):
        if not base.__module__.startswith("atc."):
            continue
        try:
            source = textwrap.dedent(inspect.getsource(base))
        except (OSError, TypeError):
            continue  # made at run time
        parsed = ast.parse(source).body[0]
        if not isinstance(parsed, ast.ClassDef):
            continue
        for field, after in pairwise(parsed.body):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(after, ast.Expr)
                and isinstance(after.value, ast.Constant)
                and isinstance(after.value.value, str)
            ):
                found[field.target.id] = inspect.cleandoc(after.value.value)
    return found

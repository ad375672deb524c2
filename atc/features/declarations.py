"""The declarations of the columns, made once in Rust, as Python sees them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from atc.errors import UsageError, nearest


@dataclass(frozen=True)
class Declaration:
    """One column: what it is called, what it means, what it is made from."""

    schema: str
    """The schema that it is computed, versioned and cached with."""
    name: str
    family: str
    inputs: str
    """Event kinds, or `clock` for time alone."""
    window_s: int | None
    """How far it looks back, s; None for the current state."""
    unit: str
    formula: str
    source: str


@dataclass(frozen=True)
class Schema:
    """A group of columns that is computed, versioned and cached as one."""

    name: str
    version: int
    """Raised with every change of what one of its columns means or how it is computed."""
    columns: tuple[str, ...]
    code: str
    """Digest of the code behind its columns, comments and layout left out."""
    lookback_s: int
    """Its longest declared window, s."""


@cache
def schemas() -> tuple[Schema, ...]:
    """All schemas in the order of a row."""
    from atc import _rust

    return tuple(Schema(**{**item, "columns": tuple(item["columns"])}) for item in _rust.feature_schemas())


def schema_named(name: str) -> Schema:
    """The schema called `name`. Raises UsageError with the nearest name."""
    for schema in schemas():
        if schema.name == name:
            return schema
    raise UsageError(f"there is no feature schema '{name}'; {nearest(name, (s.name for s in schemas()))}")


def schemas_of(columns: Iterable[str]) -> tuple[Schema, ...]:
    """The schemas that `columns` belong to, in order."""
    wanted = set(columns)
    return tuple(schema for schema in schemas() if wanted.intersection(schema.columns))


@cache
def declarations() -> tuple[Declaration, ...]:
    """All columns in the order of a cached row."""
    from atc import _rust

    return tuple(Declaration(**item) for item in _rust.feature_declarations())


@cache
def known_columns() -> tuple[str, ...]:
    """The names of all columns, in order."""
    return tuple(item.name for item in declarations())


@cache
def known_families() -> tuple[str, ...]:
    """The names of all families, in the order of their first column."""
    return tuple(dict.fromkeys(item.family for item in declarations()))


def feature_schema(columns: Iterable[str]) -> str:
    """The schemas of `columns` with their versions, as records and models name them: `core-1+ofi-1`."""
    return "+".join(f"{schema.name}-{schema.version}" for schema in schemas_of(columns))


def label_schema() -> str:
    """Version of the label definitions."""
    from atc import _rust

    return f"labels-{_rust.LABEL_SCHEMA_VERSION}"

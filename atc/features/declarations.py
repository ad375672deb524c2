"""The declarations of the columns, made once in Rust, as Python sees them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True)
class Declaration:
    """One column: what it is called, what it means, what it is made from."""

    name: str
    family: str
    inputs: str
    """Event kinds, or `clock` for time alone."""
    window_s: int | None
    """How far it looks back, s; None for the current state."""
    unit: str
    formula: str
    source: str


@cache
def declarations() -> tuple[Declaration, ...]:
    """All columns in the order of a cached row."""
    from atc import _rust

    return tuple(Declaration(**item) for item in _rust.feature_declarations())


@cache
def known_columns() -> tuple[str, ...]:
    """The names of all columns, in order."""
    return tuple(item.name for item in declarations())


def feature_schema() -> str:
    """Version of the feature definitions, as records and models name it."""
    from atc import _rust

    return f"features-{_rust.FEATURE_SCHEMA_VERSION}"


def label_schema() -> str:
    """Version of the label definitions."""
    from atc import _rust

    return f"labels-{_rust.LABEL_SCHEMA_VERSION}"

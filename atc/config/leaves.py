"""A config as dotted keys and their values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Key and value of every leaf in the order of `values`, such as `model.num_leaves` and 31.

    A list is a value as it is, null too; a mapping with nothing in it has no leaf. `prefix` stands before
    each key.
    """
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value

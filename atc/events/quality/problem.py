"""A broken promise: where, what was found, what was expected; and how rows that break one are told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

SHOWN = 5
"""Rows of one kind of finding that are told one by one; the rest is counted."""


@dataclass(frozen=True)
class Problem:
    """One broken promise."""

    file: str
    row: int | None
    found: str
    expected: str
    count: int = 1
    """Rows that it stands for."""

    def __str__(self) -> str:
        place = self.file if self.row is None else f"{self.file}:{self.row}"
        return f"{place}: found {self.found}; expected {self.expected}"


def numbers(table: pa.Table, column: str) -> npt.NDArray[np.int64]:
    """A column without nulls."""
    import numpy as np

    return np.asarray(table[column].to_numpy(), dtype=np.int64)


def filled(table: pa.Table, column: str, null: int) -> npt.NDArray[np.int64]:
    """A column with `null` where it has none."""
    import numpy as np
    import pyarrow.compute as pc

    return np.asarray(pc.fill_null(table[column], null).to_numpy(), dtype=np.int64)


def told(name: str, rows: npt.NDArray[Any], found: Any, expected: str) -> Iterator[Problem]:
    """The first of `rows` by themselves, the rest counted; `found` says what is in a row."""
    for row in rows[:SHOWN].tolist():
        yield Problem(name, row, found(row), expected)
    if len(rows) > SHOWN:
        more = len(rows) - SHOWN
        yield Problem(name, None, f"{more} more such rows", expected, more)

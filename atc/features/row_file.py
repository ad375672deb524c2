"""What is known of the rows of many days beside their inputs (keys, times, returns) in a file that is read
where it lies.

Columns lie one after the other, each whole and at a multiple of 64 bytes, so a run maps them all and holds
none. Behind them stands what they are: name, type and place of each, a CRC-32 of it, and the cached files of
each day that they were copied from.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np

from atc.features.day_file import Damaged
from atc.features.file_end import opened, packed_end, read_end
from atc.features.matrix_file import MatrixDay, bytes_of, days_content, days_of_content, key_of, reserve

FORMAT = 1
ENDING = ".rows"
_MARK = b"atc-rows-001"
_STEP = 64
"""Bytes: a column begins at a multiple of it."""

Column = np.ndarray[Any, Any]
Columns = dict[str, Column]
"""By name (n,), or (n, width)."""


@dataclass(frozen=True)
class RowColumn:
    """One column of the rows."""

    name: str
    dtype: str
    """As NumPy writes it, with the order of its bytes: `<i8`."""
    width: int | None = None
    """Values a row; None: one, in a column (n,)."""

    def shape(self, rows: int) -> tuple[int, ...]:
        """Of so many rows."""
        return (rows,) if self.width is None else (rows, self.width)

    @property
    def row_bytes(self) -> int:
        """Of one row."""
        return np.dtype(self.dtype).itemsize * (1 if self.width is None else self.width)


@dataclass(frozen=True)
class RowPlan:
    """All that decides what is in the file."""

    columns: tuple[RowColumn, ...]
    days: tuple[MatrixDay, ...]
    """In order; a key of a file stands for its rows, its events and its formulas."""
    picked: str = ""
    """Which rows of the days' files these are, as a digest; empty: all."""

    @cached_property
    def key(self) -> str:
        """Digest of all that decides the values; the name of the file."""
        columns: Any = self._columns_content
        return key_of(FORMAT, [*columns, self.picked] if self.picked else columns, self.days)

    @property
    def rows(self) -> int:
        """Of all days."""
        return sum(each.rows for each in self.days)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, and columns of any width."""
        return self.rows, len(self.columns)

    @property
    def offsets(self) -> tuple[int, ...]:
        """Where each column begins, and the last one ends, in bytes."""
        found = [0]
        for column in self.columns:
            found.append(-(-(found[-1] + self.rows * column.row_bytes) // _STEP) * _STEP)
        return tuple(found)

    @property
    def bytes(self) -> int:
        """Of the values."""
        return self.offsets[-1]

    @property
    def _columns_content(self) -> list[list[str | int | None]]:
        return [[column.name, column.dtype, column.width] for column in self.columns]

    def content(self, checksums: Iterable[int]) -> dict[str, Any]:
        """For the manifest; `checksums` of the columns."""
        return {
            "columns": [
                {
                    "name": column.name,
                    "dtype": column.dtype,
                    "width": column.width,
                    "offset": at,
                    "crc32": crc,
                }
                for column, at, crc in zip(self.columns, self.offsets[:-1], checksums, strict=True)
            ],
            "days": days_content(self.days),
            **({"picked": self.picked} if self.picked else {}),
        }


def empty_columns(plan: RowPlan) -> Columns:
    """The columns of `plan`, not filled, as memory of this process."""
    return {column.name: np.empty(column.shape(plan.rows), column.dtype) for column in plan.columns}


def columns_in_memory(plan: RowPlan, values: Iterator[Columns]) -> Columns:
    """The columns of `plan` as memory of this process; `values`: those of each day."""
    whole = empty_columns(plan)
    start = 0
    for day, of_day in zip(plan.days, values, strict=True):
        for name, column in whole.items():
            column[start : start + day.rows] = of_day[name]
        start += day.rows
    return whole


def write_columns(part: Path, plan: RowPlan, values: Iterable[Columns]) -> None:
    """Write the columns of `plan` to `part`; `values`: those of each day. Raises OSError, of a full disk
    before a value is written where the file system can tell.
    """
    checksums = [0] * len(plan.columns)
    with part.open("wb") as file:
        reserve(file, plan.bytes)
        start = 0
        for day, of_day in zip(plan.days, values, strict=True):
            for number, column in enumerate(plan.columns):
                found = of_day[column.name]
                if found.shape != column.shape(day.rows) or found.dtype != np.dtype(column.dtype):
                    raise ValueError(
                        f"{day.day}: {column.name} is {found.dtype} {found.shape}, {column.dtype} "
                        f"{column.shape(day.rows)} was expected"
                    )
                content = bytes_of(np.ascontiguousarray(found))
                file.seek(plan.offsets[number] + start * column.row_bytes)
                file.write(content)
                checksums[number] = zlib.crc32(content, checksums[number])
            start += day.rows
        # Where the file system could not reserve, what is between the columns is not there yet.
        file.truncate(plan.bytes)
        file.seek(plan.bytes)
        file.write(packed_end(plan.content(checksums), _MARK))


@dataclass(frozen=True)
class RowFile:
    """A file and what it says of itself."""

    path: Path
    plan: RowPlan
    checksums: tuple[int, ...]
    """Of each column."""

    def columns(self) -> Columns:
        """The columns, memory-mapped: no memory of the process but what it changes, which the file never
        sees.

        Every value is read once against the checksums. Raises Damaged.
        """
        plan = self.plan
        if plan.bytes == 0:
            return empty_columns(plan)
        mapped = np.asarray(np.memmap(self.path, dtype=np.uint8, mode="c", shape=(plan.bytes,)))
        found: Columns = {}
        for column, offset, checksum in zip(plan.columns, plan.offsets[:-1], self.checksums, strict=True):
            values = mapped[offset : offset + plan.rows * column.row_bytes]
            if zlib.crc32(values.data) != checksum:
                raise Damaged(f"column {column.name} is not what was written")
            found[column.name] = values.view(column.dtype).reshape(column.shape(plan.rows))
        return found


def read_row_file(path: Path) -> RowFile:
    """What the file at `path` says of itself, without its values. Raises FileNotFoundError, and Damaged for
    one that is not whole.
    """
    with opened(path) as file:
        return _read(path, file)


def _read(path: Path, file: IO[bytes]) -> RowFile:
    content, before = read_end(file, _MARK)
    columns = tuple(RowColumn(each["name"], each["dtype"], each["width"]) for each in content["columns"])
    plan = RowPlan(columns, days_of_content(content["days"]), content.get("picked", ""))
    if plan.key != path.stem:
        raise ValueError(f"its manifest has the key {plan.key}")
    if before != plan.bytes:
        raise ValueError(f"{before} bytes are not those of {plan.rows:,} rows")
    return RowFile(path, plan, tuple(each["crc32"] for each in content["columns"]))

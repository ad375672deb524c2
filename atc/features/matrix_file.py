"""The rows of many days as one float32 matrix in a file that is read where it lies.

NumPy's own format (`numpy.load(..., mmap_mode="r")` reads it), behind whose values stands what they are: the
columns, and of each day the cached files that it was copied from and a CRC-32 of its rows.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from atc.features.day_file import Damaged
from atc.features.file_end import opened, packed_end, read_end

FORMAT = 1
ENDING = ".npy"
_MARK = b"atc-matrix-1"


@dataclass(frozen=True)
class MatrixDay:
    """The rows of one business day."""

    day: date
    rows: int
    files: Mapping[str, str]
    """By schema the key of the cached file."""


@dataclass(frozen=True)
class MatrixPlan:
    """All that decides the values of a matrix."""

    columns: tuple[str, ...]
    days: tuple[MatrixDay, ...]
    """In order; a key of a file stands for its events, its sampling and its formulas."""

    @cached_property
    def key(self) -> str:
        """Digest of all that decides the values; the name of the file."""
        return key_of(FORMAT, self.columns, self.days)

    @property
    def shape(self) -> tuple[int, int]:
        """(n, k)."""
        return sum(each.rows for each in self.days), len(self.columns)

    @property
    def bytes(self) -> int:
        """Of the values."""
        rows, columns = self.shape
        return rows * columns * 4


def key_of(format_number: int, columns: Any, days: Iterable[MatrixDay]) -> str:
    """The name of a file of `days` in that format."""
    told = [[str(each.day), each.rows, sorted(each.files.items())] for each in days]
    content = json.dumps([format_number, columns, told]).encode()
    return hashlib.sha256(content).hexdigest()[:24]


def write_matrix(part: Path, plan: MatrixPlan, values: Iterable[NDArray[np.float32]]) -> None:
    """Write the matrix of `plan` to `part`; `values` (rows, k) of each day. Raises OSError, of a full disk
    before a value is written where the file system can tell.
    """
    checksums = []
    with part.open("wb") as file:
        file.write(_header(plan))
        reserve(file, file.tell() + plan.bytes)
        for day, rows in zip(plan.days, values, strict=True):
            if rows.shape != (day.rows, len(plan.columns)) or rows.dtype != np.float32:
                raise ValueError(f"{day.day}: {rows.dtype} {rows.shape}, {day.rows} rows were expected")
            content = bytes_of(np.ascontiguousarray(rows))
            file.write(content)
            checksums.append(zlib.crc32(content))
        days = [
            each | {"crc32": checksum}
            for each, checksum in zip(days_content(plan.days), checksums, strict=True)
        ]
        file.write(packed_end({"columns": plan.columns, "days": days}, _MARK))


def bytes_of(values: np.ndarray[Any, Any]) -> memoryview:
    """The values of a C-contiguous array, where they lie."""
    return values.reshape(-1).view(np.uint8).data


def reserve(file: IO[bytes], size: int) -> None:
    """Takes `size` bytes of the disk for `file`. Raises OSError of a full one, where the file system can
    tell.
    """
    file.flush()
    try:
        os.posix_fallocate(file.fileno(), 0, size)
    except OSError as why:
        if why.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise
        # The file system cannot: a full disk shows at a later write.


def _header(plan: MatrixPlan) -> bytes:
    """How a file of NumPy begins."""
    found = io.BytesIO()
    content = {"descr": "<f4", "fortran_order": False, "shape": plan.shape}
    np.lib.format.write_array_header_1_0(found, content)
    return found.getvalue()


def days_content(days: Iterable[MatrixDay]) -> list[dict[str, Any]]:
    """`days`, for a manifest."""
    return [{"day": str(each.day), "rows": each.rows, "files": dict(each.files)} for each in days]


def days_of_content(content: Iterable[Mapping[str, Any]]) -> tuple[MatrixDay, ...]:
    """The inverse of `days_content`. Raises KeyError, TypeError or ValueError for other content."""
    return tuple(MatrixDay(date.fromisoformat(each["day"]), each["rows"], each["files"]) for each in content)


@dataclass(frozen=True)
class MatrixFile:
    """A file and what it says of itself."""

    path: Path
    plan: MatrixPlan
    checksums: tuple[int, ...]
    """Of each day's rows."""
    offset: int
    """Where the values begin."""

    def values(self) -> NDArray[np.float32]:
        """(n, k), memory-mapped: no memory of the process but what it changes, which the file never sees.

        Every row is read once against the checksums. Raises Damaged.
        """
        rows, columns = self.plan.shape
        if rows * columns == 0:
            return np.empty(self.plan.shape, dtype=np.float32)
        mapped = np.asarray(
            np.memmap(self.path, dtype=np.float32, mode="c", offset=self.offset, shape=(rows, columns))
        )
        start = 0
        for day, checksum in zip(self.plan.days, self.checksums, strict=True):
            if zlib.crc32(bytes_of(mapped[start : start + day.rows])) != checksum:
                raise Damaged(f"the rows of {day.day} are not those that were written")
            start += day.rows
        return mapped


def read_matrix(path: Path) -> MatrixFile:
    """What the file at `path` says of itself, without its values. Raises FileNotFoundError, and Damaged for
    one that is not whole.
    """
    with opened(path) as file:
        return _read(path, file)


def _read(path: Path, file: IO[bytes]) -> MatrixFile:
    content, before = read_end(file, _MARK)
    plan = MatrixPlan(tuple(content["columns"]), days_of_content(content["days"]))
    if plan.key != path.stem:
        raise ValueError(f"its manifest has the key {plan.key}")
    header = _header(plan)
    file.seek(0)
    if file.read(len(header)) != header:
        raise ValueError(f"it does not begin as a matrix of {plan.shape[0]:,} rows does")
    if before != len(header) + plan.bytes:
        raise ValueError(f"{before} bytes are not those of {plan.shape[0]:,} rows")
    return MatrixFile(path, plan, tuple(each["crc32"] for each in content["days"]), len(header))


def in_memory(plan: MatrixPlan, values: Iterator[NDArray[np.float32]]) -> NDArray[np.float32]:
    """(n, k) the matrix of `plan` as memory of this process."""
    whole = np.empty(plan.shape, dtype=np.float32)
    start = 0
    for day, rows in zip(plan.days, values, strict=True):
        whole[start : start + day.rows] = rows
        start += day.rows
    return whole

"""What all runs of the same rows share: their inputs as one matrix, and what else is known of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from atc.features import matrix_file, row_file
from atc.features.matrix_file import MatrixPlan, in_memory, read_matrix, write_matrix
from atc.features.row_file import Columns, RowPlan, columns_in_memory, read_row_file, write_columns
from atc.features.shared_file import shared_file

MATRICES = "matrices"
"""The folder of the cache, beside `features` and `labels`."""

Days = Callable[[], Iterator[NDArray[np.float32]]]
"""Gives the rows (n, k) of each day of a plan, in order."""


def shared_matrix(folder: Path, plan: MatrixPlan, days: Days) -> NDArray[np.float32]:
    """The matrix of `plan` in `folder`, memory-mapped, built by `days` unless it is there and whole.

    One process builds, others wait for it. In a cache that cannot be written it is memory of this process.
    Raises DataError, naming place and size, where the disk is full.
    """
    rows, columns = plan.shape
    return shared_file(
        folder / f"{plan.key}{matrix_file.ENDING}",
        name="the matrix",
        size=f"of {rows:,} rows × {columns} columns",
        read=lambda path: read_matrix(path).values(),
        write=lambda part: write_matrix(part, plan, days()),
        instead=lambda: in_memory(plan, days()),
        bytes_=plan.bytes,
    )


def shared_columns(folder: Path, plan: RowPlan, days: Callable[[], Iterator[Columns]]) -> Columns:
    """The columns of `plan` in `folder`, as `shared_matrix` keeps a matrix; `days` gives those of each
    day.
    """
    return shared_file(
        folder / f"{plan.key}{row_file.ENDING}",
        name="what is known of the rows",
        size=f"({plan.rows:,})",
        read=lambda path: read_row_file(path).columns(),
        write=lambda part: write_columns(part, plan, days()),
        instead=lambda: columns_in_memory(plan, days()),
        bytes_=plan.bytes,
    )

"""Rows, labels and weights handed to LightGBM without a copy of the matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from atc.models.base import CHUNK_ROWS
from atc.protocol.row_runs import Matrix, RowRuns

if TYPE_CHECKING:
    import lightgbm

COPIED = 1 << 24
"""Values (64 MiB) up to which picked columns are copied: of a sequence LightGBM asks for its sample row by
row, 200,000 times, which takes a second of Python.
"""


def lightgbm_rows(x: Matrix) -> Any:
    """`x` as `lightgbm.Dataset` reads it: it samples 200 000 rows for the bin edges, then bins all of them.

    A matrix as it is; runs of whole rows as a list of views; picked columns as a copy where they are few,
    else as a sequence that LightGBM asks for one chunk at a time. The bins are the same whichever it is.
    """
    if not isinstance(x, RowRuns):
        return x
    pieces = x.pieces
    if pieces is not None:
        return pieces
    return x[:] if len(x) * x.shape[1] <= COPIED else _sequence(x)


def dataset_type() -> type[lightgbm.Dataset]:
    """`lightgbm.Dataset`, but that it knows `min_child_samples` whatever its rows come as.

    LightGBM leaves out columns of which no split has so many rows on both sides. Of a sequence it is told the
    20 of its defaults and not what was set, so trees on a sequence would draw from more columns than trees on
    the same rows as a matrix.
    """
    import lightgbm

    class Dataset(lightgbm.Dataset):
        def get_params(self) -> dict[str, Any]:
            told: dict[str, Any] = super().get_params()
            least = (self.params or {}).get("min_child_samples")
            return told if least is None else {**told, "min_child_samples": least}

    return Dataset


def run_of(column: NDArray[Any]) -> NDArray[Any]:
    """A column (n,) as a run of memory, for LightGBM warns of another: one that lies beside those of other
    heads is copied, else it is given back.
    """
    return np.ascontiguousarray(column)


def _sequence(x: RowRuns) -> Any:
    import lightgbm

    class Chunks(lightgbm.Sequence):
        """Rows of picked columns, a chunk at a time."""

        batch_size = CHUNK_ROWS

        def __len__(self) -> int:
            return len(x)

        def __getitem__(self, index: int | slice | list[int]) -> NDArray[np.float64]:
            if isinstance(index, slice):
                rows = x[index]
            elif isinstance(index, list):
                rows = x[np.array(index, dtype=np.int64)]
            else:
                rows = x[int(index) : int(index) + 1][0]
            return np.asarray(rows, dtype=np.float64)

    return Chunks()

"""Rows that a model is asked about, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atc.models.base import Model
from atc.protocol.row_runs import FloatMatrix, Matrix, Rows
from atc.protocol.row_windows import RowWindows

Values = NDArray[np.float32]
"""(n, length, k): the inputs of n rows, NaN for null; of a model of rows the length is 1."""
Answers = NDArray[np.float64]
"""(n, m): what the model says of each row."""
Response = Callable[[Values], Answers]
"""A row's answers depend on it alone."""

CHUNK_VALUES = 40_000_000
"""Inputs that are held at once, 160 MB."""


def values_of(x: Matrix, rows: Rows) -> Values:
    """The inputs of some `rows` (positions) of `x`; of the ends of windows the whole windows."""
    if isinstance(x, RowWindows):
        return x.windows(rows)
    return np.ascontiguousarray(x[rows])[:, None, :]


def matrix_of(values: Values) -> Matrix:
    """The same as models take them."""
    n, length, k = values.shape
    flat: FloatMatrix = np.ascontiguousarray(values.reshape(n * length, k))
    if length == 1:
        return flat
    return RowWindows.ending_at(flat, np.arange(length - 1, n * length, length), length)


def scores_of(model: Model) -> Response:
    """What `model` predicts, (n, columns)."""
    return lambda values: model.predict(matrix_of(values))


@dataclass(frozen=True)
class Asked:
    """A response on rows, with the names of its inputs."""

    response: Response
    values: Values
    features: tuple[str, ...]

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.values)

    @property
    def is_of_rows(self) -> bool:
        """Whether a row is one value of each input, so that one may be set."""
        return int(self.values.shape[1]) == 1

    def column(self, feature: int) -> NDArray[np.float32]:
        """(n,) the latest value of an input."""
        return self.values[:, -1, feature]

    def take(self, rows: int) -> Asked:
        """At most so many of the rows, evenly spaced."""
        chosen = spaced(self.n_rows, rows)
        return Asked(self.response, self.values[chosen], self.features)

    def with_inputs_of(self, other: Rows, features: Sequence[int]) -> Answers:
        """(n, m) the answers where each row has these `features` of the row `other` (n,), else its own."""
        values = self.values.copy()
        for feature in features:
            values[:, :, feature] = self.values[other, :, feature]
        return self.response(values)

    def with_values(self, features: Sequence[int], points: NDArray[np.float32]) -> Answers:
        """(points, n, m) the answers where all rows have the values of a point (points, features)."""
        if not self.is_of_rows:
            raise ValueError("an input of a window is a path, not a value that could be set")
        row = self.values[:, 0, :]
        step = max(1, CHUNK_VALUES // row.size)
        found = []
        for start in range(0, len(points), step):
            some = points[start : start + step]
            repeated = np.repeat(row[None], len(some), axis=0)
            repeated[:, :, list(features)] = some[:, None, :]
            answers = self.response(repeated.reshape(-1, 1, row.shape[1]))
            found.append(answers.reshape(len(some), len(row), -1))
        return np.concatenate(found)


def spaced(count: int, most: int) -> Rows:
    """Positions of at most `most` of `count` rows, evenly spaced."""
    if count <= most:
        return np.arange(count, dtype=np.int64)
    return (np.arange(most, dtype=np.int64) * count) // most

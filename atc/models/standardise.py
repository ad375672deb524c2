"""Inputs of linear models: standardised on the training rows, null → mean, clipped (SPEC 4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from atc.models.base import CHUNK_ROWS
from atc.protocol.row_runs import FloatMatrix, Matrix

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Standardiser:
    """(x − mean)/std, 0 for null, clipped to ±`clip`. A column without spread gives 0 whatever comes."""

    mean: Vector
    """(k,); 0 for a column that was null throughout."""
    std: Vector
    """(k,) with divisor n; 0 for a column that was null throughout or constant."""
    clip: float

    @property
    def active(self) -> NDArray[np.bool_]:
        """(k,) the columns that carry information."""
        return self.std > 0.0

    def content(self, features: Sequence[str]) -> dict[str, Any]:
        """As plain values, for JSON: `clip`, and the `inputs` with their names; `of_content` reads them."""
        columns = zip(features, self.mean.tolist(), self.std.tolist(), strict=True)
        inputs = [{"feature": name, "mean": mean, "std": std} for name, mean, std in columns]
        return {"clip": self.clip, "inputs": inputs}

    @classmethod
    def of_content(cls, content: Mapping[str, Any]) -> Self:
        """The standardiser that `content` made."""
        mean, std = (
            np.array([item[key] for item in content["inputs"]], dtype=np.float64) for key in ("mean", "std")
        )
        return cls(mean=mean, std=std, clip=content["clip"])

    def apply(self, x: FloatMatrix) -> NDArray[np.float64]:
        """`x` (n, k) standardised, float64; for chunks of a matrix, as it copies."""
        scale = np.where(self.active, self.std, 1.0)
        z = (x - self.mean) / scale
        np.nan_to_num(z, copy=False, nan=0.0)
        z[:, ~self.active] = 0.0
        return np.clip(z, -self.clip, self.clip, out=z)

    def chunks(self, x: Matrix) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        """Standardised chunks of `x` with the rows that each is of."""
        for start in range(0, len(x), CHUNK_ROWS):
            rows = slice(start, min(start + CHUNK_ROWS, len(x)))
            yield rows, self.apply(x[rows])


def fit_standardiser(x: Matrix, clip: float) -> Standardiser:
    """Mean and standard deviation of the non-null values of each column of `x` (n, k), in two passes of
    float64.

    The second pass measures deviations from the mean, so a large offset costs no digits.
    """
    k = x.shape[1]
    count, total = np.zeros(k), np.zeros(k)
    low, high = np.full(k, np.inf), np.full(k, -np.inf)
    for start in range(0, len(x), CHUNK_ROWS):
        chunk = x[start : start + CHUNK_ROWS].astype(np.float64)
        known = ~np.isnan(chunk)
        count += known.sum(axis=0)
        total += np.where(known, chunk, 0.0).sum(axis=0)
        low = np.fmin(low, np.fmin.reduce(chunk, axis=0))
        high = np.fmax(high, np.fmax.reduce(chunk, axis=0))
    mean = np.divide(total, count, out=np.zeros(k), where=count > 0)
    squares = np.zeros(k)
    for start in range(0, len(x), CHUNK_ROWS):
        deviation = x[start : start + CHUNK_ROWS].astype(np.float64) - mean
        squares += np.where(np.isnan(deviation), 0.0, deviation**2).sum(axis=0)
    std = np.sqrt(np.divide(squares, count, out=np.zeros(k), where=count > 0))
    # A constant column has rounding in place of spread; only its range says so exactly.
    std[~(high > low)] = 0.0
    return Standardiser(mean=mean, std=std, clip=clip)

"""Inputs of linear models: standardised on the training rows, null → mean, clipped (SPEC 4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from atc.models.row_chunks import chunks_of, room_of, summed
from atc.protocol.row_runs import FloatMatrix, Matrix

Vector = NDArray[np.float64]

_SAMPLE_ROWS = 4_096
_FAR = 100.0
"""Squared distance of centre and mean, in variances: two digits are lost there, and a pass is made again."""
_MOST_PASSES = 3


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
        out = np.empty(x.shape)
        self._into(np.asarray(x), out)
        return out

    def chunks(self, x: Matrix, rows: slice) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        """Standardised chunks of some `rows` of `x` with the rows that each is of; a chunk is written over by
        the next.
        """
        room = room_of(rows, x.shape[1])
        for chunk in chunks_of(rows):
            z = room[: chunk.stop - chunk.start]
            self._into(x[chunk], z)
            yield chunk, z

    def _into(self, x: FloatMatrix, out: NDArray[np.float64]) -> None:
        active = self.active
        np.copyto(out, x)
        out -= self.mean
        out /= np.where(active, self.std, 1.0)
        null = np.isnan(x)
        if null.any():
            np.copyto(out, 0.0, where=null)
        if not active.all():
            out[:, ~active] = 0.0
        np.clip(out, -self.clip, self.clip, out=out)


def fit_standardiser(x: Matrix, clip: float) -> Standardiser:
    """Mean and standard deviation of the non-null values of each column of `x` (n, k), in a pass of float64.

    Deviations are measured from a centre that a sample gives, so a large offset costs no digits; where the
    sample missed the mean by far, a second pass measures from there. A centre is a float32 number, from which
    a constant column deviates by exactly 0.
    """
    centre = _centre(x)
    for _ in range(_MOST_PASSES):
        count, off, spread = _moments(x, centre)
        mean = centre + off
        near = off**2 <= _FAR * spread
        if near.all():
            break
        centre = np.where(near, centre, mean).astype(np.float32).astype(np.float64)
    known = count > 0
    return Standardiser(np.where(known, mean, 0.0), np.sqrt(np.where(known, spread, 0.0)), clip)


def _centre(x: Matrix) -> Vector:
    """(k,) means of a sample of rows, as float32 has them; 0 where they are null."""
    sample = x[np.linspace(0, max(len(x) - 1, 0), min(len(x), _SAMPLE_ROWS)).astype(np.int64)]
    known = ~np.isnan(sample)
    total = np.where(known, sample, 0.0).sum(axis=0, dtype=np.float64)
    count = known.sum(axis=0)
    mean = np.divide(total, count, out=np.zeros(x.shape[1]), where=count > 0)
    return np.asarray(mean.astype(np.float32).astype(np.float64))


def _moments(x: Matrix, centre: Vector) -> tuple[Vector, Vector, Vector]:
    """(k,) each: how many values are not null, the mean less `centre`, the variance with divisor n."""
    k = x.shape[1]

    def work(rows: slice) -> tuple[Vector, Vector, Vector]:
        count, total, squares = np.zeros(k), np.zeros(k), np.zeros(k)
        room = room_of(rows, k)
        for chunk in chunks_of(rows):
            d = room[: chunk.stop - chunk.start]
            part = x[chunk]
            np.subtract(part, centre, out=d)
            # As places: few values are null, and a count a column or a masked copy is a pass of its own.
            nulls = np.flatnonzero(np.isnan(part))
            count += len(d)
            if len(nulls):
                count -= np.bincount(nulls % k, minlength=k)
                d.reshape(-1)[nulls] = 0.0
            total += np.einsum("ij->j", d)
            squares += np.einsum("ij,ij->j", d, d)
        return count, total, squares

    count, total, squares = summed(len(x), work)
    off, about = (np.divide(one, count, out=np.zeros(k), where=count > 0) for one in (total, squares))
    # Of a constant column both are exactly 0.
    return count, off, np.maximum(about - off**2, 0.0)

"""Synthetic training rows: float32 .npy files, made once, read as they lie.

Columns are of the kinds that the features are: autocorrelated ones with heavy tails, counts with few values,
one of few signs, ratios in [−1, 1], nulls at gaps. The return of a row leans on three columns alone, on the
product of two, and on noise, so that trees have more to find than lines and the AUC lies near 0.7.

A block of rows depends on its number alone, so a file of n rows begins with the rows of every smaller one:
what asks for fewer takes a view of a larger file.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

BLOCK = 1 << 18
"""Rows that are made at once."""
HELD_SEED, SEED = 2, 1
HELD_ROWS = 500_000
"""Rows that no fit sees, for AUC and losses."""
DOWN_BPS = -2.0
"""A return at or below it is FLAT, code 0; else HOLD, 1."""
NULL_SHARE = 0.02


@dataclass(frozen=True)
class SyntheticRows:
    """`rows` × `columns` of a folder, memory-mapped: nothing of them is anonymous memory until it is
    copied.
    """

    folder: Path
    rows: int
    columns: int
    seed: int = SEED

    @cached_property
    def x(self) -> NDArray[np.float32]:
        """(n, k), NaN for null."""
        return self._mapped("x")

    @cached_property
    def r_bps(self) -> NDArray[np.float32]:
        """(n,) forward return."""
        return self._mapped("r")

    @property
    def y(self) -> NDArray[np.float64]:
        """(n,) 1 for HOLD, 0 for FLAT; made anew at each call, as a block's labels are a copy."""
        return (self.r_bps > DOWN_BPS).astype(np.float64)

    @property
    def classes(self) -> NDArray[np.int64]:
        """(n,) codes of three classes, SHORT 0, FLAT 1, HOLD 2."""
        return np.digitize(self.r_bps, [2 * DOWN_BPS, DOWN_BPS], right=True)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the k columns."""
        return tuple(f"column_{number}" for number in range(self.columns))

    def held_out(self) -> SyntheticRows:
        """Other rows of the same kind, which no fit sees."""
        return SyntheticRows(self.folder, HELD_ROWS, self.columns, HELD_SEED)

    def make(self) -> None:
        """Write the files unless some of as many rows or more are there."""
        if self._file("x") is not None and self._file("r") is not None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        need = self.rows * (self.columns + 1) * 4
        free = shutil.disk_usage(self.folder).free
        if free < need * 1.1:
            raise SystemExit(
                f"{self.folder}: {self.rows:,} rows × {self.columns} columns take {need / 2**30:.1f} GiB, "
                f"{free / 2**30:.1f} GiB are free; name another --folder, or a smaller --scale"
            )
        shapes = {"x": (self.rows, self.columns), "r": (self.rows,)}
        targets = {what: self.folder / f"{what}-{self._stem(self.rows)}.npy" for what in shapes}
        partial = {what: path.with_name(f"{path.name}.{os.getpid()}") for what, path in targets.items()}
        files = {
            what: np.lib.format.open_memmap(path, "w+", np.float32, shapes[what])  # type: ignore[no-untyped-call]
            for what, path in partial.items()
        }
        for start, x, r in self._blocks():
            files["x"][start : start + len(x)], files["r"][start : start + len(r)] = x, r
        for what, file in files.items():
            file.flush()
            partial[what].replace(targets[what])
        self.__dict__.pop("x", None)

    def _blocks(self) -> Iterator[tuple[int, NDArray[np.float32], NDArray[np.float32]]]:
        for number, start in enumerate(range(0, self.rows, BLOCK)):
            rng = np.random.Generator(np.random.SFC64([self.seed, self.columns, number]))
            x, r = _block(rng, self.columns)
            n = min(BLOCK, self.rows - start)
            yield start, x[:n], r[:n]

    def _stem(self, rows: int) -> str:
        return f"seed{self.seed}-{self.columns}columns-{rows}"

    def _file(self, what: str) -> Path | None:
        """The smallest file with as many rows."""
        found = {
            int(path.stem.rpartition("-")[2]): path
            for path in self.folder.glob(f"{what}-seed{self.seed}-{self.columns}columns-*.npy")
        }
        enough = [rows for rows in found if rows >= self.rows]
        return found[min(enough)] if enough else None

    def _mapped(self, what: str) -> NDArray[np.float32]:
        path = self._file(what)
        if path is None:
            raise FileNotFoundError(f"{self.folder}: no {what} of {self._stem(self.rows)}: make() first")
        mapped: NDArray[np.float32] = np.load(path, mmap_mode="r")[: self.rows]
        return mapped


def _block(rng: np.random.Generator, columns: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(BLOCK, k) inputs and (BLOCK,) returns, bps."""
    z = rng.standard_normal((BLOCK, columns), dtype=np.float32)
    # Steps last for some rows, as windows of minutes do among rows of seconds.
    slow = np.repeat(rng.standard_normal((BLOCK // 64, columns), dtype=np.float32), 64, axis=0)
    x = np.float32(0.8) * slow + np.float32(0.6) * z
    noise = rng.standard_normal(BLOCK, dtype=np.float32)
    r = 1.2 * x[:, 0] + 0.8 * x[:, 1] + 1.5 * x[:, 2] * x[:, 3] + 0.7 * np.abs(x[:, 4]) + 4.0 * noise
    for column in range(5, columns):
        kind = column % 5
        if kind == 0:
            x[:, column] **= 3  # heavy tails
        elif kind == 1:
            np.round(np.exp(x[:, column]), out=x[:, column])  # counts
        elif kind == 2:
            np.tanh(x[:, column], out=x[:, column])  # ratios
        elif kind == 3 and column == columns - 3:
            np.sign(x[:, column], out=x[:, column])
    x[rng.random(BLOCK, dtype=np.float32) < NULL_SHARE, min(5, columns - 1) :] = np.nan
    return x, r.astype(np.float32)

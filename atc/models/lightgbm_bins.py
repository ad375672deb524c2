"""The bins that LightGBM has put training values in."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from atc.protocol.dataset import Block

if TYPE_CHECKING:
    import lightgbm

_UNUSED = "NA"
"""Stands for the bin of an input that LightGBM leaves out, because no split of it could be made."""


def edges_of(binned: lightgbm.Dataset, train: Block) -> Mapping[str, NDArray[np.float64]]:
    """By input of `train` the largest value in each of its bins that has one; `binned` begins with its rows.

    LightGBM tells no edges, only which bin each row is in (its C function `LGBM_DatasetDumpText`). An input
    that it leaves out has no bins.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bins.txt"
        binned.construct()._dump_text(str(file))
        lines = file.read_text(encoding="utf-8").splitlines()
    last = max(number for number, line in enumerate(lines) if line.startswith("feature "))
    rows = [line.rstrip(", ").split(", ") for line in lines[last + 1 :] if line][: train.n_rows]
    bins = np.array(rows, dtype=np.str_)
    edges: dict[str, NDArray[np.float64]] = {}
    for place, name in enumerate(train.features):
        column = bins[:, place]
        values = np.asarray(train.x[:, place], dtype=np.float64)
        used = (column != _UNUSED) & ~np.isnan(values)
        numbers = column[used].astype(np.int64)
        largest = np.full(int(numbers.max()) + 1 if len(numbers) else 0, -np.inf)
        np.maximum.at(largest, numbers, values[used])
        edges[name] = largest[largest > -np.inf]
    return edges

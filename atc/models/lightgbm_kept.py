"""LightGBM's binned training rows, kept between the runs of a sweep.

To bin 46 M rows takes minutes, and jobs that differ in leaves, learning rate or sampling bin the same rows
the same way. The file is LightGBM's own; its name holds a checksum and the digest of what was binned and how.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from atc.models.base import CHUNK_ROWS, Plain
from atc.models.lightgbm_rows import dataset_type, run_of
from atc.protocol.dataset import Block
from atc.tracking.durable import PART_SUFFIX, is_abandoned, own_part

if TYPE_CHECKING:
    import lightgbm

_log = logging.getLogger(__name__)

LEAST_VALUES = 50_000_000
"""Rows × columns below which binning is quicker than looking for a file."""
MOST_FILES = 4
"""The latest that stay; of 46 M × 36 one takes 1.7 GB. Of a job whose fits have more (each seed draws its own
edges, each head has its own rows) as many as they have, so that the next job finds all of them."""
BINNED_AS = 2
"""Another number makes all files anew: 1 kept columns of a sequence that cannot be split."""
_NOT_BINNING = frozenset(
    {
        *("objective", "metric", "num_class", "boosting", "max_depth", "num_leaves", "learning_rate"),
        *("feature_fraction", "bagging_fraction", "bagging_freq", "num_threads", "force_col_wise"),
        *("force_row_wise", "verbosity", "seed", "feature_fraction_seed", "bagging_seed", "extra_seed"),
        *("objective_seed", "drop_seed"),
    }
)
"""Parameters that the bins do not depend on. `data_random_seed` draws the rows that edges are made of, and
`min_child_samples` decides which columns cannot be split."""


@dataclass(frozen=True)
class _Kept:
    """Where binned rows are kept, and which of them the fits have asked for so far."""

    folder: Path
    keys: set[str] = field(default_factory=set)


_kept: ContextVar[_Kept | None] = ContextVar("where binned rows are kept", default=None)


@contextmanager
def bins_kept_in(folder: Path) -> Iterator[None]:
    """Fits inside look for their binned training rows in `folder`, and leave them there."""
    token = _kept.set(_Kept(folder))
    try:
        yield
    finally:
        _kept.reset(token)


def kept_bins(
    block: Block, chosen: Mapping[str, Plain | list[str]], bins: lightgbm.Dataset
) -> lightgbm.Dataset:
    """`bins`, the rows of `block` that are not binned yet, or the same from a file."""
    kept = _kept.get()
    if kept is None or block.n_rows * len(block.features) < LEAST_VALUES:
        return bins
    key = _key(block, chosen)
    kept.keys.add(key)
    found = _there(kept.folder, key, block, chosen)
    if found is not None:
        return found
    _keep(kept.folder, key, bins.construct(), block)
    _prune(kept.folder, max(MOST_FILES, len(kept.keys)))
    return bins


def _key(block: Block, chosen: Mapping[str, Plain | list[str]]) -> str:
    import lightgbm

    how = {name: value for name, value in chosen.items() if name not in _NOT_BINNING}
    whole = hashlib.sha256(json.dumps([lightgbm.__version__, BINNED_AS, block.features, how]).encode())
    for start in range(0, block.n_rows, CHUNK_ROWS):
        whole.update(np.ascontiguousarray(block.x[start : start + CHUNK_ROWS]).data)
    if block.weights is not None:
        # The file holds them, and a run without weights could not take them out.
        whole.update(np.ascontiguousarray(block.weights).data)
    return whole.hexdigest()[:24]


def _there(
    folder: Path, key: str, block: Block, chosen: Mapping[str, Plain | list[str]]
) -> lightgbm.Dataset | None:
    import lightgbm

    for path in folder.glob(f"{key}.*.bin"):
        try:
            if _checksum(path) == path.stem.partition(".")[2]:
                weights = None if block.weights is None else run_of(block.weights)
                bins = dataset_type()(
                    str(path), label=run_of(block.y[:, 0]), weight=weights, params=dict(chosen)
                ).construct()
                with suppress(OSError):
                    os.utime(path)  # the latest used stay
                return bins
            _log.warning("%s: it is not what was written; the rows are binned again", path)
        except FileNotFoundError:
            continue  # another job has pruned it
        except (OSError, lightgbm.basic.LightGBMError) as why:
            _log.warning("%s: it cannot be read, the rows are binned again: %s", path, why)
        with suppress(OSError):
            path.unlink(missing_ok=True)
    return None


def _keep(folder: Path, key: str, bins: lightgbm.Dataset, block: Block) -> None:
    """Write `bins`; where there is no room or no right to, say so and go on."""
    import lightgbm

    part = own_part(folder, key)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(f".*{PART_SUFFIX}"):  # by killed jobs
            if is_abandoned(left):
                left.unlink(missing_ok=True)
        need, free = 2 * block.n_rows * len(block.features), shutil.disk_usage(folder).free
        if free < need:
            _log.warning("%s: %d MB are free, binned rows are not kept", folder, free // 1_000_000)
            return
        bins.save_binary(part)
        part.rename(folder / f"{key}.{_checksum(part)}.bin")
    except (OSError, lightgbm.basic.LightGBMError) as why:
        _log.warning("%s: binned rows are not kept: %s", folder, why)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _prune(folder: Path, most: int) -> None:
    """Remove all but the latest `most`, which other jobs may do at the same time."""
    used: list[tuple[int, Path]] = []
    for path in folder.glob("*.bin"):
        with suppress(OSError):
            used.append((path.stat().st_mtime_ns, path))
    for _, path in sorted(used)[:-most]:
        with suppress(OSError):
            path.unlink()


def _checksum(path: Path) -> str:
    found = 0
    with path.open("rb") as file:
        while chunk := file.read(1 << 24):
            found = zlib.crc32(chunk, found)
    return f"{found:08x}"

"""What the rows of a run hold besides their matrix: nothing of full length in 64 bits but what is mapped."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest
from synthetic_days import COLUMNS, SyntheticDays, synthetic_days

import atc
from atc.config.schema import RunConfig
from atc.protocol.row_runs import RowRuns
from atc.tasks import market_data
from atc.tasks.base import Desk
from atc.tasks.loaded import Loaded, load_rows

ROWS, DAYS, TRAIN_DAYS = 100_000, 10, 8
N = ROWS * DAYS


@contextmanager
def stage(*_: object) -> Iterator[Any]:
    yield SimpleNamespace(cached=False)


DESK = Desk(stage, stage, look=lambda *_: None)


@pytest.fixture(autouse=True)
def few_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(market_data, "run_columns", lambda _: COLUMNS)


def made(folder: Path, *words: str) -> tuple[RunConfig, SyntheticDays]:
    config = atc.compose(["+experiment=gbdt_36feat", *words, f"paths.outputs={folder}"])
    return config, synthetic_days(folder, config, ROWS, DAYS, TRAIN_DAYS)


def arrays(thing: Any) -> Iterator[np.ndarray[Any, Any]]:
    """Every array that hangs on `thing`, the sealed rows among them."""
    if isinstance(thing, np.ndarray):
        yield thing
    elif isinstance(thing, pl.DataFrame):
        yield from (thing[name].to_numpy() for name in thing.columns if thing[name].dtype.is_numeric())
    elif isinstance(thing, RowRuns):
        yield from (thing._matrix, thing._starts, thing._first)
    elif is_dataclass(thing):
        for field in fields(thing):
            yield from arrays(getattr(thing, field.name))


def is_mapped(found: np.ndarray[Any, Any]) -> bool:
    """Whether the values lie in a mapped file, as /proc tells it."""
    place = found.__array_interface__["data"][0]
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, *_, name = line.split(maxsplit=5)
        begin, end = (int(one, 16) for one in span.split("-"))
        if begin <= place < end:
            return name.endswith((".rows", ".npy"))
    return False


@pytest.mark.parametrize(
    ("words", "held", "most"),
    [
        ((), 14, 40),
        (("label=multihorizon_up", "label.horizons_s=[1,5,30,60]"), 42, 68),
        (("thinning=every_k", "thinning.k=10"), 14, 40),
    ],
)
def test_rows_hold_few_bytes_each(words: tuple[str, ...], held: int, most: int, tmp_path: Path) -> None:
    config, days = made(tmp_path, *words)
    load_rows(days.market, config, DESK)  # builds matrix and labels
    gc.collect()
    tracemalloc.start()
    try:
        loaded = load_rows(days.market, config, DESK)
        gc.collect()
        now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert loaded.parts.train.n_rows
    assert now < held * N
    assert peak < most * N


def test_what_has_64_bits_a_row_is_mapped(tmp_path: Path) -> None:
    config, days = made(tmp_path)
    loaded: Loaded = load_rows(days.market, config, DESK)
    everything, _ = loaded.parts.holdout.open_among_all("a test")
    long = [one for one in arrays(loaded.parts.train) if len(one) > N // 4]
    long += [one for one in arrays(everything) if len(one) > N // 4]
    assert len(long) >= 10
    for one in long:
        assert one.itemsize <= 4 or is_mapped(one), (one.dtype, one.shape)

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
from synthetic_days import COLUMNS, SECOND, SyntheticDays, synthetic_days

import atc
from atc.config.schema import RunConfig
from atc.events import stretches
from atc.protocol.row_runs import RowRuns, rows_between
from atc.tasks import market_data
from atc.tasks.base import Desk
from atc.tasks.loaded import Loaded, load_rows
from atc.tasks.picked_rows import rows_of_runs
from atc.tasks.rows import BESIDE_KEYS, read_rows

ROWS, DAYS, TRAIN_DAYS = 100_000, 10, 8
N = ROWS * DAYS


@contextmanager
def stage(*_: object) -> Iterator[Any]:
    yield SimpleNamespace(cached=False)


DESK = Desk(stage, stage, look=lambda *_: None)


WINDOWS = (
    *("label=multihorizon_up", "label.horizons_s=[1,5,30,60]", "model=multihorizon_transformer"),
    *("thinning=every_k", "thinning.k=16"),
)
"""A run of windows of 128 rows."""


@pytest.fixture(autouse=True)
def some_resets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where windows are parted; there are no events."""

    def among(*given: Any, **_: Any) -> Any:
        ts = given[3]
        return ts[0] + np.array([3, 20, 100, 101]) * 3600 * SECOND

    monkeypatch.setattr(stretches, "stretches_among", among)


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
        (WINDOWS, 32, 64),
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


@pytest.mark.parametrize("words", [(), WINDOWS], ids=["rows", "windows"])
def test_what_has_64_bits_a_row_is_mapped(words: tuple[str, ...], tmp_path: Path) -> None:
    config, days = made(tmp_path, *words)
    loaded: Loaded = load_rows(days.market, config, DESK)
    everything, _ = loaded.parts.holdout.open_among_all("a test")
    long = [one for one in arrays(loaded.parts.train) if len(one) > N // 4]
    long += [one for one in arrays(everything) if len(one) > N // 4]
    assert len(long) >= 10
    for one in long:
        assert one.itemsize <= 4 or is_mapped(one), (one.dtype, one.shape)


def test_picked_rows_are_those_that_all_rows_have(tmp_path: Path) -> None:
    """Of runs that cross days and leave some out; once more from the file that the first run left."""
    _, days = made(tmp_path)
    matrices = days.folder / "matrices"
    rows = read_rows("T", days.features, days.labels, COLUMNS, matrices=matrices)
    starts, stops = np.array([[7, 9], [50, ROWS + 3], [ROWS + 5, 3 * ROWS], [5 * ROWS, N - 1]]).T
    some = rows_between(starts, stops)
    x = RowRuns(rows.x, starts, stops)  # type: ignore[arg-type]
    for _ in range(2):
        found = rows_of_runs(rows, starts, stops, x, days.labels, matrices=matrices)
        expected = rows.take(some)
        assert found.keys.equals(expected.keys)
        for name in BESIDE_KEYS:
            column = getattr(found, name)
            np.testing.assert_array_equal(column, getattr(expected, name))
            assert is_mapped(column)
    one = rows_of_runs(rows, starts[:1], stops[:1], x, days.labels, matrices=matrices)
    assert np.shares_memory(one.t1, rows.t1)
    # A file for all rows and one for the picked ones; other rows have another.
    assert len(list(matrices.glob("*.rows"))) == 2
    rows_of_runs(rows, starts[1:], stops[1:], x, days.labels, matrices=matrices)
    assert len(list(matrices.glob("*.rows"))) == 3

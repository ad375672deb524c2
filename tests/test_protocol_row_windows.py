"""Windows read where they lie are the windows, whatever is picked of them, in whatever order."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from planted_rows import START, planted_rows

from atc.errors import UsageError
from atc.protocol.dataset import Dataset
from atc.protocol.fold import FoldSpans, rows_of_fold
from atc.protocol.row_runs import RowRuns, columns_of, rows_of
from atc.protocol.row_windows import RowWindows, require_windows
from atc.protocol.sequences import window_ends

MATRIX = np.arange(480, dtype=np.float32).reshape(120, 4)
LENGTH = 5
ends_lists = st.lists(st.integers(LENGTH - 1, 119), min_size=1, max_size=60)
columns_lists = st.one_of(st.none(), st.lists(st.integers(0, 3), min_size=1, max_size=4, unique=True))


def slow_windows(matrix: NDArray[np.float32], ends: list[int], length: int) -> NDArray[np.float32]:
    """Row by row, as the definition says."""
    found = [[matrix[end - back] for back in range(length - 1, -1, -1)] for end in ends]
    return np.array(found, dtype=np.float32).reshape(len(ends), length, matrix.shape[1])


@given(ends_lists, columns_lists, st.booleans(), st.data())
def test_rows_and_windows_equal_the_slow_reference(
    ends: list[int], chosen: list[int] | None, contiguous: bool, data: st.DataObject
) -> None:
    matrix = MATRIX if contiguous else np.asfortranarray(MATRIX)
    found = RowWindows.ending_at(matrix, np.array(ends), LENGTH)
    plain = MATRIX
    if chosen is not None:
        found, plain = found.columns(np.array(chosen)), MATRIX[:, chosen]
    assert (len(found), found.shape) == (len(ends), (len(ends), plain.shape[1]))
    start, stop = sorted(data.draw(st.lists(st.integers(0, 70), min_size=2, max_size=2)))
    step = data.draw(st.integers(1, 3))
    np.testing.assert_array_equal(found[start:stop:step], plain[ends[start:stop:step]])
    windows = found.windows(slice(start, stop, step))
    np.testing.assert_array_equal(windows, slow_windows(plain, ends[start:stop:step], LENGTH))
    assert windows.flags.c_contiguous
    # Any order, and one end twice, as shuffled batches have them.
    some = data.draw(st.lists(st.integers(0, len(ends) - 1), max_size=20))
    at = np.array(some, dtype=np.int64)
    picked = [ends[i] for i in some]
    np.testing.assert_array_equal(found.windows(at), slow_windows(plain, picked, LENGTH))
    for part in (found.rows(at), rows_of(found, at)):
        assert isinstance(part, RowWindows)
        np.testing.assert_array_equal(part.windows(slice(None)), slow_windows(plain, picked, LENGTH))
        np.testing.assert_array_equal(part[:], plain[picked])
        np.testing.assert_array_equal(part[: len(picked) // 2], plain[picked[: len(picked) // 2]])


def test_columns_and_rows_commute_and_row_models_see_the_last_row() -> None:
    found = RowWindows.ending_at(MATRIX, np.arange(LENGTH - 1, 120), LENGTH)
    one = columns_of(rows_of(found, np.arange(10, 90, 16)), np.array([2, 0]))
    other = rows_of(columns_of(found, np.array([2, 0])), np.arange(10, 90, 16))
    assert isinstance(one, RowWindows)
    assert isinstance(other, RowWindows)
    np.testing.assert_array_equal(one.windows(slice(None)), other.windows(slice(None)))
    np.testing.assert_array_equal(one[:], one.windows(slice(None))[:, -1])
    assert one.columns(np.array([1])).shape == (5, 1)


def test_one_run_of_rows_needs_no_list_of_them() -> None:
    """As all rows of a part of the time are: their number would be as much memory as their labels."""
    matrix = np.zeros((2_000_000, 1), dtype=np.float32)
    found = RowWindows(matrix, np.array([10, 1000, 900_000]), np.array([900, 800_000, 2_000_000]), length=5)
    rows = np.arange(500, 1_500_000)
    tracemalloc.start()
    try:
        part = found.rows(rows)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 10 * len(rows)
    assert len(part) == len(rows)
    at = np.array([0, 389, 390, 391, 799_389, 799_390, len(rows) - 1])
    np.testing.assert_array_equal(part._positions(at), found._positions(rows[at]))


def test_a_window_that_begins_before_the_matrix_is_refused() -> None:
    with pytest.raises(ValueError, match="5 rows ends at row 3, 4 was the first"):
        RowWindows.ending_at(MATRIX, np.array([7, 3]), 5)
    with pytest.raises(ValueError, match="at least one row"):
        RowWindows.ending_at(MATRIX, np.array([3]), 0)
    with pytest.raises(IndexError, match="rows 0 … 2 of 2"):
        RowWindows.ending_at(MATRIX, np.array([7, 8]), 5).windows(np.array([0, 2]))
    assert RowWindows.ending_at(MATRIX, np.empty(0, dtype=np.int64), 5).windows(slice(None)).shape == (
        0,
        5,
        4,
    )


@given(ends_lists, columns_lists, st.integers(1, LENGTH))
def test_shorter_windows_are_the_ends_of_longer_ones(
    ends: list[int], chosen: list[int] | None, length: int
) -> None:
    found = RowWindows.ending_at(MATRIX, np.array(ends), LENGTH)
    if chosen is not None:
        found = found.columns(np.array(chosen))
    short = require_windows(found, length, "a model")
    assert short.length == length
    np.testing.assert_array_equal(short[:], found[:])
    np.testing.assert_array_equal(
        short.windows(slice(None)), found.windows(slice(None))[:, LENGTH - length :]
    )
    with pytest.raises(
        UsageError, match=rf"windows of {LENGTH + 1} rows, and was given windows of {length} "
    ):
        require_windows(short, LENGTH + 1, "a model")


def windowed(n: int = 3000, length: int = 8) -> tuple[Dataset, Dataset, NDArray[np.int64]]:
    """Planted rows, 5 s apart on average, and those of them that have a window without a step over 20 s."""
    data = planted_rows(n)
    ends = window_ends(data.t0, length, max_gap_ns=20_000_000_000)
    assert 0 < len(ends) < n - length
    matrix = data.x
    assert isinstance(matrix, np.ndarray)
    blind = data.select(()).take(ends)
    return replace(blind, x=RowWindows.ending_at(matrix, ends, length), features=data.features), data, ends


def test_no_window_of_a_thinned_fold_crosses_a_gap_and_its_embargo_counts_the_window() -> None:
    length = 8
    rows, data, ends = windowed(length=length)
    minute = 60_000_000_000
    test = (START + 60 * minute, START + 90 * minute)
    spans = FoldSpans(
        name="1",
        fit=((START, test[0]), (test[1], START + 10_000 * minute)),
        test=(test,),
        valid_start_ns=START + 200 * minute,
    )
    window_ns = (length - 1) * 20_000_000_000
    fold = rows_of_fold(
        spans, rows.t0, rows.last_t1, ~np.isnan(rows.y[:, 0]), embargo_ns=10 * minute + window_ns
    )
    thinned = fold.train[::16]
    block = rows.block(thinned).select(data.features[2:4])
    assert isinstance(block.x, RowWindows)
    found = block.x.windows(slice(None))
    assert isinstance(data.x, np.ndarray)
    np.testing.assert_array_equal(found, slow_windows(data.x[:, 2:4], ends[thinned].tolist(), length))
    times = np.stack([data.t0[ends[thinned] - back] for back in range(length - 1, -1, -1)], axis=1)
    assert np.diff(times, axis=1).max() <= 20_000_000_000
    after = rows.t0[thinned] > test[1]
    assert after.any()
    # The features of the first row of a window look back 10 minutes more, and not into a label that judged.
    last_judged = rows.last_t1[fold.test].max()
    assert (times[after, 0] - 10 * minute).min() > last_judged


def test_picking_copies_places_and_a_batch_costs_itself(tmp_path: Path) -> None:
    n, length, k = 400_000, 128, 24
    file = np.lib.format.open_memmap(tmp_path / "x.npy", mode="w+", dtype=np.float32, shape=(n, k))
    whole = RowWindows.ending_at(file, np.arange(length - 1, n), length)
    tracemalloc.start()
    part = whole.rows(np.arange(0, n - length, 16)).columns(np.arange(20))
    held = tracemalloc.get_traced_memory()[0]
    # Three places of 8 bytes a window end; the windows themselves would be 250 MB.
    assert held < 30 * len(part) + 100_000
    tracemalloc.reset_peak()
    assert part.windows(np.arange(0, len(part), 1000)).shape == (25, length, 20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak - held < 3 * 25 * length * k * 4


def test_scattered_ends_have_no_pieces_and_runs_have_views() -> None:
    assert RowWindows.ending_at(MATRIX, np.arange(10, 110, 16), LENGTH).pieces is None
    pieces = RowWindows.ending_at(MATRIX, np.arange(10, 110), LENGTH).pieces
    assert pieces is not None
    assert np.shares_memory(pieces[0], MATRIX)
    assert isinstance(RowRuns.of(MATRIX, np.arange(10, 110, 16))[:], np.ndarray)

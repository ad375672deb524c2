"""Windows of rows: whole or not at all."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atc.protocol import sequences
from atc.protocol.sequences import window_ends, window_runs

GAP = 10


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 60)), max_size=40),
    st.integers(1, 6),
    st.lists(st.integers(0, 60), max_size=3),
)
def test_ends_equal_the_definition(rows: list[tuple[int, int]], length: int, resets: list[int]) -> None:
    rows.sort()
    expected = []
    for end in range(length - 1, len(rows)):
        window = rows[end - length + 1 : end + 1]
        one_symbol = len({symbol for symbol, _ in window}) == 1
        near = all(b[1] - a[1] <= GAP for a, b in pairwise(window))
        unbroken = not any(window[0][1] < reset <= window[-1][1] for reset in resets)
        if one_symbol and near and unbroken:
            expected.append(end)
    table = np.array(rows, dtype=np.int64).reshape(-1, 2)
    found = window_ends(table[:, 1], length, max_gap_ns=GAP, symbol=table[:, 0], resets_ns=resets)
    assert found.tolist() == expected


@pytest.mark.parametrize("chunk", [1, 3, 7])
def test_how_many_rows_are_looked_at_at_once_changes_nothing(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ts = np.cumsum(np.random.default_rng(1).integers(0, 14, size=60))
    symbol = np.repeat([0, 1], 30)
    given: dict[str, Any] = {"max_gap_ns": GAP, "symbol": symbol, "resets_ns": ts[[20, 40]].tolist()}
    whole = window_runs(ts, 3, **given)
    assert len(whole[0]) > 4
    monkeypatch.setattr(sequences, "_CHUNK_ROWS", chunk)
    np.testing.assert_array_equal(window_runs(ts, 3, **given), whole)
    ts[50] = 0
    with pytest.raises(ValueError, match="row 50 at 0 comes after one at"):
        window_runs(ts, 3, **given)


def test_what_it_needs_does_not_grow_with_the_rows() -> None:
    ts = np.arange(8 << 20, dtype=np.int64)
    tracemalloc.start()
    try:
        starts, stops = window_runs(ts, 128, max_gap_ns=1, resets_ns=[5_000_000])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (starts.tolist(), stops.tolist()) == ([127, 5_000_127], [5_000_000, len(ts)])
    assert peak < 5 * len(ts)


def test_what_cannot_be_meant_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one row, not 0"):
        window_ends(np.arange(5), 0, max_gap_ns=1)
    with pytest.raises(ValueError, match="row 2 at 1 comes after one at 5"):
        window_ends(np.array([0, 5, 1, 2]), 2, max_gap_ns=10)
    assert window_ends(np.arange(3), 4, max_gap_ns=1).tolist() == []

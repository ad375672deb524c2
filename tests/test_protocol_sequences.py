"""Windows of rows: whole or not at all."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atc.protocol.sequences import every_window, window_ends, windows

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


def test_windows_are_rows_in_order_and_views_until_they_are_asked_for() -> None:
    x = np.arange(24, dtype=np.float32).reshape(8, 3)
    view = every_window(x, 4)
    assert np.shares_memory(view, x)
    np.testing.assert_array_equal(view[2], x[2:6])
    batch = windows(x, np.array([3, 7]), 4)
    np.testing.assert_array_equal(batch, np.stack([x[0:4], x[4:8]]))
    assert batch.flags.c_contiguous


def test_what_cannot_be_meant_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one row, not 0"):
        window_ends(np.arange(5), 0, max_gap_ns=1)
    with pytest.raises(ValueError, match="row 2 at 1 comes after one at 5"):
        window_ends(np.array([0, 5, 1, 2]), 2, max_gap_ns=10)
    assert window_ends(np.arange(3), 4, max_gap_ns=1).tolist() == []

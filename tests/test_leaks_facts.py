"""What counts as moved: bits, nulls and rows, among what was known at t, and nothing else."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from atc.leaks.facts import ABSENT, PRESENT, ROW, Facts, compare


def facts(values: list[float | None], known: list[int], *, lasting: bool = True, first: int = 0) -> Facts:
    frame = pl.DataFrame(
        {"row": range(first, first + len(values)), "x": values},
        schema={"row": pl.Int64, "x": pl.Float64},
        strict=False,
    )
    return Facts("table", ("row",), frame, np.array(known, dtype=np.int64), lasting=lasting)


def test_the_same_values_do_not_move_whatever_was_known_later() -> None:
    one = facts([1.0, float("nan"), None, 4.0], [10, 20, 30, 40])
    other = facts([1.0, float("nan"), None, 5.0], [10, 20, 30, 40])
    found = compare("stage", one, other, t=30)
    assert (found.checked, found.moved, found.first) == (6, 0, None)
    assert compare("stage", one, other, t=40).moved == 1


@pytest.mark.parametrize(
    ("was", "is_now"),
    [(0.0, -0.0), (1.0, float(np.nextafter(1.0, 2.0))), (None, 0.0), (float("nan"), 0.0), (1.0, None)],
)
def test_one_bit_is_a_move(was: float | None, is_now: float | None) -> None:
    found = compare("stage", facts([1.0, was], [10, 20]), facts([1.0, is_now], [10, 20]), t=25)
    assert found.moved == 1
    assert found.first is not None
    assert (found.first.column, found.first.row, found.first.known_ns) == ("x", {"row": 1}, 20)
    assert found.first.distance_ns(25) == 5


def test_a_row_that_goes_or_comes_is_a_move_of_tables_that_last() -> None:
    one, other = facts([1.0, 2.0], [10, 20]), facts([2.0, 3.0], [20, 25], first=1)
    found = compare("stage", one, other, t=30)
    assert found.columns == {ROW: 2}
    assert found.first is not None
    assert (found.first.row, found.first.before, found.first.after) == ({"row": 0}, PRESENT, ABSENT)
    back = compare("stage", other, one, t=30)
    assert back.first is not None
    assert (back.first.before, back.first.after) == (ABSENT, PRESENT)


def test_of_tables_that_need_not_last_only_common_rows_are_compared() -> None:
    one = facts([1.0, 2.0], [10, 20], lasting=False)
    assert compare("stage", one, facts([2.0], [20], lasting=False, first=1), t=30).moved == 0
    assert compare("stage", one, facts([2.5], [20], lasting=False, first=1), t=30).moved == 1


@pytest.mark.parametrize("turned", [False, True])
def test_a_column_that_only_one_has_is_null_in_the_other(turned: bool) -> None:
    plain = facts([1.0, 2.0], [10, 20])
    more = [
        Facts("table", ("row",), plain.frame.with_columns(y=pl.Series([None, value])), plain.known_ns)
        for value in (None, 0.5)
    ]
    unneeded, needed = [compare("stage", *((one, plain) if turned else (plain, one)), t=25) for one in more]
    assert (unneeded.moved, unneeded.checked) == (0, 6)
    assert (needed.moved, needed.first is not None and needed.first.column) == (1, "y")


def test_the_first_is_the_one_known_longest() -> None:
    one, other = facts([1.0, 2.0, 3.0], [30, 10, 20]), facts([0.0, 0.0, 0.0], [30, 10, 20])
    found = compare("stage", one, other, t=30)
    assert found.first is not None
    assert found.first.row == {"row": 1}


def test_facts_whose_times_do_not_fit_their_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="known_ns has shape"):
        facts([1.0, 2.0], [1])
    with pytest.raises(ValueError, match="no column name"):
        Facts("table", ("name",), pl.DataFrame({"x": [1.0]}), np.zeros(1, dtype=np.int64))

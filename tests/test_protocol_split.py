"""The split and its purge, against the definition written out over all pairs."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted_rows import halves, planted_rows

from atc.errors import DataError, UsageError
from atc.protocol.dataset import labelled, require_two_classes
from atc.protocol.purge import overlaps_any
from atc.protocol.sealed_holdout import split
from atc.protocol.window import Spans

interval = st.tuples(st.integers(0, 60), st.integers(0, 15)).map(lambda pair: (pair[0], pair[0] + pair[1]))
intervals = st.lists(interval, max_size=25)


def touch(a: tuple[int, int], b: tuple[int, int]) -> bool:
    return max(a[0], b[0]) <= min(a[1], b[1])


def columns(pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return table[:, 0].copy(), table[:, 1].copy()


@given(intervals, intervals)
def test_overlap_equals_the_definition(mine: list[tuple[int, int]], others: list[tuple[int, int]]) -> None:
    expected = [any(touch(a, b) for b in others) for a in mine]
    assert overlaps_any(*columns(mine), *columns(others)).tolist() == expected


@given(intervals, st.data())
def test_split_equals_the_definition(rows: list[tuple[int, int]], data: st.DataObject) -> None:
    usable = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    edges = data.draw(st.lists(st.integers(0, 61), min_size=4, max_size=4, unique=True).map(sorted))
    fraction = data.draw(st.sampled_from([0.1, 0.25, 0.5]))
    (start, end), held = (edges[0], edges[1]), (edges[2], edges[3])
    border = end - round((end - start) * Fraction(str(fraction)))
    decisions = [i for i, (a, _) in enumerate(rows) if border <= a < end]
    held_decisions = [i for i, (a, _) in enumerate(rows) if held[0] <= a < held[1]]
    holdout = [i for i in held_decisions if usable[i]]
    in_valid = [i for i in decisions if usable[i]]
    valid = [i for i in in_valid if not any(touch(rows[i], rows[j]) for j in held_decisions)]
    in_train = [i for i, (a, _) in enumerate(rows) if usable[i] and start <= a < border]
    train = [i for i in in_train if not any(touch(rows[i], rows[j]) for j in decisions + held_decisions)]

    found = split(
        *columns(rows),
        Spans(train=(start, end), holdout=held),
        fraction,
        labelled=np.array(usable, dtype=np.bool_),
        min_rows=0,
    )
    assert (found.train.tolist(), found.valid.tolist(), found.holdout.tolist()) == (train, valid, holdout)
    assert found.purged_train == len(in_train) - len(train)
    assert found.purged_valid == len(in_valid) - len(valid)
    assert found.valid_decisions.tolist() == decisions
    assert found.holdout_decisions.tolist() == held_decisions
    kept = len(in_train) + len(in_valid) + len(holdout)
    assert kept + found.unlabelled + found.outside == len(rows)


def test_validation_is_the_last_part_of_the_time_not_of_the_rows() -> None:
    # Nine tenths of the rows lie in the last tenth of the time.
    t0 = np.concatenate([np.arange(0, 900, 10), 900 + np.arange(0, 100, 0.125)]).astype(np.int64)
    found = split(t0, t0, Spans(train=(0, 1000), holdout=(1000, 2000)), 0.1, min_rows=0)
    assert found.valid_start_ns == 900
    assert len(found.train) == 90
    assert len(found.valid) == 800


def test_labels_that_meet_in_one_instant_overlap() -> None:
    t0 = np.array([0, 1, 20, 21, 40], dtype=np.int64)
    t1 = np.array([20, 19, 39, 40, 60], dtype=np.int64)
    found = split(t0, t1, Spans(train=(0, 40), holdout=(40, 80)), 0.5, min_rows=0)
    assert (found.train.tolist(), found.valid.tolist(), found.holdout.tolist()) == ([1], [2], [4])
    assert (found.purged_train, found.purged_valid) == (1, 1)


def test_a_decision_whose_label_is_null_is_purged_for() -> None:
    """A holdout that begins in a gap: its first decisions are traded, and a label that looks there leaves."""
    t0 = np.array([5, 15, 28, 30, 32, 50], dtype=np.int64)
    labelled = np.array([True, True, True, False, False, True])
    found = split(t0, t0 + 4, Spans(train=(0, 30), holdout=(30, 60)), 0.5, labelled=labelled, min_rows=0)
    assert (found.valid.tolist(), found.holdout.tolist()) == ([1], [5])
    assert (found.valid_decisions.tolist(), found.holdout_decisions.tolist()) == ([1, 2], [3, 4, 5])
    assert found.purged_valid == 1


def test_too_few_rows_says_where_they_went() -> None:
    data = planted_rows(200)
    with pytest.raises(
        DataError, match=r"needs \(20 a part\): validation has \d+.*null label.*purged.*valid_fraction"
    ):
        split(data.t0, data.last_t1, halves(data), 0.1, labelled=labelled(data.y))


def test_labels_null_throughout_are_named() -> None:
    data = planted_rows(200)
    with pytest.raises(DataError, match=r"every label is null \(200 rows\).*label\.horizon_s"):
        split(data.t0, data.last_t1, halves(data), 0.1, labelled=np.zeros(200, dtype=np.bool_))


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_one_class_is_an_error(value: float) -> None:
    with pytest.raises(DataError, match=rf"all 30 labels are of class {value:.0f}, at least two"):
        require_two_classes(np.full(30, value), "training rows")


def test_a_label_that_ends_before_it_begins_is_an_error() -> None:
    t0 = np.array([5, 6], dtype=np.int64)
    with pytest.raises(ValueError, match="row 1: the label ends at 4"):
        split(t0, np.array([5, 4]), Spans(train=(0, 10), holdout=(10, 20)), 0.1)


def test_rows_are_views_where_they_can_be_and_labels_never() -> None:
    data = planted_rows(100)
    run = data.block(np.arange(10, 60))
    assert np.shares_memory(run.x, data.x)
    assert not np.shares_memory(run.y, data.y)
    picked = data.block(np.array([3, 5, 9]))
    np.testing.assert_array_equal(picked.x, data.x[[3, 5, 9]])
    assert data.take(np.array([3, 5, 9])).keys["ev_seq"].to_list() == [3, 5, 9]


def test_select_names_the_nearest_feature() -> None:
    data = planted_rows(10)
    assert data.select(("linear", "noise")).features == ("linear", "noise")
    assert np.shares_memory(data.select(("linear", "noise")).take(np.arange(5)).t0, data.t0)
    assert data.select(data.features).x is data.x
    with pytest.raises(UsageError, match=r"'linaer' is not in this dataset; did you mean 'linear'"):
        data.select(("linaer",))


def test_a_row_is_purged_for_the_label_that_looks_furthest() -> None:
    """Of two heads the longer one decides, whichever column it stands in."""
    data = planted_rows(50)
    t1 = np.column_stack([data.t0 + 10, data.t0 + 30, data.t0 + 20])
    y, r_bps = (np.repeat(column, 3, axis=1) for column in (data.y, data.r_bps))
    heads = replace(data, y=y, r_bps=r_bps, t1=t1, heads=("a", "b", "c"))
    np.testing.assert_array_equal(heads.last_t1, data.t0 + 30)
    np.testing.assert_array_equal(heads.take(np.arange(5)).last_t1, data.t0[:5] + 30)
    assert heads.take(np.arange(5)).heads == ("a", "b", "c")
    with pytest.raises(ValueError, match=r"t1 has shape \(50, 1\), \(50, 3\) was expected"):
        replace(heads, t1=data.t1)

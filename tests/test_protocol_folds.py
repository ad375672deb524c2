"""Folds against the definition written out over all pairs, and against another program's CPCV."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from math import comb

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted_rows import SECOND, planted_rows

from atc.config.protocol import Cpcv, RandomSplit, WalkForward
from atc.errors import DataError, UsageError
from atc.events.business_day import DAY_NS, day_of, day_start_ns
from atc.protocol.cpcv import chosen_groups, cpcv, group_spans, n_paths, paths
from atc.protocol.dataset import labelled
from atc.protocol.fold import Fold, FoldSpans, last_part, rows_of_fold
from atc.protocol.plan import assign_folds, plan_folds
from atc.protocol.random_split import random_split
from atc.protocol.walk_forward import walk_forward

GMO = {"day_cut_utc_s": 75_600, "tz_offset_s": 32_400}
interval = st.tuples(st.integers(0, 99), st.integers(0, 15)).map(lambda pair: (pair[0], pair[0] + pair[1]))
rows_of_labels = st.lists(interval, min_size=1, max_size=40)


def columns(pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return table[:, 0].copy(), table[:, 1].copy()


def touch(a: tuple[int, int], b: tuple[int, int]) -> bool:
    return max(a[0], b[0]) <= min(a[1], b[1])


def inside(t: int, spans: tuple[tuple[int, int], ...]) -> bool:
    return any(start <= t < end for start, end in spans)


@given(rows_of_labels, st.data())
def test_a_fold_equals_the_definition(rows: list[tuple[int, int]], data: st.DataObject) -> None:
    """O(n²): every pair of rows is looked at."""
    usable = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    embargo = data.draw(st.integers(0, 20))
    groups = data.draw(st.integers(2, 6))
    test_groups = data.draw(st.integers(1, groups - 1))
    protocol = Cpcv(kind="cpcv", groups=groups, test_groups=test_groups, valid_fraction=0.25)
    spans = data.draw(st.sampled_from(cpcv((0, 100), protocol)))

    # A decision without a label is judged by nothing, and scored and purged for like any other.
    decisions = [i for i, row in enumerate(rows) if inside(row[0], spans.test)]
    test = [i for i in decisions if usable[i]]
    fitting, purged, barred = [], 0, 0
    for i, row in enumerate(rows):
        if not usable[i] or not inside(row[0], spans.fit):
            continue
        if any(touch(row, rows[j]) for j in decisions):
            purged += 1
        elif any(rows[j][1] < row[0] <= rows[j][1] + embargo for j in decisions):
            barred += 1
        else:
            fitting.append(i)
    valid = [i for i in fitting if rows[i][0] >= spans.valid_start_ns]
    earlier = [i for i in fitting if rows[i][0] < spans.valid_start_ns]
    train = [i for i in earlier if not any(touch(rows[i], rows[j]) for j in valid)]

    found = rows_of_fold(spans, *columns(rows), np.array(usable), embargo_ns=embargo, min_rows=0)
    assert (found.train.tolist(), found.valid.tolist(), found.test.tolist()) == (train, valid, test)
    assert (found.purged, found.embargoed) == (purged + len(earlier) - len(train), barred)
    assert found.test_decisions.tolist() == decisions


def test_a_test_decision_whose_label_is_null_is_purged_and_embargoed_for() -> None:
    """The test block begins and ends in a gap; what it looked at there is as much its own."""
    t0 = np.array([10, 36, 40, 50, 58, 64, 70, 95], dtype=np.int64)
    usable = np.array([True, True, False, True, False, True, True, True])
    spans = FoldSpans("1", fit=((0, 40), (60, 100)), test=((40, 60),), valid_start_ns=90)
    found = rows_of_fold(spans, t0, t0 + 5, usable, embargo_ns=5, min_rows=0)
    assert (found.train.tolist(), found.valid.tolist(), found.test.tolist()) == ([0, 6], [7], [3])
    assert (found.purged, found.embargoed) == (1, 1)


def some_rows(n: int = 5000, horizon: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    t0 = np.sort(rng.integers(0, 100_000, n))
    return t0, t0 + horizon, rng.random(n) > 0.05


@pytest.mark.parametrize(
    "protocol",
    [
        Cpcv(kind="cpcv", groups=8, test_groups=2),
        Cpcv(kind="cpcv", groups=5, test_groups=3),
        WalkForward(kind="walk_forward"),
        WalkForward(kind="walk_forward", folds=3, first_train_fraction=0.5),
    ],
    ids=lambda p: p.kind,
)
def test_no_training_label_shares_an_instant_with_one_that_judges(protocol: Cpcv | WalkForward) -> None:
    t0, t1, usable = some_rows()
    look_back = 1830
    planned = plan_folds(protocol, (0, 100_000), **GMO)
    folds = assign_folds(protocol, planned, t0, t1, usable, look_back_ns=look_back, seed=1)
    assert len(folds) == (protocol.folds if isinstance(protocol, WalkForward) else comb(protocol.groups, 2))
    judged = np.zeros(len(t0), dtype=int)
    for fold in folds:
        judged[fold.test] += 1
        assert usable[np.concatenate([fold.train, fold.valid, fold.test])].all()
        for mine, others in ((fold.train, fold.valid), (fold.train, fold.test), (fold.valid, fold.test)):
            shares = (t0[mine, None] <= t1[None, others]) & (t1[mine, None] >= t0[None, others])
            assert not shares.any()
        assert t0[fold.train].max() < t0[fold.valid].min()
        # The look back of a fitting row ends before it reaches the last test label before it.
        for part in (fold.train, fold.valid):
            after = t0[part, None] - t1[None, fold.test]
            assert not ((after > 0) & (after <= look_back)).any() or isinstance(protocol, WalkForward)
        if isinstance(protocol, WalkForward):
            assert max(t0[fold.train].max(), t0[fold.valid].max()) < t0[fold.test].min()
            assert fold.embargoed == 0
    if isinstance(protocol, WalkForward):
        first = 100_000 * protocol.first_train_fraction
        np.testing.assert_array_equal(judged, usable & (t0 >= first))
    else:
        np.testing.assert_array_equal(judged, usable * n_paths(protocol.groups, protocol.test_groups))


@pytest.mark.parametrize(("groups", "test_groups"), [(8, 2), (6, 3), (5, 1)])
def test_cpcv_is_that_of_purgedcv(groups: int, test_groups: int) -> None:
    """The same folds where both mean the same.

    Its groups are of equal rows, ours of equal time: rows on a grid make both one. Its labels end before
    their last instant, ours include it, so it is given one more; then its embargo, which includes both of
    its ends, is one less. It knows no internal validation, so its training rows are our fitting rows.
    """
    from purgedcv import CombinatorialPurgedCV

    n, embargo, horizon = 720, 37, 25
    t0 = np.arange(n, dtype=np.int64) * 10
    t1 = t0 + horizon
    protocol = Cpcv(kind="cpcv", groups=groups, test_groups=test_groups)
    theirs = CombinatorialPurgedCV(
        groups,
        test_groups,
        prediction_times=pd.Series(pd.to_datetime(t0)),
        evaluation_times=pd.Series(pd.to_datetime(t1 + 1)),
        purge_horizon=pd.Timedelta(0),
        embargo=pd.Timedelta(embargo - 1, unit="ns"),
    )
    ours = cpcv((0, 10 * n), protocol)
    usable = np.ones(n, dtype=np.bool_)
    assert theirs.get_n_splits() == len(ours)
    for spans, (train, test) in zip(ours, theirs.split(np.zeros((n, 1))), strict=True):
        # Nearly all fitting rows train, so that the purge between training and validation is out of the way.
        whole = FoldSpans(spans.name, spans.fit, spans.test, spans.fit[-1][1] - 1)
        fold = rows_of_fold(whole, t0, t1, usable, embargo_ns=embargo, min_rows=0)
        assert fold.test.tolist() == sorted(test.tolist())
        assert len(fold.valid) == 0
        assert fold.train.tolist() == sorted(train.tolist())


@pytest.mark.parametrize(("groups", "test_groups"), [(6, 2), (8, 2), (6, 3), (5, 1), (4, 3)])
def test_paths_cross_every_group_once_and_use_every_prediction_once(groups: int, test_groups: int) -> None:
    found = paths(groups, test_groups)
    assert found.shape == (n_paths(groups, test_groups), groups)
    chosen = chosen_groups(groups, test_groups)
    used = sorted((int(fold), group) for path in found for group, fold in enumerate(path))
    assert used == sorted((fold, group) for fold, taken in enumerate(chosen) for group in taken)


def test_groups_make_up_the_train_range() -> None:
    spans = group_spans((7, 1008), 8)
    assert spans[0][0] == 7
    assert spans[-1][1] == 1008
    assert all(a[1] == b[0] for a, b in pairwise(spans))
    assert {end - start for start, end in spans} <= {125, 126}


def test_validation_is_the_last_part_of_the_fitting_time() -> None:
    assert last_part(((0, 100),), 0.1) == 90
    # Ten of a hundred: the last span alone; then half of the first too.
    assert last_part(((0, 90), (500, 510)), 0.1) == 500
    assert last_part(((0, 90), (500, 510)), 0.5) == 50


def days(first: date, last: date) -> tuple[int, int]:
    """Both included."""
    return day_start_ns(first, **GMO), day_start_ns(last, **GMO) + DAY_NS


def test_the_plan_s_walk_forward() -> None:
    """SPEC 5: the last 48 months in six blocks of 8; training expands from the first 1.5."""
    train = days(date(2022, 1, 1), date(2026, 2, 16))
    folds = walk_forward(train, WalkForward(kind="walk_forward", block_months=8), **GMO)
    starts = [day_of(fold.test[0][0], **GMO) for fold in folds]
    assert starts == [
        *(date(2022, 2, 17), date(2022, 10, 17), date(2023, 6, 17)),
        *(date(2024, 2, 17), date(2024, 10, 17), date(2025, 6, 17)),
    ]
    assert all(fold.fit == ((train[0], fold.test[0][0]),) for fold in folds)
    assert all(a.test[0][1] == b.test[0][0] for a, b in pairwise(folds))
    assert folds[-1].test[0][1] == train[1]


def test_the_last_day_of_a_short_month_stands_in() -> None:
    train = days(date(2024, 1, 1), date(2025, 5, 30))  # the end is 31 May
    folds = walk_forward(train, WalkForward(kind="walk_forward", folds=2, block_months=3), **GMO)
    assert [day_of(fold.test[0][0], **GMO) for fold in folds] == [date(2024, 11, 30), date(2025, 2, 28)]


def test_six_equal_blocks_after_the_first_tenth() -> None:
    folds = walk_forward((1000, 2000), WalkForward(kind="walk_forward"), **GMO)
    assert [fold.test[0] for fold in folds] == [
        *((1100, 1250), (1250, 1400), (1400, 1550), (1550, 1700), (1700, 1850), (1850, 2000)),
    ]
    assert folds[0].valid_start_ns == 1090


def test_blocks_of_days_count_back() -> None:
    train = days(date(2026, 1, 1), date(2026, 1, 31))
    folds = walk_forward(train, WalkForward(kind="walk_forward", folds=4, block_days=7), **GMO)
    assert [day_of(fold.test[0][0], **GMO).day for fold in folds] == [4, 11, 18, 25]


def test_blocks_outside_the_train_range_are_refused() -> None:
    train = days(date(2026, 1, 1), date(2026, 1, 28))
    protocol = WalkForward(kind="walk_forward", folds=4, block_days=7)
    with pytest.raises(DataError, match=r"block_days=7 reach back to 2026-01-01.*2026-01-01 … 2026-01-28"):
        walk_forward(train, protocol, **GMO)
    with pytest.raises(UsageError, match="ends within one"):
        walk_forward((0, 1000), WalkForward(kind="walk_forward", block_months=1), **GMO)


def test_a_fold_that_leaks_cannot_be_made() -> None:
    with pytest.raises(UsageError, match=r"fitted on and judged by \(50, 60\)"):
        FoldSpans("1", fit=((0, 55),), test=((50, 60),), valid_start_ns=40)
    with pytest.raises(UsageError, match="no time to train or to select"):
        FoldSpans("1", fit=((0, 50),), test=((50, 60),), valid_start_ns=50)
    with pytest.raises(UsageError, match="overlap or run backwards"):
        FoldSpans("1", fit=((20, 30), (0, 10)), test=((50, 60),), valid_start_ns=25)


def test_a_fold_with_too_few_rows_says_where_they_went() -> None:
    t0, t1, usable = some_rows(60, horizon=5000)
    planned = plan_folds(WalkForward(kind="walk_forward"), (0, 100_000), **GMO)
    with pytest.raises(DataError, match=r"fold 1: fewer rows than a fold needs \(20 a part\).*purged"):
        assign_folds(WalkForward(kind="walk_forward"), planned, t0, t1, usable, look_back_ns=0, seed=1)


def test_no_row_of_inputs_is_copied_for_cpcv() -> None:
    """CPCV(8, 2): all parts of all 28 folds are views of the one matrix, the embargo's gaps included."""
    data = planted_rows(20_000)
    span = (int(data.t0[0]), int(data.t0[-1]) + 1)
    protocol = Cpcv(kind="cpcv", groups=8, test_groups=2)
    planned = plan_folds(protocol, span, **GMO)
    folds = assign_folds(
        protocol, planned, data.t0, data.last_t1, labelled(data.y), look_back_ns=600 * SECOND, seed=1
    )
    assert len(folds) == 28
    assert all(fold.embargoed > 0 for fold in folds[:-1])
    for fold in folds:
        for rows in (fold.train, fold.valid, fold.test_decisions):
            x = data.block(rows).x
            pieces = [x] if isinstance(x, np.ndarray) else x.pieces
            assert pieces is not None
            assert sum(map(len, pieces)) == len(rows)
            assert all(np.shares_memory(piece, data.x) for piece in pieces)


def drawn(seed: int) -> Fold:
    usable = np.ones(1000, dtype=np.bool_)
    usable[::10] = False
    return random_split(usable, RandomSplit(kind="random_split"), seed=seed)


def test_the_control_is_random_and_says_that_it_leaks() -> None:
    fold = drawn(1)
    assert fold.leaks
    parts = np.concatenate([fold.train, fold.valid, fold.test])
    assert sorted(parts.tolist()) == [i for i in range(1000) if i % 10]
    assert (len(fold.test), len(fold.valid)) == (180, 72)
    # Rows of the parts alternate: nearly every test row has a training row beside it.
    assert np.isin(fold.test + 1, fold.train).mean() > 0.5
    np.testing.assert_array_equal(drawn(1).test, fold.test)
    assert not np.array_equal(drawn(2).test, fold.test)

"""Average uniqueness of overlapping labels, against its definition written out instant by instant."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted_heads import two_heads
from planted_rows import planted_rows

import atc
from atc.labels import uniqueness
from atc.labels.uniqueness import average_uniqueness, uniqueness_weights
from atc.tasks.training_rows import training_rows

interval = st.tuples(st.integers(0, 40), st.integers(1, 15)).map(lambda pair: (pair[0], pair[0] + pair[1]))


def slow(pairs: list[tuple[int, int]]) -> list[Fraction]:
    """Each label owns 1/c of every unit of its time, c labels running in it."""
    running = {t: sum(a < t <= b for a, b in pairs) for a, b in pairs for t in range(a + 1, b + 1)}
    return [
        sum((Fraction(1, running[t]) for t in range(a + 1, b + 1)), Fraction(0)) / (b - a) for a, b in pairs
    ]


@given(st.lists(interval, max_size=25), st.sampled_from([1, 1_000_000_007]))
def test_the_average_over_the_labels_own_time(pairs: list[tuple[int, int]], unit: int) -> None:
    start = 1_700_000_000_000_000_000
    table = np.array(pairs, dtype=np.int64).reshape(-1, 2) * unit + start
    found = average_uniqueness(table[:, 0].copy(), table[:, 1].copy())
    np.testing.assert_allclose(found, [float(x) for x in slow(pairs)], rtol=1e-12)


def test_what_is_alone_is_unique() -> None:
    t0 = np.array([0, 10, 20, 30], dtype=np.int64)
    np.testing.assert_array_equal(average_uniqueness(t0, t0 + 10), 1.0)
    np.testing.assert_array_equal(average_uniqueness(np.repeat(t0[:1], 8), np.repeat(t0[1:2], 8)), 1 / 8)
    np.testing.assert_array_equal(average_uniqueness(t0[:0], t0[:0]), np.empty(0))


def test_labels_are_worth_the_time_that_they_cover() -> None:
    """Of one horizon: their number of own labels is the covered time in horizons, however dense they are."""
    horizon = 60
    t0 = np.sort(np.random.default_rng(1).integers(0, 5_000, 20_000))
    t1 = t0 + horizon
    covered = len(np.unique(np.concatenate([t0 + step for step in range(1, horizon + 1)])))
    _, own = uniqueness_weights(np.ones((len(t0), 1)), t0, t1[:, None])
    assert own[0] == pytest.approx(covered / horizon, rel=1e-9)


def test_long_histories_keep_their_digits() -> None:
    """Four years of nanoseconds, a label every 300 ms on average."""
    rng = np.random.default_rng(2)
    begin = 1_640_984_400_000_000_000
    far = np.int64(4 * 365 * 86_400) * 1_000_000_000
    t0 = np.sort(rng.integers(0, 3_600_000_000_000, 12_000))
    near = average_uniqueness(begin + t0, begin + t0 + 300_000_000_000)
    whole = np.concatenate([begin + t0, begin + far + t0])
    both = average_uniqueness(whole, whole + 300_000_000_000)
    np.testing.assert_allclose(both[12_000:], near, rtol=1e-7)


def test_a_label_that_ends_before_it_begins_is_named() -> None:
    with pytest.raises(ValueError, match="row 1: the label ends at 5, it begins at 5"):
        average_uniqueness(np.array([1, 5]), np.array([2, 5]))


def test_weights_have_mean_one_over_the_rows_of_each_head() -> None:
    data = two_heads(1000)
    weights, own = uniqueness_weights(data.y, data.t0, data.t1)
    assert weights.shape == (1000, 2)
    for head in range(2):
        rows = np.flatnonzero(~np.isnan(data.y[:, head]))
        assert weights[rows, head].mean() == pytest.approx(1.0)
        alone = average_uniqueness(data.t0[rows], data.t1[rows, head])
        np.testing.assert_allclose(weights[rows, head], alone / alone.mean())
        assert own[head] == pytest.approx(alone.sum())
        np.testing.assert_array_equal(np.delete(weights[:, head], rows), 1.0)
    nothing, none = uniqueness_weights(np.full((3, 1), np.nan), data.t0[:3], data.t1[:3, :1])
    np.testing.assert_array_equal(nothing, 1.0)
    np.testing.assert_array_equal(none, 0.0)


def test_the_rows_that_are_fitted_share_among_themselves() -> None:
    """No label of another part counts as running: a fold's weights are of its training rows alone."""
    data = planted_rows(600)
    rows = np.flatnonzero(~np.isnan(data.y[:, 0]))[::3]
    fitted = training_rows(atc.compose(["+experiment=logistic_13feat", "weights=uniqueness"]), data, rows)
    assert fitted.block.weights is not None
    alone = average_uniqueness(data.t0[rows], data.t1[rows, 0])
    np.testing.assert_allclose(fitted.block.weights[:, 0], alone / alone.mean())
    assert fitted.figures["train/own_labels"] == pytest.approx(alone.sum())
    plain = training_rows(atc.compose(["+experiment=logistic_13feat"]), data, rows)
    assert plain.block.weights is None
    assert plain.figures == {"train/rows_before_thinning": len(rows)}


def test_chunks_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    t0 = np.sort(rng.integers(0, 10_000, 500)) + 10**18
    for order in (np.arange(500), rng.permutation(500)):
        begin, end = t0[order], t0[order] + rng.integers(1, 400, 500)
        whole = average_uniqueness(begin, end)
        with monkeypatch.context() as patch:
            for rows in (1, 7, 499):
                patch.setattr(uniqueness, "CHUNK_ROWS", rows)
                np.testing.assert_array_equal(average_uniqueness(begin, end), whole)

"""p_T against its definition, written out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted_rows import SECOND, START

from atc.evaluation.head import Head, HeadRows, Outcomes
from atc.evaluation.lift import Resampling, resampling
from atc.evaluation.transactions import Transactions, orders, p_transaction, transactions

HEAD = Head("", ("SHORT", "FLAT", "HOLD"), (0, 1, 2), 300 * SECOND, 2.0)


def rows_of(code: list[int] | np.ndarray, spacing_s: int = 301) -> HeadRows:
    t0 = START + np.arange(len(code)) * spacing_s * SECOND
    y = np.asarray(code, dtype=np.float64)[:, None]
    return HeadRows.of(Outcomes(y, y, t0, t0.astype("datetime64[ns]").astype("datetime64[D]")), HEAD, 0)


def written_out(order: list[int]) -> set[tuple[int, int, int]]:
    found, opening = set(), None
    for row, ask in enumerate(order):
        if ask == 0:
            continue
        if opening is None:
            opening = row
        elif ask != order[opening]:
            found.add((opening, row, order[opening]))
            opening = row
    return found


def listed(found: Transactions) -> set[tuple[int, int, int]]:
    columns = (found.opening, found.closing, found.side)
    return set(zip(*(column.tolist() for column in columns), strict=True))


@given(st.lists(st.sampled_from([-1, 0, 1]), max_size=30))
def test_transactions_are_those_written_out(order: list[int]) -> None:
    assert listed(transactions(np.array(order, dtype=np.int64))) == written_out(order)


def test_an_example() -> None:
    #            opens long   closes, opens short   closes, opens long
    happened = [2, 1, 2, 0, 0, 2, 1]
    called = [2, 1, 1, 0, 2, 2, 1]
    assert listed(transactions(orders(np.array(happened), 3))) == {(0, 3, 1), (3, 5, -1)}
    assert listed(transactions(orders(np.array(called), 3))) == {(0, 3, 1), (3, 4, -1)}
    alone = Resampling(np.zeros(7, dtype=np.int64), None, 0.95)
    assert p_transaction(rows_of(happened), np.array(called), alone).value == pytest.approx(1 / 3)
    assert p_transaction(rows_of(happened), np.array(happened), alone).value == 1.0
    assert p_transaction(rows_of([1] * 7), np.array([2] * 7), alone).value is None


def test_decisions_do_not_overlap() -> None:
    rows = rows_of([0, 2] * 50, spacing_s=70)
    gaps = np.diff(rows.t0[rows.disjoint])
    assert gaps.min() == 350 * SECOND
    assert gaps.max() == 350 * SECOND
    assert rows.disjoint[0] == 0


def test_a_label_that_ends_where_the_next_begins_overlaps_it() -> None:
    """Both read the mid of that instant: intervals are closed, here as in the purge."""
    assert np.diff(rows_of([0, 2] * 50, spacing_s=100).disjoint).tolist() == [4] * 24
    one_ns_later = replace(rows_of([0, 2] * 4), t0=START + np.arange(8) * (300 * SECOND + 1))
    assert one_ns_later.disjoint.tolist() == list(range(8))


def test_few_transactions_bear_no_interval() -> None:
    """Openings in five of a hundred blocks are five, however many blocks the rows lie in."""
    code = np.full(4000, 1)
    code[np.arange(5) * 10] = [2, 0, 2, 0, 2]
    block = np.arange(4000) // 40
    rows = rows_of(code)
    draws = resampling(block, 100, enough=True, resamples=50, confidence=0.95, seed=1, min_blocks=20)
    sample = p_transaction(rows, code, draws)
    assert (sample.value, sample.resampled) == (1.0, None)


def test_resamples_count_a_transaction_where_it_opens() -> None:
    rng = np.random.default_rng(0)
    happened, called = rng.integers(0, 3, 400), rng.integers(0, 3, 400)
    called[:200] = happened[:200]
    rows, block = rows_of(happened), np.arange(400) // 20
    draws = resampling(block, 20, enough=True, resamples=50, confidence=0.95, seed=1)
    sample = p_transaction(rows, called, draws)
    one, two = (written_out(orders(code, 3).tolist()) for code in (happened, called))
    assert draws.times is not None
    expected = [
        sum(times[block[opening]] for opening, _, _ in one & two)
        / sum(times[block[opening]] for opening, _, _ in one | two)
        for times in draws.times
    ]
    assert sample.value == pytest.approx(len(one & two) / len(one | two))
    assert sample.resampled == pytest.approx(expected)
    assert sample.estimate.interval is not None

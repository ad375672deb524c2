"""Keys, times and returns that runs share: exact, built once, mapped by all, and never of other rows."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from synthetic_days import COLUMNS, synthetic_days

import atc
from atc.features.day_file import Damaged
from atc.features.matrix_cache import shared_columns
from atc.features.matrix_file import MatrixDay
from atc.features.row_file import (
    Columns,
    RowColumn,
    RowPlan,
    columns_in_memory,
    read_row_file,
    write_columns,
)
from atc.tasks.rows import LabelledRows, read_rows

DAYS = 7
HEADS = 3


def plan_of(rows: int = 300, heads: int = HEADS) -> RowPlan:
    columns = (
        RowColumn("t0", "<i8"),
        RowColumn("ev_seq", "<u8"),
        RowColumn("r_bps", "<f8", heads),
        RowColumn("null_cause", "|u1", heads),
    )
    first = date(2025, 1, 6)
    days = (
        MatrixDay(first + timedelta(days=day), rows + day, {"labels": f"key{day}"}) for day in range(DAYS)
    )
    return RowPlan(columns, tuple(days))


def days_of(plan: RowPlan) -> Iterator[Columns]:
    for number, day in enumerate(plan.days):
        rng = np.random.default_rng(number)
        r_bps = rng.normal(size=(day.rows, HEADS))
        r_bps[rng.random(r_bps.shape) < 0.1] = np.nan
        yield {
            # Times that float64 could not hold.
            "t0": rng.integers(2**60, 2**62, day.rows),
            "ev_seq": rng.integers(2**63, 2**64 - 1, day.rows, dtype=np.uint64),
            "r_bps": r_bps,
            "null_cause": np.isnan(r_bps).astype(np.uint8),
        }


def built(folder: Path, plan: RowPlan, log: list[int] | None = None) -> Columns:
    def days() -> Iterator[Columns]:
        if log is not None:
            log.append(1)
        yield from days_of(plan)

    return shared_columns(folder, plan, days)


def assert_same(found: Columns, expected: Columns) -> None:
    assert found.keys() == expected.keys()
    for name, values in found.items():
        assert values.dtype == expected[name].dtype
        np.testing.assert_array_equal(values, expected[name])


def test_they_are_built_once_and_mapped_afterwards(tmp_path: Path) -> None:
    plan, log = plan_of(), list[int]()
    expected = columns_in_memory(plan, days_of(plan))
    np.testing.assert_array_equal(expected["t0"], np.concatenate([day["t0"] for day in days_of(plan)]))
    for _ in range(3):
        assert_same(built(tmp_path, plan, log), expected)
    assert log == [1]
    assert read_row_file(tmp_path / f"{plan.key}.rows").plan == plan
    assert not list(tmp_path.glob(".*.part"))


def test_what_a_run_changes_stays_its_own(tmp_path: Path) -> None:
    plan = plan_of()
    found = built(tmp_path, plan)
    found["r_bps"][:] = 0.0
    found["t0"][:] -= 1
    assert_same(built(tmp_path, plan), columns_in_memory(plan, days_of(plan)))


def test_a_flipped_bit_is_noticed_wherever_it_is(tmp_path: Path) -> None:
    plan, rng = plan_of(20), random.Random(1)
    expected = columns_in_memory(plan, days_of(plan))
    built(tmp_path, plan)
    file = tmp_path / f"{plan.key}.rows"
    good, noticed = file.read_bytes(), 0
    for _ in range(60):
        place = rng.choice([rng.randrange(len(good)), len(good) - 1 - rng.randrange(300)])
        wrong = bytearray(good)
        wrong[place] ^= 1 << rng.randrange(8)
        file.write_bytes(wrong)
        log: list[int] = []
        assert_same(built(tmp_path, plan, log), expected)
        noticed += len(log)  # between the columns lies nothing that is read
    assert noticed >= 50


@pytest.mark.parametrize("length", [0, 10, 5000, -1])
def test_a_file_that_was_cut_is_built_again(length: int, tmp_path: Path) -> None:
    plan = plan_of()
    built(tmp_path, plan)
    file = tmp_path / f"{plan.key}.rows"
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(Damaged):
        read_row_file(file)
    assert_same(built(tmp_path, plan), columns_in_memory(plan, days_of(plan)))


def test_other_rows_and_other_heads_are_another_file(tmp_path: Path) -> None:
    plan = plan_of()
    other_day = RowPlan(plan.columns, (*plan.days[:-1], MatrixDay(plan.days[-1].day, 7, {"labels": "x"})))
    assert len({plan.key, plan_of(heads=2).key, plan_of(301).key, other_day.key}) == 4
    built(tmp_path, plan)
    (tmp_path / f"{plan.key}.rows").rename(tmp_path / f"{other_day.key}.rows")
    with pytest.raises(Damaged, match=f"its manifest has the key {plan.key}"):
        read_row_file(tmp_path / f"{other_day.key}.rows")


def test_columns_of_another_kind_are_not_written(tmp_path: Path) -> None:
    plan = plan_of()
    wrong = ({**day, "t0": day["t0"].astype(np.float64)} for day in days_of(plan))
    with pytest.raises(ValueError, match="t0 is float64"):
        write_columns(tmp_path / "x", plan, wrong)


def same_rows(one: LabelledRows, other: LabelledRows) -> bool:
    assert one.keys.equals(other.keys)
    assert one.keys.schema == other.keys.schema
    for name in ("r_bps", "t0", "t1", "spread_bps", "null_cause"):
        first, second = getattr(one, name), getattr(other, name)
        assert first.dtype == second.dtype
        np.testing.assert_array_equal(first, second)
    return True


@pytest.mark.parametrize("words", [(), ("label=multihorizon_up", "label.horizons_s=[1,60]")])
def test_rows_from_the_cache_are_those_of_the_files(words: tuple[str, ...], tmp_path: Path) -> None:
    """Returns and times bit for bit, keys of the same types, whichever way they came."""
    config = atc.compose(["+experiment=gbdt_36feat", *words])
    days = synthetic_days(tmp_path, config, 2_000, 3, 2)
    heads = ("",) if not words else ("1s", "60s")
    asked = ("X", days.features, days.labels, COLUMNS, heads)
    plain = read_rows(*asked)
    matrices = tmp_path / "matrices"
    assert same_rows(read_rows(*asked, matrices=matrices), plain)
    assert len(list(matrices.glob("*.rows"))) == 1
    assert same_rows(read_rows(*asked, matrices=matrices), plain)
    assert plain.keys.columns == ["symbol", "ts_recv", "ev_seq", "ts_close"]
    assert np.isnan(plain.r_bps).any()
    few = np.array([1, 5, 6])
    assert same_rows(plain.take(np.arange(5, 900)).take(few), plain.take(few + 5))

"""Shares of classes and of nulls by cause."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from planted_heads import three_classes, two_heads
from planted_rows import planted_rows

from atc.evaluation.balance import class_balance


def test_shares_of_three_classes_and_of_nulls_by_cause() -> None:
    rows = three_classes(10).take(np.arange(10))
    y = np.array([0, 0, 2, 2, 2, 1, np.nan, np.nan, np.nan, np.nan])[:, None]
    cause = np.array([0, 0, 0, 0, 0, 0, 1, 2, 2, 2], dtype=np.uint8)[:, None]
    found = class_balance("train", replace(rows, y=y, null_cause=cause), ("reset", "gap", "unchanged"))
    assert found == {
        "train/class/SHORT/share": pytest.approx(2 / 6),
        "train/class/FLAT/share": pytest.approx(1 / 6),
        "train/class/HOLD/share": pytest.approx(3 / 6),
        "train/null/share": 0.4,
        "train/null/reset/share": 0.1,
        "train/null/gap/share": 0.3,
        "train/null/unchanged/share": 0.0,
    }


def test_each_head_has_its_own() -> None:
    rows = two_heads(400)
    found = class_balance("valid", rows, ())
    near, far = (rows.y[~np.isnan(rows.y[:, head]), head] for head in range(2))
    assert found["valid/class/1/share@near"] == pytest.approx(near.mean())
    assert found["valid/class/0/share@far"] == pytest.approx(1 - far.mean())
    assert found["valid/null/share@near"] == pytest.approx(1 - len(near) / 400)
    assert not any("/null/" in key and "share@" not in key for key in found)


def test_of_no_rows_nothing_is_said() -> None:
    none = class_balance("holdout", planted_rows(50).take(np.empty(0, dtype=np.int64)), ())
    assert set(none.values()) == {None}
    assert "holdout/null/share" in none

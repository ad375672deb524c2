"""Labels are counted in chunks: what is a code, what is null, and what is neither."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from planted_heads import blocks, two_heads

from atc.config.nets import Multihorizon, Trainer
from atc.errors import DataError
from atc.models.base import fit_model
from atc.models.build import build_model
from atc.models.nets.scores import base_shares
from atc.models.row_chunks import TASK_ROWS, count_codes

CONFIG = Multihorizon(kind="multihorizon", epochs=1, trainer=Trainer(accelerator="cpu", num_threads=1))


def test_codes_and_nulls_are_counted_over_all_chunks() -> None:
    y = np.random.default_rng(1).choice([0.0, 1.0, 2.0, np.nan, 7.0], size=2 * TASK_ROWS + 17)
    counts, null = count_codes(y, 3)
    assert counts.tolist() == [int(np.sum(y == code)) for code in range(3)]
    assert null == int(np.sum(np.isnan(y)))
    assert counts.sum() + null == len(y) - int(np.sum(y == 7.0))
    assert count_codes(y[:0], 2)[0].tolist() == [0, 0]


def test_a_head_may_lack_labels_but_not_have_wrong_ones() -> None:
    train, valid = blocks(two_heads(600))
    y = train.y.copy()
    y[:40, 1] = np.nan
    row = 50
    y[row, 1] = 0.5
    message = rf"training rows of far: label 0\.5 in row {row} \(1 such rows\), 0 or 1 was expected"
    with pytest.raises(DataError, match=message):
        fit_model(build_model(CONFIG), replace(train, y=y), valid, seed=1)
    y[40:, 1] = 1.0
    message = f"training rows of far: all {len(y) - 40:,} labels are of class 1"
    with pytest.raises(DataError, match=message):
        fit_model(build_model(CONFIG), replace(train, y=y), valid, seed=1)


@pytest.mark.parametrize("weighed", [False, True])
def test_base_rates_are_of_the_rows_that_have_a_label_by_their_weights(weighed: bool) -> None:
    train, _ = blocks(two_heads(600))
    y = train.y.copy()
    y[:40, 1] = np.nan
    train = replace(train, y=y)
    weights = np.random.default_rng(2).random(train.y.shape) + 0.5 if weighed else None
    found = base_shares(replace(train, weights=weights))
    for head in range(2):
        y, w = train.y[:, head], np.ones(len(train.y)) if weights is None else weights[:, head]
        expected = [w[y == code].sum() / w[~np.isnan(y)].sum() for code in (0, 1)]
        np.testing.assert_allclose(found[head], expected, rtol=1e-12)

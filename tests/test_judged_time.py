"""Which time of the train span selects or judges, by hand."""

from __future__ import annotations

import pytest

import atc
from atc.protocol.judged_time import judged_spans
from atc.protocol.plan import plan_folds

DAY = 86_400_000_000_000
START = 20_000 * DAY
TRAIN = (START, START + 10 * DAY)
VALID = START + 9 * DAY


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["protocol=sealed_holdout"], [(9.0, 10.0)]),
        # The first fold trains on 90 % of its three days, and selects on the last tenth of them.
        (["protocol=walk_forward", "protocol.first_train_fraction=0.3"], [(2.7, 10.0)]),
        # Two blocks of two days: what lies between their training and validation is one stretch.
        (
            ["protocol=walk_forward", "protocol.folds=2", "protocol.block_days=2"],
            [(5.4, 10.0)],
        ),
        (["protocol=cpcv"], [(0.0, 10.0)]),
        (["protocol=random_split"], [(0.0, 10.0)]),
    ],
)
def test_the_time_that_judges(words: list[str], expected: list[tuple[float, float]]) -> None:
    protocol = atc.compose(words).protocol
    folds = plan_folds(protocol, TRAIN, day_cut_utc_s=0, tz_offset_s=0)
    found = judged_spans(protocol, folds, TRAIN, VALID)
    assert [((a - START) / DAY, (b - START) / DAY) for a, b in found] == [
        pytest.approx(span) for span in expected
    ]

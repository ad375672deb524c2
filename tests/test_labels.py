"""Classes from returns."""

from __future__ import annotations

import numpy as np
import pytest

from atc.config.schema import FwdLogret, Hold10Oracle, Hold10OracleQ14
from atc.errors import DataError, UsageError
from atc.labels.definitions import BinaryLabel, fit_label

NAN = float("nan")


def test_hold_unless_the_return_is_at_or_below_the_cost() -> None:
    label = fit_label(Hold10Oracle(kind="hold10_oracle", exit_bps=2.0), np.array([]))
    r = np.array([-3.0, -2.0, np.nextafter(-2.0, 0.0), 0.0, 5.0, NAN])
    np.testing.assert_array_equal(label.classes(r), [0.0, 0.0, 1.0, 1.0, 1.0, NAN])
    assert label.exit_bps == 2.0


def test_the_quantile_is_of_the_training_rows_alone() -> None:
    config = Hold10OracleQ14(kind="hold10_oracle_q14", quantile=0.14)
    train = np.concatenate([np.linspace(-50.0, 50.0, 1001), [NAN]])
    label = fit_label(config, train)
    assert label.threshold_bps == pytest.approx(-36.0)
    assert np.nanmean(label.classes(train)) == pytest.approx(0.86, abs=0.002)


def test_a_quantile_of_nothing_is_refused() -> None:
    with pytest.raises(DataError, match="no training row"):
        fit_label(Hold10OracleQ14(kind="hold10_oracle_q14"), np.array([NAN]))


def test_a_return_is_no_class() -> None:
    with pytest.raises(UsageError, match="label=hold10_oracle"):
        fit_label(FwdLogret(kind="fwd_logret"), np.array([1.0]))


def test_the_direction_threshold_is_the_size_of_the_move() -> None:
    assert BinaryLabel(threshold_bps=-12.5).exit_bps == 12.5

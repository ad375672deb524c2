"""Classes from returns, against SPEC 3 written out row by row."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from atc.config.labels import Label
from atc.errors import DataError
from atc.labels.definitions import FittedLabel, fit_label, label_spec, nulls_of, why_null

NAN = float("nan")
BELOW_2, ABOVE_2 = np.nextafter(-2.0, -3.0), np.nextafter(-2.0, 0.0)
returns = st.lists(
    st.one_of(st.floats(-50, 50), st.sampled_from([-4.0, -2.0, 0.0, 2.0, NAN])), min_size=1, max_size=30
)


def label(**fields: Any) -> Label:
    found: Label = TypeAdapter(Label).validate_python(fields)
    return found


def fitted(train: Any = (), spread: Any = (), /, **fields: Any) -> FittedLabel:
    return fit_label(label(**fields), np.array(train, dtype=float), np.array(spread, dtype=float))


def codes(found: FittedLabel, r: Any, spread: Any = None) -> list[float]:
    return found.codes(np.array(r), None if spread is None else np.array(spread)).tolist()


def test_hold_unless_the_return_is_at_or_below_the_cost() -> None:
    found = fitted(kind="hold10_oracle", exit_bps=2.0)
    np.testing.assert_array_equal(
        codes(found, [-3.0, -2.0, ABOVE_2, 0.0, 5.0, NAN]), [0.0, 0.0, 1.0, 1.0, 1.0, NAN]
    )
    assert found.classes == ("FLAT", "HOLD")
    assert (found.exit_bps, found.constants) == (2.0, {"threshold_bps": -2.0})


def test_the_quantile_is_of_the_training_rows_alone() -> None:
    train = np.concatenate([np.linspace(-50.0, 50.0, 1001), [NAN]])
    found = fitted(train, kind="hold10_oracle_q14", quantile=0.14)
    assert found.threshold_bps == pytest.approx(-36.0)
    assert np.nanmean(found.codes(train)) == pytest.approx(0.86, abs=0.002)
    assert found.exit_bps == -found.threshold_bps


def three_classes(r: float) -> float:
    if math.isnan(r):
        return NAN
    if r <= -4.0:
        return 0.0
    return 1.0 if r <= -2.0 else 2.0


@given(returns)
def test_three_classes_by_cost(r: list[float]) -> None:
    found = fitted(kind="hold10_3class")
    np.testing.assert_array_equal(codes(found, r), [three_classes(x) for x in r])
    assert found.classes == ("SHORT", "FLAT", "HOLD")
    assert found.exit_bps == 2.0


@given(returns, st.integers(0, 24), st.integers(0, 24))
def test_the_largest_payoff(r: list[float], short_eighths: int, flat_eighths: int) -> None:
    """With costs in eighths and returns in sixteenths the payoffs are exact; a tie goes to the lower
    position.
    """
    short, flat = short_eighths / 8, flat_eighths / 8
    r = [x if math.isnan(x) else round(x * 16) / 16 for x in r]
    costs = {"short_cost_bps": short, "flat_cost_bps": flat}
    asked = label(kind="hold10_3class", reading="payoff_argmax", **costs)
    found = fit_label(asked, np.empty(0))
    expected = [NAN if math.isnan(x) else float(np.argmax([-x - short, -flat, x])) for x in r]
    if short <= 2 * flat:
        # FLAT ties at best, where the other two meet.
        expected = [0.0 if x == -short / 2 else y for x, y in zip(r, expected, strict=True)]
        assert 1.0 not in expected
    np.testing.assert_array_equal(codes(found, r), expected)
    assert bool(asked.warnings) == (short <= 2 * flat)


def test_payoffs_at_the_plans_costs_know_no_flat_and_say_so() -> None:
    found = fitted(kind="hold10_3class", reading="payoff_argmax")
    assert codes(found, [-9.0, BELOW_2, ABOVE_2, 9.0]) == [0.0, 0.0, 2.0, 2.0]
    (warning,) = label(kind="hold10_3class", reading="payoff_argmax").warnings.items()
    assert warning[0] == "flat_never_best"
    assert "FLAT is never the best" in warning[1]


def test_up_and_down_over_each_horizon() -> None:
    r = np.array([[-1.0, 0.0], [0.0, 3.0], [NAN, 1e-9]])
    for unchanged, middle in ((None, NAN), ("down", 0.0), ("up", 1.0)):
        found = fitted(kind="multihorizon_up", horizons_s=[1, 300], unchanged=unchanged)
        np.testing.assert_array_equal(found.codes(r), [[0.0, middle], [middle, 1.0], [NAN, 1.0]])
        assert found.heads == ("1s", "300s")
        assert found.exit_bps == 0.0


def test_half_the_mean_move_of_the_training_rows() -> None:
    found = fitted([-3.0, 1.0, 8.0, NAN], kind="tlob")
    assert found.cuts == (-2.0, 2.0)
    assert codes(found, [-2.5, -2.0, -1.0, 0.0, 2.0, ABOVE_2, 2.5]) == [0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 2.0]


@pytest.mark.parametrize(
    ("fields", "cuts"),
    [
        ({"kind": "hold10_oracle_spread", "exit_spreads": 0.5}, (-1.5,)),
        ({"kind": "hold10_3class_spread"}, (-6.0, -3.0)),
        ({"kind": "tlob", "threshold": "mean_spread", "spreads": 2.0}, (-6.0, 6.0)),
    ],
)
def test_a_threshold_in_mean_spreads_of_the_training_rows(
    fields: dict[str, Any], cuts: tuple[float, ...]
) -> None:
    found = fitted([1.0, 2.0, 3.0], [2.0, 4.0, NAN], **fields)
    assert (found.cuts, found.unit, found.mean_spread_bps) == (cuts, "bps", 3.0)
    with pytest.raises(DataError, match="no training row has a spread"):
        fitted([1.0], [NAN], **fields)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"kind": "hold10_oracle_spread", "spread": "row"}, [1.0, 0.0, NAN, NAN]),
        ({"kind": "hold10_3class_spread", "spread": "row"}, [2.0, 0.0, NAN, NAN]),
        ({"kind": "tlob", "threshold": "row_spread"}, [1.0, 0.0, NAN, NAN]),
    ],
)
def test_a_threshold_in_spreads_of_the_row(fields: dict[str, Any], expected: list[float]) -> None:
    found = fitted([1.0, 2.0], [2.0, 4.0], **fields)
    r, spread = [-2.0, -2.0, -2.0, NAN], [2.5, 1.0, NAN, 1.0]
    np.testing.assert_array_equal(codes(found, r, spread), expected)
    two_heads = found.codes(np.column_stack([r, r]), np.array(spread))
    np.testing.assert_array_equal(two_heads, np.column_stack([expected, expected]))
    assert found.constants["mean_spread_bps"] == 3.0
    with pytest.raises(ValueError, match="no single threshold in bps"):
        _ = found.threshold_bps
    with pytest.raises(ValueError, match="needs the rows' spreads"):
        codes(found, r)


def test_nothing_to_fit_to_is_refused() -> None:
    for kind in ("hold10_oracle_q14", "tlob"):
        with pytest.raises(DataError, match=f"{kind}: no training row"):
            fitted([NAN], kind=kind)


def test_a_return_is_its_own_label() -> None:
    found = fitted([1.0], kind="fwd_logret")
    assert (found.classes, found.cuts, dict(found.constants), found.exit_bps) == ((), (), {}, 0.0)
    np.testing.assert_array_equal(codes(found, [-2.0, 0.0, NAN, 3.5]), [-2.0, 0.0, NAN, 3.5])


@given(returns, returns, st.booleans())
def test_who_has_a_class_is_known_before_the_fit(r: list[float], spread: list[float], one: bool) -> None:
    n = min(len(r), len(spread))
    moves = np.column_stack([r[:n]] if one else [r[:n], r[n - 1 :: -1]])
    spreads = np.abs(np.array(spread[:n]))
    of_labeller = np.where(np.isnan(moves), 2, 0).astype(np.uint8)
    cases: list[tuple[dict[str, Any], set[str]]] = [
        ({"kind": "hold10_oracle"}, set()),
        ({"kind": "hold10_3class_spread", "spread": "row"}, {"no_spread"}),
        ({"kind": "multihorizon_up"}, {"unchanged"}),
        ({"kind": "multihorizon_up", "unchanged": "up"}, set()),
        ({"kind": "tlob", "threshold": "row_spread"}, {"no_spread"}),
    ]
    for fields, own in cases:
        codes = fitted([1.0], [1.0], **fields).codes(moves, spreads)
        causes = why_null(label(**fields), moves, spreads, of_labeller)
        np.testing.assert_array_equal(causes == 0, ~np.isnan(codes))
        np.testing.assert_array_equal(causes[np.isnan(moves)], 2)
        nulls = nulls_of(label(**fields))
        said = {nulls[code - 1] for code in np.unique(causes[(causes != 0) & ~np.isnan(moves)])}
        assert said <= own


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"kind": "hold10_3class", "short_cost_bps": 2.0}, "no return would be FLAT"),
        ({"kind": "hold10_3class_spread", "short_cost_spreads": 0.5}, "no return would be FLAT"),
        ({"kind": "hold10_3class", "reading": "argmax"}, "'cost' or 'payoff_argmax'"),
        ({"kind": "multihorizon_up", "horizons_s": [5, 1]}, "must ascend"),
        ({"kind": "multihorizon_up", "horizons_s": [5, 5]}, "must ascend"),
        ({"kind": "multihorizon_up", "horizons_s": []}, "at least 1 item"),
        ({"kind": "multihorizon_up", "horizon_s": 0.5}, "leaves out every horizon"),
        ({"kind": "tlob", "smooth_s": 301}, "smooth_s <= horizon_s"),
        ({"kind": "hold10_oracle_spread", "exit_spreads": 0}, "greater than 0"),
    ],
)
def test_what_cannot_be_configured(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        label(**fields)


def test_what_the_labeller_is_asked_for() -> None:
    one = label_spec(label(kind="hold10_oracle", horizon_s=0.5))
    assert (one.heads, one.smooth_ns) == ((("", 500_000_000),), 0)
    smoothed = label_spec(label(kind="tlob", horizon_s=60, smooth_s=10))
    assert (smoothed.heads, smoothed.smooth_ns) == ((("", 60_000_000_000),), 10_000_000_000)
    # Labels of one horizon share the returns.
    assert label_spec(label(kind="hold10_3class")) == label_spec(label(kind="hold10_oracle_q14"))
    many = label_spec(label(kind="multihorizon_up", horizons_s=[0.5, 30, 300, 604_799.5], horizon_s=604_800))
    assert many.names == ("0.5s", "30s", "300s", "604799.5s")
    assert many.longest_ns == 604_799_500_000_000
    # A short recording says what fits it.
    assert label_spec(label(kind="multihorizon_up", horizon_s=30)).names == ("1s", "5s", "30s")
    assert label_spec(label(kind="multihorizon_up", horizon_s=1)).names == ("",)
    assert type(many).of_inputs(many.inputs()) == many

"""Decimals become ticks and lots exactly or not at all; times become ns exactly."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference.ingest.steps import Step, Steps
from reference.ingest.utc_time import ns_of_ms, utc_ns

from atc.events.instrument import Instrument

STEPS = st.sampled_from(
    ["1", "10", "0.5", "0.25", "0.01", "0.001", "0.000001", "0.00000001", "5", "0.05", "1E+2"]
)


def step(text: str, largest: int = 2**63 - 1) -> Step:
    return Step(Decimal(text), name="size", largest=largest)


@given(size=STEPS, count=st.integers(0, 2**53), zeros=st.integers(0, 5), scientific=st.booleans())
def test_every_multiple_comes_back_as_its_count(size: str, count: int, zeros: int, scientific: bool) -> None:
    value = Decimal(size) * count
    text = format(value, "f")
    if zeros:
        text += ("" if "." in text else ".") + "0" * zeros
    assert step(size)(text) == count
    assert step(size)(format(value, "E") if scientific else f"+{text}") == count


@given(size=STEPS, count=st.integers(0, 2**40), part=st.integers(1, 99))
def test_whatever_lies_between_two_multiples_is_refused(size: str, count: int, part: int) -> None:
    text = format(Decimal(size) * (count + Decimal(part) / 100), "f")
    with pytest.raises(ValueError, match="expected a multiple of"):
        step(size)(text)


@given(text=st.text(max_size=12))
def test_any_text_is_a_number_or_an_error(text: str) -> None:
    try:
        count = step("0.01")(text)
    except ValueError as error:
        assert repr(text)[1:-1] in str(error) or text in str(error)
    else:
        assert Decimal(text) == Decimal("0.01") * count


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a decimal number"),
        (".", "expected a decimal number"),
        ("1_000", "expected a decimal number"),
        ("12a", "expected a decimal number"),
        ("-1", "not negative"),
        ("NaN", "expected a decimal number"),
        ("Infinity", "expected a decimal number"),
        ("1e999999999", "expected at most"),
        ("1e-999999999", "expected at most"),
        ("١٢", "expected a decimal number"),
        (1.5, "expected a decimal in a string"),
        (3, "expected a decimal in a string"),
        (None, "expected a decimal in a string"),
        ("92233720368547758.08", "expected at most 9223372036854775807"),
    ],
)
def test_what_is_no_size_is_refused(text: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        step("0.01")(text)


def test_zero_is_zero_in_every_spelling() -> None:
    assert [step("0.01")(text) for text in ("0", "0.00000000", "-0", "0e-999999999", "+0")] == [0] * 5


def test_prices_fit_their_column() -> None:
    steps = Steps(Instrument("v", "S", Decimal("0.01"), Decimal(1), 0, 0, None))
    assert steps.positive_price("21474836.47") == 2**31 - 1
    with pytest.raises(ValueError, match="expected at most 2147483647"):
        steps.positive_price("21474836.48")
    for parse, text in ((steps.positive_price, "0.00"), (steps.positive_size, "0")):
        with pytest.raises(ValueError, match="expected more than 0"):
            parse(text)
    assert steps.levels([["0.05", "2"]], [["0.06", "0"]]) == [(1, 5, 2), (-1, 6, 0)]


@given(
    second=st.datetimes(datetime(1971, 1, 1), datetime(2199, 1, 1)),
    ns=st.integers(0, 999_999_999),
    digits=st.integers(1, 9),
    joint=st.sampled_from("T "),
    mark=st.sampled_from(["", "Z", "+00:00"]),
)
def test_times_keep_every_digit(second: datetime, ns: int, digits: int, joint: str, mark: str) -> None:
    fraction = f"{ns:09d}"[:digits]
    text = second.strftime(f"%Y-%m-%d{joint}%H:%M:%S.") + fraction + mark
    whole = int(second.replace(microsecond=0, tzinfo=UTC).timestamp())
    assert utc_ns(text) == whole * 10**9 + int(fraction.ljust(9, "0"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2025-07-16",
        "2025-07-16 05:12:27+09:00",
        "2025-13-01 00:00:00",
        "2025-07-16 05:12:61",
        "16.7.2025 5:12",
    ],
)
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"time is .*; expected"):
        utc_ns(text)


def test_a_venues_ms_are_integers() -> None:
    assert ns_of_ms(1_723_161_255_308) == 1_723_161_255_308_000_000
    for bad in ("1723161255308", 1.5, True, None):
        with pytest.raises(ValueError, match="ms since 1970 as an integer"):
            ns_of_ms(bad)

"""Windows: what they cover, and what they say when the data do not."""

from __future__ import annotations

from datetime import date

import pytest
from planted_rows import business_days

from atc.config.window import DatesWindow, DaysWindow, FractionWindow
from atc.errors import DataError
from atc.events.business_day import day_start_ns
from atc.protocol.window import Spans, span_dates, spans_of

GMO = {"day_cut_utc_s": 75_600, "tz_offset_s": 32_400}
UTC = {"day_cut_utc_s": 0, "tz_offset_s": 32_400}
FIRST = date(2026, 2, 10)
WHOLE = (0, 10**18)


def dates(a: str, b: str, c: str, d: str) -> DatesWindow:
    return DatesWindow.model_validate(
        {"kind": "dates", "train_from": a, "train_to": b, "holdout_from": c, "holdout_to": d}
    )


def test_dates_are_whole_business_days_with_both_ends() -> None:
    window = dates("2026-02-10", "2026-02-16", "2026-02-17", "2026-02-19")
    spans = spans_of(window, business_days(FIRST, 10), WHOLE, **GMO)
    # 06:00 JST of 2026-02-17 is 21:00 UTC of the day before.
    cut = 1_771_275_600 * 10**9
    assert spans.train == (day_start_ns(FIRST, **GMO), cut)
    assert spans.holdout == (cut, cut + 3 * 86_400 * 10**9)
    assert span_dates(spans.train, **GMO) == (FIRST, date(2026, 2, 16))
    assert span_dates(spans.holdout, **GMO) == (date(2026, 2, 17), date(2026, 2, 19))


def test_dates_name_the_missing_days() -> None:
    window = dates("2026-02-10", "2026-02-16", "2026-02-17", "2026-02-19")
    have = [d for d in business_days(FIRST, 10) if d.day not in {12, 13, 15}]
    with pytest.raises(
        DataError, match=r"train window.*3 of 7.*2026-02-12 … 2026-02-13, 2026-02-15.*window\.train_from"
    ):
        spans_of(window, have, WHOLE, **GMO)
    with pytest.raises(
        DataError, match=r"holdout window.*1 of 3.*\(2026-02-19\).*data have 2026-02-10 … 2026-02-18"
    ):
        spans_of(window, business_days(FIRST, 9), WHOLE, **GMO)


def test_days_count_the_days_that_the_data_have() -> None:
    have = business_days(FIRST, 3) + business_days(date(2026, 3, 1), 4)
    spans = spans_of(DaysWindow(kind="days", train_days=4, holdout_days=2), have, WHOLE, **UTC)
    assert spans.train == (day_start_ns(FIRST, **UTC), day_start_ns(date(2026, 3, 2), **UTC))
    assert spans.holdout == (day_start_ns(date(2026, 3, 2), **UTC), day_start_ns(date(2026, 3, 4), **UTC))
    with pytest.raises(DataError, match=r"need 8 business days, the data have 7 \(2026-02-10"):
        spans_of(DaysWindow(kind="days", train_days=4, holdout_days=4), have, WHOLE, **UTC)


def test_fraction_is_of_the_time_exactly() -> None:
    first, last = 1_604_221_202_100_000_000, 1_604_228_401_500_000_000
    spans = spans_of(FractionWindow(kind="fraction", train_fraction=0.7), [FIRST], (first, last), **UTC)
    # 7 199 400 000 001 ns, of which 7/10 is 5 039 580 000 000.7; float64 cannot tell these instants apart.
    cut = first + 5_039_580_000_001
    assert spans == Spans(train=(first, cut), holdout=(cut, last + 1))


def test_no_events_and_a_single_instant_are_refused() -> None:
    window = FractionWindow(kind="fraction")
    with pytest.raises(DataError, match="no events"):
        spans_of(window, [], (0, 1), **UTC)
    with pytest.raises(DataError, match=r"train_fraction=0\.7 leaves one side"):
        spans_of(window, [FIRST], (5, 5), **UTC)

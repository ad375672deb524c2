"""Rows of the cache with windows: which days they need, and what parts them."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

import atc
from atc.config.data import SimulatedData
from atc.events.business_day import day_start_ns
from atc.events.catalog import Catalog
from atc.events.reader import read_events
from atc.events.schema import Kind
from atc.events.simulate import ensure_simulated, located
from atc.protocol.row_windows import RowWindows
from atc.tasks import cached_rows
from atc.tasks.cached_rows import InputRows, with_days_before

SECOND = 1_000_000_000
FIRST = date(2025, 1, 6)
DAYS = [FIRST + timedelta(days=number) for number in range(6)]


def rows_at(ts: Any) -> InputRows:
    ts = np.asarray(ts, dtype=np.int64)
    keys = pl.DataFrame({"symbol": ["T"] * len(ts), "ts_recv": ts, "ev_seq": ts, "ts_close": ts})
    return InputRows(keys, np.arange(len(ts), dtype=np.float32)[:, None] + 0.5)


def found_in(source: Any, days: list[InputRows], length: int) -> list[list[int]]:
    """Times of the ends, day by day."""
    each = list(cached_rows._whole_windows(source, days, length))
    assert all(isinstance(one.x, RowWindows) and len(one.x) == len(one.keys) for one in each)
    return [one.keys["ts_recv"].to_list() for one in each]


def test_a_silence_across_the_cut_of_the_day_parts_windows(tmp_path: Path) -> None:
    """Rows of a clock go on into it; the last event lies on the day before, and is no row of these."""
    words = ["data/scenario=dirty_feed", "data.days=2", "data.rate=0.02", "data.start_date=2025-01-07"]
    data = atc.compose(words).data
    assert isinstance(data, SimulatedData)
    ensure_simulated(data, tmp_path)
    catalog, facts = Catalog(tmp_path), located(data)
    day = catalog.days(facts.venue, facts.symbol)[1]
    cut = day_start_ns(day, facts.day_cut_utc_s, facts.tz_offset_s)
    events = read_events(catalog, facts.venue, facts.symbol, cut - 600 * SECOND, cut + 600 * SECOND)
    times = np.concatenate([events.of(kind)["ts_recv"].to_numpy() for kind in (Kind.BOOK, Kind.TRADE)])
    times = np.sort(np.concatenate([times, events.of(Kind.TICKER)["ts_recv"].to_numpy()]))
    before, after = times[times < cut][-1], times[times > cut + 1000][0]
    assert after - before > 2000
    source = SimpleNamespace(
        catalog=catalog, data=facts, sampling=SimpleNamespace(max_gap_s=(after - before - 500) / SECOND)
    )
    begin = cut + (after - cut) // 2
    ts = [begin, after, after + 1000, after + 2000]
    assert found_in(source, [rows_at(ts)], 2) == [ts[2:]]
    assert found_in(source, [rows_at([begin - 1, begin]), rows_at(ts[1:])], 2) == [[begin], ts[2:]]


def test_a_day_without_rows_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cached_rows, "stretches_among", lambda *_, **__: np.empty(0, dtype=np.int64))
    facts, sampling = SimpleNamespace(venue="V", symbol="T"), SimpleNamespace(max_gap_s=1.0)
    source = SimpleNamespace(catalog=None, data=facts, sampling=sampling)
    days = [rows_at([]), rows_at([5, 6]), rows_at([]), rows_at([7]), rows_at([8, 9])]
    assert found_in(source, days, 4) == [[], [], [8, 9]]
    # A window reaches over as many days as it takes.
    (*_, last) = cached_rows._whole_windows(source, days, 4)  # type: ignore[arg-type]
    assert isinstance(last.x, RowWindows)
    np.testing.assert_array_equal(
        last.x.windows(slice(None))[:, :, 0], [[0.5, 1.5, 0.5, 0.5], [1.5, 0.5, 0.5, 1.5]]
    )


@pytest.mark.parametrize(
    ("length", "expected"), [(1, DAYS[5:]), (2, DAYS[4:]), (6, DAYS[4:]), (7, DAYS[2:]), (30, DAYS[1:])]
)
def test_as_many_days_are_read_as_windows_reach_back(length: int, expected: list[date]) -> None:
    rows: dict[date, int | None] = dict(zip(DAYS, [9, 4, 3, 0, 5, 7], strict=True))
    rows[DAYS[0]] = None
    source: Any = SimpleNamespace(days=DAYS)
    assert with_days_before(source, DAYS[5:], length, rows.__getitem__) == expected
    assert with_days_before(source, [], length, rows.__getitem__) == []


def test_a_day_whose_windows_begin_on_days_not_read_has_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = dict(zip(DAYS, [9, 4, 3, 0, 5, 7], strict=True))
    monkeypatch.setattr(cached_rows, "cached_row_count", lambda _, day, __: rows[day])
    monkeypatch.setattr(cached_rows, "expected_files", lambda _, days, __: {Path(str(days[0])): days[0]})
    monkeypatch.setattr(cached_rows, "day_keys", lambda _: pl.DataFrame({"ts_recv": [1, 2, 3, 4, 5, 6, 7]}))
    source: Any = SimpleNamespace(days=DAYS, span=lambda day: (0, 99))

    def start(length: int, *read: int) -> int:
        (found,) = cached_rows.windows_from(source, DAYS[5:], [DAYS[one] for one in read], (), length)
        return found

    assert start(1, 5) == start(6, 5, 4) == start(7, 5, 4, 3, 2) == 0
    # Without the days before, the first rows have too few before them; all are too few for 20.
    assert (start(3, 5), start(8, 5), start(7, 5, 4, 3), start(20, 5, 4)) == (3, 99, 2, 99)
    # Where the data begin there is nothing before, in the run neither.
    assert start(200, 5, 4, 3, 2, 1, 0) == 0

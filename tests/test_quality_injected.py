"""Anomalies put into a clean recording are counted exactly; in the clean one there is none."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from inject import SECOND, Injector, Message, changed, tables_of
from reference.quality import messages_of
from typer.testing import CliRunner

import atc
from atc.cli import application
from atc.config.data import InstrumentFacts, SimulatedData
from atc.events.business_day import day_start_ns
from atc.events.catalog import Catalog
from atc.events.instrument import instrument_of
from atc.events.quality.day import DayQuality, Stream
from atc.events.quality.figures import Figures, figures_of
from atc.events.quality.measure import Neighbourhood, measured
from atc.events.quality.severity import Severity
from atc.events.reader import read_file
from atc.events.schema import Flag, Kind, MsgKind
from atc.events.simulate import ensure_simulated, located
from atc.events.writer import IngestSession

FIRST = date(2025, 1, 6)
LARGEST_LOTS = 10_000  # 100 ETH in lots of 0.01
KINDS = (
    "crossed_books",
    "locked_books",
    "far_levels",
    "impossible_levels",
    "impossible_prints",
    "far_prints",
    "time_regressions",
    "duplicate_prints",
    "gaps",
    "silences",
)
ANOMALIES = (
    "crossed_books",
    "locked_books",
    "one_sided_books",
    "unplaced_differences",
    "gaps",
    "time_regressions",
    "exch_regressions",
    "impossible_prices",
    "impossible_sizes",
    "far_levels",
    "far_prints",
    "far_quotes",
    "crossed_quotes",
    "duplicate_prints",
    "reused_trade_ids",
    "silences",
    "clock_steps",
    "negative_latencies",
    "broken_promises",
)


@pytest.fixture(scope="module")
def facts() -> InstrumentFacts:
    return atc.compose(["data=eth_jpy"]).data


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> dict[date, list[Message]]:
    """The messages of four simulated days as GMO Coin would publish them, with a ticker in twenty."""
    root = tmp_path_factory.mktemp("market")
    data = atc.compose(["data.days=4", "data.rate=0.02", f"data.start_date={FIRST}"]).data
    assert isinstance(data, SimulatedData)
    ensure_simulated(data, root)
    catalog, stream = Catalog(root), located(data)
    found = {}
    for day in catalog.days(stream.venue, stream.symbol):
        files = catalog.day(stream.venue, stream.symbol, day).files
        tables = {kind: read_file(catalog.path(entries[0]), entries[0]) for kind, entries in files.items()}
        tables[Kind.TICKER] = tables[Kind.TICKER].take(list(range(0, tables[Kind.TICKER].num_rows, 20)))
        found[day] = messages_of(tables)
    return found


def figures(messages: Sequence[Message], facts: InstrumentFacts) -> Figures:
    begin = day_start_ns(FIRST, facts.day_cut_utc_s, facts.tz_offset_s)
    found = measured(
        tables_of(messages),
        around=Neighbourhood(begin_ns=begin, end_ns=begin + 86_400 * SECOND),
        recorded_depth=facts.recorded_depth,
        largest_order_lots=LARGEST_LOTS,
    )
    return figures_of(found["figures"], 0)


def test_a_clean_day_has_none(days: dict[date, list[Message]], facts: InstrumentFacts) -> None:
    found = figures(days[FIRST], facts)
    assert {name: found[name] for name in ANOMALIES} == dict.fromkeys(ANOMALIES, 0)
    assert found["coverage"] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("seed", range(6))
def test_each_anomaly_is_counted_exactly(
    days: dict[date, list[Message]], facts: InstrumentFacts, seed: int
) -> None:
    rng = random.Random(seed)
    plan = {kind: rng.randint(0, 6) for kind in KINDS}
    injector = Injector(days[FIRST], seed, LARGEST_LOTS)
    injector.clock_steps(seed % 4)
    for kind, count in plan.items():
        getattr(injector, kind)(count)
    clean, spoilt = figures(days[FIRST], facts), figures(injector.messages, facts)
    counted = {name: n for name, n in injector.truth.items() if n and not name.endswith("_ns")}
    negative = spoilt["negative_latencies"]
    expected = {**counted, **({"negative_latencies": negative} if seed % 4 else {})}
    assert changed(clean, spoilt) == expected
    assert spoilt["gap_s"] == injector.truth["gap_ns"] / SECOND
    assert spoilt["silent_s"] == injector.truth["silent_ns"] / SECOND
    shift_ms = injector.truth["offset_drift_ns"] / 1e6
    drift_ms, clean_ms = spoilt["offset_drift_ms"], clean["offset_drift_ms"]
    assert drift_ms is not None
    assert clean_ms is not None
    assert drift_ms - clean_ms == pytest.approx(shift_ms, abs=2)


# Where two anomalies meet


def spoilt_at(messages: Sequence[Message], place: int, change: Callable[[Message], Any]) -> list[Message]:
    spoilt = [dict(message) for message in messages]
    change(spoilt[place])
    return spoilt


def place_of(messages: Sequence[Message], fits: Callable[[Message], bool], skip: int = 100) -> int:
    return next(place for place, message in enumerate(messages) if place > skip and fits(message))


def is_taker(message: Message) -> bool:
    return message["kind"] is Kind.TRADE and not message["flags"] & Flag.DUP_OTHER_SIDE


def test_different_measures_count_the_same_message_each(
    days: dict[date, list[Message]], facts: InstrumentFacts
) -> None:
    """A print at no price, of no size, at a time in the past: one of each."""
    messages = days[FIRST]
    place = place_of(messages, is_taker)
    bad = {"px_ticks": 0, "qty_lots": 0, "flags": int(Flag.BAD_TS)}
    spoilt = spoilt_at(messages, place, lambda m: m.update(bad))
    assert changed(figures(messages, facts), figures(spoilt, facts)) == {
        "impossible_prices": 1,
        "impossible_sizes": 1,
        "time_regressions": 1,
    }


def test_a_book_that_stays_crossed_counts_every_message(
    days: dict[date, list[Message]], facts: InstrumentFacts
) -> None:
    """Two bids above the ask are two crossed messages; what comes before the second goes counts too."""
    messages = days[FIRST]
    injector = Injector(messages, 1)
    place = place_of(messages, lambda m: m["kind"] is Kind.BOOK, 200)
    bid, ask = injector._touch[place] or (0, 0)
    level = [injector._book((1, ask + n, 7), flags=Flag.MAYBE_BAD_BOOK) for n in (1, 2)]
    gone = [injector._book((1, ask + 1, 0), flags=Flag.MAYBE_BAD_BOOK), injector._book((1, ask + 2, 0))]
    injector._put(place, *level, *gone)
    assert bid < ask
    assert changed(figures(messages, facts), figures(injector.messages, facts)) == {"crossed_books": 3}


def test_a_silence_within_a_gap_is_both(days: dict[date, list[Message]], facts: InstrumentFacts) -> None:
    messages = days[FIRST]
    injector = Injector(messages, 2)
    injector.silences(1)
    spoilt = injector.messages
    first = next(
        place
        for place in range(1, len(spoilt))
        if spoilt[place]["ts_recv"] - spoilt[place - 1]["ts_recv"] > 60 * SECOND
    )
    at = {"ts_exch": None, "venue_seq": None, "flags": 0, "kind": Kind.CONTROL, "detail": None}
    before, after = ({**at, "ts_recv": spoilt[n]["ts_recv"]} for n in (first - 1, first))
    spoilt[first:first] = [
        {**before, "control_kind": 0},
        {**before, "control_kind": 2},
        {**after, "control_kind": 1},
    ]
    found = figures(spoilt, facts)
    assert changed(figures(messages, facts), found) == {"silences": 1, "gaps": 1, "resets": 1}
    assert found["gap_s"] == found["silent_s"] == injector.truth["silent_ns"] / SECOND


def test_a_duplicate_in_the_past_is_a_regression(
    days: dict[date, list[Message]], facts: InstrumentFacts
) -> None:
    """Its time was made, so nothing tells it from an equal execution."""
    messages = days[FIRST]
    place = place_of(messages, is_taker)
    again = {**messages[place], "flags": int(Flag.BAD_TS)}
    spoilt = [*messages[: place + 1], again, *messages[place + 1 :]]
    assert changed(figures(messages, facts), figures(spoilt, facts)) == {"time_regressions": 1}
    assert (figures(spoilt, facts)["equal_prints"] or 0) == (
        figures(messages, facts)["equal_prints"] or 0
    ) + 1


# Through files: days that follow each other, and the command


def filed(root: Path, facts: InstrumentFacts, days: dict[date, list[Message]]) -> Path:
    with IngestSession(root, instrument_of(facts), adapter="test@1", source_hash="1" * 64) as session:
        for day, messages in days.items():
            for kind, table in tables_of(messages, first_seq=day.toordinal() << 32).items():
                session.write_day(day, kind, table)
        session.commit({}, {FIRST.isoformat(): {"repaired": {"repeated update": 3}, "flagged": {}}})
    return root


def quality(root: Path, facts: InstrumentFacts) -> dict[date, DayQuality]:
    stream = Stream(Catalog(root), facts)
    return {day: stream.quality(day, places=2) for day in stream.days}


def test_a_silence_across_the_cut_counts_once(
    days: dict[date, list[Message]], facts: InstrumentFacts, tmp_path: Path
) -> None:
    second = FIRST + timedelta(days=1)
    cut = day_start_ns(second, facts.day_cut_utc_s, facts.tz_offset_s)
    spoilt = {
        FIRST: [m for m in days[FIRST] if m["ts_recv"] < cut - 40 * SECOND],
        second: _whole_from(days[second], cut + 50 * SECOND),
    }
    found = quality(filed(tmp_path, facts, spoilt), facts)
    assert [found[day].figures["silences"] for day in spoilt] == [1, 0]
    last, first = spoilt[FIRST][-1]["ts_recv"], spoilt[second][0]["ts_recv"]
    assert found[FIRST].figures["silent_s"] == (cut - last) / SECOND
    assert found[second].figures["silent_s"] == (first - cut) / SECOND


def _whole_from(messages: Sequence[Message], start_ns: int) -> list[Message]:
    """What comes from `start_ns` on, the book whole first."""
    injector = Injector(messages, 0)
    place = next(place for place, message in enumerate(messages) if message["ts_recv"] >= start_ns)
    at = messages[place]
    whole = {**injector._book_at(place), "ts_recv": at["ts_recv"], "ts_exch": None, "venue_seq": None}
    rest = messages[place + 1 :]
    start = next(n for n, m in enumerate(rest) if not m["flags"] & Flag.DUP_OTHER_SIDE)
    return [whole, *rest[start:]]


def test_an_open_gap_lasts_into_the_next_day(
    days: dict[date, list[Message]], facts: InstrumentFacts, tmp_path: Path
) -> None:
    second = FIRST + timedelta(days=1)
    cut = day_start_ns(second, facts.day_cut_utc_s, facts.tz_offset_s)
    at = {"ts_exch": None, "venue_seq": None, "flags": 0, "kind": Kind.CONTROL, "detail": None}
    begin = {**at, "ts_recv": cut - 10 * SECOND, "control_kind": 0}
    end = {**at, "ts_recv": cut + 5 * SECOND, "control_kind": 1}
    spoilt = {
        FIRST: sorted([*days[FIRST], begin], key=lambda m: m["ts_recv"]),
        second: sorted([*days[second], end], key=lambda m: m["ts_recv"]),
    }
    found = quality(filed(tmp_path, facts, spoilt), facts)
    assert [(q.figures["gaps"], q.figures["gap_s"]) for q in found.values()] == [(1, 10.0), (0, 5.0)]


def test_the_doctor_tells_what_was_put_in(
    days: dict[date, list[Message]], facts: InstrumentFacts, tmp_path: Path
) -> None:
    """Three of four days, one of them spoilt: the JSON counts it, the table and the exit code say it."""
    spoilt_day, gone = FIRST + timedelta(days=3), FIRST + timedelta(days=1)
    injector = Injector(days[spoilt_day], 5, LARGEST_LOTS)
    for kind, count in (
        ("crossed_books", 4),
        ("impossible_prints", 5),
        ("duplicate_prints", 2),
        ("silences", 1),
    ):
        getattr(injector, kind)(count)
    kept = {day: messages for day, messages in days.items() if day != gone}
    root = filed(tmp_path / "events", facts, {**kept, spoilt_day: injector.messages})
    report = tmp_path / "quality.json"
    words = ["doctor", "data=eth_jpy", f"paths.events={root}", "--json", str(report), "--all"]
    done = CliRunner().invoke(application(), words, env={"COLUMNS": "100"})
    assert done.exit_code == 1, done.output
    assert "Traceback" not in done.output
    told = json.loads(report.read_text())
    assert told["missing_days"] == [gone.isoformat()]
    assert told["severity"] == "error"
    by_day = {entry["date"]: entry for entry in told["days"]}
    figures_told = by_day[spoilt_day.isoformat()]["figures"]
    for name, count in injector.truth.items():
        if not name.endswith("_ns"):
            assert figures_told[name] == count, name
    assert figures_told["silent_s"] == injector.truth["silent_ns"] / SECOND
    assert by_day[FIRST.isoformat()]["severity"] in ("ok", "info")
    assert by_day[FIRST.isoformat()]["ingest"] == {"repaired": {"repeated update": 3}, "flagged": {}}
    place = next(p for p in by_day[spoilt_day.isoformat()]["places"] if p["measure"] == "crossed_books")
    assert f"kind=book/date={spoilt_day}/" in place["file"]
    assert "expected a bid below the ask" in done.output
    first_line = done.output.strip().splitlines()
    assert any(f"{gone}" in line and "missing" in line for line in first_line)
    assert done.output.rstrip().splitlines()[-1].startswith("days 3, errors ")


def test_one_day_alone_and_a_day_that_is_not_there(
    days: dict[date, list[Message]], facts: InstrumentFacts, tmp_path: Path
) -> None:
    root = filed(tmp_path / "events", facts, {FIRST: days[FIRST]})
    words = ["doctor", "data=eth_jpy", f"paths.events={root}", "--day"]
    sound = CliRunner().invoke(application(), [*words, FIRST.isoformat()])
    assert (sound.exit_code, sound.output.splitlines()[-1]) == (0, "days 1, errors 0, warnings 0")
    absent = CliRunner().invoke(application(), [*words, "2025-01-07"])
    assert absent.exit_code != 0
    assert "has no such business day" in str(absent.exception)


@pytest.mark.parametrize("width", [80, 100])
def test_the_table_fits_the_terminal(
    width: int, days: dict[date, list[Message]], facts: InstrumentFacts, tmp_path: Path
) -> None:
    injector = Injector(days[FIRST], 9, LARGEST_LOTS)
    for kind in KINDS:
        getattr(injector, kind)(3)
    root = filed(tmp_path / "events", facts, {FIRST: injector.messages})
    words = ["doctor", "data=eth_jpy", f"paths.events={root}"]
    done = CliRunner().invoke(application(), words, env={"COLUMNS": str(width)})
    assert "…" not in done.output
    # Names of files are never broken, so that they can be copied.
    assert max(len(line) for line in done.output.splitlines() if ".parquet" not in line) <= width
    assert str(Severity.ERROR) in done.output


def test_a_file_that_cannot_be_read_is_an_error_of_its_day(
    days: dict[date, list[Message]], facts: InstrumentFacts, tmp_path: Path
) -> None:
    root = filed(tmp_path / "events", facts, {FIRST: days[FIRST]})
    catalog = Catalog(root)
    catalog.path(catalog.day(facts.venue, facts.symbol, FIRST).files[Kind.BOOK][0]).unlink()
    found = quality(root, facts)[FIRST]
    assert found.severity is Severity.ERROR
    assert {name: value for name, value in found.figures.items() if value} == {
        "broken_promises": 1,
        "repaired": 3,
        "duplicates_repaired": 3,
    }
    assert "is not there" in found.problems[0]


def test_the_clean_keyframes_are_the_replay(days: dict[date, list[Message]], facts: InstrumentFacts) -> None:
    """One changed level of an inserted whole book is found."""
    messages = [dict(m) for m in days[FIRST]]
    place = place_of(messages, lambda m: m["kind"] is Kind.BOOK and m["msg_kind"] == MsgKind.SNAP)
    (side, px, qty), *rest = messages[place]["levels"]
    messages[place]["levels"] = [(side, px, qty + 1), *rest]
    messages[place]["flags"] = int(messages[place]["flags"]) | Flag.REPEAT
    assert figures(messages, facts)["differing_keyframes"] == 1

"""FeatureStream gives the rows of the batch, bit for bit, and refuses what it cannot use."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from engine_face import FOREVER, pushed
from hypothesis import given
from hypothesis import strategies as st
from reference.arrow import from_tables
from reference.columns import COLUMNS
from reference.events import SECOND, Advance, Book, Control, Spec, Step, Ticker, Trade
from sessions import DIRTY_HOURS, Session, batches, recorded, recordings_are_there, simulated
from streams import FAST, SAMPLINGS, SPECS, TASTES, events_of, keyframed_stream, nasty_stream, specs, streams

import atc
from atc import _rust
from atc.config.data import SimulatedData
from atc.config.schema import RunConfig
from atc.errors import DataError, UsageError
from atc.events.business_day import DAY_NS, day_start_ns
from atc.events.event import BookEvent, ControlEvent, Event, TickerEvent, TradeEvent, single_events
from atc.events.reader import Events
from atc.events.schema import ControlKind, MsgKind
from atc.events.simulate import located
from atc.features.declarations import schemas_of
from atc.features.engine_spec import engine_spec
from atc.features.sets import set_columns
from atc.features.stream import FeatureRow, FeatureStream


def public(step: Step) -> Event:
    """An event of the reference as the product's own."""
    match step:
        case Book():
            levels = tuple(tuple(level) for level in step.levels if level.side)
            return BookEvent(
                step.ev_seq, step.ts_recv, MsgKind(step.msg_kind), levels, step.ts_exch, step.flags
            )
        case Trade():
            return TradeEvent(
                step.ev_seq, step.ts_recv, step.px, step.qty, step.side, step.ts_exch, step.flags
            )
        case Ticker():
            prices = (step.bid, step.ask, step.last, step.high, step.low)
            sizes = (step.bid_qty, step.ask_qty, step.vol)
            return TickerEvent(step.ev_seq, step.ts_recv, *prices, *sizes, step.ts_exch, step.flags)
        case Control():
            return ControlEvent(step.ev_seq, step.ts_recv, ControlKind(step.control_kind), step.flags)
    raise TypeError(step)


def fed(stream: FeatureStream, steps: Iterable[Step]) -> list[FeatureRow]:
    rows = []
    for step in steps:
        rows += stream.advance(step.now) if isinstance(step, Advance) else stream.push(public(step))
    return rows


def assert_rows_of_batch(rows: Sequence[FeatureRow], batch: pa.RecordBatch, columns: Sequence[str]) -> None:
    for name in ("ts_recv", "ev_seq", "ts_close"):
        assert [getattr(row, name) for row in rows] == batch.column(name).to_pylist(), name
    if not rows:
        return
    values = np.stack([row.values for row in rows])
    assert values.dtype == np.float32
    assert values.shape == (len(rows), len(columns))
    for place, name in enumerate(columns):
        column = batch.column(name)
        null = column.is_null().to_numpy(zero_copy_only=False)
        assert np.array_equal(np.isnan(values[:, place]), null), name
        bits = column.fill_null(0).to_numpy().view(np.int32)
        assert np.array_equal(np.where(null, 0, values[:, place].view(np.int32)), bits), name


def assert_streamed(steps: Sequence[Step], spec: Spec) -> None:
    stream = FeatureStream(spec.json(), COLUMNS)
    rows = fed(stream, steps) + stream.flush()
    assert_rows_of_batch(rows, pushed(steps, spec), COLUMNS)


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("seed", range(len(TASTES)))
def test_nasty_streams(sampling: str, seed: int) -> None:
    for config in SPECS:
        assert_streamed(nasty_stream(seed, 600, TASTES[seed]), replace(config, sampling=sampling))


@FAST
@given(steps=streams(), spec=specs())
def test_any_small_stream(steps: list[Step], spec: Spec) -> None:
    assert_streamed(steps, spec)


# A day, from the config


def day(words: Sequence[str] = ()) -> RunConfig:
    return atc.compose(["+experiment=gbdt_36feat", "data.days=1", "data.rate=0.1", *words])


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    return simulated("target", tmp_path_factory.mktemp("day"))


def hours_of(session: Session, hours: int = 5) -> Events:
    """The first hours: in Python a whole day takes its time."""
    begin = next(single_events(session.read(*FOREVER))).ts_recv
    return session.read(begin, begin + hours * 3600 * SECOND)


def built_as_configured(events: Events, config: RunConfig) -> pa.RecordBatch:
    """By the engine's specification as the cache makes it."""
    data = config.data
    begin = day_start_ns(data.start_date, data.day_cut_utc_s, data.tz_offset_s)
    schemas = [schema.name for schema in schemas_of(set_columns(config.features))]
    engine = config.features.engine
    text = engine_spec(located(data), config.sampling, engine, begin, begin + DAY_NS, schemas=schemas)
    return _rust.build_rows(text, *batches(events), *FOREVER)


@pytest.mark.parametrize(
    ("features", "sampling"),
    [*(("plan36_flow", sampling) for sampling in SAMPLINGS), ("plan36", "trade"), ("ticker24", "ticker")],
)
def test_a_simulated_day_from_its_config(session: Session, features: str, sampling: str) -> None:
    config = day([f"features={features}", f"sampling={sampling}"])
    stream = atc.FeatureStream.from_config(config)
    assert stream.columns == set_columns(config.features)
    events = hours_of(session)
    rows = stream.push_all(single_events(events)) + stream.flush()
    assert len(rows) > 200
    assert_rows_of_batch(rows, built_as_configured(events, config), stream.columns)


def test_a_row_comes_with_the_event_that_finished_it(session: Session) -> None:
    stream = FeatureStream.from_config(day())
    seen = 0
    for event in single_events(hours_of(session)):
        for row in stream.push(event):
            assert row.ts_recv <= row.ts_close == event.ts_recv
            seen += 1
    assert seen > 200


def assert_restored(session: Session, spec: Spec, stops: int) -> None:
    """The rows of a stream that is written down and taken up again by a new one at random `stops`."""
    tables = hours_of(session)
    events = list(single_events(tables))
    places = set(random.Random(4).sample(range(len(events)), stops))
    stream = FeatureStream(spec.json(), COLUMNS)
    rows = []
    for number, event in enumerate(events):
        if number in places:
            state = stream.state()
            stream = FeatureStream(spec.json(), COLUMNS)
            stream.restore(state)
        rows += stream.push(event)
    rows += stream.flush()
    assert_rows_of_batch(rows, _rust.build_rows(spec.json(), *batches(tables), *FOREVER), COLUMNS)


@pytest.mark.recordings
@pytest.mark.skipif(not recordings_are_there(), reason="no Binance recordings; set ATC_RECORDINGS")
@pytest.mark.parametrize("sampling", ["trade", pytest.param("book", marks=pytest.mark.slow)])
def test_a_restored_stream_of_a_recording(tmp_path: Path, sampling: str) -> None:
    session = recorded("ETHUSDT", tmp_path)
    assert_restored(session, replace(session.spec, sampling=sampling), stops=6)


@pytest.mark.parametrize("sampling", ["trade", "clock_1s"])
def test_a_restored_stream_of_a_bad_feed(tmp_path: Path, sampling: str) -> None:
    session = simulated("dirty_feed", tmp_path, rate=0.05, words=DIRTY_HOURS)
    assert_restored(session, replace(session.spec, sampling=sampling), stops=20)


def test_events_come_out_of_the_tables_as_they_are(session: Session) -> None:
    tables = hours_of(session, 1)
    events = list(single_events(tables))
    assert len(events) > 500
    expected = from_tables(tables.book, tables.trade, tables.ticker, tables.control)
    assert events == [public(event) for event in expected]


# What it knows, written down


ANOTHER_PROCESS = """
import pickle, sys
from atc.features.stream import FeatureStream
spec, columns, state, events = pickle.load(sys.stdin.buffer)
stream = FeatureStream(spec, columns)
stream.restore(state)
assert stream.state() == state
rows = stream.push_all(events)
state = stream.state()
rows += stream.flush()
kept = [(row.ts_recv, row.ev_seq, row.ts_close, row.values.tobytes()) for row in rows]
pickle.dump((kept, state), sys.stdout.buffer)
"""


def test_another_process_goes_on_with_the_same_bytes() -> None:
    import pickle

    steps = events_of(nasty_stream(5, 1500, TASTES[1]))
    spec = Spec(sampling="trade", min_values=3).json()
    stream = FeatureStream(spec, COLUMNS)
    fed(stream, steps[:1000])
    state, rest = stream.state(), [public(step) for step in steps[1000:]]
    rows = stream.push_all(rest)
    end = stream.state()
    rows += stream.flush()
    expected = [(row.ts_recv, row.ev_seq, row.ts_close, row.values.tobytes()) for row in rows]
    assert expected
    told = pickle.dumps((spec, COLUMNS, state, rest))
    done = subprocess.run(
        [sys.executable, "-c", ANOTHER_PROCESS], input=told, capture_output=True, check=True
    )
    assert pickle.loads(done.stdout) == (expected, end)


def test_a_state_of_another_specification_is_refused_and_nothing_is_changed() -> None:
    steps = nasty_stream(1, 400)
    mine, other = (FeatureStream(Spec(min_values=k).json(), COLUMNS) for k in (20, 30))
    rows = fed(mine, steps[:200])
    with pytest.raises(DataError, match=r"min_values.*30.*20"):
        mine.restore(other.state())
    rows += fed(mine, steps[200:]) + mine.flush()
    assert_rows_of_batch(rows, pushed(steps, Spec()), COLUMNS)


@FAST
@given(data=st.data())
def test_a_damaged_state_is_refused(data: st.DataObject) -> None:
    stream = FeatureStream(Spec().json(), COLUMNS)
    fed(stream, nasty_stream(2, 120))
    state = bytearray(stream.state())
    place = data.draw(st.integers(0, len(state) - 1))
    state[place] ^= data.draw(st.integers(1, 255))
    length = data.draw(st.sampled_from((len(state), place)))
    with pytest.raises(DataError, match="state"):
        stream.restore(bytes(state[:length]))


# What it refuses


def test_a_broken_stream_says_so_until_a_state_is_restored() -> None:
    stream = FeatureStream(Spec().json(), ("spread_bps",))
    stream.push(TradeEvent(1, 100, 1000, 1, 1))
    state = stream.state()
    late = partial(stream.push, TradeEvent(2, 99, 1000, 1, 1))
    with pytest.raises(DataError, match=r"TradeEvent 2 at 99"):
        late()
    for use in (late, partial(stream.advance, 10**12), stream.flush, stream.state):
        with pytest.raises(DataError, match=r"no more use since TradeEvent 2 at 99"):
            use()
    stream.restore(state)
    assert [row.ev_seq for row in stream.flush()] == [1]


def test_flush_ends_a_stream() -> None:
    stream = FeatureStream(Spec().json(), ("spread_bps",))
    stream.push(TradeEvent(1, 100, 1000, 1, 1))
    state = stream.state()
    assert [row.ev_seq for row in stream.flush()] == [1]
    for use in (partial(stream.push, TradeEvent(2, 100, 1000, 1, 1)), stream.flush, stream.state):
        with pytest.raises(DataError, match=r"no more use since flush\(\)"):
            use()
    stream.restore(state)
    stream.push(TradeEvent(2, 100, 1000, 1, 1))
    assert [row.ev_seq for row in stream.flush()] == [2]


def test_rows_before_an_event_that_raises_are_not_lost() -> None:
    stream = FeatureStream(Spec().json(), ("spread_bps",))
    trades = [TradeEvent(seq, t, 1000, 1, 1) for seq, t in ((1, 100), (2, 10**10), (3, 99))]
    with pytest.raises(DataError, match=r"TradeEvent 3 at 99"):
        stream.push_all(trades)
    assert [row.ev_seq for row in stream.unreturned] == [1]


def test_the_engine_itself_takes_nothing_after_its_end() -> None:
    engine = _rust.FeatureEngine(Spec().json())
    engine.push_trade(1, 100, None, 0, 1000, 1, 1)
    engine.flush()
    engine.flush()
    assert engine.rows_waiting() == 1
    for use in (partial(engine.push_trade, 2, 101, None, 0, 1000, 1, 1), partial(engine.advance, 200)):
        with pytest.raises(ValueError, match="was flushed"):
            use()


def test_a_promise_that_was_broken() -> None:
    stream = FeatureStream(Spec().json(), ("spread_bps",))
    assert stream.advance(1000) == []
    with pytest.raises(DataError, match=r"ControlEvent 1 at 999"):
        stream.push(ControlEvent(1, 999, ControlKind.STATUS))


def test_what_no_number_of_the_engine_holds_is_refused_by_name() -> None:
    stream = FeatureStream(Spec().json(), ("spread_bps",))
    with pytest.raises(DataError, match=r"TradeEvent 7"):
        stream.push(TradeEvent(7, 100, 2**31, 1, 1))


def test_columns_that_are_not_there_are_refused() -> None:
    with pytest.raises(UsageError, match="did you mean 'spread_bps'"):
        FeatureStream(Spec().json(), ("spread_bsp",))
    with pytest.raises(UsageError, match="at least one column"):
        FeatureStream(Spec().json(), ())
    with pytest.raises(UsageError, match="cannot be made"):
        FeatureStream("{}", ("spread_bps",))


def test_a_calendar_needs_the_time_that_it_is_laid_out_for() -> None:
    config = day()
    assert isinstance(config.data, SimulatedData)
    stream = FeatureStream.from_config(config)
    begin = day_start_ns(config.data.start_date, config.data.day_cut_utc_s, config.data.tz_offset_s)
    with pytest.raises(UsageError, match="span_ns"):
        stream.push(TradeEvent(1, begin + DAY_NS, 1000, 1, 1))
    stream.push(TradeEvent(1, begin, 1000, 1, 1))  # the refused event has not been taken
    recorded_data = atc.compose(["+experiment=gbdt_36feat", "data=binance_ethusdt_2024"])
    assert FeatureStream.from_config(recorded_data).warm_up_ns > 0
    maintained = recorded_data.model_copy(
        update={"data": recorded_data.data.model_copy(update={"maintenance": config.data.maintenance})}
    )
    with pytest.raises(UsageError, match=r"data\.maintenance of 'binance"):
        FeatureStream.from_config(maintained)
    assert FeatureStream.from_config(maintained, (begin, begin + DAY_NS)).columns


def test_hours_from_amidst_a_feed_are_right_after_the_warm_up() -> None:
    events = keyframed_stream(3, 2)
    spec = Spec()
    config = day()
    warm_up = FeatureStream.from_config(config).warm_up_ns
    begin = events[len(events) // 3].ts_recv
    stream = FeatureStream(spec.json(), COLUMNS)
    rows = fed(stream, [e for e in events if e.ts_recv >= begin]) + stream.flush()
    late = [row for row in rows if row.ts_recv >= begin + warm_up]
    whole = pushed(events, spec)
    kept = [k for k, t in enumerate(whole.column("ts_recv").to_pylist()) if t >= begin + warm_up]
    assert len(late) > 50
    assert_rows_of_batch(late, whole.take(pa.array(kept, pa.int64())), COLUMNS)

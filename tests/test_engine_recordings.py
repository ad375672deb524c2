"""Every column of the engine against the reference on real recordings, by ATC's own ingest and reader."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pytest
from engine_face import describe_difference, divergences, same_bits
from reference.arrow import Tables, from_tables
from reference.columns import COLUMNS, Table
from reference.events import SECOND, Event, Spec, Ticker
from reference.labels import fwd_logret
from streams import SAMPLINGS

from atc import _rust
from atc.events.adapters import Asked
from atc.events.ingest import ingest
from atc.events.reader import Events, read_events

RECORDINGS = Path(os.environ.get("ATC_RECORDINGS", Path(__file__).parents[2] / "shared" / "data"))
BINANCE_2020 = "binance_ethbtc_2020/ETHBTC_2020-11-01T{hour}-00-00_{kind}.json.gz"
FILES = {
    "ETHUSDT": (
        "binance_raw",
        [f"binance_raw_2024/spot_ethusdt_202408{day}.jsonl.gz" for day in ("08", "09")],
    ),
    "ETHBTC": (
        "binance_2020",
        [
            BINANCE_2020.format(hour=hour, kind=kind)
            for hour in ("09", "10")
            for kind in ("snapshot", "update", "trades")
        ],
    ),
}
FOREVER = (-(2**63), 2**63 - 1)
WARM_UP = (1830 + 2 * 60 + 60) * SECOND

pytestmark = [
    pytest.mark.recordings,
    pytest.mark.skipif(
        not all((RECORDINGS / name).exists() for _, names in FILES.values() for name in names),
        reason=f"no Binance recordings in {RECORDINGS}; set ATC_RECORDINGS",
    ),
]


@dataclass(frozen=True)
class Recording:
    """An ingested recording; `events` once more as the reference takes them."""

    root: Path
    venue: str
    symbol: str
    spec: Spec
    events: list[Event]

    def read(self, first: int, end: int) -> Events:
        return read_events(self.root, self.venue, self.symbol, first, end)

    def batches(self, tables: Events) -> Tables:
        return Tables(
            *[
                pa.concat_batches(table.to_batches())
                if table.num_rows
                else pa.RecordBatch.from_pylist([], table.schema)
                for table in (tables.book, tables.trade, tables.ticker, tables.control)
            ]
        )

    def rows(self, spec: Spec, first: int, end: int, emit: tuple[int, int]) -> pa.RecordBatch:
        """The engine's rows of `emit` from the events of [first, end)."""
        book, trade, ticker, control = self.batches(self.read(first, end))
        return _rust.build_rows(spec.json(), book, trade, ticker, control, *emit)


@pytest.fixture(scope="module", params=sorted(FILES))
def recording(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    adapter, names = FILES[request.param]
    root = tmp_path_factory.mktemp(request.param)
    asked = Asked(symbol=request.param)
    facts = ingest(adapter, [RECORDINGS / name for name in names], root, asked).manifest.instrument
    tables = read_events(root, facts.venue, facts.symbol, *FOREVER)
    spec = Spec(
        tick=facts.tick,
        lot=facts.lot,
        day_cut_utc_s=facts.day_cut_utc_s,
        tz_offset_s=facts.tz_offset_s,
        recorded_depth=facts.recorded_depth,
    )
    events = from_tables(tables.book, tables.trade, tables.ticker, tables.control)
    return Recording(root, facts.venue, facts.symbol, spec, events)


def sampled_rows(count: int, first: int, end: int, seed: int) -> list[int]:
    """Random rows of [first, end) with the last one."""
    return sorted({*random.Random(seed).sample(range(first, end), min(count, end - first)), end - 1})


def assert_columns(recording: Recording, sampling: str, count: int, among: float = 1.0) -> None:
    """All columns at `count` random rows among the first rows, and the keys of all rows."""
    spec = replace(recording.spec, sampling=sampling)
    table = Table(recording.events, spec)
    rows = sampled_rows(count, 0, int(len(table) * among), seed=1)
    found = divergences(recording.rows(spec, *FOREVER, FOREVER), table, rows)
    assert not found, "\n".join([f"{len(found)} divergences", *found[:5]])


@pytest.mark.parametrize("sampling", ["trade", "clock_1s"])
def test_columns(recording: Recording, sampling: str) -> None:
    # Rows of the first part only: the reference works out every row of a window before the row itself.
    assert_columns(recording, sampling, 40, among=0.3)


@pytest.mark.slow
@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_columns_at_300_rows(recording: Recording, sampling: str) -> None:
    if sampling == "ticker" and not any(isinstance(event, Ticker) for event in recording.events):
        pytest.skip("this recording has no ticker")
    assert_columns(recording, sampling, 300)


def test_labels(recording: Recording) -> None:
    tables = recording.read(*FOREVER)
    times = sorted(event.ts_recv for event in random.Random(2).sample(recording.events, 400))
    batch = _rust.label_fwd_logret(recording.spec.json(), *recording.batches(tables), times, 60 * SECOND)
    expected = fwd_logret(recording.events, recording.spec, times, 60 * SECOND)
    r = batch.column("r_bps").to_pylist()
    assert [x is None for x in r] == [label.r is None for label in expected]
    known = [(x, float(label.r)) for x, label in zip(r, expected, strict=True) if label.r is not None]
    assert len(known) > 100
    assert [x for x, _ in known] == pytest.approx([y for _, y in known], rel=1e-12, abs=1e-11)


@pytest.mark.parametrize("sampling", ["trade", "book", "clock_1s"])
def test_a_part_from_its_warm_up(recording: Recording, sampling: str) -> None:
    """The last part of the recording, read with its warm-up alone, equals the same rows of the whole."""
    spec = replace(recording.spec, sampling=sampling)
    begin, end = recording.events[0].ts_recv, recording.events[-1].ts_recv + 1
    first = begin + (end - begin) * 2 // 3
    part = recording.rows(spec, first - WARM_UP, end, (first, end))
    whole = recording.rows(spec, *FOREVER, (first, end))
    assert part.num_rows > 100
    assert same_bits(part, whole), describe_difference(part, whole)


def test_no_column_is_null_throughout(recording: Recording) -> None:
    """But for the ticker's: quotes have no last price, no range and no volume, and ETHBTC has no ticker."""
    batch = recording.rows(recording.spec, *FOREVER, FOREVER)
    empty = {name for name in COLUMNS if batch.column(name).null_count == batch.num_rows}
    quotes_only = {
        "tk_last_mid_dev_bps",
        "tk_last_logret_5s",
        "tk_hl_range_pos",
        "tk_vol24_delta_60s",
        "tk_vol_1s_log",
    }
    if recording.symbol == "ETHUSDT":
        assert empty == quotes_only
    else:
        assert all(name.startswith("tk_") for name in empty)

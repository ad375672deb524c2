"""Every column of the engine against the reference on real recordings, by ATC's own ingest and reader."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from engine_face import FOREVER, describe_difference, same_bits, warm_up_ns
from recordings import ROOT
from reference.columns import COLUMNS
from reference.events import SECOND, Ticker
from reference.labels import fwd_logret
from sessions import (
    RECORDED,
    Session,
    assert_columns,
    batches,
    recorded,
    recordings_are_there,
)
from streams import SAMPLINGS

from atc import _rust

pytestmark = [
    pytest.mark.recordings,
    pytest.mark.skipif(
        not recordings_are_there(), reason=f"no Binance recordings in {ROOT}; set ATC_RECORDINGS"
    ),
]


@pytest.fixture(scope="module", params=sorted(RECORDED))
def recording(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Session:
    return recorded(request.param, tmp_path_factory.mktemp(request.param))


@pytest.mark.parametrize("sampling", ["trade", "clock_1s"])
def test_columns(recording: Session, sampling: str) -> None:
    # Rows of the first part only: the reference works out every row of a window before the row itself.
    assert_columns(recording, replace(recording.spec, sampling=sampling), 40, among=0.3)


@pytest.mark.slow
@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_columns_at_300_rows(recording: Session, sampling: str) -> None:
    if sampling == "ticker" and not any(isinstance(event, Ticker) for event in recording.events):
        pytest.skip("this recording has no ticker")
    assert_columns(recording, replace(recording.spec, sampling=sampling), 300)


def test_labels(recording: Session) -> None:
    tables = recording.read(*FOREVER)
    times = sorted(event.ts_recv for event in random.Random(2).sample(recording.events, 400))
    batch = _rust.label_rows(recording.spec.json(), *batches(tables), times, [("", 60 * SECOND)])
    expected = fwd_logret(recording.events, recording.spec, times, 60 * SECOND)
    r = batch.column("r_bps").to_pylist()
    assert [x is None for x in r] == [label.r is None for label in expected]
    known = [(x, float(label.r)) for x, label in zip(r, expected, strict=True) if label.r is not None]
    assert len(known) > 100
    assert [x for x, _ in known] == pytest.approx([y for _, y in known], rel=1e-12, abs=1e-11)


@pytest.mark.parametrize("sampling", ["trade", "book", "clock_1s"])
def test_a_part_from_its_warm_up(recording: Session, sampling: str) -> None:
    """The last part of the recording, read with its warm-up alone, equals the same rows of the whole."""
    spec = replace(recording.spec, sampling=sampling)
    begin, end = recording.events[0].ts_recv, recording.events[-1].ts_recv + 1
    first = begin + (end - begin) * 2 // 3
    part = recording.rows(spec, first - warm_up_ns(spec), end, (first, end))
    whole = recording.rows(spec, *FOREVER, (first, end))
    assert part.num_rows > 100
    assert same_bits(part, whole), describe_difference(part, whole)


def test_no_column_is_null_throughout(recording: Session) -> None:
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

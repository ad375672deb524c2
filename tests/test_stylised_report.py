"""`atc simulate --report`: the figure, the table and the JSON, with and without recordings."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from recordings import BINANCE_2020, JPY, ROOT, needs
from typer.testing import CliRunner

from atc.cli import application
from atc.config.compose import compose
from atc.config.data import RecordedData
from atc.errors import DataError, UsageError
from atc.events.business_day import day_start_ns
from atc.events.catalog import Catalog
from atc.events.ingest import ensure_ingested
from atc.events.instrument import instrument_of
from atc.events.schema import Kind, schema_of
from atc.events.writer import IngestSession
from atc.report.progress import Progress
from atc.report.stylised.bands import BANDS
from atc.report.stylised.market_day import market_days
from atc.report.stylised.panels import PANELS
from atc.report.stylised.report import _measured, _recorded

runner = CliRunner()


def _run(*arguments: str) -> str:
    done = runner.invoke(application(), ["simulate", *arguments], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("events")
    _run("days=1", "seed=3", "--root", str(root))
    return root


def _check_figure(path: Path, content: dict[str, object]) -> None:
    tree = ET.parse(path)
    ids = {element.get("id") for element in tree.iter()}
    assert all(f"panel-{panel.name}" in ids for panel in PANELS)
    text = " ".join(
        " ".join(element.itertext()).strip() for element in tree.iter("{http://www.w3.org/2000/svg}text")
    )
    facts = content["facts"]
    assert isinstance(facts, list)
    for panel in PANELS:
        own = {band.fact for band in BANDS if band.panel == panel.name}
        missed = any(fact["verdict"] == "MISS" for fact in facts if fact["fact"] in own)
        assert (f"{panel.title}: MISS" in text) == missed
        assert panel.title in text


def test_without_recordings_the_simulator_stands_alone(
    events: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATC_RECORDINGS", str(tmp_path / "nowhere"))
    out = _run("days=1", "seed=3", "--root", str(events), "--report", str(tmp_path / "facts.svg"))
    assert "binance_ethbtc_2020 is not shown" in out and "gmocoin_btcjpy_2025 is not shown" in out
    assert "no recording stands beside the simulator" in out
    content = json.loads((tmp_path / "facts.json").read_text())
    assert [market["name"] for market in content["markets"]] == ["target"]
    by_fact = {fact["fact"]: fact for fact in content["facts"]}
    assert set(by_fact) == {band.fact for band in BANDS}
    assert by_fact["spread_bps"]["verdict"] == "hit"
    # A quarter of the real rate cannot have a day's number of frames.
    assert by_fact["frames_a_day"]["verdict"] == "MISS"
    assert by_fact["signature_120s"]["verdict"] == "not judged"
    assert by_fact["signature_120s"]["simulated"] > 0
    table = [line for line in out.splitlines() if line.startswith("book frames a day")]
    assert len(table) == 1 and "MISS" in table[0] and "research plan" in table[0]
    _check_figure(tmp_path / "facts.svg", content)
    first = (tmp_path / "facts.svg").read_bytes()
    _run("days=1", "seed=3", "--root", str(events), "--report", str(tmp_path / "facts.svg"))
    assert (tmp_path / "facts.svg").read_bytes() == first


@pytest.mark.parametrize("mark", [pytest.param(None, marks=needs(BINANCE_2020))])
def test_a_recording_is_its_own_files_and_nothing_else_that_is_filed_there(
    tmp_path: Path, mark: None
) -> None:
    config = compose(["data=binance_ethbtc_2020", f"paths.events={tmp_path}", f"paths.recordings={ROOT}"])
    data = config.data
    assert isinstance(data, RecordedData)
    day = date(2025, 1, 6)
    start = day_start_ns(day, data.day_cut_utc_s, data.tz_offset_s)
    # As `atc record` files the same symbol under the same root.
    with IngestSession(tmp_path, instrument_of(data), adapter="other@1", source_hash="1" * 64) as session:
        print_ = {"ev_seq": 1, "ts_recv": start, "ts_exch": start, "flags": 1}
        rows = [{**print_, "px_ticks": 27_000, "qty_lots": 1, "side": 1}]
        session.write_day(day, Kind.TRADE, pa.RecordBatch.from_pylist(rows, schema=schema_of(Kind.TRADE)))
        session.commit({})
    progress = Progress("off")
    _, catalog = _recorded("binance_ethbtc_2020", config.paths)
    found = _measured("binance", data, catalog, progress, is_simulated=False)
    assert len(Catalog(tmp_path).days(data.venue, data.symbol)) == 2
    assert found.days == 1


@pytest.mark.parametrize("mark", [pytest.param(None, marks=needs(BINANCE_2020))])
def test_a_recording_stands_beside_the_simulator(
    events: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mark: None
) -> None:
    monkeypatch.setenv("ATC_RECORDINGS", str(ROOT))
    out = _run(
        *("days=1", "seed=3", "--root", str(events), "--report", str(tmp_path)),
        *("--beside", "data=binance_ethbtc_2020"),
    )
    assert (tmp_path / "stylised.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    content = json.loads((tmp_path / "stylised.json").read_text())
    assert [market["name"] for market in content["markets"]] == ["target", "binance_ethbtc_2020"]
    by_fact = {fact["fact"]: fact for fact in content["facts"]}
    # One tick of 0.000001 at about 0.0277 is 0.36 bps; the median spread is one tick, ten at most.
    real = by_fact["spread_bps"]["real"]["binance_ethbtc_2020"]
    assert 0.36 < real < 3.6
    signature = by_fact["signature_120s"]
    assert signature["lower"] == pytest.approx(signature["real"]["binance_ethbtc_2020"] / 1.5, rel=1e-4)
    assert by_fact["depth_20_million"]["real"] == {}
    _check_figure(tmp_path / "stylised.svg", content)
    assert "binance_ethbtc_2020" in out


def test_taker_groups_and_quotes_of_a_simulated_day(events: Path) -> None:
    ((venue, symbol),) = (stream for stream in Catalog(events).streams() if stream[0].startswith("simulated"))
    (day,) = market_days(Catalog(events), venue, symbol)
    assert day.first_hour == 6
    assert day.quotes is not None and day.levels is not None
    assert (day.quotes.ask > day.quotes.bid).all()
    assert day.levels.bid_px.shape == (len(day.levels.ts), 20)
    # A book every half second leaves nothing to the ticker but what came before the first one.
    early = int((day.quotes.ts < day.levels.ts[0]).sum())
    assert len(day.quotes.ts) == len(day.levels.ts) + early
    assert early < 5
    # The market order of several levels is several executions and one group.
    assert 0.5 * day.executions < len(day.takers.ts) < day.executions
    assert set(day.takers.side.tolist()) == {1, -1}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--report", "facts.pdf"], "found suffix '.pdf'"),
        (["--beside", "data=binance_ethbtc_2020"], "--beside belongs to --report"),
        (["--report", "x", "--beside", "venue=binance"], "expected data=NAME"),
        (["--report", "x", "--beside", "demo_null"], "demo_null is simulated"),
        (["--report", "x", *["--beside", "binance_ethbtc_2020"] * 4], "names 4 recordings"),
    ],
)
def test_what_cannot_be_reported_is_named(
    arguments: list[str], named: str, events: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=named):
        _run("days=1", "seed=3", "--root", str(events), *arguments)


def test_a_named_recording_that_is_not_there_is_an_error(
    events: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATC_RECORDINGS", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="nowhere"):
        _run(
            *("days=1", "seed=3", "--root", str(events), "--report", str(tmp_path / "x")),
            *("--beside", "data=binance_ethusdt_2024"),
        )


@pytest.mark.parametrize("mark", [pytest.param(None, marks=needs(JPY))])
def test_best_quotes_stand_in_where_the_board_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mark: None
) -> None:
    monkeypatch.setenv("ATC_RECORDINGS", str(ROOT))
    config = compose(["data=gmocoin_btcjpy_2025", f"paths.events={tmp_path}"])
    assert isinstance(config.data, RecordedData)
    ensure_ingested(config.data, config.paths)
    (day,) = market_days(Catalog(tmp_path), "gmocoin", "BTC_JPY")
    assert day.levels is not None and day.quotes is not None
    # The boards are 8 minutes long, the best quotes another 45.
    assert (day.levels.ts[-1] - day.levels.ts[0]) / 60e9 == pytest.approx(7.6, abs=0.2)
    assert (day.quotes.ts[-1] - day.quotes.ts[0]) / 60e9 == pytest.approx(107.5, abs=0.5)
    assert (day.frames, len(day.levels.ts)) == (919, 919)
    assert len(day.quotes.ts) > 5000
    # 377 executions, each printed twice.
    assert day.executions == 377

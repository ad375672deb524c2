"""An experiment says what its data must be worth, and less is refused before a feature is built."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from recordings import BINANCE_RAW, needs

import atc
from atc.config.data import SimulatedData
from atc.config.quality import Quality
from atc.errors import DataError
from atc.events.catalog import Catalog, Manifest, manifests_dir
from atc.events.instrument import instrument_of
from atc.events.quality.cache import cached_quality
from atc.events.quality.day import DayQuality, Stream
from atc.events.quality.demand import figure_of, limits_of, misses, refuse
from atc.events.quality.document import counts, document
from atc.events.quality.measure import Yardsticks
from atc.events.quality.severity import MISSING_DAYS, RULES, Severity, findings_of
from atc.events.reader import read_file
from atc.events.simulate import ensure_simulated, located
from atc.events.writer import IngestSession
from atc.report.progress import Progress
from atc.tasks.base import Desk
from atc.tasks.tick_classification import TickClassification

FIRST = date(2025, 1, 6)
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four of five simulated days, filed as GMO Coin's ETH_JPY: the third is missing."""
    market, root = tmp_path_factory.mktemp("market"), tmp_path_factory.mktemp("events")
    data = atc.compose(["data.days=5", "data.rate=0.02", f"data.start_date={FIRST}"]).data
    assert isinstance(data, SimulatedData)
    ensure_simulated(data, market)
    catalog, stream = Catalog(market), located(data)
    eth_jpy = atc.compose(["data=eth_jpy"]).data
    with IngestSession(root, instrument_of(eth_jpy), adapter="test@1", source_hash="1" * 64) as session:
        for number in (0, 1, 3, 4):
            day = FIRST + timedelta(days=number)
            for kind, entries in catalog.day(stream.venue, stream.symbol, day).files.items():
                session.write_day(day, kind, read_file(catalog.path(entries[0]), entries[0]))
        session.commit()
    return root


def demanding(**limits: float | None) -> Quality:
    return atc.compose(["data=eth_jpy", "quality=any"]).quality.model_copy(update=limits)


def days_of(root: Path) -> tuple[Stream, list[DayQuality]]:
    stream = Stream(Catalog(root), atc.compose(["data=eth_jpy"]).data)
    return stream, [stream.quality(day) for day in stream.days]


def test_every_limit_bounds_a_figure(root: Path) -> None:
    _, days = days_of(root)
    strict = atc.compose(["quality=strict"]).quality
    bounded = {figure_of(name) for name in limits_of(strict)}
    assert bounded - {"missing_days"} <= set(days[0].figures)
    every = {figure_of(name) for name in Quality.model_fields if name != "measure"}
    assert every == bounded


def test_every_rule_judges_a_figure(root: Path) -> None:
    _, days = days_of(root)
    named = {rule.figure for rule in RULES} | {rule.count for rule in RULES if rule.count}
    assert named <= set(days[0].figures)


def test_any_refuses_nothing_and_standard_no_missing_day(root: Path) -> None:
    stream, days = days_of(root)
    for name in ("any", "standard"):
        assert misses(days, stream.missing_days, atc.compose([f"quality={name}"]).quality) == []
    assert limits_of(atc.compose(["quality=any"]).quality) == {}


def test_a_miss_names_day_measure_found_limit_and_the_way_out(root: Path) -> None:
    stream, days = days_of(root)
    spoilt = [replace(day, figures={**day.figures}) for day in days]
    spoilt[1].figures["crossed_share"] = 0.0213
    spoilt[3].figures["coverage"] = 0.5
    quality = demanding(max_crossed_share=0.01, min_coverage=0.9, max_missing_days=0)
    missed = misses(spoilt, stream.missing_days, quality)
    assert [str(miss) for miss in missed] == [
        "between the first and the last day: missing_days is 1; quality.max_missing_days takes at most 0",
        "business day 2025-01-07: crossed_share is 2.1%; quality.max_crossed_share takes at most 1.0%",
        "business day 2025-01-10: coverage is 50.0%; quality.min_coverage takes at least 90.0%",
    ]
    with pytest.raises(DataError) as refused:
        refuse(missed, "eth_jpy")
    told = str(refused.value)
    assert "business day 2025-01-07" in told
    assert "atc doctor data=eth_jpy" in told
    assert "quality=any" in told
    refuse([], "eth_jpy")


def test_a_limit_holds_at_its_value_and_a_drift_in_both_directions(root: Path) -> None:
    _, days = days_of(root)
    day = replace(days[0], figures={**days[0].figures, "offset_drift_ms": -50.0, "gaps": 2})
    assert misses([day], [], demanding(max_offset_drift_ms=50, max_gaps=2)) == []
    assert [m.limit_name for m in misses([day], [], demanding(max_offset_drift_ms=49.9, max_gaps=1))] == [
        "max_gaps",
        "max_offset_drift_ms",
    ]


def test_what_cannot_be_had_is_kept_but_what_was_not_measured_is_missed(root: Path) -> None:
    _, days = days_of(root)
    no_clock = replace(days[0], figures={**days[0].figures, "offset_drift_ms": None})
    assert misses([no_clock], [], demanding(max_offset_drift_ms=1)) == []
    unreadable = replace(days[0], figures={"broken_promises": 1})
    assert [m.limit_name for m in misses([unreadable], [], demanding(max_crossed_share=1))] == [
        "max_crossed_share"
    ]


# In a run


def prepared(root: Path, outputs: Path, *words: str) -> Any:
    window = ("data=eth_jpy", "window=demo", "window.train_days=3", "window.holdout_days=1")
    paths = (f"paths.events={root}", f"paths.outputs={outputs}")
    task = TickClassification(atc.compose(["+experiment=logistic_13feat", *window, *paths, *words]))
    stages: dict[str, SimpleNamespace] = {}

    @contextmanager
    def stage(name: str) -> Iterator[SimpleNamespace]:
        yield stages.setdefault(name, SimpleNamespace(cached=False))

    return task.prepare(Desk(stage, Progress("off").bar)), stages


def test_a_run_measures_once_and_records_it(root: Path, tmp_path: Path) -> None:
    first, stages = prepared(root, tmp_path)
    assert not stages["quality"].cached
    again, stages = prepared(root, tmp_path, "quality=any")
    assert stages["quality"].cached
    assert first.quality == again.quality
    told = json.loads(json.dumps(first.quality))
    assert [day["date"] for day in told["days"]] == ["2025-01-06", "2025-01-07", "2025-01-09", "2025-01-10"]
    assert told["missing_days"] == ["2025-01-08"]
    assert all(day["figures"]["broken_promises"] == 0 for day in told["days"])


def test_a_run_refuses_less_than_it_demands(root: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"missing_days is 1; quality\.max_missing_days takes at most 0"):
        prepared(root, tmp_path, "quality=strict")
    assert not (tmp_path / "cache" / "features").exists()
    # At a fiftieth of the real rate the market's books are as thin as strict does not take them.
    looser = ("quality.max_missing_days=1", "quality.max_silent_share=1", "quality.max_far_levels=null")
    prepared(root, tmp_path, "quality=strict", *looser)


def test_the_cache_sees_the_yardsticks_and_mends_itself(root: Path, tmp_path: Path) -> None:
    stream, _ = days_of(root)
    day = stream.days[1]
    assert cached_quality(stream, [day], tmp_path).cached == 0
    found = cached_quality(stream, [day], tmp_path)
    assert found.cached == 1
    assert found.days[0].figures == stream.quality(day).figures
    other = Stream(stream.catalog, stream.facts, Yardsticks(silence_ns=10**9))
    assert cached_quality(other, [day], tmp_path).cached == 0
    (file, *_) = tmp_path.rglob("*.json")
    for file in tmp_path.rglob("*.json"):
        file.write_text("{")
    assert cached_quality(stream, [day], tmp_path).days == found.days


def test_manifests_of_before_are_read(root: Path) -> None:
    (path,) = manifests_dir(root).glob("*.json")
    content = json.loads(path.read_bytes())
    assert "findings" not in content
    assert Manifest.from_json(content).findings == {}
    told = {FIRST.isoformat(): {"repaired": {"a": 1}, "flagged": {}}}
    assert Manifest.from_json({**content, "findings": told}).to_json()["findings"] == told


@pytest.mark.parametrize("marks", [pytest.param(None, marks=needs(BINANCE_RAW))])
def test_the_refused_run_leaves_no_record(marks: None, tmp_path: Path) -> None:
    words = ["+experiment=logistic_13feat", "data=binance_ethusdt_2024", "quality=strict"]
    done = subprocess.run(
        [sys.executable, "-m", "atc.run", *words, "tracking=none", f"paths.outputs={tmp_path}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "negative_latency_share is 100%; quality.max_negative_latency_share takes" in done.stderr
    assert "atc doctor data=binance_ethusdt_2024" in done.stderr
    assert not (tmp_path / "runs").exists()


# Severities


@pytest.mark.parametrize(
    ("figure", "value", "severity"),
    [
        ("crossed_share", 0.0, Severity.OK),
        ("crossed_share", 1e-6, Severity.WARNING),
        ("crossed_share", 0.02, Severity.ERROR),
        ("locked_share", 1e-6, Severity.INFO),
        ("impossible_prices", 1, Severity.ERROR),
        ("offset_drift_ms", -30.0, Severity.INFO),
        ("offset_drift_ms", -300.0, Severity.WARNING),
        ("offset_drift_ms", None, Severity.OK),
        ("gaps", 1, Severity.WARNING),
    ],
)
def test_severities(figure: str, value: float | None, severity: Severity) -> None:
    found = findings_of({figure: value})
    assert max((finding.severity for finding in found), default=Severity.OK) is severity


def test_thresholds_grow_with_severity() -> None:
    for rule in (*RULES, MISSING_DAYS):
        limits = [limit for limit in (rule.info, rule.warning, rule.error) if limit is not None]
        assert limits, rule.figure
        assert limits == sorted(limits), rule.figure


def test_the_document_holds_rules_days_and_the_worst(root: Path) -> None:
    stream, days = days_of(root)
    told = document(stream.facts, days, stream.missing_days)
    assert told["severity"] == "warning"
    assert counts(days, stream.missing_days)[0] == 0
    assert set(told["rules"]) == {rule.figure for rule in (*RULES, MISSING_DAYS)}
    json.dumps(told, allow_nan=False)


def test_the_page_has_every_figure_limit_and_threshold(root: Path) -> None:
    page = (ROOT / "docs" / "quality.md").read_text(encoding="utf-8")
    _, days = days_of(root)
    for figure in days[0].figures:
        assert f"`{figure}`" in page, figure

    def cell(limit: float | None) -> str:
        return "" if limit is None else f"{limit:g}"

    for rule in (*RULES, MISSING_DAYS):
        limits = f"{cell(rule.info)} | {cell(rule.warning)} | {cell(rule.error)}"
        assert f"| `{rule.figure}` | {rule.unit} | {limits} | {rule.words} |" in page, rule.figure

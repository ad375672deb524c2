"""The search itself, with stages that another task could bring: trades, and something made of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from leak_market import market

from atc.errors import DataError
from atc.events.catalog import Catalog
from atc.events.schema import Kind
from atc.leaks.facts import Facts
from atc.leaks.localise import ORIGINAL, Effort, Localiser, Report
from atc.leaks.report import as_json, lines
from atc.leaks.stages import Stage
from atc.leaks.streams import Stream, read_stream
from atc.protocol.window import Spans


@dataclass(frozen=True)
class Trades:
    """A run of this task: the prints, and how it averages them."""

    prints: pl.DataFrame
    look: int
    spans: Spans
    refuses: bool
    """Whether what is changed is too little for the last stage."""


def prints(run: Trades) -> list[Facts]:
    frame = run.prints.select("ts_recv", "ev_seq", "px_ticks")
    return [Facts("prints", ("ts_recv", "ev_seq"), frame, frame["ts_recv"].to_numpy())]


def means(run: Trades) -> list[Facts]:
    frame = run.prints.select("ts_recv", "ev_seq", mean=pl.col("px_ticks").rolling_mean(10).shift(-run.look))
    return [Facts("means", ("ts_recv", "ev_seq"), frame, frame["ts_recv"].to_numpy())]


def level(run: Trades) -> list[Facts]:
    before = run.prints.filter(pl.col("ts_recv") < run.spans.train[1])
    if run.refuses:
        raise DataError("too few prints")
    value = pl.DataFrame({"name": ["level"], "value": [before["px_ticks"].mean()]})
    return [Facts("level", ("name",), value, np.array([run.spans.train[1]], dtype=np.int64))]


STAGES = (Stage("print", prints), Stage("mean", means), Stage("level", level))


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Stream:
    _, whole = market(tmp_path_factory.mktemp("market"), "data.days=1", "data.rate=0.02")
    return whole


@pytest.fixture
def search(stream: Stream, tmp_path: Path) -> Callable[..., Report]:
    def run(look: int = 0, *, refuses: bool = False, **effort: int) -> Report:
        def make(root: Path, spans: Spans) -> Trades:
            facts = stream.instrument
            found = read_stream(Catalog(root), facts.venue, facts.symbol, stream.days)
            return Trades(found.tables[Kind.TRADE], look, spans, refuses and root.name != ORIGINAL)

        return Localiser(stream, STAGES, make, tmp_path, Effort(**{"windows": 1, **effort})).run()

    return run


def test_stages_that_only_look_back_stay(search: Callable[..., Report]) -> None:
    report = search(windows=2, probes=2)
    assert report.leak is None
    assert [one.moved for one in report.stages] == [0, 0, 0]
    assert all(one.checked for one in report.stages)
    assert len(report.findings) == 12
    assert list(lines(report))[-1] == "clean: in 12 probes nothing that was known at t moved"


@pytest.mark.parametrize("look", [1, 5])
def test_one_that_looks_ahead_is_named_and_those_before_it_are_not(
    search: Callable[..., Report], look: int
) -> None:
    report = search(look)
    assert [one.stage for one in report.stages if one.moved] == ["mean"]
    leak = report.leak
    assert leak is not None
    assert leak.moved is not None
    assert (leak.moved.table, leak.moved.column) == ("means", "mean")
    assert leak.moved.known_ns <= leak.probe.t
    # Of each t the last prints before it, no more than it looks ahead.
    for finding in report.findings:
        assert sum(one.moved for one in finding.comparisons) <= look
    assert any("LEAK in stage 'mean': means.mean of row ts_recv=" in line for line in lines(report))
    content = as_json(report)
    assert content["clean"] is False


def test_the_same_seed_gives_the_same_probes(search: Callable[..., Report], tmp_path: Path) -> None:
    first = [finding.probe for finding in search().findings]
    for path in sorted(tmp_path.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert [finding.probe for finding in search().findings] == first


def test_where_the_changed_events_are_too_few_the_stage_is_said_to_be_unchecked(
    search: Callable[..., Report],
) -> None:
    report = search(refuses=True)
    assert report.leak is None
    assert "level: too few prints" in [finding.not_run for finding in report.findings]
    assert [one.checked > 0 for one in report.stages] == [True, True, False]
    shown = list(lines(report))
    assert any("stopped early" in line and "level: too few prints" in line for line in shown)
    assert any("not checked" in line for line in shown)


def test_a_search_stops_at_the_first_leak_if_told_so(search: Callable[..., Report]) -> None:
    report = search(look=5, stop_at_first=True)
    assert report.leak is report.findings[-1]

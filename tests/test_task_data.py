"""Which events a run depends on, and that it says so when they are not what the config takes them for."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest
from recordings import BINANCE_RAW, needs

import atc
from atc.config.data import SimulatedData
from atc.errors import DataError
from atc.events.catalog import Catalog
from atc.events.instrument import instrument_of
from atc.events.reader import read_file
from atc.events.simulate import ensure_simulated, located
from atc.events.writer import IngestSession
from atc.report.progress import Progress
from atc.tasks.base import DataIdentity, Desk
from atc.tasks.tick_classification import TickClassification
from atc.tracking.stages import Stages

FIRST = date(2025, 1, 6)


def prepared(*words: str) -> DataIdentity:
    task = TickClassification(atc.compose(["+experiment=logistic_13feat", *words]))
    return task.prepare(Desk(Stages().stage, Progress("off").bar))


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> tuple[Catalog, SimulatedData]:
    """Five simulated days."""
    root = tmp_path_factory.mktemp("market")
    config = atc.compose(["data.days=5", "data.rate=0.05", f"data.start_date={FIRST}"])
    assert isinstance(config.data, SimulatedData)
    ensure_simulated(config.data, root)
    return Catalog(root), located(config.data)


def filed(market: tuple[Catalog, SimulatedData], root: Path, numbers: Sequence[int]) -> Path:
    """A root with only some of the days, filed as GMO Coin's ETH_JPY, one ingest a day."""
    catalog, facts = market
    eth_jpy = atc.compose(["data=eth_jpy"]).data
    for number in numbers:
        day = FIRST + timedelta(days=number)
        with IngestSession(
            root, instrument_of(eth_jpy), adapter="test@1", source_hash=f"{number:064d}", sources=[]
        ) as session:
            for kind, entries in catalog.day(facts.venue, facts.symbol, day).files.items():
                session.write_day(day, kind, read_file(catalog.path(entries[0]), entries[0]))
            session.commit({})
    return root


def window(first: int, last: int) -> tuple[str, ...]:
    """Business days `first` to `last` of the market; the last is the holdout."""
    days = [FIRST + timedelta(days=number) for number in range(first, last + 1)]
    return (
        *("data=eth_jpy", "window.kind=dates"),
        *(f"window.train_from={days[0]}", f"window.train_to={days[-2]}"),
        *(f"window.holdout_from={days[-1]}", f"window.holdout_to={days[-1]}"),
    )


def test_the_identity_holds_the_neighbours_that_the_rows_depend_on(
    market: tuple[Catalog, SimulatedData], tmp_path: Path
) -> None:
    digests = {
        name: prepared(*window(1, 3), f"paths.events={filed(market, tmp_path / name, numbers)}").data_digest
        for name, numbers in {
            "alone": (1, 2, 3),
            "with the day before": (0, 1, 2, 3),
            "with the day after": (1, 2, 3, 4),
            "once more": (1, 2, 3),
        }.items()
    }
    assert digests["alone"] == digests["once more"]
    assert len(set(digests.values())) == 3


def test_a_day_that_nothing_depends_on_is_not_in_the_identity(
    market: tuple[Catalog, SimulatedData], tmp_path: Path
) -> None:
    near = filed(market, tmp_path / "near", (0, 1, 2, 3))
    far = filed(market, tmp_path / "far", (0, 1, 2, 3, 4))
    one, other = (prepared(*window(0, 2), f"paths.events={root}") for root in (near, far))
    assert one == other


@pytest.mark.parametrize(
    ("word", "named"),
    [
        ("data.tick=0.5", "tick 1 and not 0.5"),
        ("data.lot=1", "lot 0.01 and not 1"),
        ("data.recorded_depth=10", "recorded_depth 30 and not 10"),
        ("data.tz_offset_s=0", "tz_offset_s 32400 and not 0"),
    ],
)
def test_events_of_another_instrument_are_refused(
    market: tuple[Catalog, SimulatedData], tmp_path: Path, word: str, named: str
) -> None:
    root = filed(market, tmp_path, (0, 1, 2))
    with pytest.raises(DataError, match=named):
        prepared(*window(0, 2), f"paths.events={root}", word)


def test_missing_days_are_named(market: tuple[Catalog, SimulatedData], tmp_path: Path) -> None:
    root = filed(market, tmp_path, (0, 2))
    with pytest.raises(DataError, match="2025-01-07"):
        prepared(*window(0, 2), f"paths.events={root}")


def test_own_canonical_events_run_on_a_window_of_dates(
    market: tuple[Catalog, SimulatedData], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from atc.run import run

    root = filed(market, tmp_path / "events", (0, 1, 2, 3, 4))
    words = (f"paths.events={root}", f"paths.outputs={tmp_path / 'outputs'}", "tracking=none")
    folder = run(atc.compose(["+experiment=logistic_13feat", *window(0, 4), *words, "runtime.progress=off"]))
    record = atc.open_run(folder)
    assert capsys.readouterr().out.splitlines()[-1].endswith(folder.name)
    assert record.manifest["spans"]["holdout"]["days"] == 1
    assert record.model.manifest["train_range"] == ["2025-01-06", "2025-01-09"]
    # The 13-feature logistic against itself.
    assert record.metrics["lift/holdout/auc"] == 0.0


class TestRecordings:
    """Data sets that are ingested on first use."""

    pytestmark = needs(BINANCE_RAW)

    @pytest.fixture
    def words(self, tmp_path: Path) -> tuple[str, ...]:
        shutil.copytree(BINANCE_RAW, tmp_path / "recordings" / "binance_raw_2024")
        return (
            "data=binance_ethusdt_2024",
            f"paths.recordings={tmp_path / 'recordings'}",
            f"paths.events={tmp_path / 'events'}",
        )

    def test_what_else_is_filed_is_another_data_set(
        self, words: tuple[str, ...], market: tuple[Catalog, SimulatedData], tmp_path: Path
    ) -> None:
        before = prepared(*words)
        catalog, facts = market
        day = FIRST + timedelta(days=1)
        instrument = instrument_of(atc.compose(["data=binance_ethusdt_2024"]).data)
        with IngestSession(
            tmp_path / "events", instrument, adapter="test@1", source_hash="0" * 64, sources=[]
        ) as session:
            # Any events will do: those of a business day that starts at 00:00 UTC.
            (entry,) = catalog.day(facts.venue, facts.symbol, day).files["trade"]
            table = read_file(catalog.path(entry), entry)
            start = (day - date(1970, 1, 1)).days * 86_400 * 10**9
            import pyarrow.compute as pc

            session.write_day(day, "trade", table.filter(pc.greater_equal(table["ts_recv"], start)))
            session.commit({})
        assert len(Catalog(tmp_path / "events").days(instrument.venue, instrument.symbol)) == 3
        assert prepared(*words) == before

    def test_recordings_need_not_stay(self, words: tuple[str, ...], tmp_path: Path) -> None:
        before = prepared(*words)
        shutil.rmtree(tmp_path / "recordings")
        assert prepared(*words) == before
        shutil.rmtree(tmp_path / "events")
        with pytest.raises(DataError, match="ATC_RECORDINGS"):
            prepared(*words)

    def test_filed_in_wrong_steps_the_way_out_is_named(self, words: tuple[str, ...]) -> None:
        prepared(*words, "data.tick=0.001")
        with pytest.raises(DataError, match=r"tick 0.001 and not 0.01.*--replace --tick 0.01"):
            prepared(*words)

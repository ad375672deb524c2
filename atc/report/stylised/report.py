"""The report: a simulated market beside recordings, as a figure, a table and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from atc.errors import DataError, UsageError
from atc.report.progress import Progress

if TYPE_CHECKING:
    from atc.config.data import Data, SimulatedData
    from atc.config.surroundings import Paths
    from atc.events.catalog import Catalog
    from atc.report.stylised.bands import Verdict
    from atc.report.stylised.measured import Measured

MOST_RECORDINGS = 3
DEFAULT_RECORDINGS = (
    "bitflyer_btcjpy_2018",
    "gmocoin_btcjpy_2025",
    "binance_ethbtc_2020",
    "binance_ethusdt_2024",
)
"""Beside what a simulation stands where nothing is asked for: the first three that are there."""
SUFFIXES = (".svg", ".png")


@dataclass(frozen=True)
class Report:
    """What was written and what it says."""

    verdicts: list[Verdict]
    recordings: list[Measured]
    files: list[Path]
    absent: list[str]
    """A sentence for each default recording that is not there."""


def report_files(target: Path) -> list[Path]:
    """The figure files of a report and its JSON: beside a named figure, or three in a folder.

    Raises UsageError for a file of another kind.
    """
    if target.suffix in SUFFIXES:
        return [target, target.with_suffix(".json")]
    if target.suffix and not target.is_dir():
        raise UsageError(
            f"--report {target}: found suffix '{target.suffix}'; expected {' or '.join(SUFFIXES)}, or a "
            "folder"
        )
    return [target / f"stylised{suffix}" for suffix in (*SUFFIXES, ".json")]


def stylised_report(
    simulated: SimulatedData,
    paths: Paths,
    beside: Sequence[str] | None,
    target: Path,
    progress: Progress,
) -> Report:
    """Measures the simulated market, whose events lie under `paths.events`, and recordings; writes the files.

    `beside` names data configs, at most three; None takes those of `DEFAULT_RECORDINGS` whose recordings are
    there. Recordings that were not ingested yet are now, into `paths.events`. Raises UsageError for a name
    that is none and for more than three, DataError for a named recording that is not there.
    """
    from atc.events.catalog import Catalog
    from atc.events.simulate import located
    from atc.report.stylised.bands import judge
    from atc.report.stylised.figure import draw
    from atc.report.stylised.verdicts import write_json

    files = report_files(target)
    names = DEFAULT_RECORDINGS if beside is None else tuple(beside)
    if beside is not None and len(names) > MOST_RECORDINGS:
        raise UsageError(f"--beside names {len(names)} recordings; expected at most {MOST_RECORDINGS}")
    measured = _measured(
        simulated.scenario.name, located(simulated), Catalog(paths.events_dir), progress, is_simulated=True
    )
    recordings: list[Measured] = []
    absent: list[str] = []
    for name in names:
        if len(recordings) == MOST_RECORDINGS:
            break
        try:
            data, catalog = _recorded(name, paths)
        except DataError as error:
            if beside is not None:
                raise
            absent.append(f"{name} is not shown: {error}")
            continue
        recordings.append(_measured(name, data, catalog, progress, is_simulated=False))
    verdicts = judge(measured, recordings)
    draw(measured, recordings, verdicts, [path for path in files if path.suffix in SUFFIXES])
    write_json(files[-1], measured, recordings, verdicts)
    return Report(verdicts, recordings, files, absent)


def _recorded(name: str, paths: Paths) -> tuple[Data, Catalog]:
    """The data of a config, and its events alone: others of the symbol are another recording."""
    from atc.config.compose import compose
    from atc.config.data import RecordedData
    from atc.events.catalog import Catalog
    from atc.events.ingest import ensure_ingested

    data = compose([f"data={name}"]).data
    if data.kind == "simulated":
        raise UsageError(
            f"--beside {name} is simulated; expected a data config of recorded or canonical events"
        )
    if isinstance(data, RecordedData):
        return data, Catalog(paths.events_dir, only=[ensure_ingested(data, paths).manifest.id])
    catalog = Catalog(paths.events_dir)
    catalog.instrument(data.venue, data.symbol)
    return data, catalog


def _measured(name: str, data: Data, catalog: Catalog, progress: Progress, *, is_simulated: bool) -> Measured:
    from atc.report.stylised.facts import measure
    from atc.report.stylised.market_day import market_days

    days = catalog.days(data.venue, data.symbol)
    with progress.bar("facts", len(days), f"days of {name}") as bar:
        return measure(
            name,
            market_days(catalog, data.venue, data.symbol),
            is_simulated=is_simulated,
            progress=bar.advance,
        )

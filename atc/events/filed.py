"""The events that a config's data names, made or ingested first where they are not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atc.config.data import InstrumentFacts, RecordedData, SimulatedData
from atc.config.schema import RunConfig
from atc.events.catalog import Catalog

if TYPE_CHECKING:
    from atc.report.progress import Progress


def filed_events(config: RunConfig, progress: Progress) -> tuple[Catalog, InstrumentFacts]:
    """The events as they are filed, and nothing else that lies under the same root.

    Raises DataError as simulating and ingesting do, and where nothing is filed of data that is only read.
    """
    from atc.events.ingest import ensure_ingested
    from atc.events.simulate import ensure_simulated, located

    data, root = config.data, config.paths.events_dir
    if isinstance(data, SimulatedData):
        with progress.bar("simulate", data.days, "days") as bar:
            if not ensure_simulated(data, root, bar.update):
                bar.update(data.days, detail="were there")
        return Catalog(root), located(data)
    if isinstance(data, RecordedData):
        with progress.bar("ingest", None, "bytes") as bar:
            ingest = ensure_ingested(data, config.paths, bar.advance)
            if ingest.already:
                bar.update(0, detail="was there")
        return Catalog(root, only=[ingest.manifest.id]), data
    catalog = Catalog(root)
    catalog.instrument(data.venue, data.symbol)  # says so where nothing is filed
    return catalog, data


def events_there(config: RunConfig) -> tuple[Catalog, InstrumentFacts]:
    """As `filed_events`, but nothing is made: the catalog has no days where the events are not there yet."""
    from atc.events.ingest import filed_ingest
    from atc.events.simulate import located

    data, paths = config.data, config.paths
    if isinstance(data, SimulatedData):
        return Catalog(paths.events_dir), located(data)
    if isinstance(data, RecordedData):
        manifest = filed_ingest(data, paths)
        return Catalog(paths.events_dir, only=[] if manifest is None else [manifest.id]), data
    return Catalog(paths.events_dir), data

"""What of the shared files a run of a config would find, by the code that makes them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

from atc.config.schema import RunConfig
from atc.features.day_cache import feature_days
from atc.features.day_file import read_footer
from atc.features.day_workers import local
from atc.features.declarations import schemas_of
from atc.features.keys import label_file, label_inputs
from atc.features.plan import feature_job
from atc.labels.definitions import label_spec
from atc.tasks.base import Desk
from atc.tasks.market_data import MarketData, run_columns


def make_files(config: RunConfig) -> None:
    """Events, quality, features and labels, as a run makes them."""
    market = MarketData(config)
    market.workers = 1
    market.prepare(desk())
    market.build(market.days, run_columns(config), desk())


def files_to_make(config: RunConfig) -> set[str]:
    """The stages of which a run of `config` would not find every file; of their features some are made."""
    market = MarketData(config)
    if not market.catalog.days(market.facts.venue, market.facts.symbol):
        return {"events", "features", "labels"}
    found: set[str] = set()
    source, columns = market.source, run_columns(config)
    spec = label_spec(config.label, config.auxiliary.horizons_s)
    jobs = [feature_job(source, day, schemas_of(columns)) for day in market.days]
    if not all(output.file.is_file() for job in jobs for output in job.outputs):
        found.add("features")
    built = feature_days(source, market.days, columns, make_executor=partial(local, 1))
    for day, files in zip(market.days, built.files, strict=True):
        rows = read_footer(next(iter(files.values()))).row_digest
        if not label_file(source, day, label_inputs(source, day, spec, rows)).is_file():
            found.add("labels")
    return found


def desk() -> Desk:
    """One that says nothing."""

    @contextmanager
    def silent(*_: object) -> Iterator[Any]:
        yield SimpleNamespace(cached=False, update=lambda *_, **__: None, advance=lambda *_: None)

    return Desk(silent, silent)

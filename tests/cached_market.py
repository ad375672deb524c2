"""A few small simulated days and a cache for them; as a program, a builder that tests start, kill and race.

python tests/cached_market.py EVENTS CACHE WORKERS
"""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

import atc
from atc.config.data import SimulatedData
from atc.events.catalog import Catalog
from atc.events.simulate import ensure_simulated, located
from atc.features.day_cache import Features, Source, feature_days
from atc.features.day_workers import local

DAYS = 8
SETTINGS = [f"data.days={DAYS}", "data.rate=0.05"]
COLUMNS = ("spread_bps", "tk_spread_bps")
"""Of the schemas core and ticker."""


def simulate(root: Path) -> None:
    """The events under `root`."""
    data = atc.compose(SETTINGS).data
    assert isinstance(data, SimulatedData)
    ensure_simulated(data, root)


def source_of(root: Path, cache: Path) -> Source:
    """The days with a cache of their own."""
    config = atc.compose(SETTINGS)
    assert isinstance(config.data, SimulatedData)
    return Source(located(config.data), Catalog(root), cache, config.sampling, config.features.engine)


def build(source: Source, workers: int) -> Features:
    """Builds all days."""
    return feature_days(source, source.days, COLUMNS, make_executor=partial(local, workers))


def contents(cache: Path) -> dict[str, bytes]:
    """Every cached file by its place."""
    return {
        str(file.relative_to(cache)): file.read_bytes()
        for file in sorted(cache.rglob("schema=*/*/*.parquet"))
    }


def leftovers(cache: Path) -> list[str]:
    """What a build that ended must not leave: temporary files and locks."""
    return [str(path) for path in [*cache.rglob(".*.part"), *cache.rglob(".locks/*")]]


def builds(cache: Path) -> list[tuple[str, str]]:
    """(day, schema) of every build that a log tells of."""
    lines = [line for log in cache.rglob("builds.jsonl") for line in log.read_text().splitlines()]
    return [(entry["date"], schema) for entry in map(json.loads, lines) for schema in entry["schemas"]]


if __name__ == "__main__":
    build(source_of(Path(sys.argv[1]), Path(sys.argv[2])), int(sys.argv[3]))

"""A tiny simulated market for the leak localiser, and a search on it with as little as finds a leak."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import atc
from atc.config.data import SimulatedData
from atc.config.schema import RunConfig
from atc.events.catalog import Catalog
from atc.events.simulate import ensure_simulated, located
from atc.leaks.localise import Effort, Localiser, Report
from atc.leaks.stages import TICK_STAGES, Stage
from atc.leaks.streams import Stream, read_stream
from atc.leaks.tick_run import TickRun, on_stream
from atc.protocol.window import Spans

SMALL = (
    "+experiment=gbdt_36feat",
    *("data.days=3", "data.rate=0.03", "window.train_days=2", "window.holdout_days=1"),
    # Statistics of windows that hold few rows at this rate are numbers and not null.
    "features.engine.min_values=3",
    "calibration=temperature",
)
TREES = ("model.n_estimators=5", "model.num_threads=1", "model.min_child_samples=20")
"""Few and small, for the model that has them."""
THRESHOLDS = ("policy.short=true", "policy.grid=11")
"""Two to fit, of few candidates, for the policy that has them."""


def market(root: Path, *words: str) -> tuple[RunConfig, Stream]:
    """The config and the events of `SMALL` with `words`, simulated under `root` unless they are there."""
    fitted = THRESHOLDS if {"policy=class", "policy=confidence"}.isdisjoint(words) else ()
    trees = TREES if all(word == "model=gbdt" for word in words if word.startswith("model=")) else ()
    config = atc.compose(
        [*SMALL, *words, *fitted, *trees, f"paths.outputs={root}", "runtime.progress=off"],
    )
    assert isinstance(config.data, SimulatedData)
    return on_stream(config, located(config.data), root, root), _events(config.data, config.paths.events_dir)


@lru_cache(maxsize=4)
def _events(data: SimulatedData, folder: Path) -> Stream:
    ensure_simulated(data, folder)
    facts, catalog = located(data), Catalog(folder)
    return read_stream(catalog, facts.venue, facts.symbol, catalog.days(facts.venue, facts.symbol))


def searched(  # noqa: PLR0917  # all of them are different things
    config: RunConfig,
    stream: Stream,
    folder: Path,
    effort: Effort,
    stages: Sequence[Stage[TickRun]] = TICK_STAGES,
    outputs: Path | None = None,
) -> Report:
    """The report of a search whose files lie in the new `folder`.

    `outputs`: where features and labels are cached; searches of one code that share it build the same events
    once.
    """
    cache = outputs or folder / "outputs"

    def make_run(root: Path, spans: Spans) -> TickRun:
        return TickRun(on_stream(config, config.data, root, cache), spans)

    return Localiser(stream, stages, make_run, folder, effort).run()

"""The named model fitted with several seeds: what each seed alone would have been judged at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from atc.config.schema import RunConfig
from atc.evaluation.head import Head
from atc.evaluation.report import Matrix, Metrics
from atc.evaluation.seed_spread import SCHEMA, seed_table, spread_figures
from atc.models.calibration import calibrated
from atc.models.seeds import SeedsModel, why_seedless
from atc.tasks.fitting import FittedModel, calibration_of
from atc.tasks.loaded import Loaded
from atc.tasks.tables import Further, Places

TABLE = "seeds"


def seed_spread(
    config: RunConfig, loaded: Loaded, named: FittedModel, heads: Sequence[Head], places: Places
) -> Further:
    """The spread over seeds of the headline figures, the figures of each as the table `seeds`, and what the
    seeds cost; nothing where one seed was asked for.

    A seed's scores are calibrated as if it were alone, so each has the figures of a run with that seed.
    """
    asked = config.seeds.count
    if asked == 1:
        return Further()
    none = pl.DataFrame(schema=SCHEMA)
    if not isinstance(named.model, SeedsModel):
        why = f"seeds.count={asked}, but {why_seedless(config.model)}: fitted once, no spread"
        return Further({"seeds/count": 1, **spread_figures(heads, none)}, {}, (why,))
    outcomes = {split: place.outcomes() for split, place in places.opened()}
    scores: dict[int, dict[str, Matrix]] = {seed: {} for seed in config.seeds.of(config.seed)}
    same = True
    calibrations = {
        seed: calibration_of(config, member.model, loaded.parts.valid.select(named.model.features))
        for seed, member in zip(scores, named.model.members, strict=True)
    }
    for split, place in places.opened():
        first: Matrix | None = None
        x = place.rows.select(named.model.features).x
        for seed, raw in zip(scores, named.model.each(x), strict=True):
            first = raw if first is None else first
            same = same and np.array_equal(raw, first)
            scores[seed][split] = calibrated(raw, calibrations[seed])
    told = tuple(_told(config, loaded))
    if same:
        why = (
            f"seeds.count={asked}: every seed gave the same scores to the last bit, so this fit draws "
            "nothing and has no spread"
        )
        return Further({"seeds/count": asked, **spread_figures(heads, none)}, {}, (*told, why))
    table = seed_table(heads, outcomes, scores, config.evaluation)
    metrics: Metrics = {"seeds/count": asked, **spread_figures(heads, table)}
    return Further(metrics, {TABLE: table}, told)


def _told(config: RunConfig, loaded: Loaded) -> Iterator[str]:
    """What the scores are, and how many fits they took."""
    count = config.seeds.count
    folds = f", {count * len(loaded.folds)} in {len(loaded.folds)} folds" if loaded.folds else ""
    refits = "" if config.refit.kind == "never" else f", {count} at each refit"
    yield (
        f"seeds.count={count}: the named model was fitted with seeds {config.seed} … "
        f"{config.seed + count - 1} on the same rows, and its scores are the mean of theirs; seeds/… is the "
        f"spread of single seeds. {count} fits of the final model{folds}{refits}; baseline and fallback are "
        "fitted once"
    )

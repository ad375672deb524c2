"""A named model that is the mean of several, of seeds or of finished runs: what each alone is judged at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from atc.config.schema import RunConfig
from atc.evaluation.head import Head
from atc.evaluation.report import Matrix
from atc.evaluation.spread import SCHEMA, single_table, spread_figures
from atc.models.average import AverageModel
from atc.models.calibration import Calibration, calibrated
from atc.models.seeds import SeedsModel, why_seedless
from atc.tasks.fitting import FittedModel, calibration_of
from atc.tasks.loaded import Loaded
from atc.tasks.tables import Further, Places

SEEDS, MEMBERS = "seeds", "members"
"""What the tables and the keys of the spread begin with."""


def averaged(
    config: RunConfig, loaded: Loaded, named: FittedModel, heads: Sequence[Head], places: Places
) -> Further:
    """The spread of the headline figures over the models that are averaged, the figures of each as a table
    `seeds` or `members`, and what they cost; nothing where there is one model.

    A seed's scores are calibrated as if it were alone, so each has the figures of a run with that seed. A
    member's are those of its run.
    """
    asked = config.seeds.count
    if isinstance(named.model, SeedsModel):
        found = _spread(config, SEEDS, named.model, heads, places, calibrates=True)
        return Further(notes=(_cost(config, loaded),)).plus(found)
    if isinstance(named.model, AverageModel):
        return _spread(config, MEMBERS, named.model, heads, places, calibrates=False)
    if asked == 1:
        return Further()
    why = f"seeds.count={asked}, but {why_seedless(config.model)}: fitted once, no spread"
    return Further({"seeds/count": 1, **_no_spread(SEEDS, heads)}, {}, (why,))


def _spread(  # all of them are different things
    config: RunConfig,
    start: str,
    model: AverageModel,
    heads: Sequence[Head],
    places: Places,
    *,
    calibrates: bool,
) -> Further:
    """`calibrates`: each as if it were alone, on the judged rows of validation."""
    names = [member.name for member in model.members]
    scores: dict[str, dict[str, Matrix]] = {name: {} for name in names}
    calibrations: dict[str, Calibration | None] = {}
    same = True
    for split, place in places.opened():
        first: Matrix | None = None
        x, is_valid = place.rows.select(model.features).x, split == "valid"
        for name, raw in zip(names, model.each(x, before_calibration=is_valid), strict=True):
            first = raw if first is None else first
            same = same and np.array_equal(raw, first)
            if calibrates and is_valid:
                judged = place.judged
                calibrations[name] = calibration_of(config, raw[judged], place.rows.y[judged])
            # As all figures of a run: those of validation are of the scores before calibration.
            scores[name][split] = raw if is_valid else calibrated(raw, calibrations.get(name))
    count = {f"{start}/count": len(names)}
    if same:
        why = f"{start}: all {len(names)} gave the same scores to the last bit, so there is no spread"
        return Further({**count, **_no_spread(start, heads)}, {}, (why,))
    outcomes = {split: place.outcomes() for split, place in places.opened()}
    table = single_table(heads, outcomes, scores, config.evaluation)
    return Further({**count, **spread_figures(start, heads, table)}, {start: table})


def _no_spread(start: str, heads: Sequence[Head]) -> dict[str, float | None]:
    return spread_figures(start, heads, pl.DataFrame(schema=SCHEMA))


def _cost(config: RunConfig, loaded: Loaded) -> str:
    """What the scores are, and how many fits they took."""
    count = config.seeds.count
    folds = f", {count * len(loaded.folds)} in {len(loaded.folds)} folds" if loaded.folds else ""
    refits = "" if config.refit.kind == "never" else f", {count} at each refit"
    return (
        f"seeds.count={count}: the named model was fitted with seeds {config.seed} … "
        f"{config.seed + count - 1} on the same rows, and its scores are the mean of theirs; seeds/… is the "
        f"spread of single seeds. {count} fits of the final model{folds}{refits}; baseline and fallback are "
        "fitted once"
    )

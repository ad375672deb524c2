"""The named model kept young: fitted anew, or grown further, on its way through the rows that judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from atc.config.refit import DailyUpdate, Never
from atc.config.schema import RunConfig
from atc.errors import DataError
from atc.evaluation.head import Head, HeadRows
from atc.evaluation.lift import Estimate
from atc.evaluation.report import MODEL, Metrics, draws_of, estimate_figures, ranking_of, ranking_sample
from atc.events.business_day import DAY_NS
from atc.models.per_head import PerHead
from atc.models.seeds import SeedsModel
from atc.protocol.dataset import Block, Dataset, labelled
from atc.protocol.refit import Update, updates
from atc.protocol.sealed_holdout import MIN_ROWS, fit_in_progress
from atc.protocol.window import Span
from atc.tasks.base import Desk
from atc.tasks.fitting import Fitted, FittedModel, fit_one, plans_of
from atc.tasks.loaded import Loaded
from atc.tasks.predictions import Judged
from atc.tasks.training_rows import by_class, training_rows

REFIT = "refit"
"""What the scores of the models on the way are called."""

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Refitted:
    """The scores of the rows of one split, each by the model that was the latest at its time."""

    scores: Matrix
    """(n, columns)."""
    fitted_ns: NDArray[np.int64]
    """(n,) when the model that scores a row was fitted."""
    fits: int
    """Fits, or growths, on the way."""
    skipped: int
    """Times at which too few rows were known: the model before went on."""


def refitted(
    config: RunConfig, loaded: Loaded, fitted: Fitted, *, split: str, rows: Dataset | None, desk: Desk
) -> Refitted | None:
    """The scores of `split` by models kept young; None where the run has no refits. `rows`: those up to its
    end.
    """
    if isinstance(config.refit, Never) or rows is None:
        return None
    spans = {
        "valid": (loaded.split.valid_start_ns, loaded.spans.train[1]),
        "holdout": loaded.spans.holdout,
    }
    with desk.stage(f"refit {split}"):
        return refit_through(config, loaded, fitted.by_name[MODEL], rows, judged=spans[split], desk=desk)


def refit_through(
    config: RunConfig, loaded: Loaded, named: FittedModel, rows: Dataset, *, judged: Span, desk: Desk
) -> Refitted:
    """Scores of the `rows` in the `judged` span; `rows` holds those before them too.

    The label is that of the final fit, so that all scores are of one question.
    """
    todo = updates(
        config.refit,
        judged,
        loaded.spans.train[0],
        rows.t0,
        rows.last_t1,
        usable=labelled(rows.y),
        valid_fraction=config.protocol.valid_fraction,
        calibrates=_calibrates(config),
    )
    if not todo:
        raise DataError(f"refit={config.refit.kind}: no row to score in the judged time")
    model, fitted_ns = named, loaded.split.valid_start_ns
    places = np.flatnonzero((rows.t0 >= judged[0]) & (rows.t0 < judged[1]))
    scores = np.empty((len(places), len(named.model.score_names)))
    times = np.empty(len(places), dtype=np.int64)
    skipped = 0
    with desk.bar("refit", len(todo), "fits") as bar, fit_in_progress():
        for number, update in enumerate(todo):
            newer = _newer(config, model, rows, update)
            if newer is None:
                skipped += 1
            else:
                model, fitted_ns = newer, update.span[0]
            here = np.searchsorted(places, update.scores)
            scores[here] = model.scores(rows.block(update.scores))
            times[here] = fitted_ns
            bar.update(number + 1)
    return Refitted(scores, times, len(todo) - skipped, skipped)


def _newer(config: RunConfig, model: FittedModel, rows: Dataset, update: Update) -> FittedModel | None:
    """The model of an update; None where too few rows are known for one."""
    plan = plans_of(config)[0]
    train = training_rows(config, rows, update.train).block
    valid = rows.block(update.valid)
    if isinstance(config.refit, DailyUpdate):
        selected = not _calibrates(config) or _enough(config, valid, least=MIN_ROWS)
        if not isinstance(model.model, PerHead | SeedsModel) or not _enough(config, train) or not selected:
            return None
        more, _ = by_class(config, train.select(plan.columns), valid.select(plan.columns))
        grown = model.model.grown(more, trees=config.refit.trees, seed=config.seed)
        # Further trees make other probabilities: the calibration of those before would mend what is gone.
        return FittedModel.of(config, grown, model.report, model.config, valid.select(plan.columns))
    if not _enough(config, train) or not _enough(config, valid, least=MIN_ROWS):
        return None
    return fit_one(config, plan, train, valid)


def _calibrates(config: RunConfig) -> bool:
    return config.calibration.kind != "none"


def _enough(config: RunConfig, block: Block, least: int | None = None) -> bool:
    """Rows of every class, and as many as the model needs."""
    if least is None:
        least = max(MIN_ROWS, config.model.least_rows)
    targets = [block.y] if block.auxiliary is None else [block.y, block.auxiliary.y]
    return block.n_rows >= least and all(
        len(np.unique(column[~np.isnan(column)])) > 1 for y in targets for column in y.T
    )


@dataclass(frozen=True)
class Ageing:
    """What the age of a model does to its score, and what refits do to that."""

    metrics: Metrics = field(default_factory=dict)
    table: pl.DataFrame = field(default_factory=pl.DataFrame)
    """`split`, `model`, `head`, `age_days` (whole days since the fit), `rows`, `ranking` (AUC, or ρ)."""
    scores: Mapping[str, Matrix] = field(default_factory=dict)
    """By split, of the refitted models."""
    notes: tuple[str, ...] = ()


def ageing(
    config: RunConfig,
    loaded: Loaded,
    *,
    heads: tuple[Head, ...],
    judged: Mapping[str, tuple[Judged, Matrix, Refitted | None]],
) -> Ageing:
    """`judged`, by split: its rows, the named model's scores of them, and those of refits."""
    figures: Metrics = {}
    tables: list[pl.DataFrame] = []
    scores: dict[str, Matrix] = {}
    notes: list[str] = []
    for split, (place, by_named, found) in judged.items():
        born = np.full(place.rows.n_rows, loaded.split.valid_start_ns, dtype=np.int64)
        tables += _ages(split, MODEL, place, heads=heads, scores=by_named, fitted_ns=born)
        if found is None:
            continue
        scores[split] = found.scores
        tables += _ages(split, REFIT, place, heads=heads, scores=found.scores, fitted_ns=found.fitted_ns)
        figures |= _figures(config, split, place, heads=heads, by_named=by_named, found=found)
        if found.skipped:
            notes.append(
                f"refit, {split}: {found.skipped} of {found.skipped + found.fits} times too few labels were "
                "known for a fit, and the model before went on"
            )
    if not isinstance(config.refit, Never) and "holdout" not in judged:
        figures |= _sealed(heads)
    return Ageing(figures, pl.concat(tables), scores, tuple(notes))


def _sealed(heads: tuple[Head, ...]) -> Metrics:
    """The keys that an open holdout would fill."""
    figures: Metrics = {f"{REFIT}/holdout/fits": None}
    for head in heads:
        ranking = head.ranking
        for name in (REFIT, f"lift_of_{REFIT}"):
            figures |= estimate_figures(head.key(f"{name}/holdout/{ranking}"), Estimate(None, None))
    return figures


def _ages(
    split: str,
    model: str,
    place: Judged,
    *,
    heads: tuple[Head, ...],
    scores: Matrix,
    fitted_ns: NDArray[np.int64],
) -> list[pl.DataFrame]:
    outcomes = place.outcomes()
    tables = []
    for number, head in enumerate(heads):
        rows = HeadRows.of(outcomes, head, number)
        own = rows.scores(scores)
        age = (rows.t0 - fitted_ns[rows.rows]) // DAY_NS
        days = np.unique(age)
        tables.append(
            pl.DataFrame(
                {
                    "split": [split] * len(days),
                    "model": [model] * len(days),
                    "head": [head.name] * len(days),
                    "age_days": days,
                    "rows": [int(np.count_nonzero(age == day)) for day in days],
                    "ranking": [ranking_of(head, rows.y[age == day], own[age == day]) for day in days],
                },
                schema_overrides={"ranking": pl.Float64, "rows": pl.Int64, "age_days": pl.Int64},
            )
        )
    return tables


def _figures(
    config: RunConfig,
    split: str,
    place: Judged,
    *,
    heads: tuple[Head, ...],
    by_named: Matrix,
    found: Refitted,
) -> Metrics:
    """How well the refitted models rank, and by how much better than the one that was never refitted."""
    outcomes = place.outcomes()
    figures: Metrics = {f"{REFIT}/{split}/fits": found.fits}
    for number, head in enumerate(heads):
        rows = HeadRows.of(outcomes, head, number)
        ranking = head.ranking
        young, old = rows.scores(found.scores), rows.scores(by_named)
        draws, _, _ = draws_of(rows, config.evaluation, config.seed)
        one, other = (ranking_sample(head, rows.y, of, draws) for of in (young, old))
        figures |= estimate_figures(head.key(f"{REFIT}/{split}/{ranking}"), one.estimate)
        figures |= estimate_figures(head.key(f"lift_of_{REFIT}/{split}/{ranking}"), one.minus(other))
    return figures

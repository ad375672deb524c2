"""What a fit gets of the training rows that a split leaves: thinned, then weighed. No other place does."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from atc.config.schema import RunConfig
from atc.config.thinning import AllRows, EveryK
from atc.protocol.auxiliary import AuxiliaryTargets
from atc.protocol.class_weights import balanced, class_weighted, given
from atc.protocol.dataset import Block, Dataset
from atc.protocol.row_runs import Rows, places_of


@dataclass(frozen=True)
class TrainingRows:
    """The rows of one fit, of a fold's or of a refit."""

    positions: Rows
    """Of the dataset, ascending."""
    block: Block
    figures: dict[str, float | None]
    """`train/rows_before_thinning`; with weights, of each head, `train/own_labels`, how many labels of their
    own the rows are worth."""


def training_rows(config: RunConfig, dataset: Dataset, rows: Rows) -> TrainingRows:
    """The training `rows` (positions, ascending) of `dataset`, after split and purge, as a fit takes them."""
    kept = _thinned(config, dataset, rows)
    block = dataset.block(kept)
    weights, own = _weights(config, dataset, kept, block)
    return TrainingRows(
        positions=kept,
        block=replace(block, weights=weights, auxiliary=_auxiliary(config, dataset, kept)),
        figures={"train/rows_before_thinning": len(rows), **own},
    )


def by_class(config: RunConfig, train: Block, valid: Block) -> tuple[Block, Block]:
    """`train` with its rows weighed by their class as the run asks, and `valid` likewise for the loss by
    which a fit stops; classes are counted on `train` alone.
    """
    factors = class_factors(config, train)
    if factors is None:
        return train, valid
    return class_weighted(train, factors), class_weighted(valid, factors)


def class_factors(config: RunConfig, train: Block) -> NDArray[np.float64] | None:
    """(heads, classes) what a row of `train` counts by its class; None where all count the same."""
    asked = config.weights.classes
    if asked == "none":
        return None
    return balanced(train) if asked == "balanced" else given(train, asked)


def class_notes(config: RunConfig, train: Block) -> list[str]:
    """What the classes count, and what it does to probabilities."""
    factors = class_factors(config, train)
    if factors is None:
        return []
    asked = config.weights.classes
    told = "; ".join(
        (f"{head}: " if head else "")
        + ", ".join(f"{name} counts {value:.3g}" for name, value in zip(train.classes, of_head, strict=True))
        for head, of_head in zip(train.heads, factors, strict=True)
    )
    name = asked if isinstance(asked, str) else f"[{','.join(f'{one:g}' for one in asked)}]"
    raw = (
        "the probabilities are of rows weighed so, and not of the market's; calibration=isotonic maps them "
        "back, a temperature cannot move them all one way"
    )
    told_of = {
        "none": raw,
        "temperature": raw,
        "isotonic": "the fits' probabilities are of rows weighed so, and calibration maps them back",
    }
    return [f"weights.classes={name}: a training row of {told}; {told_of[config.calibration.kind]}"]


def auxiliary_notes(config: RunConfig, train: Block) -> list[str]:
    """What trained beside the label, and what it costs in rows."""
    targets = train.auxiliary
    if targets is None:
        return []
    counts = np.count_nonzero(~np.isnan(targets.y), axis=0).tolist()
    told = ", ".join(f"{count:,} at {head}" for head, count in zip(targets.heads, counts, strict=True))
    longest = max(config.label.longest_horizon_s, *config.auxiliary.horizons_s)
    return [
        f"auxiliary.horizons_s=[{','.join(f'{one:g}' for one in config.auxiliary.horizons_s)}]: the named "
        f"model trained further heads on the {config.auxiliary.target} ({told} labels), each with "
        f"{targets.loss_weight:g} of the loss, which judge nothing and are gone after the fit; rows are "
        f"purged as if every label looked {longest:g} s ahead"
    ]


def _thinned(config: RunConfig, dataset: Dataset, rows: Rows) -> Rows:
    from atc.labels.uniqueness import uniqueness_weights
    from atc.protocol.thinning import drawn, every_kth

    thinning = config.thinning
    if isinstance(thinning, AllRows):
        return rows
    if isinstance(thinning, EveryK):
        return every_kth(rows, thinning.k)
    some = places_of(rows)
    y = dataset.y[some]
    weights, _ = uniqueness_weights(y, dataset.t0[some], dataset.t1[some])
    # A row of several labels is worth what they are worth together.
    return drawn(rows, np.where(np.isnan(y), 0.0, weights).sum(axis=1), thinning.share, config.seed)


def _auxiliary(config: RunConfig, dataset: Dataset, rows: Rows) -> AuxiliaryTargets | None:
    """The targets that train beside the label, weighed by their own labels where rows are; a class counts in
    them like any other, whatever `weights.classes` asks of the label.
    """
    from atc.labels.uniqueness import uniqueness_weights

    if dataset.auxiliary is None:
        return None
    targets = dataset.auxiliary.targets(rows)
    if config.weights.kind == "none":
        return targets
    weights, _ = uniqueness_weights(targets.y, dataset.t0[rows], dataset.auxiliary.t1[rows])
    return replace(targets, weights=weights)


def _weights(
    config: RunConfig, dataset: Dataset, rows: Rows, train: Block
) -> tuple[NDArray[np.float64] | None, dict[str, float | None]]:
    from atc.labels.uniqueness import uniqueness_weights

    if config.weights.kind == "none":
        return None, {}
    some = places_of(rows)
    weights, own = uniqueness_weights(train.y, dataset.t0[some], dataset.t1[some])
    return weights, {
        f"train/own_labels@{head}" if head else "train/own_labels": float(worth)
        for head, worth in zip(dataset.heads, own, strict=True)
    }

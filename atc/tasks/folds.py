"""The fits of a protocol's folds: everything that is fitted is fitted inside the fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from atc.config.protocol import Cpcv, WalkForward
from atc.config.schema import RunConfig
from atc.errors import DataError
from atc.evaluation.folds import JudgedFold, Metrics, fold_figures, mean_figures, path_figures
from atc.evaluation.head import Outcomes
from atc.models.calibration import calibrated
from atc.protocol.cpcv import group_spans, paths
from atc.protocol.dataset import Dataset
from atc.protocol.fold import Fold
from atc.protocol.gate import NO_GATE, GateVerdict, judge
from atc.protocol.row_runs import Rows, places_of
from atc.tasks.base import Desk
from atc.tasks.heads import heads_of
from atc.tasks.loaded import Loaded
from atc.tasks.predictions import Decided, Judged
from atc.tasks.training_rows import training_rows
from atc.tracking.folds_heard import fold_ended


@dataclass(frozen=True)
class FittedFold:
    """A fold after its fits: what its models say of its rows. The models themselves are gone."""

    fold: Fold
    train_rows: int
    """Fitted rows: those of the fold after thinning."""
    figures: Metrics
    """`fold/<name>/…`."""
    gap: float | None
    """Training less validation AUC of the named model, before calibration."""
    told: JudgedFold
    """Of the test rows alone: many folds of the scores of their training rows would fill the memory."""
    decided: Decided
    """All rows of the test time, with the labels of this fold, without inputs."""

    @property
    def test(self) -> Dataset:
        """The rows of `decided`."""
        return self.decided.place.rows


def fit_folds(config: RunConfig, loaded: Loaded, desk: Desk) -> tuple[FittedFold, ...]:
    """Fits all models on each fold; nothing for a protocol without folds.

    Raises DataError, naming the fold, for one whose rows cannot be fitted on.
    """
    if not loaded.folds or loaded.train_range is None:
        return ()
    fitted = []
    with desk.stage("folds"), desk.bar("folds", len(loaded.folds), "folds") as bar:
        for number, fold in enumerate(loaded.folds):
            bar.update(number, detail=f"fold {fold.name}: {len(fold.train):,} rows")
            try:
                fitted.append(_fit_fold(config, loaded, loaded.train_range, fold, desk))
            except DataError as error:
                raise DataError(f"fold {fold.name}: {error}") from error
            fold_ended(fold.name, number + 1, len(loaded.folds), fitted[-1].figures)
        bar.update(len(loaded.folds))
    return tuple(fitted)


def _fit_fold(config: RunConfig, loaded: Loaded, rows: Dataset, fold: Fold, desk: Desk) -> FittedFold:
    from atc.labels.auxiliary import auxiliary_labels
    from atc.labels.definitions import fit_label_to
    from atc.tasks.fitting import fit_one, plans_of

    # The quantile or the mean spread of a label is taken from the training rows of this fold.
    spread = rows.spread_bps
    label = fit_label_to(config.label, rows.r_bps, spread, places_of(fold.train))
    further = rows.auxiliary
    if further is not None:
        further = auxiliary_labels(
            config.auxiliary, config.label, further.heads, further.r_bps, further.t1, spread, fold.train
        )
    own = replace(rows, y=label.codes(rows.r_bps, spread), auxiliary=further)
    fitted = training_rows(config, own, fold.train)
    train, valid, test = fitted.block, own.block(fold.valid), own.block(fold.test_decisions)
    scores: dict[str, dict[str, NDArray[np.float64]]] = {}
    raw: dict[str, NDArray[np.float64]] = {}
    for plan in plans_of(config):
        checkpoint = desk.checkpoint(f"fold{fold.name} {plan.name}")
        one = fit_one(config, plan, train, valid, checkpoint=checkpoint)
        raw[plan.name] = one.raw_scores(test)
        # Calibration is fitted on validation: an isotonic curve ranks those very rows better than the model.
        scores[plan.name] = {
            "train": one.raw_scores(train),
            "valid": one.raw_valid,
            "test": calibrated(raw[plan.name], one.calibration),
        }
    # What is kept of the rows has no inputs: they are not copied.
    blind = own.select(())
    judged = np.isin(fold.test_decisions, fold.test, assume_unique=True)
    place = Judged(blind.take(fold.test_decisions), judged)
    told = JudgedFold(
        name=fold.name,
        heads=heads_of(config, replace(loaded, label=label)),
        outcomes={
            "train": _outcomes(blind, fitted.positions),
            "valid": _outcomes(blind, fold.valid),
            "test": place.outcomes(),
        },
        scores=scores,
    )
    of_test = {name: of["test"] for name, of in scores.items()}
    return FittedFold(
        fold=fold,
        train_rows=train.n_rows,
        figures=fold_figures(told, config.evaluation),
        gap=told.gap(),
        told=replace(
            told,
            outcomes={"test": told.outcomes["test"]},
            scores={name: {"test": values} for name, values in of_test.items()},
        ),
        decided=Decided(f"fold{fold.name}", place, of_test, raw if config.calibration.kind != "none" else {}),
    )


def _outcomes(rows: Dataset, some: Rows) -> Outcomes:
    return Outcomes(y=rows.y[some], r_bps=rows.r_bps[some], t0=rows.t0[some], days=rows.days[some])


def gate_of(config: RunConfig, folds: Sequence[FittedFold]) -> GateVerdict:
    """The gate's verdict on the named model; none without walk-forward folds."""
    if not isinstance(config.protocol, WalkForward):
        return NO_GATE
    if config.label.kind == "fwd_logret":
        why = (
            "gate undecided: it compares the AUCs of training and validation rows, and label.kind=fwd_logret "
            "is a return, which has none; fold/…/train/pearson and valid/pearson stand beside each other"
        )
        return replace(NO_GATE, why=why)
    named = f"the named model ({config.model.kind} on {config.features.name})"
    return judge([fold.gap for fold in folds], config.protocol.gate, named)


def figures_of(config: RunConfig, loaded: Loaded, folds: Sequence[FittedFold]) -> dict[str, float | None]:
    """`fold/…`, `folds/…` and, of CPCV, `path/…` and `paths/…`; empty without folds."""
    if not folds:
        return {}
    protocol = config.protocol
    each = [fold.figures for fold in folds]
    figures = {key: value for of_one in each for key, value in of_one.items()}
    # Test rows that folds share make their figures depend on each other: no t interval is true of them.
    confidence = protocol.gate.confidence if isinstance(protocol, WalkForward) else None
    figures |= mean_figures(each, [fold.fold.name for fold in folds], confidence)
    if isinstance(protocol, Cpcv):
        spans = group_spans(loaded.spans.train, protocol.groups)
        edges = np.array([*(start for start, _ in spans), spans[-1][1]], dtype=np.int64)
        figures |= path_figures(
            [fold.told for fold in folds], paths(protocol.groups, protocol.test_groups), edges
        )
    return figures


def fold_notes(config: RunConfig, folds: Sequence[FittedFold]) -> list[str]:
    """What a reader of the folds' figures has to know."""
    if not folds:
        return []
    notes = [
        f"{config.protocol.kind}: {len(folds)} folds; {sum(one.fold.purged for one in folds):,} rows were "
        f"purged and {sum(one.fold.embargoed for one in folds):,} embargoed over all of them"
    ]
    if isinstance(config.protocol, Cpcv):
        notes.append(
            "folds of cpcv share test groups, so their mean has no t interval; paths/… say how far whole "
            "paths lie apart"
        )
    return notes


def described_folds(folds: Sequence[FittedFold]) -> dict[str, dict[str, object]]:
    """Of the test rows of each fold: first and last time, days, rows, and how many rows were fitted."""
    described: dict[str, dict[str, object]] = {}
    for one in folds:
        first, last = (datetime.fromtimestamp(int(t) // 1_000_000_000, UTC) for t in one.test.t0[[0, -1]])
        described[f"fold{one.fold.name}"] = {
            "from": first.isoformat(timespec="seconds"),
            "to": last.isoformat(timespec="seconds"),
            "days": len(np.unique(one.test.days)),
            "rows": len(one.fold.test),
            "decisions": len(one.fold.test_decisions),
            "train_rows": one.train_rows,
            "train_rows_before_thinning": len(one.fold.train),
            "valid_rows": len(one.fold.valid),
            "purged": one.fold.purged,
            "embargoed": one.fold.embargoed,
        }
    return described

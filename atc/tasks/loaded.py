"""The rows of an experiment, split so that no fit can reach the holdout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from atc.config.schema import RunConfig
from atc.errors import DataError
from atc.protocol.dataset import Dataset, labelled, latest
from atc.protocol.fold import Fold
from atc.protocol.row_runs import places_of
from atc.protocol.sealed_holdout import Parts, Split, SplitCounts, seal, split
from atc.protocol.window import Spans
from atc.tasks.base import Desk
from atc.tasks.training_rows import training_rows

if TYPE_CHECKING:
    from atc.labels.definitions import FittedLabel
    from atc.tasks.market_data import MarketData


@dataclass(frozen=True)
class Loaded:
    """The rows of an experiment, split."""

    parts: Parts
    """Two blocks to fit and select on, and the sealed holdout."""
    valid: Dataset
    """Every row of the validation's time with its key and return, with a label or without."""
    valid_judged: NDArray[np.bool_]
    """(n,) those that select and that figures are made of: with a label, and not purged."""
    split: SplitCounts
    described: Mapping[str, Mapping[str, object]]
    """By part: `from`, `to`, `days`, `rows`."""
    label: FittedLabel
    balance: Mapping[str, float | None]
    """Classes and nulls of the training rows' time; rows before thinning; with weights also what their labels
    are worth."""
    spans: Spans
    holdout_windows: Callable[[int], int]
    """How many disjoint label windows of a horizon (ns) the holdout's rows have room for; from their times
    alone.
    """
    train_range: Dataset | None
    """Every row of the train span, where the protocol has folds inside it or the model is refitted."""
    folds: tuple[Fold, ...]
    """Positions in `train_range`; none for a protocol without folds."""
    without_window: int = 0
    """Rows that were left out as no whole window ends there; of models that read sequences."""


def load_rows(market: MarketData, config: RunConfig, desk: Desk) -> Loaded:
    """Rows with the columns of all models, labels, and the holdout behind its seal."""
    from atc.evaluation.blocks import disjoint_windows
    from atc.features.matrix_cache import MATRICES
    from atc.labels.auxiliary import auxiliary_labels
    from atc.labels.definitions import fit_label_to, label_spec, why_null
    from atc.tasks.market_data import run_columns
    from atc.tasks.rows import read_rows
    from atc.tasks.windowed_rows import with_whole_windows

    days, spans = market.days, market.spans
    columns = run_columns(config)
    features, labels = market.build(days, columns, desk)
    matrices = market.source.folder(MATRICES)
    with desk.stage("dataset"):
        rows = read_rows(
            config.data.symbol,
            features.files,
            labels.files,
            columns,
            label_spec(config.label, config.auxiliary.horizons_s).names,
            matrices=matrices,
        )
        if len(rows.x) == 0:
            raise DataError(
                f"{config.data.name}: no rows at all from {len(days)} business days: sampling.kind="
                f"{config.sampling.kind} makes a row of events that these data do not have"
            )
        read = len(rows.x)
        rows = with_whole_windows(rows, market, config, labels.files, matrices=matrices)
        # A label that only trains is purged like one that judges.
        last_t1, judging = latest(rows.t1), len(label_spec(config.label).heads)
        rows, further = rows.of_heads(slice(judging)), rows.of_heads(slice(judging, None))
        causes = why_null(config.label, rows.r_bps, rows.spread_bps, rows.null_cause)
        parts_of = split(
            rows.t0,
            last_t1,
            spans,
            config.protocol.valid_fraction,
            labelled=np.any(causes == 0, axis=1),
        )
        label = fit_label_to(config.label, rows.r_bps, rows.spread_bps, places_of(parts_of.train))
        dataset = Dataset(
            keys=rows.keys,
            x=rows.x,
            features=columns,
            y=label.codes(rows.r_bps, rows.spread_bps),
            r_bps=rows.r_bps,
            t0=rows.t0,
            t1=rows.t1,
            heads=label.heads,
            classes=label.classes,
            spread_bps=rows.spread_bps,
            null_cause=causes,
            day_cut_utc_s=config.data.day_cut_utc_s,
            tz_offset_s=config.data.tz_offset_s,
            auxiliary=auxiliary_labels(
                config.auxiliary,
                config.label,
                further.heads,
                further.r_bps,
                further.t1,
                further.spread_bps,
                parts_of.train,
            )
            if further.heads
            else None,
        )
        train_range, folds = _folds(dataset, market, config)
        look = partial(desk.look, market.holdout)
        train = training_rows(config, dataset, parts_of.train)
        sealed = bool(config.protocol.sealed)
        parts = seal(dataset, parts_of, sealed=sealed, on_open=look, train=train.block)
        before_valid = (dataset.t0 >= spans.train[0]) & (dataset.t0 < parts_of.valid_start_ns)
        balance = balance_of(config, "train", dataset.take(np.flatnonzero(before_valid)))
        valid_judged = np.zeros(len(parts_of.valid_decisions), dtype=np.bool_)
        valid_judged[np.searchsorted(parts_of.valid_decisions, parts_of.valid)] = True
        return Loaded(
            parts=parts,
            valid=dataset.take(parts_of.valid_decisions),
            valid_judged=valid_judged,
            split=parts_of.counts,
            described=_described(dataset, parts_of),
            label=label,
            balance={**balance, **train.figures},
            spans=spans,
            holdout_windows=partial(disjoint_windows, dataset.t0[places_of(parts_of.holdout)]),
            train_range=train_range,
            folds=folds,
            without_window=read - dataset.n_rows,
        )


def balance_of(config: RunConfig, part: str, rows: Dataset) -> dict[str, float | None]:
    """Classes and nulls of `rows`, which are all of the time of `part`."""
    from atc.evaluation.balance import class_balance
    from atc.labels.definitions import nulls_of

    return class_balance(part, rows, nulls_of(config.label))


def _folds(
    dataset: Dataset, market: MarketData, config: RunConfig
) -> tuple[Dataset | None, tuple[Fold, ...]]:
    """The rows of the train span and their folds."""
    from atc.protocol.plan import assign_folds, has_folds
    from atc.tasks.market_data import look_back_ns

    if not has_folds(config.protocol) and config.refit.kind == "never":
        return None, ()
    start, end = market.spans.train
    rows = dataset.take(np.flatnonzero((dataset.t0 >= start) & (dataset.t0 < end)))
    if not has_folds(config.protocol):
        return rows, ()
    folds = assign_folds(
        config.protocol,
        market.planned_folds,
        rows.t0,
        rows.last_t1,
        # A label that ends beyond the train span looks into the holdout.
        labelled(rows.y) & (rows.last_t1 < end),
        look_back_ns=look_back_ns(config),
        seed=config.seed,
    )
    return rows, folds


def _described(dataset: Dataset, split: Split) -> dict[str, dict[str, object]]:
    """Of each part: first and last time, days and rows of those with a label; decisions: with or without."""
    described: dict[str, dict[str, object]] = {}
    for name, rows, decisions in (
        ("train", split.train, None),
        ("valid", split.valid, split.valid_decisions),
        ("holdout", split.holdout, split.holdout_decisions),
    ):
        first, last = (
            datetime.fromtimestamp(int(t) // 1_000_000_000, UTC) for t in dataset.t0[rows[[0, -1]]]
        )
        described[name] = {
            "from": first.isoformat(timespec="seconds"),
            "to": last.isoformat(timespec="seconds"),
            "days": dataset.days_among(rows),
            "rows": len(rows),
        }
        if decisions is not None:
            described[name]["decisions"] = len(decisions)
    return described


def row_notes(loaded: Loaded) -> list[str]:
    split, label = loaded.split, loaded.label
    same = label.cuts == (0.0,) and label.unchanged is None
    own = ", or a mid that is the same again" if same else ", or no spread" if label.unit != "bps" else ""
    notes = [
        f"{split.unlabelled:,} rows have no label (a gap, or the end of the data, within the horizon{own}): "
        "a decision is taken there as everywhere, and no figure is made of them; "
        f"{split.purged_train:,} training and {split.purged_valid:,} validation rows were purged: a label "
        "of theirs overlaps a later part's"
    ]
    fitted = loaded.parts.train.n_rows
    if fitted < split.train:
        notes.append(
            f"thinned: {fitted:,} of {split.train:,} training rows are fitted, and train/… is of these; "
            "what selects and judges keeps every row"
        )
    if loaded.parts.holdout.sealed:
        notes.append(f"sealed: {loaded.parts.holdout.n_rows:,} holdout rows were not looked at")
    return notes

"""Tables of a run beside its headline figures: by day, by regime, reliability, what has changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce

import numpy as np
import polars as pl
from numpy.typing import NDArray

from atc.config.schema import RunConfig
from atc.evaluation.adversarial import tell_apart
from atc.evaluation.confusion import class_shares
from atc.evaluation.groups import by_day, group_table
from atc.evaluation.head import Head, HeadRows
from atc.evaluation.regimes import RegimeCuts, fit_regimes, regimes
from atc.evaluation.reliability import CALIBRATED, calibration_figures, reliability_table
from atc.evaluation.report import MODEL, Metrics, Scored, as_judged, draws_of
from atc.evaluation.side_by_side import side_by_side
from atc.protocol.dataset import Block, Dataset
from atc.tasks.base import Series
from atc.tasks.market_data import model_columns
from atc.tasks.predictions import Judged

_MOMENTS = ("before", "after")


@dataclass(frozen=True)
class Places:
    """The rows that judge, by the name of their split."""

    valid: Judged
    holdout: Judged | None
    """None in a sealed run."""

    def opened(self) -> list[tuple[str, Judged]]:
        """Those that may be looked at."""
        always = [("valid", self.valid)]
        return always if self.holdout is None else [*always, ("holdout", self.holdout)]


@dataclass(frozen=True)
class Further:
    """What a run says beside its headline figures."""

    metrics: Metrics = field(default_factory=dict)
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    series: Mapping[str, Series] = field(default_factory=dict)

    def plus(self, other: Further) -> Further:
        """Both."""
        return Further(
            {**self.metrics, **other.metrics},
            {**self.tables, **other.tables},
            (*self.notes, *other.notes),
            {**self.series, **other.series},
        )


@dataclass(frozen=True)
class _HeadPart:
    """The judged rows of one head in one split."""

    split: str
    rows: HeadRows
    place: Judged
    shares: NDArray[np.float64]
    """Of the classes in validation."""

    def of(self, scored: Scored) -> NDArray[np.float64]:
        """The head's scores of these rows."""
        values = scored.valid if self.split == "valid" else scored.holdout
        assert values is not None  # an open holdout is scored by every model
        return self.rows.scores(values)

    def named(self, table: pl.DataFrame) -> pl.DataFrame:
        """`table` with its split in front."""
        return table.select(pl.lit(self.split).alias("split"), pl.all())


def further_figures(
    config: RunConfig,
    heads: Sequence[Head],
    *,
    train: Block,
    places: Places,
    scores: Mapping[str, Scored],
    raw: Mapping[str, Scored],
) -> Further:
    """Tables `days`, `regimes`, `reliability`, `adversarial`, and the figures that go with them.

    `raw`: scores before calibration; empty where there is none.
    """
    parts, judging = _parts(heads, places), as_judged(scores, raw)
    tasks = [
        lambda: Further(tables={"days": _days(parts, judging)}),
        lambda: _regimes(config, parts, train, judging),
    ]
    if any(head.classes for head in heads):
        tasks.append(lambda: _reliability(heads, parts, scores, raw))
    if config.evaluation.adversarial.enabled:
        tasks.append(lambda: _adversarial(config, train, places))
    return reduce(Further.plus, side_by_side(tasks))


def _parts(heads: Sequence[Head], places: Places) -> list[_HeadPart]:
    found = []
    for number, head in enumerate(heads):
        valid = HeadRows.of(places.valid.outcomes(), head, number)
        shares = class_shares(valid.codes, len(head.classes)) if head.classes else np.zeros(0)
        for split, place in places.opened():
            rows = valid if split == "valid" else HeadRows.of(place.outcomes(), head, number)
            if len(rows.y):  # every label of a head may be null there
                found.append(_HeadPart(split, rows, place, shares))
    return found


def _days(parts: Sequence[_HeadPart], scores: Mapping[str, Scored]) -> pl.DataFrame:
    frames = []
    for part in parts:
        of_models = {name: part.of(one) for name, one in scores.items()}
        group, days = by_day(part.rows)
        frames.append(part.named(group_table(part.rows, of_models, part.shares, group=group, groups=days)))
    return pl.concat(frames, how="diagonal")


def _regimes(
    config: RunConfig, parts: Sequence[_HeadPart], train: Block, scores: Mapping[str, Scored]
) -> Further:
    chosen = config.evaluation.regimes
    cuts = fit_regimes(*_columns(train, chosen.trend, chosen.volatility))
    if cuts is None:
        why = f"{chosen.trend} or {chosen.volatility} is null in every training row"
        return Further(notes=(f"no regimes: {why}",))
    frames = []
    for part in parts:
        columns = _columns(part.place.rows, chosen.trend, chosen.volatility)
        # Validation chose; intervals are for what judges.
        judges = part.split == "holdout"
        table = group_table(
            part.rows,
            {name: part.of(one) for name, one in scores.items()},
            part.shares,
            group=cuts.groups(*columns)[part.rows.rows],
            groups=regimes(),
            draws=draws_of(part.rows, config.evaluation, config.seed)[0] if judges else None,
        )
        frames.append(part.named(table))
    return Further(_cut_metrics(cuts), {"regimes": pl.concat(frames, how="diagonal")})


def _cut_metrics(cuts: RegimeCuts) -> Metrics:
    return {"regimes/trend_cut": cuts.trend, "regimes/volatility_cut": cuts.volatility}


def _columns(rows: Block | Dataset, *names: str) -> list[NDArray[np.float64]]:
    x = rows.select(names).x[:].astype(np.float64)
    return [x[:, place] for place in range(len(names))]


def _reliability(
    heads: Sequence[Head],
    parts: Sequence[_HeadPart],
    scores: Mapping[str, Scored],
    raw: Mapping[str, Scored],
) -> Further:
    """Tables of the named model; where the run calibrates, before and after."""
    moments = dict(zip(_MOMENTS, (raw[MODEL], scores[MODEL]), strict=True)) if raw else {}
    metrics: Metrics = {
        _calibration_key(head, split, figure, moment): None
        for head in heads
        for split in ("valid", "holdout")
        for figure in CALIBRATED
        for moment in moments
    }
    frames = []
    for part in parts:
        if not part.rows.head.classes:
            continue
        shown = {"raw": raw[MODEL], "score": scores[MODEL]} if raw else {"score": scores[MODEL]}
        table = reliability_table(part.rows, {name: part.of(one) for name, one in shown.items()})
        frames.append(part.named(table))
        for moment, scored in moments.items():
            for figure, value in calibration_figures(part.rows, part.of(scored)).items():
                metrics[_calibration_key(part.rows.head, part.split, figure, moment)] = value
    notes = [_told(head, metrics) for head in heads if head.classes] if raw else []
    return Further(metrics, {"reliability": pl.concat(frames)}, tuple(notes))


def _told(head: Head, metrics: Metrics) -> str:
    """What calibration changed, in a sentence."""
    changes = []
    for figure, name in (("ece", "ECE"), ("log_loss", "log loss"), ("brier", "Brier")):
        before, after = (metrics[_calibration_key(head, "holdout", figure, one)] for one in _MOMENTS)
        if before is not None and after is not None:
            changes.append(f"{name} {before:.4f} → {after:.4f}")
    where = f"{head.name}: " if head.name else ""
    said = f"on the holdout {', '.join(changes)}" if changes else "the holdout is sealed"
    return f"{where}calibrated on validation; {said}; train/… and valid/… are of the scores before"


def _calibration_key(head: Head, split: str, figure: str, moment: str) -> str:
    return f"{head.key(f'calibration/{split}/{figure}')}/{moment}"


def _adversarial(config: RunConfig, train: Block, places: Places) -> Further:
    if places.holdout is None:
        return Further({"adversarial/auc": None})
    inputs = model_columns(config)
    told = tell_apart(
        train.select(inputs).x,
        places.holdout.rows.select(inputs).x,
        inputs,
        config.evaluation.adversarial,
        seed=config.seed,
    )
    notes = () if told.note is None else (told.note,)
    return Further({"adversarial/auc": told.auc}, {"adversarial": told.columns}, notes)

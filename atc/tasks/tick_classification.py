"""The first task: classify what a position would have earned, row by row, from ticks of one symbol."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from atc.config.digest import config_digest
from atc.config.schema import InstrumentFacts, RecordedData, RunConfig, SimulatedData
from atc.config.schema import Model as ModelConfig
from atc.errors import DataError
from atc.evaluation.report import BASELINE, MODEL, VOLATILITY, VOLATILITY_FEATURES
from atc.features.declarations import feature_schema, label_schema
from atc.features.sets import set_columns
from atc.tasks.base import BarHandle, DataIdentity, Desk, Outcome

if TYPE_CHECKING:
    from datetime import date

    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from atc.evaluation.report import Scored
    from atc.events.catalog import Catalog
    from atc.features.building import Tally
    from atc.features.day_cache import Features, Labels, Source
    from atc.labels.definitions import BinaryLabel
    from atc.models.base import FitReport, Model
    from atc.protocol.dataset import Block, Dataset
    from atc.protocol.sealed_holdout import Parts, Split
    from atc.protocol.window import Spans
    from atc.tasks.rows import LabelledRows


@dataclass(frozen=True)
class Loaded:
    """The rows of an experiment, split."""

    parts: Parts
    """Two blocks to fit and select on, and the sealed holdout."""
    valid: Dataset
    """The validation rows with their keys and returns."""
    split: Split
    described: Mapping[str, Mapping[str, object]]
    """By part: `from`, `to`, `days`, `rows`."""
    label: BinaryLabel
    spans: Spans


@dataclass(frozen=True)
class FittedModel:
    """A model on its columns, and how its fit went."""

    model: Model
    report: FitReport
    config: ModelConfig


@dataclass(frozen=True)
class Fitted:
    """The named model and what it is compared with, all on the same rows."""

    by_name: Mapping[str, FittedModel]
    loaded: Loaded


class TickClassification:
    """Binary labels of a forward return; the model, its baseline and volatility alone, on the same rows."""

    def __init__(self, config: RunConfig) -> None:
        self._config = config
        self._digest = ""
        # Ids of the ingests that are this data set; None: all that is filed.
        self._only: tuple[str, ...] | None = None

    # What there is

    def prepare(self, desk: Desk) -> DataIdentity:
        """Simulates or ingests the events unless they are there; digests all that the rows depend on.

        Raises DataError where the filed events are of another instrument than the config says.
        """
        from atc.events.instrument import different_facts, instrument_of
        from atc.features.day_cache import days_read

        with desk.stage("events") as stage:
            stage.cached = self._ensure_events(desk)
        facts, source = self._facts, self._source
        read = {
            day
            for span_days in (self._days_of(self._spans.train), self._days_of(self._spans.holdout))
            for day in days_read(source, span_days, self._all_columns(), self._config.label.horizon_s)
        }
        filed = self._catalog.instrument(facts.venue, facts.symbol, sorted(read))
        wrong = different_facts(filed, instrument_of(facts))
        if wrong:
            raise DataError(
                f"the events of {facts.venue} {facts.symbol} are filed with {wrong}, as data={facts.name} "
                "has it: prices, sizes and days would be misread; give data.* the filed values"
            )
        self._digest = self._catalog.content_digest(facts.venue, facts.symbol, read)
        quality = self._demand_quality(sorted(read), desk)
        return DataIdentity(self._digest, feature_schema(self._all_columns()), label_schema(), quality)

    def _demand_quality(self, days: list[date], desk: Desk) -> dict[str, object]:
        """The quality of `days`; raises DataError where it is less than the config demands."""
        from atc.events.quality.cache import cached_quality
        from atc.events.quality.day import Stream
        from atc.events.quality.demand import misses, refuse
        from atc.events.quality.document import document
        from atc.events.quality.measure import Yardsticks

        config, facts = self._config, self._facts
        stream = Stream(self._catalog, facts, Yardsticks.of(config.quality.measure))
        with desk.stage("quality") as stage, desk.bar("quality", len(days), "days") as bar:
            found = cached_quality(stream, days, config.paths.outputs_dir / "cache", bar.advance)
            stage.cached = found.cached == len(days)
        missing = [day for day in stream.missing_days if days[0] < day < days[-1]]
        refuse(misses(found.days, missing, config.quality), config.data.name)
        return document(facts, found.days, missing)

    def _ensure_events(self, desk: Desk) -> bool:
        """True if the events were there."""
        data, paths = self._config.data, self._config.paths
        if isinstance(data, SimulatedData):
            from atc.events.simulate import ensure_simulated

            with desk.bar("simulate", data.days, "days") as bar:
                made = ensure_simulated(data, paths.events_dir, bar.update)
                bar.update(data.days)
            return not made
        if isinstance(data, RecordedData):
            from atc.events.ingest import ensure_ingested

            with desk.bar("ingest", None, "bytes") as bar:
                found = ensure_ingested(data, paths, bar.advance)
            # Whatever else is filed of this symbol is another data set.
            self._only = (found.manifest.id,)
            return found.already
        return True

    @cached_property
    def _facts(self) -> InstrumentFacts:
        """The instrument as its events are filed: a simulation has a venue of its own."""
        data = self._config.data
        if isinstance(data, SimulatedData):
            from atc.events.simulate import located

            return located(data)
        return data

    @cached_property
    def _catalog(self) -> Catalog:
        from atc.events.catalog import Catalog

        return Catalog(self._config.paths.events_dir, only=self._only)

    @cached_property
    def _spans(self) -> Spans:
        from atc.protocol.window import spans_of

        facts = self._facts
        days = self._catalog.days(facts.venue, facts.symbol)
        time_range = self._catalog.span_ns(facts.venue, facts.symbol)
        return spans_of(
            self._config.window,
            days,
            time_range,
            day_cut_utc_s=facts.day_cut_utc_s,
            tz_offset_s=facts.tz_offset_s,
        )

    def _days_of(self, span: tuple[int, int]) -> list[date]:
        """Business days with events that `span` touches."""
        return self._catalog.days_within(self._facts.venue, self._facts.symbol, *span)

    @property
    def _days(self) -> list[date]:
        """Business days with events that the window touches."""
        return sorted({*self._days_of(self._spans.train), *self._days_of(self._spans.holdout)})

    @property
    def _source(self) -> Source:
        from atc.features.day_cache import Source

        config = self._config
        return Source(
            self._facts,
            self._catalog,
            config.paths.outputs_dir / "cache",
            config.sampling,
            config.features.engine,
        )

    # Rows

    def load(self, desk: Desk) -> Loaded:
        """Rows with the columns of all models, labels, and the holdout behind its seal."""
        import numpy as np

        from atc.events.business_day import days_of
        from atc.labels.definitions import fit_label
        from atc.protocol.dataset import Dataset, labelled
        from atc.protocol.sealed_holdout import seal, split
        from atc.tasks.rows import read_rows

        config, days = self._config, self._days
        columns = self._all_columns()
        features, labels = self._build(days, columns, desk)
        with desk.stage("dataset"):
            rows = read_rows(config.data.symbol, features.files, labels.files, columns)
            if len(rows.x) == 0:
                raise DataError(
                    f"{config.data.name}: no rows at all from {len(days)} business days: sampling.kind="
                    f"{config.sampling.kind} makes a row of events that these data do not have"
                )
            parts_of = split(
                rows.t0,
                rows.t1,
                self._spans,
                config.protocol.valid_fraction,
                labelled=labelled(rows.r_bps),
            )
            label = fit_label(config.label, rows.r_bps[parts_of.train])
            dataset = Dataset(
                keys=rows.keys,
                x=rows.x,
                features=columns,
                y=np.ascontiguousarray(label.classes(rows.r_bps)[:, None]),
                r_bps=rows.r_bps,
                t0=rows.t0,
                t1=rows.t1,
                days=days_of(rows.t0, config.data.day_cut_utc_s, config.data.tz_offset_s),
            )
            parts = seal(dataset, parts_of, sealed=bool(config.protocol.sealed), on_open=_say_opened)
            return Loaded(
                parts=parts,
                valid=dataset.take(parts_of.valid),
                split=parts_of,
                described=_described(dataset, parts_of),
                label=label,
                spans=self._spans,
            )

    def labelled_rows(self, desk: Desk, *, holdout_only: bool) -> tuple[LabelledRows, Spans]:
        """Keys and returns of the rows that have a label, without a column; of the window or of its holdout.

        For what asks about the market itself. No model is near, so no seal is needed.
        """
        import numpy as np

        from atc.tasks.rows import read_rows

        spans = self._spans
        days = self._days_of(spans.holdout) if holdout_only else self._days
        features, labels = self._build(days, (), desk)
        rows = read_rows(self._config.data.symbol, features.files, labels.files, ())
        inside = (rows.t0 >= spans.holdout[0]) & (rows.t0 < spans.holdout[1])
        if not holdout_only:
            inside |= (rows.t0 >= spans.train[0]) & (rows.t0 < spans.train[1])
        return rows.take(np.flatnonzero(inside & ~np.isnan(rows.r_bps))), spans

    def _build(self, days: Sequence[date], columns: Sequence[str], desk: Desk) -> tuple[Features, Labels]:
        """The files of `columns` and of labels of `days`, made unless they are there."""
        from atc.features.day_cache import feature_days, label_days

        source = self._source
        with desk.stage("features") as stage, desk.bar("features", len(days), "days") as bar:
            features = feature_days(source, days, columns, watch=_shown(bar))
            stage.cached = features.cached == len(days)
        with desk.stage("labels") as stage, desk.bar("labels", len(days), "days") as bar:
            labels = label_days(source, days, features, self._config.label.horizon_s, watch=_shown(bar))
            stage.cached = labels.cached == len(days)
        return features, labels

    def _all_columns(self) -> tuple[str, ...]:
        """Columns of the model first, so that its matrix is a slice; then what only the others need."""
        return run_columns(self._config)

    # Models

    def fit(self, loaded: Loaded, desk: Desk) -> Fitted:
        """Fits the named model, the baseline and volatility alone; the holdout is closed meanwhile."""
        config = self._config
        # Volatility alone goes through the baseline's kind of model, so that only the inputs differ.
        plans: list[tuple[str, ModelConfig, tuple[str, ...]]] = [
            (MODEL, config.model, set_columns(config.features)),
            (BASELINE, config.baseline.model, set_columns(config.baseline.features)),
            (VOLATILITY, config.baseline.model, VOLATILITY_FEATURES),
        ]
        fitted = {name: self._fit_one(name, model, columns, loaded, desk) for name, model, columns in plans}
        return Fitted(fitted, loaded)

    def _fit_one(
        self, name: str, config: ModelConfig, columns: tuple[str, ...], loaded: Loaded, desk: Desk
    ) -> FittedModel:
        from atc.models.base import fit_model
        from atc.models.build import build_model

        model = build_model(config)
        stage_name = "fit" if name == MODEL else f"fit {name}"
        with desk.stage(stage_name), desk.bar(stage_name, None, "iterations") as bar:
            report = fit_model(
                model,
                loaded.parts.train.select(columns),
                loaded.parts.valid.select(columns),
                seed=self._config.seed,
                progress=bar.update,
            )
        return FittedModel(model, report, config)

    def save(self, fitted: Fitted, folder: Path) -> None:
        """The named model's directory; it loads without this run."""
        from atc.evaluation import metrics
        from atc.models.artifact import Provenance, save_model
        from atc.models.profile import reference_profile
        from atc.protocol.window import span_dates
        from atc.tracking import provenance

        config, loaded, named = self._config, fitted.loaded, fitted.by_name[MODEL]
        facts = config.data
        first, last = span_dates(
            loaded.spans.train, day_cut_utc_s=facts.day_cut_utc_s, tz_offset_s=facts.tz_offset_s
        )
        columns = named.model.features
        valid = loaded.parts.valid
        positive, score = valid.y[:, 0] == 1.0, _scores(named, valid)
        save_model(
            named.model,
            folder,
            config=named.config,
            provenance=Provenance(
                symbol=facts.symbol,
                train_from=first,
                train_to=last,
                train_span_ns=loaded.spans.train,
                feature_schema=feature_schema(columns),
                label={**config.label.model_dump(mode="json"), "threshold_bps": loaded.label.threshold_bps},
                config_digest=config_digest(config),
                data_digest=self._digest,
                git_commit=str(commit) if (commit := provenance.git_state()["commit"]) else None,
                created_at=datetime.now(UTC).isoformat(timespec="seconds"),
                versions={name: version or "" for name, version in provenance.package_versions().items()},
            ),
            report=named.report,
            valid_metrics={
                "auc": metrics.auc(positive, score),
                "log_loss": metrics.log_loss(positive, score),
            },
            profile=reference_profile(loaded.parts.train.select(columns).x, columns),
        )

    # Figures

    def evaluate(self, loaded: Loaded, fitted: Fitted, desk: Desk) -> Outcome:
        """Scores all three models and compares them on the holdout, unless the run is sealed."""
        from atc.evaluation.report import Outcomes, Scored, evaluate

        config = self._config
        with desk.stage("evaluate"):
            train, valid = loaded.parts.train, loaded.parts.valid
            holdout = None if loaded.parts.holdout.sealed else loaded.parts.holdout.open("metrics of the run")
            scores = {
                name: Scored(
                    train=_scores(one, train),
                    valid=_scores(one, valid),
                    holdout=None if holdout is None else _scores(one, holdout),
                )
                for name, one in fitted.by_name.items()
            }
            report = evaluate(
                train_y=train.y[:, 0],
                valid_y=valid.y[:, 0],
                holdout=None if holdout is None else Outcomes.of(holdout),
                scores=scores,
                config=config.evaluation,
                horizon_ns=round(config.label.horizon_s * 1_000_000_000),
                exit_bps=loaded.label.exit_bps,
                seed=config.seed,
            )
        named = fitted.by_name[MODEL].report
        return Outcome(
            metrics=report.metrics,
            predictions=_predictions(loaded.valid, holdout, scores),
            spans=loaded.described,
            notes=(*_row_notes(loaded), *_fit_notes(fitted), *report.notes),
            curves={name: one.report.curves for name, one in fitted.by_name.items() if one.report.curves},
            importance=[
                {"feature": item.feature, named.importance_kind: item.value, "splits": item.splits}
                for item in named.importance
            ],
        )


def run_columns(config: RunConfig) -> tuple[str, ...]:
    """Columns that a run reads: the model's first, then what only the baseline and volatility alone need."""
    own = set_columns(config.features)
    others = (*set_columns(config.baseline.features), *VOLATILITY_FEATURES)
    return own + tuple(dict.fromkeys(name for name in others if name not in own))


def _shown(bar: BarHandle) -> Callable[[Tally], None]:
    """Shows a build on a progress bar."""

    def show(tally: Tally) -> None:
        bar.update(tally.done, detail=tally.detail)

    return show


def _say_opened(reason: str) -> None:
    logging.getLogger(__name__).info("the holdout is opened: %s", reason)


def _described(dataset: Dataset, split: Split) -> dict[str, dict[str, object]]:
    """Of each part: first and last time, days, rows."""
    import numpy as np

    described: dict[str, dict[str, object]] = {}
    for name, rows in (("train", split.train), ("valid", split.valid), ("holdout", split.holdout)):
        first, last = (
            datetime.fromtimestamp(int(t) // 1_000_000_000, UTC) for t in dataset.t0[rows[[0, -1]]]
        )
        described[name] = {
            "from": first.isoformat(timespec="seconds"),
            "to": last.isoformat(timespec="seconds"),
            "days": len(np.unique(dataset.days[rows])),
            "rows": len(rows),
        }
    return described


def _scores(fitted: FittedModel, rows: Block | Dataset) -> NDArray[np.float64]:
    """(n,) the model's one score."""
    column: NDArray[np.float64] = fitted.model.predict(rows.select(fitted.model.features).x)[:, 0]
    return column


def _predictions(valid: Dataset, holdout: Dataset | None, scores: Mapping[str, Scored]) -> pl.DataFrame:
    """Rows that selected nothing or only when to stop, with every model's score."""
    import polars as pl

    frames = []
    for split, part in (("valid", valid), ("holdout", holdout)):
        if part is None:
            continue
        columns = [pl.lit(split).alias("split"), pl.Series("y", part.y[:, 0])]
        columns += [pl.Series("t0", part.t0), pl.Series("t1", part.t1), pl.Series("r_bps", part.r_bps)]
        for name, scored in scores.items():
            values = scored.valid if split == "valid" else scored.holdout
            columns.append(pl.Series("p_hold" if name == MODEL else f"{name}_p_hold", values))
        frames.append(part.keys.with_columns(columns))
    return pl.concat(frames)


def _row_notes(loaded: Loaded) -> list[str]:
    split = loaded.split
    notes = [
        f"{split.unlabelled:,} rows have no label (a gap, or the end of the data, within the horizon); "
        f"{split.purged_train:,} training and {split.purged_valid:,} validation rows were purged: a label "
        "of theirs overlaps a later part's"
    ]
    if loaded.parts.holdout.sealed:
        notes.append(f"sealed: {loaded.parts.holdout.n_rows:,} holdout rows were not looked at")
    return notes


def _fit_notes(fitted: Fitted) -> list[str]:
    notes = []
    for name, one in fitted.by_name.items():
        notes += [f"{name}: {note}" for note in one.report.notes]
        if one.report.null_columns:
            notes.append(
                f"{name}: null in every training row, kept as missing: {', '.join(one.report.null_columns)}"
            )
        if one.report.constant_columns:
            notes.append(f"{name}: constant in the training rows: {', '.join(one.report.constant_columns)}")
    return notes

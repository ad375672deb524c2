"""The events and the cached files that a run's rows come from, made unless they are there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from atc.config.data import InstrumentFacts, RecordedData, SimulatedData
from atc.config.ensemble import Ensemble
from atc.config.schema import RunConfig
from atc.errors import DataError
from atc.evaluation.report import VOLATILITY_FEATURES
from atc.features.declarations import feature_schema, label_schema, schemas_of
from atc.features.sets import set_columns
from atc.tasks.base import BarHandle, DataIdentity, Desk

if TYPE_CHECKING:
    from datetime import date

    from atc.events.catalog import Catalog
    from atc.features.building import Tally
    from atc.features.day_cache import Features, Labels, Source
    from atc.protocol.fold import FoldSpans
    from atc.protocol.ledger import Holdout
    from atc.protocol.window import Span, Spans
    from atc.tasks.rows import LabelledRows

_SMALL_BYTES = 16 * 2**20
"""Of event files: about a second of work, as long as processes take to start."""


class MarketData:
    """What the config's data, window and columns name."""

    def __init__(self, config: RunConfig) -> None:
        self.config = config
        """After `prepare` with each member of an ensemble named by its folder."""
        self.digest = ""
        """Of all that the rows depend on; known after `prepare`."""
        self.workers: int | None = None
        """Processes that build days; None: one a core, or none where the days are small."""
        # Ids of the ingests that are this data set; None: all that is filed.
        self._only: tuple[str, ...] | None = None

    def prepare(self, desk: Desk) -> DataIdentity:
        """Simulates or ingests the events unless they are there; digests all that the rows depend on.

        Raises DataError where the filed events are of another instrument than the config says.
        """
        from atc.events.instrument import different_facts, instrument_of
        from atc.tasks.member_runs import member_runs, members_digest, with_members

        with desk.stage("events") as stage:
            stage.cached = self._ensure_events(desk)
        # A protocol that does not fit the window is refused before anything is built.
        _ = self.planned_folds
        self._demand_costs()
        facts = self.facts
        members = member_runs(self.config, self) if isinstance(self.config.model, Ensemble) else ()
        if members:
            self.config = with_members(self.config, members)
        read = self.days_read()
        filed = self.catalog.instrument(facts.venue, facts.symbol, sorted(read))
        wrong = different_facts(filed, instrument_of(facts))
        if wrong:
            raise DataError(
                f"the events of {facts.venue} {facts.symbol} are filed with {wrong}, as data={facts.name} "
                "has it: prices, sizes and days would be misread; give data.* the filed values"
            )
        self.digest = self.catalog.content_digest(facts.venue, facts.symbol, read)
        quality = self._demand_quality(sorted(read), desk)
        schema = feature_schema(run_columns(self.config))
        return DataIdentity(self.digest, schema, label_schema(), quality, members_digest(members))

    def read_digest(self) -> str:
        """Of the filed events that the rows depend on."""
        return self.catalog.content_digest(self.facts.venue, self.facts.symbol, self.days_read())

    def days_read(self) -> set[date]:
        """Business days whose events the rows of the window depend on."""
        from atc.features.day_cache import days_read
        from atc.labels.definitions import label_spec

        config = self.config
        return {
            day
            for span_days in (self.days_of(self.spans.train), self.days_of(self.spans.holdout))
            for day in days_read(
                self.source,
                span_days,
                run_columns(config),
                label_spec(config.label, config.auxiliary.horizons_s),
            )
        }

    def _demand_costs(self) -> None:
        """Raises UsageError where a backtest would have to assume what a day of the window costs."""
        from atc.backtest.costs import require_costs
        from atc.protocol.window import span_dates

        config, facts, spans = self.config, self.facts, self.spans
        if not config.backtest.enabled:
            return
        window = (spans.train[0], spans.holdout[1])
        days = span_dates(window, day_cut_utc_s=facts.day_cut_utc_s, tz_offset_s=facts.tz_offset_s)
        require_costs(config.cost, *days)

    def _demand_quality(self, days: list[date], desk: Desk) -> dict[str, object]:
        """The quality of `days`; raises DataError where it is less than the config demands."""
        from atc.events.quality.cache import cached_quality
        from atc.events.quality.day import Stream
        from atc.events.quality.demand import misses, refuse
        from atc.events.quality.document import document
        from atc.events.quality.measure import Yardsticks

        config, facts = self.config, self.facts
        stream = Stream(self.catalog, facts, Yardsticks.of(config.quality.measure))
        with desk.stage("quality") as stage, desk.bar("quality", len(days), "days") as bar:
            found = cached_quality(stream, days, config.paths.outputs_dir / "cache", bar.advance)
            stage.cached = found.cached == len(days)
        missing = [day for day in stream.missing_days if days[0] < day < days[-1]]
        refuse(misses(found.days, missing, config.quality), config.data.name)
        return document(facts, found.days, missing)

    def _ensure_events(self, desk: Desk) -> bool:
        """True if the events were there."""
        data, paths = self.config.data, self.config.paths
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
    def facts(self) -> InstrumentFacts:
        """The instrument as its events are filed: a simulation has a venue of its own."""
        data = self.config.data
        if isinstance(data, SimulatedData):
            from atc.events.simulate import located

            return located(data)
        return data

    @cached_property
    def catalog(self) -> Catalog:
        from atc.events.catalog import Catalog

        return Catalog(self.config.paths.events_dir, only=self._only)

    @cached_property
    def spans(self) -> Spans:
        from atc.protocol.window import spans_of

        facts = self.facts
        days = self.catalog.days(facts.venue, facts.symbol)
        time_range = self.catalog.span_ns(facts.venue, facts.symbol)
        return spans_of(
            self.config.window,
            days,
            time_range,
            day_cut_utc_s=facts.day_cut_utc_s,
            tz_offset_s=facts.tz_offset_s,
        )

    @cached_property
    def planned_folds(self) -> tuple[FoldSpans, ...]:
        """The time of the protocol's folds."""
        from atc.protocol.plan import plan_folds

        facts = self.facts
        return plan_folds(
            self.config.protocol,
            self.spans.train,
            day_cut_utc_s=facts.day_cut_utc_s,
            tz_offset_s=facts.tz_offset_s,
        )

    def days_of(self, span: tuple[int, int]) -> list[date]:
        """Business days with events that `span` touches."""
        return self.catalog.days_within(self.facts.venue, self.facts.symbol, *span)

    @property
    def days(self) -> list[date]:
        """Business days with events that the window touches."""
        return sorted({*self.days_of(self.spans.train), *self.days_of(self.spans.holdout)})

    @property
    def holdout(self) -> Holdout:
        """The holdout as the ledger knows it: by its time and its events, whatever a run reads."""
        return self.in_ledger(self.spans.holdout)

    def in_ledger(self, span: Span) -> Holdout:
        """The time of `span` as the ledger knows it."""
        from atc.protocol.ledger import Holdout

        venue, symbol = self.facts.venue, self.facts.symbol
        return Holdout(venue, symbol, span, self.catalog.content_digest(venue, symbol, self.days_of(span)))

    @property
    def source(self) -> Source:
        """What days of rows and labels are built from, and the cache that keeps them."""
        from atc.features.day_cache import Source

        config = self.config
        return Source(
            self.facts,
            self.catalog,
            config.paths.outputs_dir / "cache",
            config.sampling,
            config.features.engine,
        )

    def labelled_rows(self, desk: Desk, *, holdout_only: bool) -> tuple[LabelledRows, Spans]:
        """Keys and returns of the rows that have a label, without a column; of the window or of its holdout.

        For what asks about the market itself. No model is near, so no seal is needed.
        """
        import numpy as np

        from atc.labels.definitions import label_spec
        from atc.protocol.dataset import labelled
        from atc.tasks.rows import read_rows

        spans = self.spans
        days = self.days_of(spans.holdout) if holdout_only else self.days
        features, labels = self.build(days, (), desk)
        heads = label_spec(self.config.label).names
        rows = read_rows(self.config.data.symbol, features.files, labels.files, (), heads)
        inside = (rows.t0 >= spans.holdout[0]) & (rows.t0 < spans.holdout[1])
        if not holdout_only:
            inside |= (rows.t0 >= spans.train[0]) & (rows.t0 < spans.train[1])
        return rows.take(np.flatnonzero(inside & labelled(rows.r_bps))), spans

    def build(self, days: Sequence[date], columns: Sequence[str], desk: Desk) -> tuple[Features, Labels]:
        """The files of `columns` and of labels of `days`, made unless they are there."""
        from functools import partial

        from atc.features.day_cache import feature_days, label_days
        from atc.features.day_workers import local
        from atc.labels.definitions import label_spec

        source = self.source
        make_executor = partial(local, self.workers or (1 if self._are_small(days) else None))
        with desk.stage("features") as stage, desk.bar("features", len(days), "days") as bar:
            features = feature_days(source, days, columns, watch=_shown(bar), make_executor=make_executor)
            stage.cached = features.cached == len(days)
        with desk.stage("labels") as stage, desk.bar("labels", len(days), "days") as bar:
            labels = label_days(
                source,
                days,
                features,
                label_spec(self.config.label, self.config.auxiliary.horizons_s),
                watch=_shown(bar),
                make_executor=make_executor,
            )
            stage.cached = labels.cached == len(days)
        return features, labels

    def _are_small(self, days: Sequence[date]) -> bool:
        """Whether one core is done with all of them while other processes would be starting."""
        facts, catalog = self.facts, self.source.catalog
        files = [catalog.day(facts.venue, facts.symbol, day).files for day in days]
        entries = [entry for kinds in files for of_kind in kinds.values() for entry in of_kind]
        return sum(entry.bytes for entry in entries) < _SMALL_BYTES


def run_columns(config: RunConfig) -> tuple[str, ...]:
    """Columns that a run reads: the model's first, then what only the baseline, volatility alone and the
    regimes and the policy need.
    """
    own = model_columns(config)
    regimes = config.evaluation.regimes
    gate = () if config.policy.gate is None or not config.backtest.enabled else (config.policy.gate,)
    others = (
        *set_columns(config.baseline.features),
        *VOLATILITY_FEATURES,
        regimes.trend,
        regimes.volatility,
        *gate,
    )
    return own + tuple(dict.fromkeys(name for name in others if name not in own))


def model_columns(config: RunConfig) -> tuple[str, ...]:
    """The inputs of the named model; of an ensemble those of all its members."""
    from atc.tasks.member_runs import member_columns

    return member_columns(config) if isinstance(config.model, Ensemble) else set_columns(config.features)


def look_back_ns(config: RunConfig) -> int:
    """`max_lookback` of the columns of a run and, where a model reads windows, the time of one, ns: how far
    back of a row an event can still show in what is made of it.
    """
    from atc.features.engine_spec import max_lookback_ns
    from atc.tasks.windowed_rows import window_ns

    schemas = [schema.name for schema in schemas_of(run_columns(config))]
    return max_lookback_ns(config.features.engine, schemas) + window_ns(config)


def _shown(bar: BarHandle) -> Callable[[Tally], None]:
    """Shows a build on a progress bar."""

    def show(tally: Tally) -> None:
        bar.update(tally.done, detail=tally.detail)

    return show

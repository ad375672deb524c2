"""The stages of a tick classification on one stream: the runner's own code, each part run when asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from atc.config.schema import CanonicalData, InstrumentFacts, Paths, RunConfig
from atc.protocol.dataset import labelled, latest
from atc.protocol.ledger import Holdout
from atc.protocol.window import Spans
from atc.tasks.base import Desk, Outcome
from atc.tasks.fitting import Fitted
from atc.tasks.loaded import Loaded
from atc.tasks.market_data import MarketData, run_columns
from atc.tasks.rows import LabelledRows
from atc.tasks.tick_classification import TickClassification

SECOND_NS = 1_000_000_000


class TickRun:
    """`TickClassification` on filed events, with the window where the localiser wants it.

    Nothing is computed before it is asked for, and nothing twice.
    """

    def __init__(self, config: RunConfig, spans: Spans) -> None:
        """`config` as `on_stream` gives it."""
        self.config = config
        self.spans = spans
        self.columns = run_columns(config)
        self._task = TickClassification(config)
        self._task.market.spans = spans
        # Days of a probe are few and small: starting processes would take longer than they do.
        self._task.market.workers = 1
        self._desk = Desk(no_stage, no_bar, look=_no_look)

    @property
    def market(self) -> MarketData:
        """Events and cached files."""
        return self._task.market

    @cached_property
    def rows(self) -> LabelledRows:
        """All rows of the window's days, before they are split."""
        from atc.tasks import rows

        features, labels = self.market.build(self.market.days, self.columns, self._desk)
        return rows.read_rows(self.config.data.symbol, features.files, labels.files, self.columns)

    @cached_property
    def loaded(self) -> Loaded:
        """The rows, split and labelled."""
        return self._task.load(self._desk)

    @cached_property
    def fitted(self) -> Fitted:
        """The models."""
        return self._task.fit(self.loaded, self._desk)

    @cached_property
    def outcome(self) -> Outcome:
        """Predictions and what is made of them."""
        return self._task.evaluate(self.loaded, self.fitted, self._desk)

    @property
    def max_gap_ns(self) -> int:
        """A silence that is longer is a gap."""
        return round(self.config.sampling.max_gap_s * SECOND_NS)

    @cached_property
    def train_known_ns(self) -> int:
        """From when on is known what is fitted on the training rows, ns.

        Which of them stay is decided by the first label of a validation row, and whether that label is null
        by the silence after its end.
        """
        return self._first_label_known_ns(self.loaded.split.valid_start_ns, self.spans.train[1])

    @cached_property
    def valid_known_ns(self) -> int:
        """The same of what validation rows had a part in, which leave for labels of the holdout."""
        return self._first_label_known_ns(*self.spans.holdout)

    def _first_label_known_ns(self, begin: int, end: int) -> int:
        rows = self.rows
        inside = (rows.t0 >= begin) & (rows.t0 < end) & labelled(rows.r_bps)
        first = np.flatnonzero(inside)[:1]
        last = int(latest(rows.t1)[first[0]]) if len(first) else end
        return last + self.max_gap_ns


def on_stream(config: RunConfig, facts: InstrumentFacts, events: Path, outputs: Path) -> RunConfig:
    """`config` for events that lie under `events`; figures that nobody reads are made with little effort."""
    names = set(InstrumentFacts.model_fields)
    data = CanonicalData(kind="canonical", **{name: getattr(facts, name) for name in names})
    paths = Paths(events=str(events), outputs=str(outputs))
    evaluation = config.evaluation.model_copy(update={"resamples": 10})
    protocol = config.protocol.model_copy(update={"sealed": False})
    return config.model_copy(
        update={"data": data, "paths": paths, "evaluation": evaluation, "protocol": protocol}
    )


@contextmanager
def no_stage(name: str) -> Iterator[Any]:
    """A stage that nobody times."""
    yield SimpleNamespace(name=name, cached=False)


@contextmanager
def no_bar(name: str, total: float | None, unit: str) -> Iterator[Any]:
    """A bar that nobody sees."""
    del name, total, unit
    yield SimpleNamespace(update=lambda *_, **__: None, advance=lambda *_: None)


def _no_look(holdout: Holdout, reason: str) -> None:
    """No look: the days of a probe are all of the train range, and no figure of them is shown."""
    del holdout, reason

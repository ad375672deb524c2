"""The stages of a tick classification on one stream: the runner's own code, each part run when asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from atc.config.data import CanonicalData, InstrumentFacts
from atc.config.protocol import WalkForward
from atc.config.schema import RunConfig
from atc.config.surroundings import Paths
from atc.labels.definitions import why_null
from atc.protocol.dataset import latest
from atc.protocol.fold import Fold
from atc.protocol.ledger import Holdout
from atc.protocol.window import Spans
from atc.tasks.base import Desk, Outcome
from atc.tasks.fitting import Fitted
from atc.tasks.loaded import Loaded
from atc.tasks.market_data import MarketData, run_columns
from atc.tasks.rows import LabelledRows
from atc.tasks.tick_classification import TickClassification

SECOND_NS = 1_000_000_000
_TERMS = ("latency_s", "depth", "fee_bps")


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
        from atc.labels.definitions import label_spec
        from atc.tasks import rows

        features, labels = self.market.build(self.market.days, self.columns, self._desk)
        heads = label_spec(self.config.label, self.config.auxiliary.horizons_s).names
        return rows.read_rows(self.config.data.symbol, features.files, labels.files, self.columns, heads)

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

    def fold_known_ns(self, fold: Fold) -> int | None:
        """The same of a fold's models, which are asked for its test rows; None where they may know more.

        Folds of walk-forward learn from what is before their test rows. Those of CPCV do so only where no
        fitting row comes later: the others say nothing that could have been said at the time. The control
        `random_split` claims to, and does not.
        """
        rows = self.loaded.train_range
        if rows is None or not len(fold.test):
            return None
        if fold.leaks:
            return 0
        fitted = np.concatenate([fold.train, fold.valid])
        if int(rows.t0[fitted].max()) >= int(rows.t0[fold.test_decisions].min()):
            return None
        return int(rows.last_t1[fold.test[0]]) + self.max_gap_ns

    def _first_label_known_ns(self, begin: int, end: int) -> int:
        from atc.labels.definitions import label_spec
        from atc.tasks.windowed_rows import with_whole_windows

        # Of a model that reads sequences only the ends of its windows judge.
        rows = with_whole_windows(self.rows, self.market, self.config)
        judging = rows.of_heads(slice(len(label_spec(self.config.label).heads)))
        causes = why_null(self.config.label, judging.r_bps, judging.spread_bps, judging.null_cause)
        has_label = np.any(causes == 0, axis=1)
        inside = (rows.t0 >= begin) & (rows.t0 < end) & has_label
        first = np.flatnonzero(inside)[:1]
        last = int(latest(rows.t1)[first[0]]) if len(first) else end
        return last + self.max_gap_ns


def on_stream(config: RunConfig, facts: InstrumentFacts, events: Path, outputs: Path) -> RunConfig:
    """`config` for events that lie under `events`, built into `outputs`.

    Figures that nobody reads here are made with little effort. The holdout is open: it is the end of the days
    of the probe. Blocks of walk-forward are equal parts, since months do not fit in a few days.
    """
    names = set(InstrumentFacts.model_fields)
    data = CanonicalData(kind="canonical", **{name: getattr(facts, name) for name in names})
    paths = Paths(events=str(events), outputs=str(outputs))
    adversarial = config.evaluation.adversarial.model_copy(update={"enabled": False})
    sensitivity = config.backtest.sensitivity.model_copy(update=dict.fromkeys(_TERMS, ()))
    evaluation = {"resamples": 10, "adversarial": adversarial}
    waterfall = config.backtest.waterfall.model_copy(update={"enabled": False})
    backtest = {"random_draws": 1, "sensitivity": sensitivity, "capacity": (), "waterfall": waterfall}
    protocol: dict[str, object] = {"sealed": False}
    if isinstance(config.protocol, WalkForward):
        protocol |= {"block_months": None, "block_days": None}
    return config.model_copy(
        update={
            "data": data,
            "paths": paths,
            "evaluation": config.evaluation.model_copy(update=evaluation),
            "explain": config.explain.model_copy(update={"enabled": False}),
            "backtest": config.backtest.model_copy(update=backtest),
            "protocol": config.protocol.model_copy(update=protocol),
        }
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

"""The interface between the runner and a kind of experiment.

A task says what data give, what a fit takes and what an evaluation reports. Rows carry a symbol and any
number of score columns, so that a cross-section of stocks or a model of several horizons is a task like any
other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from atc.errors import UsageError

if TYPE_CHECKING:
    import polars as pl

    from atc.protocol.ledger import EnterJudged, EnterLook, Holdout


@dataclass(frozen=True)
class DataIdentity:
    """What the run id is made of besides config and code."""

    data_digest: str
    feature_schema: str
    label_schema: str
    quality: Mapping[str, object] = field(default_factory=dict, compare=False)
    """What the data are worth, for quality.json; no part of the id."""
    members_digest: str = ""
    """Of the finished runs that an ensemble is made of; empty for a model that is fitted."""


class StageHandle(Protocol):
    """A stage under way."""

    cached: bool


class BarHandle(Protocol):
    """A progress bar under way."""

    def update(self, done: float, total: float | None = None, detail: str | None = None) -> None:
        """`done` units of `total` are done."""


def _unheard(text: str) -> None:
    """Nobody listens."""


def _no_ledger(holdout: Holdout, reason: str) -> None:
    raise UsageError(
        f"no ledger is at hand to enter a look at the holdout of {holdout.venue} {holdout.symbol} in "
        f"({reason!r}), and a look that is not entered does not happen: pass Desk(…, look=…)"
    )


def _no_record(time: Holdout, reason: str) -> None:
    """No ledger is at hand."""


@dataclass(frozen=True)
class Desk:
    """What a task is handed to report with: timed stages, progress bars, a voice, the holdout ledger."""

    stage: Callable[[str], AbstractContextManager[Any]]
    """`with desk.stage(name) as stage` times the body; `stage.cached = True` says a cache answered."""
    bar: Callable[[str, float | None, str], AbstractContextManager[Any]]
    """`with desk.bar(name, total, unit) as bar` shows progress; see `BarHandle`."""
    say: Callable[[str], None] = _unheard
    """Says a sentence at the terminal at once."""
    look: EnterLook = _no_ledger
    """Enters a look at the holdout in the ledger; without a ledger nobody looks."""
    judge: EnterJudged = _no_record
    """Enters on which time validation and folds judge; without a ledger nothing is entered, and none of the
    figures is kept as a run either.
    """
    checkpoints: Path | None = None
    """Folder where fits keep what the next attempt at the run goes on from; None: they keep nothing."""

    def checkpoint(self, fit: str) -> Path | None:
        """The start of the names of the files of one fit, such as `fold 3 model`."""
        return None if self.checkpoints is None else self.checkpoints / fit.replace(" ", "-")


Curves = Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Series:
    """Curves over something else than iterations."""

    axis: str
    """What `at` counts, such as `day`."""
    at: Sequence[float]
    """(n,) ascending."""
    columns: Mapping[str, Sequence[float | None]]
    """By name (n,) each."""


@dataclass(frozen=True)
class Outcome:
    """What an evaluation reports."""

    metrics: Mapping[str, float | None]
    """Flat, for `metrics.json`."""
    predictions: pl.DataFrame
    """`symbol`, `ts_recv`, `ev_seq`, `ts_close`, `split`, `y` (or `y_<horizon>`), `t0`, `t1`, then one column
    a score.
    """
    spans: Mapping[str, Mapping[str, object]]
    """By split: `from`, `to`, `days`, `rows`."""
    notes: tuple[str, ...] = ()
    """What these data can and cannot say, in sentences."""
    importance: Sequence[Mapping[str, object]] = ()
    """Rows of the importance table."""
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    """Further tables by name; each becomes `<name>.parquet` in the run folder."""
    explained: tuple[str, ...] = ()
    """Those of `tables` that say why the model scores as it does; the tracker gets them too."""
    series: Mapping[str, Series] = field(default_factory=dict)
    """By name: what the tracker draws; some thousand points at most."""


L = TypeVar("L")
F = TypeVar("F")


class Task(Protocol[L, F]):
    """One experiment. The runner calls the methods in this order, once each."""

    def prepare(self, desk: Desk) -> DataIdentity:
        """Makes sure that the events are there, and says what they are. Cheap when they are."""
        ...

    def load(self, desk: Desk) -> L:
        """Rows, features and labels, split so that no fit can reach the holdout."""
        ...

    def fit(self, loaded: L, desk: Desk) -> F:
        """The named model and whatever it is compared with, fitted on the same rows."""
        ...

    def curves(self, fitted: F) -> Mapping[str, Curves]:
        """How the fits went, for the tracker: by model, then by name, one value an iteration."""
        ...

    def save(self, fitted: F, folder: Path) -> None:
        """Writes the named model as an artifact that loads on its own."""
        ...

    def evaluate(self, loaded: L, fitted: F, desk: Desk) -> Outcome:
        """Scores and figures; the only place that opens the holdout."""
        ...

"""Finished runs beside each other: their lifts, what tells them apart, and the looks at their holdout."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from atc.errors import DataError
from atc.evaluation.paired import JudgedRows, PairedDifference, Score, paired_difference
from atc.opened_run import OpenedRun
from atc.protocol.ledger import number_of_looks
from atc.report.sealed_trials import SealedTrials, sealed_trials
from atc.report.track_records import TrackRecords, track_records
from atc.report.trial_set import Ledgers, trial_set
from atc.tracking.run_files import MODEL

if TYPE_CHECKING:
    import polars as pl

_KEY = ("symbol", "ts_recv", "ev_seq")
_DECIDES_ROWS = ("data", "window", "sampling", "label")


@dataclass(frozen=True)
class Compared:
    """A run on the rows of the first one."""

    run: OpenedRun
    differences: Mapping[str, PairedDifference]
    """By head, empty for the only one: its score minus the first run's, of three classes that of the last
    against the rest. Nothing of the first run itself, and of labels without classes.
    """

    @property
    def name(self) -> str:
        """The run folder's name."""
        return self.run.folder.name


@dataclass(frozen=True)
class Comparison:
    """What there is to say of some runs together."""

    same: tuple[Compared, ...]
    """The first run, and those that are judged on the same rows with the same labels."""
    apart: tuple[tuple[OpenedRun, str], ...]
    """The others, and why each is not comparable."""
    rows: int
    """Judged holdout rows of the first run; 0 if it is sealed."""
    looks: int | None
    """At time of the first run's holdout, by whatever window; None where it is sealed or in no ledger."""
    judged: int
    """How many of them were validation or folds of a window that calls that time training."""
    unentered: tuple[str, ...]
    """Runs with holdout figures whose look is in no ledger that can be found."""
    records: TrackRecords | None
    """Of the runs of `same` that have a backtest; None if there is none."""
    sealed: SealedTrials | None
    """Of the runs without holdout figures, on validation; None if none of them traded there."""


def compare_runs(runs: Sequence[OpenedRun]) -> Comparison:
    """`runs` (at least one), the first of which the others are compared with.

    Raises DataError as reading runs and ledgers does.
    """
    first, *others = runs
    held = _judged_holdout(first)
    same, apart = [Compared(first, {})], []
    for other in others:
        found = _judged_holdout(other)
        reason = _why_not(first, other, held, found)
        if reason is None and held is not None and found is not None:
            same.append(Compared(other, _differences(first, held, found)))
        else:
            apart.append((other, str(reason)))
    ledgers = Ledgers()
    entries = () if held is None else ledgers.entries(first)
    opened = [run for run in runs if run.opened_holdout]
    alike = [one.run for one in same]
    return Comparison(
        same=tuple(same),
        apart=tuple(apart),
        rows=0 if held is None else len(held),
        looks=number_of_looks(entries) or None,
        judged=number_of_looks([entry for entry in entries if entry.kind == "judged"]),
        unentered=tuple(run.folder.name for run in opened if not ledgers.entries(run)),
        records=track_records(alike, trial_set(alike, ledgers)),
        sealed=sealed_trials(runs, ledgers),
    )


def _judged_holdout(run: OpenedRun) -> pl.DataFrame | None:
    """The rows that the run's holdout figures are made of; None where it is sealed."""
    import polars as pl

    held = run.predictions.filter(pl.col("split") == "holdout")
    if "judged" in held.columns:
        held = held.filter("judged")
    return held if len(held) else None


def _why_not(
    first: OpenedRun, other: OpenedRun, held: pl.DataFrame | None, found: pl.DataFrame | None
) -> str | None:
    """Why two runs are not judged on the same rows; None if they are."""
    if found is None or held is None:
        whose = "no holdout figures" if found is None else "the first run has no holdout figures"
        return f"{whose}: sealed, or a protocol without a holdout"
    labels = [name for name in held.columns if name.startswith("y")]
    if labels == [name for name in found.columns if name.startswith("y")] and held.select(
        *_KEY, *labels
    ).equals(found.select(*_KEY, *labels)):
        return None
    parts = [name for name in _DECIDES_ROWS if _part(first, name) != _part(other, name)]
    if parts:
        verb = "is" if len(parts) == 1 else "are"
        return f"judged on other rows or labels: its {' and '.join(parts)} {verb} not the first run's"
    return f"judged on other rows or labels: {len(found):,} rows, the first run has {len(held):,}"


def _part(run: OpenedRun, name: str) -> object:
    part = run.raw_config.get(name)
    return {key: value for key, value in part.items() if key != "name"} if isinstance(part, dict) else part


def _differences(first: OpenedRun, held: pl.DataFrame, found: pl.DataFrame) -> dict[str, PairedDifference]:
    """By head: `found`'s scores minus those of `held`, the first run's; heads of returns are left out."""
    labels = [name for name in held.columns if name == "y" or name.startswith("y_")]
    differences = {}
    for label in labels:
        head = label.removeprefix("y").removeprefix("_")
        scores = _score_columns(held, head)
        judged = held[label].is_not_null()
        rows = _rows(first, held.filter(judged), head, classes=max(len(scores), 2))
        if rows is None or scores != _score_columns(found, head):
            continue
        differences[head] = paired_difference(
            rows,
            *(_score(frame.filter(judged), scores) for frame in (found, held)),
            config=first.config.evaluation,
            horizon_ns=int(np.median(rows.t1 - rows.t0)),
            exit_bps=_exit_bps(first),
            seed=first.config.seed,
        )
    return differences


def _score_columns(frame: pl.DataFrame, head: str) -> list[str]:
    """The named model's calibrated scores of a head, class by class; of two classes that of the second."""
    ending = f"_{head}" if head else ""
    return [
        name for name in frame.columns if name.startswith("p_") and name.endswith(ending) and not _raw(name)
    ]


def _raw(name: str) -> bool:
    return name.endswith("_raw")


def _score(frame: pl.DataFrame, columns: Sequence[str]) -> Score:
    values = [frame[name].to_numpy() for name in columns]
    return Score(values[-1], values[-1] if len(values) == 1 else values[-1] - values[0])


def _rows(run: OpenedRun, frame: pl.DataFrame, head: str, *, classes: int) -> JudgedRows | None:
    from atc.events.business_day import days_of

    ending = f"_{head}" if head else ""
    y = frame[f"y{ending}"].to_numpy()
    if not np.isin(y, np.arange(classes)).all():
        return None
    t0, data = frame[f"t0{ending}"].to_numpy(), run.config.data
    return JudgedRows(
        positive=y == classes - 1,
        r_bps=frame[f"r_bps{ending}"].to_numpy(),
        t0=t0,
        t1=frame[f"t1{ending}"].to_numpy(),
        days=days_of(t0, data.day_cut_utc_s, data.tz_offset_s),
    )


def _exit_bps(run: OpenedRun) -> float:
    """The move that pays, as the record of the fitted label has it."""
    file = run.folder / MODEL / "manifest.json"
    try:
        label = json.loads(file.read_bytes())["label"]
        if "cuts_spreads" in label:
            return abs(float(label["cuts_spreads"][-1]) * float(label["mean_spread_bps"]))
        return abs(float(label["threshold_bps"] if "threshold_bps" in label else label["cuts_bps"][-1]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{file}: no threshold of the label in it ({error!r}); make the run again") from error

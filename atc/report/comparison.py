"""Finished runs beside each other: their lifts, what tells them apart, and the looks at their holdout."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from atc.errors import DataError
from atc.evaluation.paired import JudgedRows, PairedDifference, paired_difference
from atc.opened_run import OpenedRun
from atc.report.track_records import TrackRecords, track_records
from atc.tracking.run_files import MODEL

if TYPE_CHECKING:
    import polars as pl

    from atc.protocol.ledger_lines import Look

_KEY = ("symbol", "ts_recv", "ev_seq")
_SCORE = "p_hold"
_DECIDES_ROWS = ("data", "window", "sampling", "label")


@dataclass(frozen=True)
class Compared:
    """A run on the rows of the first one."""

    run: OpenedRun
    difference: PairedDifference | None
    """Its score minus the first run's; None of the first run, and of labels of other than two classes."""

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
    """Looks at any holdout that shares time with the first run's; None where it is sealed."""
    unentered: tuple[str, ...]
    """Runs with holdout figures whose look is in no ledger that can be found."""
    records: TrackRecords | None
    """Of the runs of `same` that have a backtest; None if there is none."""


def compare_runs(runs: Sequence[OpenedRun]) -> Comparison:
    """`runs` (at least one), the first of which the others are compared with.

    Raises DataError as reading runs and ledgers does.
    """
    first, *others = runs
    held = _judged_holdout(first)
    same, apart = [Compared(first, None)], []
    for other in others:
        found = _judged_holdout(other)
        reason = _why_not(first, other, held, found)
        if reason is None and held is not None and found is not None:
            same.append(Compared(other, _difference(first, held, found)))
        else:
            apart.append((other, str(reason)))
    ledgers = {run.folder: _own_looks(run) for run in runs if run.metrics.get("holdout/rows") is not None}
    looks = None if held is None else _looks(first, ledgers[first.folder])
    return Comparison(
        same=tuple(same),
        apart=tuple(apart),
        rows=0 if held is None else len(held),
        looks=looks,
        unentered=tuple(folder.name for folder, own in ledgers.items() if not own),
        records=track_records([one.run for one in same], looks or 0),
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


def _difference(first: OpenedRun, held: pl.DataFrame, found: pl.DataFrame) -> PairedDifference | None:
    from atc.events.business_day import days_of

    if not {"y", "r_bps", _SCORE} <= set(held.columns) & set(found.columns):
        return None
    y = held["y"].to_numpy()
    if not np.isin(y, [0.0, 1.0]).all():
        return None
    config = first.config
    t0 = held["t0"].to_numpy()
    rows = JudgedRows(
        positive=y == 1.0,
        r_bps=held["r_bps"].to_numpy(),
        t0=t0,
        t1=held["t1"].to_numpy(),
        days=days_of(t0, config.data.day_cut_utc_s, config.data.tz_offset_s),
    )
    scores: list[NDArray[np.float64]] = [frame[_SCORE].to_numpy() for frame in (found, held)]
    return paired_difference(
        rows,
        *scores,
        config=config.evaluation,
        horizon_ns=round(config.label.horizon_s * 1_000_000_000),
        exit_bps=_exit_bps(first),
        seed=config.seed,
    )


def _exit_bps(run: OpenedRun) -> float:
    file = run.folder / MODEL / "manifest.json"
    try:
        return abs(float(json.loads(file.read_bytes())["label"]["threshold_bps"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{file}: no threshold of the label in it ({error!r}); make the run again") from error


def _own_looks(run: OpenedRun) -> list[Look]:
    """The run's own entries in the ledger beside its data."""
    from atc.protocol.ledger import Ledger

    return Ledger(run.config.paths.events_dir).looks_of(run.run_id)


def _looks(run: OpenedRun, own: Sequence[Look]) -> int | None:
    from atc.protocol.ledger import Ledger

    if not own:
        return None
    look = own[-1]
    return len(Ledger(run.config.paths.events_dir).looks(look.venue, look.symbol, look.span))

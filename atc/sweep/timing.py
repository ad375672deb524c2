"""How long the jobs of a sweep still take, from what others of the same experiment took."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from atc.errors import DataError
from atc.tracking.run_files import FINISHED, read_manifest

if TYPE_CHECKING:
    from atc.sweep.rows import Progress, Row

_LOOKED_AT = 5
"""So many recorded runs of an experiment are looked at."""


def recorded_seconds(outputs: Path, names: set[str]) -> dict[str, float]:
    """The median of the latest recorded runs of each experiment, s; without those that have none."""
    found = {}
    for name in names:
        folders = [path for path in (outputs / "runs").glob(f"{name}-*") if path.name[:-13] == name]
        latest = sorted(folders, key=lambda path: path.stat().st_mtime)[-_LOOKED_AT:]
        took = [seconds for folder in latest if (seconds := _seconds(folder)) is not None]
        if took:
            found[name] = median(took)
    return found


def left_of(row: Row, progress: Progress, recorded: Mapping[str, float]) -> float | None:
    """Seconds that a job still takes; None where nothing like it is known."""
    whole = _expected(row, progress, recorded)
    if whole is None:
        return None
    return max(0.0, whole - (0.0 if row.began is None else time.monotonic() - row.began))


def left_together(progress: Progress, recorded: Mapping[str, float]) -> float | None:
    """Seconds until the last job ends; None where a job is like none before."""
    open_rows = [row for row in progress.rows.values() if row.status in ("pending", "running", "interrupted")]
    left = [left_of(row, progress, recorded) for row in open_rows]
    proposed_later = progress.total - len(progress.rows)
    if proposed_later:
        one = next(iter(progress.rows.values()), None)  # all trials are of one experiment
        left += [None if one is None else _expected(one, progress, recorded)] * proposed_later
    known = [seconds for seconds in left if seconds is not None]
    if len(known) < len(left):
        return None
    return max([sum(known) / progress.workers, *known], default=0.0)


def _expected(row: Row, progress: Progress, recorded: Mapping[str, float]) -> float | None:
    alike: list[float] = []
    others: list[float] = []
    for one in progress.rows.values():
        state = one.state
        if one.status == "finished" and state is not None and state.seconds and not state.reused:
            (alike if one.job.name == row.job.name else others).append(state.seconds)
    if alike:
        return median(alike)
    return recorded.get(row.job.name) or (median(others) if others else None)


def _seconds(folder: Path) -> float | None:
    try:
        manifest = read_manifest(folder)
    except DataError:
        return None
    stages = (manifest or {}).get("stages")
    if manifest is None or manifest.get("status") != FINISHED or not isinstance(stages, dict):
        return None
    return float(sum(cost.get("seconds", 0.0) for cost in stages.values()))

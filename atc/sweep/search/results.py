"""What the trials of a search have shown, from the states of their jobs and the records of their runs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from atc.config.search import Dimension, Search, Value
from atc.errors import DataError, nearest
from atc.opened_run import open_run
from atc.sweep.folder import job_folder, outputs_of
from atc.sweep.manifest import PlannedJob
from atc.sweep.state import JobState
from atc.tracking import durable
from atc.tracking.folds_heard import Figures

FOLDS = "folds.json"


@dataclass(frozen=True)
class Result:
    """What has become of a trial."""

    number: int
    """Of its job, from 1."""
    status: Literal["complete", "pruned", "failed"]
    values: Mapping[str, Value]
    """By the key of the space."""
    value: float | None = None
    """The objective, of a complete trial."""
    steps: Mapping[int, float] = field(default_factory=dict)
    """By the number of folds that had ended: the objective over them."""
    run: str | None = None
    """Folder of its run, relative to the folder of outputs."""


def result_of(folder: Path, search: Search, job: PlannedJob, state: JobState) -> Result:
    """Of a trial in the sweep's `folder` that has ended.

    Raises DataError where its run cannot be read, or has no such figure as the objective.
    """
    values = values_of(job, search.space)
    if state.status == "pruned":
        return Result(job.number, "pruned", values, steps=_read_steps(job_folder(folder, job.number)))
    if state.status != "finished" or state.run is None:
        return Result(job.number, "failed", values)
    run = outputs_of(folder) / state.run
    metrics = open_run(run).metrics
    if search.objective not in metrics:
        raise DataError(
            f"{run}: its metrics have no {search.objective!r} to search by; "
            f"{nearest(search.objective, [one for one in metrics if one.startswith(('valid/', 'folds/'))])}"
        )
    value = metrics[search.objective]
    if value is None:  # undefined on these rows, such as the AUC of one class
        return Result(job.number, "failed", values, run=state.run)
    return Result(
        job.number, "complete", values, float(value), steps_of(metrics, search.objective), state.run
    )


def values_of(job: PlannedJob, space: Mapping[str, Dimension]) -> dict[str, Value]:
    """The values of the space's keys in the trial's config."""
    return {key: _as_drawn(_at(job, key), dimension) for key, dimension in space.items()}


def _at(job: PlannedJob, key: str) -> object:
    value: object = job.config
    for part in key.split("."):
        if not isinstance(value, Mapping) or part not in value:
            raise DataError(f"job {job.number} has no key {key!r}: its line was edited")
        value = value[part]
    return value


def _as_drawn(found: object, dimension: Dimension) -> Value:
    """A config has another type than what was drawn where a field does: 1 for 1.0, "0.5" for 0.5."""
    if dimension.choices is not None:
        for choice in dimension.choices:
            if choice == found or (choice is not None and str(choice) == str(found)):
                return choice
        raise DataError(f"{found!r} is none of the choices {list(dimension.choices)}: the trials were edited")
    number = float(str(found))
    return int(number) if dimension.whole else number


def fold_figure(figures: Figures, name: str, objective: str) -> float | None:
    """Of a fold the figure whose mean over folds the objective is; None where it is undefined."""
    wanted = objective.removeprefix("folds/").removesuffix("/mean")
    start = f"fold/{name}/"
    for key, value in figures.items():
        if key.startswith(start) and key.removeprefix(start).replace("test/", "") == wanted:
            return None if value is None else float(value)
    return None


def steps_of(metrics: Figures, objective: str) -> dict[int, float]:
    """The objective over the first folds, over the first two and so on; empty for one that is of no folds."""
    if not objective.startswith("folds/"):
        return {}
    names = {key.split("/")[1] for key in metrics if key.startswith("fold/")}
    each = [fold_figure(metrics, name, objective) for name in sorted(names, key=_order)]
    return running_means(each)


def running_means(each: list[float | None]) -> dict[int, float]:
    """By how many there are: the mean of the first ones that are defined."""
    found: dict[int, float] = {}
    defined: list[float] = []
    for number, value in enumerate(each, start=1):
        if value is not None:
            defined.append(value)
            found[number] = math.fsum(defined) / len(defined)
    return found


def _order(name: str) -> tuple[int, str]:
    return (int(name), "") if name.isdigit() else (1 << 30, name)


def write_steps(folder: Path, steps: Mapping[int, float]) -> None:
    """Beside the job's state: a run that is ended early has no metrics."""
    durable.write_bytes(folder / FOLDS, (json.dumps({str(k): v for k, v in steps.items()}) + "\n").encode())


def _read_steps(folder: Path) -> dict[int, float]:
    path = folder / FOLDS
    try:
        return {int(number): float(value) for number, value in json.loads(path.read_bytes()).items()}
    except (OSError, ValueError, AttributeError) as why:
        raise DataError(
            f"{path}: the folds of a trial that was ended early cannot be read ({why}); remove "
            f"{folder / 'state.json'}, and the trial is made again"
        ) from None

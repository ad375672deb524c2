"""What a run cost, from the stages in its manifest, and the order of runs by what they give for it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atc.errors import DataError
from atc.opened_run import OpenedRun
from atc.tracking.run_files import ID_LENGTH, MODEL, read_manifest

SHARED = frozenset({"events", "quality", "features", "labels", "dataset", "truth"})
"""Stages whose result other runs find in a cache: their cost says who came first, not what a model costs."""
STEP = 1.2
"""Costs count in steps of this factor: a measurement repeats no better."""
HOUR_S = 3600.0

_FITS = frozenset({"fit", "members"})
"""Stages that make the named model, whose lift the board ranks: what a team pays for that lift. The others
judge it (baseline and volatility, which it is held against, folds, power, figures, backtest) or make another
model (refits, the gate's fallback): they say what is switched on, and would be paid for a model without any
lift just so.
"""


@dataclass(frozen=True)
class RunCost:
    """Measured on whatever machine made the run."""

    fit_cpu_seconds: float | None
    """Processor time of fitting the named model; of an ensemble with the fits of its members. None where a
    stage has none on record.
    """
    fit_seconds: float
    """By the clock."""
    rest_cpu_seconds: float | None
    """Of the other stages but `SHARED`."""
    rest_seconds: float
    cpu_seconds: float | None
    """Of all stages."""
    seconds: float
    peak_mib: float
    """Of all but `SHARED`."""
    train_rows: int | None
    judged_rows: int | None

    @property
    def core_hours(self) -> float | None:
        """Of fitting the named model."""
        return None if not self.fit_cpu_seconds else self.fit_cpu_seconds / HOUR_S


def cost_of(run: OpenedRun, head: str) -> RunCost:
    """The cost of `run`; `head`: whose rows are counted, such as `@300s`."""
    stages = _stages(run.manifest)
    fits = _fits(stages)
    rest = {name: cost for name, cost in stages.items() if name not in SHARED and name not in fits}
    metrics = run.metrics
    cpu = _summed(fits, "cpu_seconds")
    return RunCost(
        fit_cpu_seconds=None if cpu is None else _with_members(run, cpu),
        fit_seconds=_summed(fits, "seconds") or 0.0,
        rest_cpu_seconds=_summed(rest, "cpu_seconds") if rest else 0.0,
        rest_seconds=_summed(rest, "seconds") or 0.0,
        cpu_seconds=_summed(stages, "cpu_seconds"),
        seconds=_summed(stages, "seconds") or 0.0,
        peak_mib=max(
            (float(cost.get("peak_rss_mib") or 0.0) for cost in (fits | rest).values()), default=0.0
        ),
        train_rows=_whole(metrics.get(f"train/rows{head}")),
        judged_rows=_whole(metrics.get(f"holdout/rows{head}") or metrics.get(f"valid/rows{head}")),
    )


def _fits(stages: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {name: cost for name, cost in stages.items() if name in _FITS}


def order_by_worth(amounts: Sequence[float], core_hours: Sequence[float | None]) -> list[int]:
    """The places of runs from best to worst, by `amounts` (all above 0) per core-hour.

    Costs are rounded to the nearest step of `STEP`, so of two that cost about the same the larger amount goes
    first. The steps are the same on every board: the order of two runs depends on no third. Runs of unknown
    cost come last, by amount. Ties keep their order.
    """
    steps = [None if cost is None else _step(cost) for cost in core_hours]
    return sorted(
        range(len(amounts)),
        key=lambda one: (
            (0, -amounts[one] / step) if (step := steps[one]) is not None else (1, -amounts[one]),
            -amounts[one],
        ),
    )


def _step(core_hours: float) -> float:
    """The nearest whole power of `STEP`, in core-hours."""
    return float(STEP ** round(math.log(core_hours, STEP)))


def _with_members(run: OpenedRun, cpu: float) -> float | None:
    """`cpu` and that of the fits of the runs that an ensemble is the mean of; None where one is gone."""
    for member in _members(run):
        manifest = _manifest_of(run.folder.parent, member)
        if manifest is None:
            return None
        of_member = _summed(_fits(_stages(manifest)), "cpu_seconds")
        if of_member is None:
            return None
        cpu += of_member
    return cpu


def _members(run: OpenedRun) -> list[str]:
    """Ids of the runs whose models an ensemble has."""
    model = run.raw_config.get("model")
    if not isinstance(model, Mapping) or model.get("kind") != "ensemble":
        return []
    try:
        content = json.loads((run.folder / MODEL / "members.json").read_bytes())
        return [str(member["origin"]["run_id"]) for member in content["members"]]
    except (OSError, ValueError, KeyError, TypeError):
        return ["unknown"]


def _manifest_of(folder: Path, run_id: str) -> Mapping[str, Any] | None:
    """Of the finished run of that id among the runs of `folder`."""
    for path in folder.glob(f"*-{run_id[:ID_LENGTH]}"):
        try:
            manifest = read_manifest(path)
        except DataError:
            continue
        if manifest is not None and manifest.get("run_id") == run_id:
            return manifest
    return None


def _stages(manifest: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    stages = manifest.get("stages")
    known = stages if isinstance(stages, Mapping) else {}
    return {name: cost for name, cost in known.items() if isinstance(cost, Mapping)}


def _summed(stages: Mapping[str, Mapping[str, Any]], what: str) -> float | None:
    """None where one of them does not say, as those of runs made before it was measured."""
    values = [cost.get(what) for cost in stages.values()]
    if not values or not all(isinstance(value, int | float) for value in values):
        return None
    return float(sum(value for value in values if isinstance(value, int | float)))


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)

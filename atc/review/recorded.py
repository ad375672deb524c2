"""What finished runs took, as their manifests say: the measure of what a run will take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from atc.config.schema import RunConfig
from atc.errors import AtcError, DataError
from atc.models.manifest import read_manifest as read_model_manifest
from atc.opened_run import OpenedRun, open_run
from atc.review.keys import EVENTS, QUALITY, SHARED, Keys, RunKeys
from atc.tracking.run_files import FINISHED, MANIFEST, MODEL, read_manifest


@dataclass(frozen=True)
class StageTiming:
    """A stage that was computed, not found in a cache."""

    seconds: float
    peak_mib: float
    share: float = 1.0
    """Of the files of a shared stage, those that were made; the others were there."""
    cpu_seconds: float = 0.0
    """Of all its processors; 0: not recorded."""

    @property
    def processors(self) -> float:
        """That it kept busy, on average; 0 where nobody knows."""
        return self.cpu_seconds / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True)
class Recorded:
    """A finished run."""

    name: str
    """Of its folder."""
    config: RunConfig
    created_at: str
    stages: Mapping[str, StageTiming]
    rows: Mapping[str, int]
    """Of `train`, `valid` and `holdout`, where they are known."""
    iterations: int | None
    """Of the fit of the named model: trees, epochs or steps, of all heads together."""
    metrics: Mapping[str, int | float | None] = field(repr=False, default_factory=dict)
    base_mib: float = 0.0
    """What the process took before it had a row."""
    best_iterations: int | None = None
    """As `iterations`, those after which validation was best; the later ones were patience."""
    between_s: float | None = None
    """From the opening of the record to its end what was in no stage: models and tables written."""


def recorded_runs(folder: Path) -> list[Recorded]:
    """The finished runs of the `runs` in `folder` that this version can read, in order of time."""
    found = []
    for path in sorted((folder / "runs").glob(f"*/{MANIFEST}")):
        try:
            manifest = read_manifest(path.parent)
            if manifest is None or manifest["status"] != FINISHED:
                continue
            run = open_run(path.parent)
            found.append(_recorded(run))
        except (AtcError, ValidationError, yaml.YAMLError, KeyError, TypeError, ValueError, OSError):
            continue  # a run of another version tells nothing about this one
    return sorted(found, key=lambda one: one.created_at)


def with_shares(runs: Sequence[Recorded], keys: Keys) -> list[Recorded]:
    """`runs`, in order of time, with what each made of the files that all share: what none before it had
    made.
    """
    from dataclasses import replace

    seen: dict[str, set[str]] = {name: set() for name in SHARED}
    found = []
    for run in runs:
        made = [name for name in SHARED if name in run.stages]
        try:
            of_run: RunKeys | None = keys.of(run.config) if made else None
        except AtcError:
            of_run = None
        stages = dict(run.stages)
        for name in made:
            wanted = frozenset() if of_run is None else of_run.shared[name]
            if not wanted:
                continue
            new = wanted - seen[name]
            seen[name] |= wanted
            if new:
                stages[name] = replace(stages[name], share=len(new) / len(wanted))
        found.append(replace(run, stages=stages))
    return found


def _recorded(run: OpenedRun) -> Recorded:
    manifest = run.manifest
    stages, spans = manifest["stages"], manifest["spans"]
    if not isinstance(stages, dict) or not isinstance(spans, dict):
        raise DataError(f"{run.folder}: stages and spans are no mappings")
    timed = {
        name: StageTiming(
            float(one["seconds"]), float(one["peak_rss_mib"]), cpu_seconds=float(one.get("cpu_seconds", 0.0))
        )
        for name, one in stages.items()
        if not one["cached"]
    }
    rows = {
        name: int(one.get("decisions", one["rows"]))
        for name, one in spans.items()
        if name in {"train", "valid", "holdout"}
    }
    iterations, best = _iterations(run.folder)
    return Recorded(
        name=run.folder.name,
        config=run.config,
        created_at=str(manifest["created_at"]),
        stages=timed,
        rows=rows,
        iterations=iterations,
        metrics=run.metrics,
        base_mib=min((float(one["peak_rss_mib"]) for one in stages.values()), default=0.0),
        best_iterations=best,
        between_s=_between(manifest),
    )


def _iterations(folder: Path) -> tuple[int | None, int | None]:
    """Of the fit of the named model, and those after which it was best."""
    try:
        fit = read_model_manifest(folder / MODEL)["fit"]
        return int(fit["iterations"]) or None, int(fit["best_iteration"]) or None
    except (AtcError, KeyError, TypeError):
        return None, None


def _between(manifest: Mapping[str, Any]) -> float | None:
    """The id of a run needs its events and their quality, so these stages lie before the record's begin."""
    begin, end = (datetime.fromisoformat(str(manifest[key])) for key in ("created_at", "finished_at"))
    inside = sum(
        float(one["seconds"]) for name, one in manifest["stages"].items() if name not in {EVENTS, QUALITY}
    )
    between = (end - begin).total_seconds() - inside
    return between if between >= 0 else None

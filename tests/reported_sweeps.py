"""A sweep of copies of one run, with figures and configs of their own: what a report of a sweep reads."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from atc.opened_run import OpenedRun
from atc.sweep.folder import job_folder, sweep_folder
from atc.sweep.manifest import PlannedJob, SweepHeader, write_manifest
from atc.sweep.state import JobError, JobState, write_state
from atc.tracking.metrics_file import metrics_bytes
from atc.tracking.run_files import list_files, read_manifest
from atc.tracking.run_files import write_manifest as write_run_manifest

FAILS = 4
"""Number of the job that fails where there are so many."""
LEAVES = (15, 31, 63, 127)


def made_sweep(run: OpenedRun, *, jobs: int) -> Path:
    """The folder of a sweep over `model.num_leaves` and `seed`, beside `run`; job 4 has failed."""
    outputs = run.folder.parent.parent
    planned = []
    for number in range(1, jobs + 1):
        leaves, seed = LEAVES[number % len(LEAVES)], number // len(LEAVES) + 1
        config = json.loads(json.dumps(run.raw_config))
        config["model"]["num_leaves"], config["seed"] = leaves, seed
        words = (f"model.num_leaves={leaves}", f"seed={seed}")
        planned.append(PlannedJob(number, words, _digest("config", number), config))
    folder = sweep_folder(outputs, "gbdt_36feat-multirun", _digest("sweep", jobs))
    header = SweepHeader(
        name="gbdt_36feat-multirun",
        sweep_id=_digest("sweep", jobs),
        created_at="2025-03-01T10:00:00+00:00",
        command=("+experiment=gbdt_36feat", "model.num_leaves=15,31,63,127", "seed=range(1,51)"),
        sealed=False,
        sealing=(),
        group=folder.name,
        jobs=jobs,
        code_digest="c" * 64,
        launcher={"kind": "basic"},
    )
    write_manifest(folder, header, planned)
    for job in planned:
        place = job_folder(folder, job.number)
        if job.number == FAILS:
            error = JobError("MemoryError", "no room for <histograms>")
            write_state(place, JobState("failed", 1, error=error, seconds=2.0))
            (place / "log.txt").write_text("Traceback …\n")
            continue
        copy = _copied(run, job)
        state = JobState(
            "finished", 1, run=f"runs/{copy.name}", run_id=_digest("run", job.number), seconds=9.0
        )
        write_state(place, state)
    return folder


def _copied(run: OpenedRun, job: PlannedJob) -> Path:
    number, run_id = job.number, _digest("run", job.number)
    folder = run.folder.parent / f"gbdt_36feat-{run_id[:12]}"
    shutil.copytree(run.folder, folder)
    shift = 0.0004 * (number * 37 % 61 - 30)
    metrics = {key: _shifted(key, value, shift) for key, value in run.metrics.items()}
    (folder / "metrics.json").write_bytes(metrics_bytes(metrics))
    (folder / "config.yaml").write_text(yaml.safe_dump(dict(job.config), sort_keys=False), encoding="utf-8")
    manifest = dict(read_manifest(folder) or {})
    manifest |= {"run_id": run_id, "config_digest": job.config_digest, "files": list_files(folder)}
    manifest["stages"] = _stages(manifest["stages"], 5.0 + number * 13 % 29)
    write_run_manifest(folder, manifest)
    return folder


def _shifted(key: str, value: float | None, shift: float) -> float | None:
    moves = key.startswith(("holdout/auc", "lift/holdout/auc"))
    return value if value is None or not moves else value + shift


def _stages(stages: object, seconds: float) -> Mapping[str, Any]:
    assert isinstance(stages, dict)
    return {name: {**cost, "cpu_seconds": seconds, "seconds": seconds} for name, cost in stages.items()}


def _digest(kind: str, number: int) -> str:
    return hashlib.sha256(f"{kind} {number}".encode()).hexdigest()

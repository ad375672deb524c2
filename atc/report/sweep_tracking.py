"""A sweep as a run of its own in W&B, beside those of its jobs: its leaderboard, and how its jobs ended."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atc.left_out import taken_in
from atc.sweep.folder import MANIFEST, TRIALS, outputs_of
from atc.sweep.opened import OpenedSweep, open_sweep
from atc.tracking.wandb_files import offline_folders, put_aside, wandb_id, was_sent
from atc.tracking.wandb_lineage import REPORT, SWEEP
from atc.tracking.wandb_session import About, RecordingMode, Surroundings, begin

if TYPE_CHECKING:
    from wandb.sdk.wandb_run import Run

_log = logging.getLogger(__name__)

TABLES = ("leaderboard", "cost")
_FORMATS = ("md", "csv", "parquet")
_MARK = "leaderboard.recorded"


def track_sweep(folder: Path) -> None:
    """Records the sweep in `folder` and the leaderboard that lies there, in the mode of its jobs; nothing
    where they are not tracked, or where this very leaderboard is recorded already.

    What W&B raises is logged as a warning, and costs nothing else. Raises DataError where there is no sweep.
    """
    sweep = open_sweep(folder)
    told = tracking_of(sweep.jobs[0].config if sweep.jobs else {})  # all jobs tell the same
    if told.get("mode", "none") == "none":
        return
    mode: RecordingMode = "online" if told["mode"] == "online" else "offline"
    outputs, id_ = outputs_of(folder), wandb_id(sweep.header.sweep_id)
    state = _state(sweep)
    before = offline_folders(outputs, id_)
    if before and _read(before[-1] / _MARK) == state:
        return
    surroundings = Surroundings(outputs)
    try:
        surroundings.enter()
        for one in before:
            if not was_sent(one):
                put_aside(outputs, one)
        run = _begin(sweep, outputs, mode, told)
        try:
            with taken_in():  # W&B asks of every table whether it is one of pandas
                _fill(run, sweep)
        finally:
            well = len(sweep.with_status("finished", "pruned")) == len(sweep.jobs)
            run.finish(exit_code=0 if well else 1)
        (Path(run.dir).parent / _MARK).write_text(state)
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        _log.warning("W&B failed at the sweep (%s); its folder is whole without it", why)
    finally:
        surroundings.leave()


def _begin(sweep: OpenedSweep, outputs: Path, mode: RecordingMode, told: Mapping[str, Any]) -> Run:
    header = sweep.header
    about = About(
        id=wandb_id(header.sweep_id),
        name=sweep.folder.resolve().name,
        project=str(told.get("project", "atc")),
        entity=told.get("entity"),
        group=header.group,
        job_type=SWEEP,
        tags=(f"sweep: {header.name}"[:64], f"holdout: {'sealed' if header.sealed else 'open'}"),
    )
    config = asdict(header)
    try:
        return begin(outputs, mode, about, config)
    except Exception as error:
        if mode == "offline":
            raise
        _log.warning("W&B could not be reached (%s); the sweep is kept offline", error)
        return begin(outputs, "offline", about, config)


def _fill(run: Run, sweep: OpenedSweep) -> None:
    import polars as pl
    import wandb

    counts = Counter(job.status for job in sweep.jobs)
    run.summary.update({"jobs": len(sweep.jobs), **{f"jobs/{status}": n for status, n in counts.items()}})
    kept = wandb.Artifact(f"{sweep.header.name}-leaderboard", type=SWEEP, metadata=asdict(sweep.header))
    for name in (MANIFEST, TRIALS):  # of a search the manifest has no trial
        if (sweep.folder / name).is_file():
            kept.add_file(str(sweep.folder / name), name=name, skip_cache=True)
    for name in TABLES:
        files = [sweep.folder / f"{name}.{suffix}" for suffix in _FORMATS]
        for file in files:
            if file.is_file():
                kept.add_file(str(file), name=file.name, skip_cache=True)
        if files[-1].is_file():
            frame = pl.read_parquet(files[-1])
            run.log(
                {
                    name: wandb.Table(
                        columns=list[str | int](frame.columns), data=[list(row) for row in frame.iter_rows()]
                    )
                }
            )
    aliases = ["latest", sweep.header.sweep_id[:12]]
    run.log_artifact(kept, aliases=aliases)
    page = page_of(sweep.folder)
    if page is not None:
        report = wandb.Artifact(f"{sweep.header.name}-report", type=REPORT)
        report.add_file(str(page), name=page.name, skip_cache=True)
        run.log_artifact(report, aliases=aliases)


def page_of(folder: Path) -> Path | None:
    """The report of a run or sweep, where `atc report` has made one."""
    from atc.report.html.written import REPORTS

    page = outputs_of(folder) / REPORTS / f"{folder.resolve().name}.html"
    return page if page.is_file() else None


def tracking_of(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The section `tracking` of a resolved config."""
    told = config.get("tracking")
    return told if isinstance(told, dict) else {}


def _state(sweep: OpenedSweep) -> str:
    """Digest of how the jobs ended and of what is recorded of the sweep."""
    content = repr([(job.number, job.status) for job in sweep.jobs]).encode()
    for file in (*(sweep.folder / f"{name}.csv" for name in TABLES), page_of(sweep.folder)):
        content += file.read_bytes() if file is not None and file.is_file() else b""
    return hashlib.sha256(content).hexdigest()


def _read(file: Path) -> str:
    return file.read_text() if file.is_file() else ""

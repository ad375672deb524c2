"""A judged sweep as a manifest: what its jobs compute decides where it lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from atc.config.digest import code_digest, config_digest
from atc.config.launcher import Launcher
from atc.config.schema import RunConfig
from atc.config.sweep import Sweep
from atc.errors import DataError, UsageError
from atc.sweep.folder import outputs_of, sweep_folder
from atc.sweep.manifest import PlannedJob, SweepHeader, read_manifest, sweep_id_of, write_manifest
from atc.sweep.opened import is_sweep
from atc.tracking.run_files import now

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Frozen:
    """A sweep that can be run: its manifest is on disk."""

    folder: Path
    header: SweepHeader
    jobs: tuple[PlannedJob, ...]
    configs: Mapping[int, RunConfig]
    """By the number of the job. As the present command has them: it may say where outputs go, who is told and
    how the terminal looks, on which no result depends."""
    launcher: Launcher


def freeze(sweep: Sweep, command: Sequence[str]) -> Frozen:
    """Writes the manifest, or finds it there.

    Raises UsageError for jobs with several folders of outputs, DataError for a folder that holds another
    sweep, OSError for one that cannot be written.
    """
    outputs = {job.config.paths.outputs_dir for job in sweep.jobs}
    if len(outputs) > 1:
        raise UsageError(
            f"paths.outputs: the jobs of one sweep share one folder, found {', '.join(map(str, outputs))}"
        )
    code = code_digest()
    digests = [config_digest(job.config) for job in sweep.jobs]
    sweep_id = sweep_id_of(digests, code, sweep.search)
    folder = sweep_folder(outputs.pop(), sweep.name, sweep_id)
    grouped = sweep.grouped(folder.name)
    jobs = tuple(
        PlannedJob(number, job.overrides, digest, job.config.model_dump(mode="json"))
        for number, (job, digest) in enumerate(zip(grouped.jobs, digests, strict=True), start=1)
    )
    header = SweepHeader(
        name=sweep.name,
        sweep_id=sweep_id,
        created_at=now(),
        command=tuple(command),
        sealed=sweep.sealed,
        sealing=sweep.sealing,
        group=folder.name,
        jobs=len(jobs),
        code_digest=code,
        launcher=sweep.launcher.model_dump(mode="json"),
        search=sweep.search,
    )
    if is_sweep(folder):
        header, there = read_manifest(folder)
        _demand_same(folder, header, sweep_id)
        jobs = tuple(there[: header.jobs])
    else:
        write_manifest(folder, header, jobs)
    configs = {number: job.config for number, job in enumerate(grouped.jobs, start=1)}
    return Frozen(folder, header, jobs, configs, sweep.launcher)


def thaw(folder: Path, launcher: Launcher | None = None) -> Frozen:
    """The sweep in `folder` from its manifest alone, whatever has become of the YAML files since.

    Raises DataError where the manifest is damaged, UsageError where the code has changed since: its runs
    would be others.
    """
    from pydantic import ValidationError

    from atc.config.launcher import Launching

    header, jobs = read_manifest(folder)
    if header.code_digest != code_digest():
        raise UsageError(
            f"{folder}: made with other code ({header.code_digest[:12]}; this is {code_digest()[:12]}), so "
            "its remaining jobs would not be comparable with the finished ones; check that code out, or give "
            f"the command again, which is another sweep: python -m atc.run -m {' '.join(header.command)}"
        )
    configs, outputs = {}, outputs_of(folder)
    for job in jobs:
        try:
            config = RunConfig.model_validate(job.config)
        except ValidationError as why:
            raise DataError(
                f"{folder}: job {job.number} does not fit the schema of this version: {why}"
            ) from None
        found = config_digest(config)
        if found != job.config_digest:
            raise DataError(
                f"{folder}: the config of job {job.number} has digest {found[:12]}, its line says "
                f"{job.config_digest[:12]}: the manifest was edited"
            )
        if config.paths.outputs_dir != outputs:  # the folder of outputs was moved, the sweep with it
            paths = config.paths.model_copy(update={"outputs": str(outputs)})
            config = config.model_copy(update={"paths": paths})
        configs[job.number] = config
    how = launcher or Launching.model_validate({"launcher": dict(header.launcher)}).launcher
    return Frozen(folder, header, tuple(jobs), configs, how)


def _demand_same(folder: Path, header: SweepHeader, sweep_id: str) -> None:
    if header.sweep_id != sweep_id:
        raise DataError(
            f"{folder} holds sweep {header.sweep_id}, not {sweep_id}: two sweeps share the start of their "
            "ids; move that folder away"
        )

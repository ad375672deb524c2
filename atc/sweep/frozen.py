"""A judged sweep as a manifest: what its jobs compute decides where it lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from atc.config.digest import code_digest, config_digest
from atc.config.launcher import Launcher
from atc.config.schema import RunConfig
from atc.config.surroundings import Paths
from atc.config.sweep import Sweep
from atc.errors import DataError, UsageError
from atc.sweep.folder import lock_file, outputs_of, sweep_folder
from atc.sweep.manifest import PlannedJob, SweepHeader, read_manifest, sweep_id_of, write_manifest
from atc.sweep.opened import is_sweep
from atc.tracking.lock import RunLock
from atc.tracking.run_files import now

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atc.config.search import Search
    from atc.sweep.search.trials import Trials


_BESIDE = ("overrides", "config")
"""What the section `search` of a header has beside what decides its trials."""


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
    paths: Paths
    source: Trials | None = None
    """Of a search: what proposes further jobs."""
    progress: Literal["auto", "on", "off"] = "auto"
    """How the terminal looks."""


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
    search = None if sweep.search is None else _asked(sweep.search)
    sweep_id = sweep_id_of(digests, code, search)
    folder = sweep_folder(outputs.pop(), sweep.name, sweep_id)
    grouped = sweep.grouped(folder.name)
    jobs = tuple(
        PlannedJob(number, job.overrides, digest, job.config.model_dump(mode="json"))
        for number, (job, digest) in enumerate(zip(grouped.jobs, digests, strict=True), start=1)
        if search is None
    )
    base = grouped.jobs[0]
    if search is not None:
        search |= {"overrides": list(base.overrides), "config": base.config.model_dump(mode="json")}
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
        search=search,
    )
    _write_once(folder, header, jobs)
    header, there = read_manifest(folder)
    _demand_same(folder, header, sweep_id)
    jobs = tuple(there)
    progress = base.config.runtime.progress
    if sweep.search is not None:
        return _searching(
            Frozen(folder, header, jobs, {}, sweep.launcher, base.config.paths), sweep.search, base.config
        )
    configs = {number: job.config for number, job in enumerate(grouped.jobs, start=1)}
    return Frozen(folder, header, jobs, configs, sweep.launcher, base.config.paths, progress=progress)


def _write_once(folder: Path, header: SweepHeader, jobs: Sequence[PlannedJob]) -> None:
    """Writes the manifest unless it is there; under the lock, for another process may be about to as well."""
    if is_sweep(folder):
        return
    lock = RunLock(lock_file(folder), of="sweep")
    lock.acquire()
    try:
        if not is_sweep(folder):
            write_manifest(folder, header, jobs)
    finally:
        lock.release()


def _asked(search: Search) -> dict[str, Any]:
    """What decides which trials a search makes."""
    return {**search.model_dump(mode="json"), **_proposed_by()}


def _proposed_by() -> dict[str, str | None]:
    """What proposes trials and ends them, which the digest of what computes a run leaves out."""
    from atc.features.code_digest import code_digest as digest_of
    from atc.installed import installed_version
    from atc.sweep import search

    sources = sorted(Path(search.__file__).parent.glob("*.py"))
    return {"optuna": installed_version("optuna"), "code": digest_of(sources)}


def _demand_same_search(folder: Path, header: SweepHeader, base: RunConfig) -> None:
    """Raises UsageError where this installation would propose other trials, DataError where the search is not
    the one that its id says.
    """
    assert header.search is not None
    asked = {key: value for key, value in header.search.items() if key not in _BESIDE}
    for what, now_there in _proposed_by().items():
        if asked.get(what) != now_there:
            name = {"optuna": "another version of Optuna", "code": "other code of the search"}[what]
            raise UsageError(
                f"{folder}: made with {name} ({str(asked.get(what))[:12]}; this is {str(now_there)[:12]}), "
                "which may propose other trials; install that one, or give the command again, which is "
                f"another search: python -m atc.run -m {header.words}"
            )
    found = sweep_id_of([config_digest(base)], header.code_digest, asked)
    if found != header.sweep_id:
        raise DataError(
            f"{folder}: its search and the config that it varies give id {found[:12]}, its header says "
            f"{header.sweep_id[:12]}: the manifest was edited"
        )


def _searching(frozen: Frozen, search: Search, base: RunConfig) -> Frozen:
    """With what proposes its further jobs, and the configs of those that there are."""
    from atc.sweep.search.trials import Trials

    assert frozen.header.search is not None
    source = Trials(frozen.folder, search, base, tuple(frozen.header.search["overrides"]))
    configs = source.configs_of(frozen.jobs)
    return replace(frozen, configs=configs, source=source, progress=base.runtime.progress)


def thaw(folder: Path, launcher: Launcher | None = None) -> Frozen:
    """The sweep in `folder` from its manifest alone, whatever has become of the YAML files since.

    Raises DataError where the manifest is damaged, UsageError where the code has changed since, or the
    version of Optuna that a search was made with: its runs would be others.
    """
    from pydantic import ValidationError

    from atc.config.launcher import Launching
    from atc.config.search import Search
    from atc.config.search_check import one_by_one

    header, jobs = read_manifest(folder)
    if header.code_digest != code_digest():
        raise UsageError(
            f"{folder}: made with other code ({header.code_digest[:12]}; this is {code_digest()[:12]}), so "
            "its remaining jobs would not be comparable with the finished ones; check that code out, or give "
            f"the command again, which is another sweep: python -m atc.run -m {header.words}"
        )
    outputs = outputs_of(folder)

    def placed(plain: Mapping[str, Any], what: str) -> RunConfig:
        try:
            config = RunConfig.model_validate(plain)
        except ValidationError as why:
            raise DataError(f"{folder}: {what} does not fit the schema of this version: {why}") from None
        if config.paths.outputs_dir == outputs:
            return config
        # The folder of outputs was moved, the sweep with it.
        return config.model_copy(update={"paths": config.paths.model_copy(update={"outputs": str(outputs)})})

    how = launcher or Launching.model_validate({"launcher": dict(header.launcher)}).launcher
    if header.search is not None:
        if (why := one_by_one(how.kind)) is not None:
            raise UsageError(f"{folder} is a search: {why}")
        asked = {key: value for key, value in header.search.items() if key in Search.model_fields}
        base = placed(header.search["config"], "its search")
        _demand_same_search(folder, header, base)
        frozen = Frozen(folder, header, tuple(jobs), {}, how, base.paths)
        return _searching(frozen, Search.model_validate(asked), base)
    configs = {}
    for job in jobs:
        config = placed(job.config, f"job {job.number}")
        found = config_digest(config)
        if found != job.config_digest:
            raise DataError(
                f"{folder}: the config of job {job.number} has digest {found[:12]}, its line says "
                f"{job.config_digest[:12]}: the manifest was edited"
            )
        configs[job.number] = config
    progress = configs[1].runtime.progress
    return Frozen(folder, header, tuple(jobs), configs, how, configs[1].paths, progress=progress)


def _demand_same(folder: Path, header: SweepHeader, sweep_id: str) -> None:
    if header.sweep_id != sweep_id:
        raise DataError(
            f"{folder} holds sweep {header.sweep_id}, not {sweep_id}: two sweeps share the start of their "
            "ids; move that folder away"
        )

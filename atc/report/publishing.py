"""What there is to send to W&B of a run, a sweep or a folder of runs, and the dashboard that compares them.

The runs that made features are sent first, so that W&B knows an artifact's maker before its first user. What
was sent before is not sent again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atc.config.diff import differences
from atc.errors import DataError, UsageError
from atc.opened_run import OpenedRun, is_folder_of_runs, open_run, runs_in
from atc.report.alike import group_key
from atc.report.claims import claim_of
from atc.report.sweep_tracking import page_of, tracking_of
from atc.sweep.opened import OpenedSweep, is_sweep, open_sweep
from atc.tracking.lock import is_held
from atc.tracking.record import RunIdentity
from atc.tracking.run_files import FINISHED
from atc.tracking.wandb_files import folder_of, offline_folders, wandb_id, was_sent
from atc.tracking.wandb_lineage import Lineage
from atc.tracking.workspace import Shown

_AXES = 10
"""Of the parallel coordinates, beside the figures."""


@dataclass(frozen=True)
class Entry:
    """A run and W&B's files of it."""

    run: OpenedRun
    outputs: Path
    folder: Path | None
    """Of W&B's offline files; None where there are none, such as of `tracking=none`."""
    died: bool
    """Whether its process ended without closing the record, so that W&B's files have no end."""

    @property
    def lineage(self) -> Lineage:
        """Its artifacts."""
        names = ("run_id", "config_digest", "data_digest", "feature_schema", "label_schema", "code_digest")
        identity = RunIdentity(**{name: str(self.run.manifest[name]) for name in names})
        return Lineage(str(self.run.manifest["name"]), identity, self.run.raw_config)

    @property
    def page_to_send(self) -> Path | None:
        """The report, unless it is the one that was sent already."""
        page = page_of(self.run.folder)
        if page is None or self.folder is None:
            return None
        mark = self._mark
        return None if mark.is_file() and mark.read_text() == _digest(page) else page

    def page_was_sent(self, page: Path) -> None:
        """Remembers it beside W&B's files."""
        self._mark.write_text(_digest(page))

    @property
    def _mark(self) -> Path:
        assert self.folder is not None
        return self.folder / "report.sent"


@dataclass(frozen=True)
class Publication:
    """What is sent together."""

    name: str
    """The dashboard's title."""
    entries: tuple[Entry, ...]
    group: str | None
    """In W&B, of a sweep."""
    sweep: OpenedSweep | None = None
    left_out: tuple[str, ...] = ()
    """Why folders are left out, a sentence each."""

    @property
    def outputs(self) -> Path:
        """Where its runs lie."""
        return self.entries[0].outputs

    @property
    def features_to_send(self) -> list[Path]:
        """Folders of the offline runs that made the features; they go first."""
        names = dict.fromkeys(entry.lineage.features_run for entry in self.entries)
        return _unsent(folder for name in names for folder in offline_folders(self.outputs, name))

    @property
    def runs_to_send(self) -> list[Path]:
        """Folders of the runs' own offline files, and of the sweep's."""
        own = [entry.folder for entry in self.entries if entry.folder is not None]
        if self.sweep is not None:
            own += offline_folders(self.outputs, wandb_id(self.sweep.header.sweep_id))
        return _unsent(own)

    @property
    def project(self) -> str:
        """Of the first run's config; one sweep has one."""
        return str(self._tracking.get("project") or "atc")

    @property
    def entity(self) -> str | None:
        """As the config says; null: the account's own."""
        entity = self._tracking.get("entity")
        return None if entity is None else str(entity)

    @property
    def _tracking(self) -> Mapping[str, Any]:
        return tracking_of(self.entries[0].run.raw_config)

    def shown(self, entity: str) -> Shown:
        """What its dashboard shows."""
        finished = [entry.run for entry in self.entries if entry.run.manifest["status"] == FINISHED]
        return Shown(
            name=self.name,
            project=self.project,
            entity=entity,
            runs=tuple(wandb_id(entry.run.run_id) for entry in self.entries),
            group=self.group,
            baseline=_baseline(finished),
            figures=_figures(finished),
            varied=_varied([entry.run.raw_config for entry in self.entries]),
        )


def publication_of(path: Path) -> Publication:
    """The runs of `path`: a run, a sweep, or a folder of runs.

    Raises DataError where there is none, UsageError where none of them can be read.
    """
    sweep = open_sweep(path) if is_sweep(path) else None
    if sweep is not None:
        folders = [job.run_folder for job in sweep.jobs if job.run_folder is not None]
        name, group = sweep.folder.resolve().name, sweep.header.group
    elif is_folder_of_runs(path):
        folders, name, group = runs_in(path), f"atc: {path.resolve().name}", None
    else:
        folders, name, group = [path], "", None
    entries, left_out = [], []
    for folder in dict.fromkeys(folders):
        try:
            entries.append(_entry(folder))
        except DataError as error:
            if len(folders) == 1:
                raise
            left_out.append(str(error))
    if not entries:
        raise UsageError(f"{path}: no run of it can be read, so there is nothing to publish")
    if not name:
        name = entries[0].run.folder.name
    return Publication(name, tuple(entries), group, sweep, tuple(left_out))


def _entry(folder: Path) -> Entry:
    run = open_run(folder, finished=False)
    full = folder.resolve()
    if is_held(full.parent / ".locks" / full.name):
        raise DataError(f"{folder} is being made; publish it when it has ended")
    outputs = full.parent.parent
    named, died = folder_of(outputs, run.manifest), "tracking" not in run.manifest
    if named is None and died:
        named = next(reversed(offline_folders(outputs, wandb_id(run.run_id))), None)
    there = named is not None and named.is_dir()
    return Entry(run, outputs, named if there else None, died)


def _baseline(runs: Sequence[OpenedRun]) -> str | None:
    """The run that the others' deltas are to: one that is its own baseline, else the first of runs that are
    all judged alike. None where they are not: figures of different questions have no deltas.
    """
    if len(runs) < 2:
        return None
    claimed = [(run, claim_of(run.metrics, run.raw_config)) for run in runs]
    own = [run for run, claim in claimed if claim is not None and claim.is_itself]
    keys = {claim and group_key(run, run.raw_config, claim) for run, claim in claimed}
    alike = runs[:1] if len(keys) == 1 and None not in keys else []
    return next((wandb_id(run.run_id) for run in (*own, *alike)), None)


def _figures(runs: Sequence[OpenedRun]) -> tuple[str, ...]:
    """What the runs claim, each figure once; of sealed runs the figure on validation, which has no lift."""
    found: dict[str, None] = {}
    for run in runs:
        claim = claim_of(run.metrics, run.raw_config)
        if claim is not None:
            own = f"{claim.split}/{claim.measure}{claim.head}"
            found.setdefault(claim.key if claim.key in run.metrics else own)
    return tuple(found) or ("lift/holdout/auc",)


def _varied(configs: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Keys in which configs differ and for which all have one word or number, most fundamental first and at
    most as many as axes can be read side by side; for the lists that make a set of features its name.
    """
    found: dict[str, None] = {}
    for config in configs[1:]:
        for one in differences(configs[0], config):
            key = "features.name" if one.key.startswith("features.") else one.key
            values = [_value(each, key) for each in configs]
            plain = all(isinstance(value, str | int | float) for value in values)
            if plain and len(set(values)) > 1 and not key.startswith("baseline."):
                found[key] = None
    return tuple(found)[:_AXES]


def _value(config: Mapping[str, Any], key: str) -> Any:
    """None where the config has no such key, or a part instead of a value."""
    found: Any = config
    for part in key.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found if not isinstance(found, dict | list) else None


def _unsent(folders: Iterable[Path]) -> list[Path]:
    return [folder for folder in dict.fromkeys(folders) if not was_sent(folder)]


def _digest(page: Path) -> str:
    return hashlib.sha256(page.read_bytes()).hexdigest()

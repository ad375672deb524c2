"""A recorded run, read back: `atc.open_run("outputs/runs/gbdt_36feat-0123456789ab")`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from atc.errors import DataError, nearest
from atc.tracking.metrics_file import read_metrics
from atc.tracking.run_files import (
    CONFIG,
    FINISHED,
    INTERRUPTED,
    LOG,
    MANIFEST,
    METRICS,
    MODEL,
    PREDICTIONS,
    PRUNED,
    RUNNING,
    Manifest,
    check_files,
    read_config,
    read_manifest,
)

if TYPE_CHECKING:
    import polars

    from atc.config.schema import RunConfig
    from atc.models.artifact import LoadedModel

SWEEP = "manifest.jsonl"
"""What the folder of a sweep has (`atc/sweep/folder.py`), and no run."""


class OpenedRun:
    """One run folder. Each part is read when it is first asked for and kept; a part that is not there is a
    DataError.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.manifest = manifest

    def __repr__(self) -> str:
        return f"OpenedRun({str(self.folder)!r}, {self.manifest['status']})"

    @property
    def run_id(self) -> str:
        """The full run id, hex."""
        return str(self.manifest["run_id"])

    @cached_property
    def metrics(self) -> dict[str, int | float | None]:
        """The flat metrics; null is undefined, or sealed."""
        return read_metrics(self.folder / METRICS)

    @property
    def opened_holdout(self) -> bool:
        """Whether it has figures of its holdout, of any of its heads."""
        return any(
            value is not None
            for key, value in self.metrics.items()
            if key.partition("@")[0] == "holdout/rows"
        )

    @cached_property
    def raw_config(self) -> dict[str, object]:
        """config.yaml as plain values, readable even where this version's schema has moved on."""
        self._there(CONFIG)
        return read_config(self.folder)

    @cached_property
    def config(self) -> RunConfig:
        """The run's config, typed. Raises DataError where this version's schema does not take it."""
        from pydantic import ValidationError

        from atc.config.schema import RunConfig

        try:
            return RunConfig.model_validate(self.raw_config)
        except ValidationError as error:
            raise DataError(
                f"{self.folder / CONFIG} does not fit the schema of this version (the run was made with atc "
                f"{self._version()}); `raw_config` has it as it is. {error}"
            ) from None

    @cached_property
    def predictions(self) -> polars.DataFrame:
        """symbol, ts_recv (ns), ev_seq, ts_close (ns), split, labels, t0, t1 (ns), scores: a row a sample
        and split.
        """
        import polars

        path = self._there(PREDICTIONS)
        try:
            return polars.read_parquet(path)
        except polars.exceptions.PolarsError as error:
            raise DataError(f"{path} is no readable Parquet file: {error}") from None

    @cached_property
    def model(self) -> LoadedModel:
        """The fitted model, its manifest and its inputs' profile. Raises as `load_model` does."""
        from atc.models.artifact import load_model

        return load_model(self._there(MODEL))

    @property
    def log(self) -> str:
        """The text of log.txt."""
        return self._there(LOG).read_text(encoding="utf-8")

    def _there(self, name: str) -> Path:
        path = self.folder / name
        if not path.exists():
            raise DataError(f"{self.folder} has no {name}: its status is {self.manifest['status']}")
        return path

    def _version(self) -> object:
        versions = self.manifest.get("versions")
        return versions.get("atc") if isinstance(versions, dict) else "unknown"


def open_run(path: str | Path, *, finished: bool = True) -> OpenedRun:
    """The run in folder `path`.

    Raises DataError if there is no run, if a file of it is missing, and, unless `finished` is False, if it
    has not finished; the message says what is known about why.
    """
    folder = Path(path)
    manifest = read_manifest(folder)
    if manifest is None:
        raise DataError(_no_run(folder))
    status = manifest["status"]
    if not finished:
        return OpenedRun(folder, manifest)
    if status == FINISHED:
        check_files(folder, manifest)
        return OpenedRun(folder, manifest)
    reason = {
        RUNNING: f"a process ({manifest.get('pid', 'unknown')}) is making it, or died doing so",
        INTERRUPTED: "it was stopped before its end",
        PRUNED: "a search ended it early",
    }.get(str(status), "it failed")
    error = manifest.get("error")
    told = f": {error.get('type')}: {error.get('message')}" if isinstance(error, dict) else ""
    raise DataError(
        f"{folder} is no finished run but {status}: {reason}{told}. See {folder / LOG}; running the same "
        "experiment again makes it, and open_run(path, finished=False) opens what there is"
    )


def model_folders(path: Path) -> tuple[OpenedRun | None, list[Path]]:
    """The models of `path`, which is the folder of a finished run (its model, then its fallback where there
    is one) or of a model, and the run where it is one.

    Raises DataError as `open_run`.
    """
    from atc.models.manifest import FORMAT, MANIFEST_FILE

    try:
        content = json.loads((path / MANIFEST_FILE).read_bytes())
    except (OSError, ValueError):
        content = None
    if isinstance(content, dict) and content.get("format") == FORMAT:
        return None, [path]
    run = open_run(path)
    own = path / MODEL
    return run, [own, *(file.parent for file in sorted(own.glob(f"*/{MANIFEST_FILE}")))]


def is_folder_of_runs(folder: Path) -> bool:
    """Whether `folder` is no run and has runs in it, or in its `runs`."""
    return not (folder / MANIFEST).exists() and bool(runs_in(folder))


def runs_in(folder: Path) -> list[Path]:
    """Folders of runs, finished or not, in a folder of runs or in its `runs`, by name."""
    return [*_runs_in(folder), *_runs_in(folder / "runs")]


def _no_run(folder: Path) -> str:
    if not folder.exists():
        runs = [run.name for run in _runs_in(folder.parent)]
        sweeps = [file.parent.name for file in folder.parent.glob(f"*/{SWEEP}")]
        what = "run or sweep" if sweeps else "run"
        if not runs + sweeps:
            return f"there is no run {folder}: {folder.parent} holds none; runs lie in outputs/runs"
        return f"there is no {what} {folder}; {nearest(folder.name, runs + sweeps)}"
    if (folder / SWEEP).is_file():
        return f"{folder} is a sweep: one of its runs was expected; `atc sweep status {folder}` names them"
    if not folder.is_dir():
        return f"{folder} is a file: the folder of a run was expected, such as {folder.parent}"
    inside = [run.name for run in _runs_in(folder)]
    if inside:
        first = folder / inside[0]
        return f"{folder} is not a run but a folder of {len(inside)}: give one of them, such as {first}"
    return f"{folder} is no run, or one whose process died at its very start: it has no {MANIFEST}"


def _runs_in(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (path.parent for path in sorted(folder.glob(f"*/{MANIFEST}")))

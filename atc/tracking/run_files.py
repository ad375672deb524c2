"""What a run's folder holds: the names in it, what its manifest may say, and how that is read and written."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from atc.errors import DataError, UsageError
from atc.tracking import durable

CONFIG, MANIFEST, METRICS, PREDICTIONS, MODEL, LOG, ATTEMPTS, CHECKPOINTS = (
    "config.yaml",
    "manifest.json",
    "metrics.json",
    "predictions.parquet",
    "model",
    "log.txt",
    "attempts",
    "checkpoints",
)
QUALITY = "quality.json"
RUNNING, FINISHED, FAILED, INTERRUPTED = "running", "finished", "failed", "interrupted"
PRUNED = "pruned"
ID_LENGTH = 12
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_RUN_ID = re.compile(rf"[0-9a-f]{{{ID_LENGTH},}}")
_NOT_LISTED = frozenset({MANIFEST, LOG, ATTEMPTS})  # they change after, or are not of, the finished attempt

Manifest = dict[str, object]


def run_folder(outputs: Path, name: str, run_id: str) -> Path:
    """`<outputs>/runs/<name>-<first 12 of run_id>`. Raises UsageError for a name that is no file name."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"run name {name!r}: letters, digits, '.', '_' and '-' were expected, the first a letter or digit"
        )
    if not _RUN_ID.fullmatch(run_id):
        raise ValueError(f"run id {run_id!r}: at least {ID_LENGTH} lower-case hex digits were expected")
    return outputs / "runs" / f"{name}-{run_id[:ID_LENGTH]}"


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of `folder`, None if there is none. Raises DataError if it is damaged."""
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError as error:
        raise DataError(
            f"{path} is not whole JSON: {error}; to make the run again, move its folder away"
        ) from None
    if not isinstance(manifest, dict) or "status" not in manifest:
        raise DataError(f"{path} is not the manifest of a run: it has no 'status'")
    return manifest


def read_config(folder: Path) -> dict[str, object]:
    """The config of `folder` as plain values, whatever version wrote it. Raises OSError where there is none,
    DataError if it is damaged.
    """
    import yaml

    path = folder / CONFIG
    try:
        # libyaml's reader is several times as fast, which counts where a sweep has 200 runs.
        text = path.read_text(encoding="utf-8")
        values = yaml.load(text, Loader=yaml.CSafeLoader) if yaml.__with_libyaml__ else yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not YAML: {error}") from None
    if not isinstance(values, dict):
        raise DataError(f"{path}: expected the keys of a run's config, found {type(values).__name__}")
    return values


def write_manifest(folder: Path, manifest: Mapping[str, object]) -> None:
    """Replaces the manifest of `folder` in one step."""
    content = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    durable.write_bytes(folder / MANIFEST, content.encode())


def now() -> str:
    """The time as manifests give it: ISO, UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def list_files(folder: Path) -> dict[str, int]:
    """What a manifest has under `files`: the size of each file by its path in `folder`."""
    return {
        str(path.relative_to(folder)): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).parts[0] not in _NOT_LISTED
    }


def check_files(folder: Path, manifest: Manifest) -> None:
    """Raises DataError if a file that a finished run listed is missing or has another size."""
    listed = manifest.get("files")
    for name, size in (listed if isinstance(listed, dict) else {}).items():
        path = folder / name
        found = path.stat().st_size if path.is_file() else None
        if found != size:
            state = "is missing" if found is None else f"has {found} bytes, not {size}"
            raise DataError(
                f"{folder} is a finished run, but its {name} {state}; restore the file, or make the run "
                "again with runtime.force=true (what is there is kept)"
            )

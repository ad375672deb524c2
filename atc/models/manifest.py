"""The manifest of a model's folder: what the model is, and the digest of every file beside it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from atc.errors import DataError

FORMAT = "atc-model-1"
MANIFEST_FILE = "manifest.json"

_WANTED: Mapping[str, type] = {
    "model_type": str,
    "model_config": dict,
    "model_files": list,
    "features": list,
    "scores": list,
    "feature_schema": str,
    "files": dict,
}


def write_manifest(directory: Path, content: Mapping[str, Any]) -> Path:
    """Writes `content` with its own digest into `directory`; the manifest's path."""
    path = directory / MANIFEST_FILE
    manifest = {**content, "manifest_digest": manifest_digest(content)}
    text = json.dumps(manifest, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    path.write_text(text, encoding="utf-8")
    return path


def read_manifest(directory: Path) -> dict[str, Any]:
    """The manifest of `directory`. Raises DataError where there is none, where it is of another format, or
    was changed after it was written.
    """
    path = directory / MANIFEST_FILE
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(f"{path} is missing: {directory} holds no finished model") from None
    except ValueError as error:
        raise DataError(f"{path} is not whole JSON: {error}") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        found = manifest.get("format") if isinstance(manifest, dict) else type(manifest).__name__
        raise DataError(f"{path}: format {found!r}, {FORMAT!r} was expected")
    if manifest.get("manifest_digest") != manifest_digest(manifest):
        raise DataError(f"{path} was changed after it was written: its own digest does not fit")
    for key, kind in _WANTED.items():
        if not isinstance(manifest.get(key), kind):
            raise DataError(
                f"{path}: {key!r} is {type(manifest.get(key)).__name__}, {kind.__name__} was expected"
            )
    return manifest


def check_files(directory: Path, manifest: Mapping[str, Any], read: Sequence[str]) -> None:
    """Raises DataError for the first file of the manifest that is missing, has another content, or does not
    lie in `directory`, and for one that would be `read` although the manifest does not list it.
    """
    unlisted = [name for name in read if name not in manifest["files"]]
    if unlisted:
        raise DataError(f"{directory / MANIFEST_FILE} has no digest of {', '.join(unlisted)}")
    for name, expected in manifest["files"].items():
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise DataError(f"{directory / MANIFEST_FILE} names {name}, which is not in its folder")
        path = directory / name
        if not path.is_file():
            raise DataError(f"{path} is missing, the manifest lists it")
        found = file_digest(path)
        if found != expected:
            raise DataError(
                f"{path} is corrupt: its SHA-256 is {found[:12]}…, the manifest says {str(expected)[:12]}…; "
                "restore the file or fit the model again"
            )


def require_features(source: Path, have: Sequence[str], given: Sequence[str]) -> None:
    """Raises DataError unless the columns `given` are, in order, those that the model of `source` takes."""
    if tuple(given) == tuple(have):
        return
    if sorted(given) == sorted(have):
        i = next(i for i, (a, b) in enumerate(zip(have, given, strict=True)) if a != b)
        raise DataError(
            f"{source} takes the same {len(have)} features in another order: column {i} is {have[i]!r} there "
            f"and {given[i]!r} here"
        )
    lacking = [name for name in have if name not in given]
    extra = [name for name in given if name not in have]
    raise DataError(
        f"{source} takes other features: lacking here {', '.join(lacking) or 'none'}; unknown there "
        f"{', '.join(extra) or 'none'}"
    )


def require_schema(source: Path, manifest: Mapping[str, Any], given: str) -> None:
    """Raises DataError unless `given` is the feature schema that the model of `source` was fitted on."""
    if given != manifest["feature_schema"]:
        raise DataError(
            f"{source} was fitted on {manifest['feature_schema']}, these features are {given}: columns of "
            "one name may mean something else; fit again, or use the code that the manifest's git_commit "
            "names"
        )


def file_digest(path: Path) -> str:
    """SHA-256 of a file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def manifest_digest(manifest: Mapping[str, Any]) -> str:
    """SHA-256 of what a manifest says, its own digest left out."""
    content = {key: value for key, value in manifest.items() if key != "manifest_digest"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()

"""Which code made a run: the git state of the checkout and the versions of what it leans on."""

from __future__ import annotations

import importlib.metadata
import logging
import platform
import subprocess
from pathlib import Path

_log = logging.getLogger(__name__)

PACKAGES = (
    "atc",
    "hydra-core",
    "lightgbm",
    "lightning",
    "numpy",
    "omegaconf",
    "onnx",
    "polars",
    "pyarrow",
    "pydantic",
    "safetensors",
    "torch",
    "wandb",
)


def package_versions() -> dict[str, str | None]:
    """Version of Python and of each of `PACKAGES`, null where one is not installed. Imports none of them."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = None
    return found


def git_state(source: Path | None = None) -> dict[str, str | bool | None]:
    """`commit`, `dirty` and `branch` (null on a detached head) of the repository that tracks `source`.

    `source` is this package unless given. All three are null when git is absent or does not track it, as when
    ATC is installed as a wheel into an environment that happens to lie inside another repository.
    """
    source = source or Path(__file__).resolve()
    absent: dict[str, str | bool | None] = {"commit": None, "dirty": None, "branch": None}

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", str(source.parent), *arguments],
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
                stdin=subprocess.DEVNULL,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            _log.info("git state unknown: %s", error)
            return None
        if done.returncode != 0:
            _log.info("git %s: %s", arguments[0], done.stderr.strip() or f"exit code {done.returncode}")
            return None
        return done.stdout.strip()

    if git("ls-files", "--error-unmatch", source.name) is None:
        return absent
    commit = git("rev-parse", "HEAD")
    changes = git("status", "--porcelain")
    if commit is None or changes is None:
        return absent
    branch = git("symbolic-ref", "--short", "--quiet", "HEAD")
    return {"commit": commit, "dirty": bool(changes), "branch": branch}

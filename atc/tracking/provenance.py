"""Which code made a run: the git state of the checkout and the versions of what it leans on."""

from __future__ import annotations

import logging
import platform
import subprocess
from pathlib import Path

from atc.installed import installed_version

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


State = dict[str, str | bool | None]
"""`commit`, `dirty` and `branch`."""

_known: State | None = None
"""Of this package, when it was asked for last."""


def package_versions() -> dict[str, str | None]:
    """Version of Python and of each of `PACKAGES`, null where one is not installed. Imports none of them."""
    return {"python": platform.python_version(), **{name: installed_version(name) for name in PACKAGES}}


def known_git_state() -> State:
    """`git_state()` as the record of the run under way has it: git is asked once a run."""
    return git_state() if _known is None else _known


def git_state(source: Path | None = None) -> State:
    """`commit`, `dirty` and `branch` (null on a detached head) of the repository that tracks `source`.

    `source` is this package unless given. All three are null when git is absent or does not track it, as when
    ATC is installed as a wheel into an environment that happens to lie inside another repository.
    """
    global _known  # noqa: PLW0603
    if source is not None:
        return _asked(source)
    _known = _asked(Path(__file__).resolve())
    return _known


def _asked(source: Path) -> State:
    absent: State = {"commit": None, "dirty": None, "branch": None}

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
    # Commit, branch and changes in one answer, see git-status(1), porcelain format version 2.
    told = git("status", "--porcelain=v2", "--branch")
    if told is None:
        return absent
    lines = told.splitlines()
    heads = dict(line.split(" ", 2)[1:] for line in lines if line.startswith("# branch."))
    commit, branch = heads.get("branch.oid"), heads.get("branch.head")
    if commit in {None, "(initial)"}:
        return absent
    return {
        "commit": commit,
        "dirty": any(not line.startswith("#") for line in lines),
        "branch": None if branch == "(detached)" else branch,
    }

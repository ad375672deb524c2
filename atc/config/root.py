"""Where the configs lie, and what a relative path in a config is relative to."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from atc.errors import UsageError

ROOT_VARIABLE = "ATC_ROOT"


@dataclass(frozen=True)
class ProjectRoot:
    """The folder with `conf/`, `experiments/` and `sweeps/`, and the base of relative paths.

    The two differ only for an installed wheel: its configs lie inside the package, where nothing may be
    written, so paths are then relative to the current folder.
    """

    folder: Path
    work: Path

    @property
    def conf(self) -> Path:
        return self.folder / "conf"

    def group_folder(self, group: str) -> Path:
        """The top-level folder of the groups `experiment` and `sweep`."""
        return self.folder / f"{group}s"

    def resolve(self, path: str) -> Path:
        """`path` as an absolute path; `~` stands for the home folder."""
        return (self.work / Path(path).expanduser()).resolve()


def _holds_configs(folder: Path) -> bool:
    return (folder / "conf" / "config.yaml").is_file() and (folder / "experiments").is_dir()


def project_root() -> ProjectRoot:
    """Find the configs: `$ATC_ROOT`, the nearest folder above this one, the checkout, the bundled copy.

    Raises `UsageError` where `$ATC_ROOT` names a folder without configs, or none is found.
    """
    named = os.environ.get(ROOT_VARIABLE)
    if named:
        folder = Path(named).expanduser().resolve()
        if not _holds_configs(folder):
            raise UsageError(
                f"{ROOT_VARIABLE}={named}: no conf/config.yaml and experiments/ there; "
                "unset it or name the folder that holds both"
            )
        return ProjectRoot(folder, folder)
    here = Path.cwd()
    package = Path(__file__).resolve().parent.parent
    for folder in (here, *here.parents, package.parent):
        if _holds_configs(folder):
            return ProjectRoot(folder, folder)
    bundled = package / "_bundled"
    if _holds_configs(bundled):
        return ProjectRoot(bundled, here)
    raise UsageError(
        f"no conf/config.yaml and experiments/ in {here} or above, and the package holds no copy of its own: "
        f"run from the project folder or set {ROOT_VARIABLE}"
    )

"""Config files that nobody reads, because their names end in another way than `.yaml`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from atc.config.plugins import PRESET_GROUPS
from atc.config.root import ProjectRoot

_ENDINGS = frozenset({".yml", ".yaml"})


def misnamed_files(root: ProjectRoot) -> Iterator[str]:
    """Of each such file what was found and what was expected."""
    for folder in (root.conf, *map(root.group_folder, PRESET_GROUPS)):
        for path in sorted(folder.rglob("*")):
            if _is_misnamed(path):
                yield _told(root, path)


def misnamed_option(root: ProjectRoot, group: str, option: str) -> str:
    """The same of the file that an option that is not there seems to be; empty where there is none."""
    folder = root.group_folder(group) if group in PRESET_GROUPS else root.conf / group
    wanted = (folder / option).parent
    for path in sorted(wanted.iterdir()) if wanted.is_dir() else ():
        if path.stem == Path(option).name and _is_misnamed(path):
            return _told(root, path)
    return ""


def _is_misnamed(path: Path) -> bool:
    return path.suffix != ".yaml" and path.suffix.lower() in _ENDINGS and path.is_file()


def _told(root: ProjectRoot, path: Path) -> str:
    found = path.relative_to(root.folder)
    return f"found {found}, expected {found.with_suffix('.yaml')}: nobody reads it as it is called"

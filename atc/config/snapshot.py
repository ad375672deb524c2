"""The resolved config of each experiment, committed, so that a review shows what a default changes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from atc.config.compose import Composer, single
from atc.config.diff import plain
from atc.config.root import ProjectRoot
from atc.config.schema import RunConfig

_HEADER = "# Written by `atc config snapshot`: what experiments/{name}.yaml means with today's defaults.\n"


def snapshot_folder(root: ProjectRoot) -> Path:
    return root.folder / "tests" / "golden" / "experiments"


def snapshot_text(name: str, config: RunConfig) -> str:
    """The file's content. Paths are left out: they differ between machines and change no result."""
    values = plain(config)
    del values["paths"]
    return _HEADER.format(name=name) + yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)


def snapshots(composer: Composer) -> dict[Path, str]:
    """The files that should lie in `tests/golden/experiments/`, with their content."""
    return {
        snapshot_folder(composer.root) / f"{name}.yaml": snapshot_text(
            name, single(composer, [f"+experiment={name}"]).config
        )
        for name in composer.options("experiment")
    }


def stale(composer: Composer) -> list[Path]:
    """Snapshots that are missing, differ, or belong to no experiment."""
    return _stale(composer, snapshots(composer))


def _stale(composer: Composer, wanted: Mapping[Path, str]) -> list[Path]:
    found = set(snapshot_folder(composer.root).glob("*.yaml"))
    changed = {path for path, text in wanted.items() if path not in found or path.read_text("utf-8") != text}
    return sorted(changed | (found - set(wanted)))


def write(composer: Composer) -> list[Path]:
    """Bring the snapshots up to date; returns the files that changed."""
    wanted = snapshots(composer)
    changed = _stale(composer, wanted)
    for path in changed:
        if path in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[path], encoding="utf-8")
        else:
            path.unlink()
    return changed

"""The difference of two experiments or runs in what they mean."""

from __future__ import annotations

import io
import shlex
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf

from atc.config.compose import Composer, single
from atc.config.digest import CHECKED_ONLY, LABELS, OUTSIDE_THE_DIGEST
from atc.config.leaves import leaves
from atc.config.plugins import PRESET_GROUPS
from atc.config.problems import ConfigError
from atc.config.root import ProjectRoot, project_root
from atc.config.schema import RunConfig
from atc.errors import DataError, UsageError, nearest

# What a reviewer asks first: is it the same question on the same data, and only then, answered by what.
BY_MEANING = (
    *("label", "data", "window", "sampling", "protocol", "features", "auxiliary"),
    *("model", "thinning", "weights", "seed", "seeds", "calibration", "refit", "baseline"),
    *("evaluation", "policy", "execution", "cost", "backtest", "explain"),
)
ABSENT = "—"


@dataclass(frozen=True)
class Difference:
    """One key: its two values as texts, or the members that a list gained and lost."""

    key: str
    left: str
    right: str
    lost: tuple[str, ...] = ()
    """Members that only the left list has."""
    gained: tuple[str, ...] = ()
    values: tuple[Any, Any] = field(default=(None, None), compare=False)
    """As they are in the configs; `ABSENT` where the key is not there."""
    changes: tuple[str, ...] = ()
    """What it changes, where somebody has asked (`atc.review.tags`)."""


def load(name: str, *, judged: bool = True) -> dict[str, Any]:
    """The resolved config that `name` means, as plain values.

    `name` is an experiment, followed by overrides if need be (`"gbdt_36feat model.num_leaves=31"`), a run
    folder, or `REV:experiment` for the experiment as it was in a git revision. A run's config is taken as it
    is, whatever the schema was; so is a revision's where this version has other keys. Not `judged`, an
    experiment is what its files say, without what the schema adds to them.

    Raises `UsageError` where there is no such thing.
    """
    if (Path(name) / "config.yaml").is_file():
        return _run_folder(Path(name))
    first, *overrides = shlex.split(name) or [""]
    how = _experiment if judged else _as_composed
    revision = revision_of(name)
    if revision is not None:
        return _at_revision(revision, first.rpartition(":")[2], overrides, how)
    if "/" in first and Path(first).exists():
        raise UsageError(
            f"{first}: no config.yaml there; expected a run folder (outputs/runs/…) or an experiment"
        )
    return how(Composer(), first, overrides)


def revision_of(name: str) -> str | None:
    """The git revision that `name` asks for; None where it asks for none."""
    first = (shlex.split(name) or [""])[0]
    revision, colon, _ = first.rpartition(":")
    return revision if colon and "=" not in first else None


def _experiment(composer: Composer, name: str, overrides: list[str]) -> dict[str, Any]:
    return plain(single(composer, _words(composer, name, overrides)).config)


def _as_composed(composer: Composer, name: str, overrides: list[str]) -> dict[str, Any]:
    """Whatever the schema was, settled as for a run without `-m`."""
    composition, problems = composer.composition(_words(composer, name, overrides))
    values = OmegaConf.to_container(composition.cfg, resolve=True)
    if problems or not isinstance(values, dict):
        raise ConfigError(problems)
    protocol = values.get("protocol")
    if isinstance(protocol, dict) and protocol.get("sealed") is None:
        protocol["sealed"] = protocol.get("kind") == "random_split"
    return {str(key): value for key, value in values.items() if key != "hydra"}


def _words(composer: Composer, name: str, overrides: list[str]) -> list[str]:
    options = composer.options("experiment")
    if name not in options:
        raise UsageError(f"no experiment and no run folder '{name}'; {nearest(name, options)}")
    return [f"+experiment={name}", *overrides]


def plain(config: RunConfig) -> dict[str, Any]:
    """A config as YAML and JSON can hold it."""
    return config.model_dump(mode="json")


def _run_folder(folder: Path) -> dict[str, Any]:
    path = folder / "config.yaml"
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as failure:
        raise DataError(f"{path}: not YAML: {failure}") from failure
    if not isinstance(values, dict):
        raise DataError(f"{path}: expected the keys of a run's config, found {type(values).__name__}")
    return values


def _at_revision(
    revision: str, experiment: str, overrides: list[str], how: Callable[..., dict[str, Any]]
) -> dict[str, Any]:
    root = project_root()
    folders = ["conf", *(f"{group}s" for group in PRESET_GROUPS)]
    git = subprocess.run(
        ["git", "-C", str(root.folder), "archive", revision, *folders], capture_output=True, check=False
    )
    if git.returncode != 0:
        why = git.stderr.decode(errors="replace").strip()
        raise UsageError(f"{revision}:{experiment}: git has no configs of that revision: {why}")
    with tempfile.TemporaryDirectory() as folder, tarfile.open(fileobj=io.BytesIO(git.stdout)) as archive:
        archive.extractall(folder, filter="data")
        composer = Composer(ProjectRoot(Path(folder), root.work))
        try:
            return how(composer, experiment, overrides)
        except ConfigError:
            if _fits(composer, experiment):
                raise  # what is wrong are the overrides
            return _as_composed(composer, experiment, overrides)


def _fits(composer: Composer, experiment: str) -> bool:
    """Whether this version's schema takes the experiment as its file has it."""
    try:
        _experiment(composer, experiment, [])
    except ConfigError:
        return False
    return True


def differences(left: Mapping[str, Any], right: Mapping[str, Any]) -> list[Difference]:
    """What differs in meaning, most fundamental first; never names, paths, tracking or runtime."""
    sides = (dict(leaves(left)), dict(leaves(right)))
    keys = list(dict.fromkeys([*sides[0], *sides[1]]))
    ranked = sorted(keys, key=lambda key: _rank(key.partition(".")[0]))
    found = []
    for key in ranked:
        if key.partition(".")[0] in OUTSIDE_THE_DIGEST or key in {*LABELS, *CHECKED_ONLY, "name"}:
            continue
        a, b = (side.get(key, ABSENT) for side in sides)
        if a != b or (type(a) is not type(b) and isinstance(a, bool) | isinstance(b, bool)):
            found.append(_difference(key, a, b))
    return found


def _rank(section: str) -> int:
    return BY_MEANING.index(section) if section in BY_MEANING else len(BY_MEANING)


def _difference(key: str, a: Any, b: Any) -> Difference:
    if isinstance(a, list) and isinstance(b, list):
        lost = tuple(_text(item) for item in a if item not in b)
        gained = tuple(_text(item) for item in b if item not in a)
        if lost or gained:
            texts = " ".join(f"−{item}" for item in lost), " ".join(f"+{item}" for item in gained)
            return Difference(key, *texts, lost, gained, (a, b))
    return Difference(key, _text(a), _text(b), values=(a, b))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return yaml.safe_dump(value, default_flow_style=True, width=10_000).removesuffix("\n...\n").strip()

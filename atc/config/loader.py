"""The config files and overrides of one run, merged as Hydra merges them, without Hydra's own node.

Hydra composes its logging, launchers and help with every config, which takes longer than all the rest.
Judging a sweep needs many compositions and none of that. The imports are private to Hydra, which is pinned to
1.3; a test compares the result with Hydra's own.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra import version
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import CachingConfigRepository, ConfigRepository
from hydra._internal.config_search_path_impl import ConfigSearchPathImpl
from hydra._internal.defaults_list import create_defaults_list
from hydra.core.default_element import ConfigDefault, GroupDefault
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.types import Override
from hydra.plugins.config_source import ConfigResult
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from atc.config.launcher import LAUNCHING
from atc.config.plugins import PRESET_GROUPS, add_group_folders, register
from atc.config.root import ProjectRoot

CONFIG_NAME = "config"
VERSION_BASE = "1.3"
GIVEN = "given on the command line"
"""Where a key comes from that no file set last."""
AXIS_OF = "listed in"
"""With the sweep file behind it, where a key comes from that is one of its axes."""
_ROOTS_KEPT = 4
_MERGED_KEPT = 64
"""Of choices of files; each holds about a megabyte."""

_Stamp = frozenset[tuple[str, int, int, int]]
_loaders: dict[ProjectRoot, tuple[_Stamp, ProjectLoader]] = {}


def loader_of(root: ProjectRoot) -> ProjectLoader:
    """The loader of a project, with all that it has read and merged, as long as none of the files changes."""
    stamp = _stamp(root)
    known = _loaders.pop(root, None)
    _loaders[root] = known if known is not None and known[0] == stamp else (stamp, ProjectLoader(root))
    if len(_loaders) > _ROOTS_KEPT:
        del _loaders[next(iter(_loaders))]
    return _loaders[root][1]


def _stamp(root: ProjectRoot) -> _Stamp:
    """What changes with each file of the project's configs: names, times and sizes."""
    found = set()
    pending = [root.conf, *map(root.group_folder, PRESET_GROUPS)]
    while pending:
        folder = pending.pop()
        for entry in os.scandir(folder) if folder.is_dir() else ():
            if entry.is_dir():
                pending.append(Path(entry.path))
            elif entry.is_file():
                stat = entry.stat()
                found.add((entry.path, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size))
    return frozenset(found)


class ProjectLoader(ConfigLoaderImpl):
    """Hydra's loader over the folders of one project."""

    def __init__(self, root: ProjectRoot) -> None:
        register()
        version.setbase(VERSION_BASE)
        path = ConfigSearchPathImpl()
        path.append("main", str(root.conf))
        add_group_folders(path, root)
        path.append("schema", "structured://")
        super().__init__(config_search_path=path)
        self._read: dict[str, ConfigResult | None] = {}
        self._merged: dict[tuple[str, ...], _Merged] = {}

    def get_group_options(
        self,
        group_name: str,
        results_filter: ObjectType | None = ObjectType.CONFIG,
        config_name: str | None = None,  # noqa: ARG002
        overrides: list[str] | None = None,  # noqa: ARG002
    ) -> list[str]:
        """The options of a group. Hydra's own method copies all sources first."""
        return list(self.repository.get_group_options(group_name, results_filter))

    def is_group(self, name: str) -> bool:
        return bool(self.repository.group_exists(name))

    def asked_for(self, config_path: str) -> str | None:
        """The file read so far whose defaults list asks for `config_path`, e.g. `model/gbdt`."""
        for path, result in self._read.items():
            for default in (result.defaults_list or []) if result is not None else []:
                if isinstance(default, GroupDefault):
                    wanted = f"{default.group}/{default.value}"
                elif isinstance(default, ConfigDefault):
                    wanted = str(default.path)
                else:
                    continue
                # Entries without a leading slash are relative to the file's own group.
                if f"/{config_path}".endswith(f"/{wanted.lstrip('/')}"):
                    return _file(path)
        return None

    def compose(self, overrides: Sequence[Override]) -> Composition:
        """Raises what Hydra raises: HydraException, OmegaConfBaseException, ValueError or a YAML error."""
        self.validate_sweep_overrides_legal(list(overrides), RunMode.RUN, from_shell=True)
        of_groups: list[Override] = []
        of_keys: list[Override] = []
        for one in overrides:
            (of_groups if self._chooses(one) else of_keys).append(one)
        merged = self._merge(of_groups)
        cfg = copy.deepcopy(merged.cfg)
        OmegaConf.set_struct(cfg, True)
        self._apply_overrides_to_config(of_keys, cfg)
        given = [o.key_or_group for o in overrides]
        return Composition(cfg, merged.choices, given, merged.places, merged.files)

    def _chooses(self, override: Override) -> bool:
        """Whether it chooses files, as Hydra tells such overrides from those of keys."""
        return self.is_group(override.key_or_group) and not isinstance(override.value(), dict)

    def _merge(self, of_groups: list[Override]) -> _Merged:
        """The files that these choices mean, merged once: the jobs of a sweep differ in keys mostly."""
        asked = tuple(str(one.input_line) for one in of_groups)
        if asked not in self._merged:
            files = _Files(self.repository, self._read)
            defaults = create_defaults_list(
                files, CONFIG_NAME, of_groups, prepend_hydra=False, skip_missing=False
            )
            cfg = self._compose_config_from_defaults_list(defaults.defaults, files)
            choices = {str(k): str(v) for k, v in defaults.overrides.known_choices.items() if v is not None}
            places = [(d.config_path, d.package or "") for d in defaults.defaults if d.config_path]
            self._merged[asked] = _Merged(cfg, choices, places, files)
            if len(self._merged) > _MERGED_KEPT:
                del self._merged[next(iter(self._merged))]
        return self._merged[asked]


@dataclass(frozen=True)
class _Merged:
    """Files merged before a single key is overridden."""

    cfg: DictConfig
    choices: Mapping[str, str]
    places: Sequence[tuple[str, str]]
    files: _Files


class _Files(CachingConfigRepository):
    """The files as one composition sees them: it writes into what it loads, so each gets copies of its own.

    A file is read once a process: one that is edited while a sweep is judged does not divide its jobs.
    """

    def __init__(self, delegate: ConfigRepository, read: dict[str, ConfigResult | None]) -> None:
        self.delegate = delegate
        self.cache = {}
        self._read = read

    def load_config(self, config_path: str) -> ConfigResult | None:
        if config_path not in self.cache:
            if config_path not in self._read:
                self._read[config_path] = self.delegate.load_config(config_path)
            self.cache[config_path] = copy.deepcopy(self._read[config_path])
        return self.cache[config_path]

    def as_read(self, config_path: str) -> ConfigResult | None:
        """The file before anything was merged into it."""
        return self._read.get(config_path)


class Composition:
    """A composed config, the chosen option of each group, and where each key came from."""

    def __init__(
        self,
        cfg: DictConfig,
        choices: Mapping[str, str],
        overridden: Sequence[str],
        places: Sequence[tuple[str, str]],
        files: _Files,
    ) -> None:
        params = OmegaConf.select(cfg, "hydra.sweeper.params")
        self.sweep_params: dict[str, str] = (
            {str(k): "null" if v is None else str(v) for k, v in params.items()}
            if isinstance(params, DictConfig)
            else {}
        )
        self.of_hydra: dict[str, object] = _plain_of(cfg, "hydra")
        """What the files ask of Hydra itself, as they spell it."""
        self.launching = OmegaConf.create({key: cfg.get(key) for key in LAUNCHING if key in cfg})
        """What is of a whole sweep and of no run."""
        with open_dict(cfg):
            for key in ("hydra", *LAUNCHING):
                cfg.pop(key, None)
        self.cfg = cfg
        self.choices = choices
        self.listed_in: Mapping[str, str] = {}
        """Where overrides come from, by their keys, but for the command line."""
        self._overridden = overridden
        self._places = places
        self._files = files

    @property
    def of_hydra_by_default(self) -> dict[str, object]:
        """What conf/config.yaml alone asks of Hydra."""
        loaded = self._files.as_read(CONFIG_NAME)
        return {} if loaded is None else _plain_of(loaded.config, "hydra")

    def origin(self, key: str) -> str | None:
        """The override or file that set `key` last; None where none spells it."""
        if key in self._overridden:
            return self.listed_in.get(key, GIVEN)
        for path, package in reversed(self._places):
            loaded = self._files.load_config(path)
            prefix = f"{package}." if package else ""
            if loaded is not None and key.startswith(prefix) and _spells(loaded.config, key[len(prefix) :]):
                return f"in {_file(path)}"
        return None


def _plain_of(cfg: Any, key: str) -> dict[str, object]:
    node = cfg.get(key)
    plain = {} if node is None else OmegaConf.to_container(node, resolve=False)
    return {str(name): value for name, value in plain.items()} if isinstance(plain, dict) else {}


def _spells(config: object, key: str) -> bool:
    for part in key.split("."):
        if not isinstance(config, DictConfig) or part not in config.keys():  # noqa: SIM118 (`in` hides ???)
            return False
        config = config._get_node(part)
    return True


def _file(config_path: str) -> str:
    group, _, rest = config_path.partition("/")
    folder = f"{group}s" if group in PRESET_GROUPS else f"conf/{group}"
    return f"{folder}/{rest}.yaml" if rest else f"conf/{group}.yaml"

"""The top-level folders `experiments/` and `sweeps/` as the Hydra groups `experiment` and `sweep`.

Hydra knows one folder of groups, `conf/`. What a researcher edits every day should lie at the top, so a
config source `groupdir://experiment=<folder>` serves one folder as one group.
"""

from __future__ import annotations

# Private to Hydra, which has no public way to read a config file with its header; it is pinned to 1.3.
from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigLoadError, ConfigResult, ConfigSource
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import DictConfig, OmegaConf, open_dict

from atc.config.root import ProjectRoot, project_root

# Groups that a command adds with `+` and that leave no key of their own in the config.
PRESET_GROUPS = ("experiment", "sweep")


class GroupFolderSource(ConfigSource):
    """One folder as one top-level group; its files go to the root of the config unless they say otherwise.

    An experiment's `name` is the name of its file, so a copied experiment cannot run under the old name.
    """

    def __init__(self, provider: str, path: str) -> None:
        super().__init__(provider=provider, path=path)
        self.group, _, folder = self.path.partition("=")
        self._files = FileConfigSource(provider=provider, path=f"file://{folder}")

    @staticmethod
    def scheme() -> str:
        return "groupdir"

    def _inside(self, config_path: str) -> str | None:
        """The part of `config_path` below the group, or None where it lies outside."""
        head, _, rest = config_path.strip("/").partition("/")
        return rest if head == self.group else None

    def available(self) -> bool:
        return self._files.available()

    def is_group(self, config_path: str) -> bool:
        if config_path == "":
            return True
        inside = self._inside(config_path)
        return inside is not None and self._files.is_group(inside)

    def is_config(self, config_path: str) -> bool:
        inside = self._inside(config_path)
        return bool(inside) and self._files.is_config(str(inside))

    def load_config(self, config_path: str) -> ConfigResult:
        inside = self._inside(config_path)
        if not inside:
            raise ConfigLoadError(f"Config not found : {config_path} in {self.full_path()}")
        result = self._files.load_config(inside)
        if result.header["package"] is None:
            # Hydra reads no header below a plain comment, and an experiment opens with its hypothesis.
            result.header["package"] = "_global_"
        if (
            self.group == "experiment"
            and isinstance(result.config, DictConfig)
            and "name" not in result.config
        ):
            with open_dict(result.config):
                OmegaConf.update(result.config, "name", inside.removesuffix(".yaml").replace("/", "-"))
        return ConfigResult(
            provider=self.provider, path=self.full_path(), config=result.config, header=result.header
        )

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        if config_path == "":
            return [self.group] if results_filter in (None, ObjectType.GROUP) else []
        inside = self._inside(config_path)
        return [] if inside is None else list(self._files.list(inside, results_filter))


class GroupFolders(SearchPathPlugin):
    """Appends the group folders of the project to the search path of `@hydra.main`."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        add_group_folders(search_path, project_root())


def add_group_folders(search_path: ConfigSearchPath, root: ProjectRoot) -> None:
    for group in PRESET_GROUPS:
        folder = root.group_folder(group)
        if folder.is_dir():
            search_path.append(provider=f"atc-{group}", path=f"groupdir://{group}={folder}")


def hypothesis(root: ProjectRoot, group: str, option: str) -> str:
    """The opening comment of an experiment or sweep, empty where it has none."""
    with (root.group_folder(group) / f"{option}.yaml").open(encoding="utf-8") as file:
        first = file.readline().strip()
    return first.lstrip("# ").strip() if first.startswith("#") and "@package" not in first else ""


def register() -> None:
    """Make Hydra know the group folders and the resolver of `conf/config.yaml`; idempotent."""
    plugins = Plugins.instance()
    plugins.register(GroupFolderSource)
    plugins.register(GroupFolders)
    OmegaConf.register_new_resolver("atc.path", lambda path: str(project_root().resolve(path)), replace=True)

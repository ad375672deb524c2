"""From overrides to a `RunConfig`: Hydra composes, pydantic judges, and every problem is reported at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

import yaml
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError

from atc.config.composition_failures import first_lines, unreadable, why_not_composed
from atc.config.labels import Label
from atc.config.launcher import LAUNCHING, Launching
from atc.config.loader import AXIS_OF, CONFIG_NAME, GIVEN, Composition, loader_of
from atc.config.misnamed import misnamed_option
from atc.config.of_hydra import unread_keys
from atc.config.plan import Plan, wrong_figure
from atc.config.plugins import PRESET_GROUPS
from atc.config.problems import ConfigError, Origin, Problem, explain
from atc.config.root import ProjectRoot, project_root
from atc.config.schema import RunConfig
from atc.errors import UsageError, nearest

_NOTHING_ASKED: dict[str, object] = {
    "output_subdir": None,
    "hydra_logging": {"root": None},
    "job_logging": {"root": None},
    "job": {"chdir": False},
    "run": {"dir": "${atc.path:${paths.outputs}}"},
}
"""The section `hydra` of a config that asks nothing of Hydra but the folder of outputs."""
_NOTHING_OF_LABELS = frozenset({"experiment", "paths", "runtime", "tracking"})
"""Sections of the command line that leave the label as the experiment's file has it."""
_OF_MULTIRUNS = frozenset({"sweep", "sweeper", "launcher"})


def compose(overrides: Sequence[str] = ()) -> RunConfig:
    """The config of one run, as `python -m atc.run OVERRIDES` would have it.

    Raises `ConfigError` (a `UsageError`) with everything that is wrong.
    """
    return single(Composer(), overrides).config


def validate(cfg: DictConfig | Mapping[str, Any], origin: Origin = lambda _key: None) -> RunConfig:
    """A composed config as a frozen, typed `RunConfig`; raises `ConfigError` with all that is wrong."""
    data, problems = _plain(cfg)
    missing = {problem.key for problem in problems}
    config = None
    try:
        config = RunConfig.model_validate(data)
    except ValidationError as failure:
        problems += [p for p in explain(failure, data, origin) if p.key not in missing]
    if config is not None:
        problems += _wrong_columns(config)
        source = origin("plan.figure") or ""
        why = wrong_figure(config, of_this_run=source.startswith((GIVEN, AXIS_OF)))
        problems += [Problem("plan.figure", f"{why} ({source})" if source else why)] if why else []
    if problems or config is None:
        raise ConfigError(problems)
    return config


def launching(composition: Composition) -> Launching:
    """How the jobs of a sweep are run, and what they search; raises `ConfigError` with all that is wrong."""
    data, problems = _plain(composition.launching)
    try:
        found = Launching.model_validate(data)
    except ValidationError as failure:
        raise ConfigError([*problems, *explain(failure, data, composition.origin, Launching)]) from None
    if problems:
        raise ConfigError(problems)
    return found


def _plain(cfg: DictConfig | Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """The config as plain values, interpolations resolved, and its `???`."""
    if not isinstance(cfg, DictConfig):
        cfg = OmegaConf.create(dict(cfg))
    try:
        data = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=False)
        # To ask for their names costs as much as all the rest.
        missing = sorted(OmegaConf.missing_keys(cfg)) if _some_missing(data) else []
    except OmegaConfBaseException as failure:
        raise ConfigError([Problem(str(failure.full_key or ""), first_lines(failure))]) from failure
    assert isinstance(data, dict)
    values = {str(key): value for key, value in data.items() if key != "hydra"}
    return values, [Problem(key, "needs a value (it is ??? in the config)") for key in missing]


def _some_missing(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(_some_missing, value.values()))
    return any(map(_some_missing, value)) if isinstance(value, list) else value == "???"


def _wrong_columns(config: RunConfig) -> list[Problem]:
    """Families and columns that are not declared, and drops of columns that a set does not have."""
    from atc.features.declarations import known_columns, known_families
    from atc.features.sets import set_columns

    known, known_of = known_columns(), known_families()
    problems = []
    for prefix, features in (("features", config.features), ("baseline.features", config.baseline.features)):
        unknown = [
            Problem(
                f"{prefix}.families.{place}", f"no feature family '{family}'; {nearest(family, known_of)}"
            )
            for place, family in enumerate(features.families)
            if family not in known_of
        ]
        unknown += [
            Problem(f"{prefix}.{field}", f"no feature '{column}'; {nearest(column, known)}")
            for field, columns in (("columns", features.columns), ("drop", features.drop))
            for column in columns
            if column not in known
        ]
        problems += unknown
        if not unknown:
            try:
                set_columns(features)
            except UsageError as failure:
                problems.append(Problem(f"{prefix}.drop", str(failure).partition(": ")[2]))
    regimes = config.evaluation.regimes
    problems += [
        Problem(f"evaluation.regimes.{field}", f"no feature '{column}'; {nearest(column, known)}")
        for field, column in (("trend", regimes.trend), ("volatility", regimes.volatility))
        if column not in known
    ]
    return problems


@dataclass(frozen=True)
class Job:
    """One composed run."""

    overrides: tuple[str, ...]
    config: RunConfig
    choices: Mapping[str, str]
    """The chosen option of each group."""


class Composer:
    """Composes configs of the project's folders without Hydra's global state."""

    def __init__(self, root: ProjectRoot | None = None) -> None:
        self.root = root or project_root()
        self._loader = loader_of(self.root)
        self._parsed: dict[str, list[Override]] = {}
        """What each word means: the jobs of a sweep have most of theirs in common."""
        self._labels: dict[str, Label] = {}
        """Of experiments as their files have them."""
        self._asked_of_hydra: tuple[tuple[str, ...], dict[str, object]] = ((), {})
        """The latest composition's words, and what its files ask of Hydra."""

    def options(self, group: str) -> list[str]:
        return self._loader.get_group_options(group)

    def groups(self, parent: str = "") -> list[str]:
        """Every group of the project, nested ones as `features/engine`."""
        found: list[str] = []
        for name in self._loader.get_group_options(parent, ObjectType.GROUP):
            group = f"{parent}/{name}" if parent else name
            if group != "hydra":
                found += [group, *self.groups(group)]
        return found

    def parse(self, overrides: Sequence[str]) -> list[Override]:
        """The parsed overrides; raises `ConfigError` with all that cannot be read."""
        parser = OverridesParser.create(config_loader=self._loader)
        parsed, problems = [], []
        for text in overrides:
            try:
                if text not in self._parsed:
                    self._parsed[text] = parser.parse_overrides([text])
                parsed += self._parsed[text]
            except OverrideParseException as failure:
                problems.append(Problem("", unreadable(text, failure)))
        if problems:
            raise ConfigError(problems)
        return parsed

    def job(
        self,
        overrides: Sequence[str],
        *,
        several: bool = False,
        listed_in: Mapping[str, str] = MappingProxyType({}),
    ) -> Job:
        """One run, validated, alone or as one of `several`; `protocol.sealed: null` is left for the caller
        that knows the sweep. `listed_in`: where overrides come from by their keys, but for the command line.
        """
        composition, problems = self.composition(overrides)
        composition.listed_in = listed_in
        if several:
            problems += unread_keys(composition)
        try:
            config = validate(composition.cfg, composition.origin)
        except ConfigError as failure:
            raise ConfigError([*problems, *failure.problems]) from None
        if problems:
            raise ConfigError(problems)
        config = self._with_plan_of_its_label(config, composition, overrides)
        return Job(tuple(overrides), config, composition.choices)

    def _with_plan_of_its_label(
        self, config: RunConfig, composition: Composition, overrides: Sequence[str]
    ) -> RunConfig:
        """Without the plan of an experiment's file where the label is not that of the file: what is hoped of
        one label would be credited to another, easier one, under the same name of a figure.
        """
        experiment = composition.choices.get("experiment")
        if experiment is None or config.plan.figure is None:
            return config
        told_in = {composition.origin(f"plan.{key}") or "" for key in Plan.model_fields}
        if not all(place.startswith("in experiments/") for place in told_in):
            return config
        changed = {str(one.key_or_group).partition(".")[0] for one in self.parse(overrides)}
        if changed <= _NOTHING_OF_LABELS:
            return config
        if experiment not in self._labels:
            own, _ = self.composition([f"+experiment={experiment}"])
            self._labels[experiment] = validate(own.cfg).label
        return (
            config if config.label == self._labels[experiment] else config.model_copy(update={"plan": Plan()})
        )

    def composition(self, overrides: Sequence[str]) -> tuple[Composition, list[Problem]]:
        """What the overrides compose to, without those that are problems; raises `ConfigError`."""
        accepted, problems = self._accept(overrides)
        try:
            composition = self._loader.compose(self.parse(accepted))
        except (HydraException, OmegaConfBaseException, yaml.YAMLError, ValueError) as failure:
            raise ConfigError([*problems, self.problem_of(failure)]) from failure
        self._asked_of_hydra = (tuple(accepted), composition.of_hydra)
        return composition, problems

    def needs_hydra(self, overrides: Sequence[str]) -> bool:
        """Whether Hydra, started for a single run of `overrides`, would do anything but make the folder of
        outputs: refuse what the composer takes, or what its own section of the config asks of it.

        To start it costs two more compositions, with all that Hydra composes for itself.
        """
        try:
            words = tuple(self.for_hydra(word) for word in overrides)
            parsed = self.parse(words)
            latest, asked = self._asked_of_hydra
            if latest != words or not words:
                asked = self._loader.compose(parsed).of_hydra
        except (ConfigError, HydraException, OmegaConfBaseException, yaml.YAMLError, ValueError):
            return True  # it says why
        of_one_run = {key: value for key, value in asked.items() if key not in _OF_MULTIRUNS}
        return of_one_run != _NOTHING_ASKED or any(one.is_hydra_override() for one in parsed)

    def for_hydra(self, word: str) -> str:
        """A word of the command line as Hydra's own composition takes it.

        A scenario's file spells only what differs, so its other parameters have to be added; and the option
        `null` is the word, not the missing value.
        """
        key, equals, value = word.partition("=")
        if not equals:
            return word
        if value == "null" and self._loader.is_group(key) and value in self.options(key):
            return f"{key}='null'"
        return f"++{word}" if key.startswith("data.scenario.") else word

    def _accept(self, overrides: Sequence[str]) -> tuple[list[str], list[Problem]]:
        """Overrides that Hydra will take, and the problems of the others.

        Hydra stops at the first unknown key or option. So wrong options are reported here and left out, and
        keys are added by force: the schema finds all unknown ones at once, and knows the nearest valid ones.
        """
        accepted, problems = [], []
        for override in self.parse([self.for_hydra(word) for word in overrides]):
            line = str(override.input_line)
            key = override.key_or_group
            if key.startswith("hydra/") or (override.is_hydra_override() and override.is_delete()):
                # Hydra's launchers, sweepers and logging are no part of a run's config.
                continue
            if override.is_sweep_override() or override.is_delete():
                accepted.append(line)
            elif self._loader.is_group(key) and not isinstance(override.value(), dict):
                wrong = self._wrong_option(override)
                if wrong is None:
                    accepted.append(line)
                else:
                    problems.append(wrong)
            elif override.package is not None:
                problems.append(Problem(key, f"no such group; {nearest(key, self._top_groups)}"))
            else:
                accepted.append("++" + line.lstrip("+"))
        return accepted, problems

    def _wrong_option(self, override: Override) -> Problem | None:
        key, value = override.key_or_group, override.value()
        if key in PRESET_GROUPS and not override.is_add():
            return Problem(key, f"is no part of the default config: write +{override.input_line}")
        if (
            key in self._top_groups
            and key not in PRESET_GROUPS
            and override.is_add()
            and override.package is None
        ):
            line = str(override.input_line).lstrip("+")
            return Problem(key, f"is already chosen in conf/config.yaml: write {line} without the +")
        if isinstance(value, list):
            each = ",".join(map(str, value))
            return Problem(
                key,
                f"found the list {override.input_line}: one option was expected, several would be merged "
                f"into one run; for a run each write {each} without brackets, and -m",
            )
        if value is None and key not in PRESET_GROUPS:
            return Problem(key, f"needs an option; {nearest('', self.options(key))}")
        if value is not None and str(value) not in self.options(key):
            kind = key if key in PRESET_GROUPS else "option"
            return Problem(key, f"no {kind} '{value}'; {self._other(key, str(value), self.options(key))}")
        return None

    def _other(self, group: str, option: str, options: Sequence[str]) -> str:
        """What may be meant by an option that is not there."""
        return misnamed_option(self.root, group, option) or nearest(option, options)

    @cached_property
    def _top_groups(self) -> list[str]:
        return [g for g in self.groups() if "/" not in g]

    def problem_of(self, failure: BaseException) -> Problem:
        """Why Hydra could not compose, with the nearest option or group where one is missing."""
        if isinstance(failure, MissingConfigException) and failure.missing_cfg_file:
            missing = failure.missing_cfg_file
            file = self._loader.asked_for(missing)
            where = f" (in the defaults of {file})" if file else ""
            if " " in missing:
                return Problem("", f"'{missing}' is no entry of a defaults list: write group: option{where}")
            group, _, option = missing.rpartition("/")
            options = failure.options or self.options(group)
            found = f"no option '{option}'; {self._other(group, option, options)}"
            return Problem(group or CONFIG_NAME, found + where)
        return Problem("", why_not_composed(failure, self.root, self._top_groups))


def of_launching(override: Override) -> bool:
    """Whether the override is of the sections that a whole sweep has, and no run."""
    return str(override.key_or_group).partition(".")[0] in LAUNCHING


def single(composer: Composer, overrides: Sequence[str]) -> Job:
    """The one job of a run without `-m`, its holdout open unless the config says otherwise."""
    given = [one for one in composer.parse(overrides) if of_launching(one)]
    if given:
        raise ConfigError(
            [
                Problem(one.key_or_group, "is of several jobs: add -m (--multirun), or leave it out")
                for one in given
            ]
        )
    job = composer.job(overrides)
    if "sweep" in job.choices:
        raise ConfigError(
            [Problem("sweep", f"'{job.choices['sweep']}' has several jobs: add -m (--multirun)")]
        )
    return replace(job, config=settled(job.config, sealed=False))


def settled(config: RunConfig, *, sealed: bool, group: str | None = None) -> RunConfig:
    """The config with what only the whole command knows; an explicit value stays."""
    protocol, tracking = config.protocol, config.tracking
    if protocol.sealed is None:
        protocol = protocol.model_copy(update={"sealed": sealed or protocol.kind == "random_split"})
    if tracking.group is None:
        tracking = tracking.model_copy(update={"group": group})
    return config.model_copy(update={"protocol": protocol, "tracking": tracking})

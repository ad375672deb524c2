"""How hyper-parameters are searched: the section `search` of a sweep file, and what it may ask of a run.

It stands beside the keys of a run, as `launcher` does, and is taken out before a run's are judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from atc.config.slices import Count, Int, Slice, Text, _not_bool
from atc.errors import nearest

if TYPE_CHECKING:
    from atc.config.problems import Problem
    from atc.config.schema import RunConfig

Number = Annotated[int | float, BeforeValidator(_not_bool)]
Value = bool | int | float | str | None

SMALL_IS_GOOD = frozenset({"log_loss", "brier", "ece", "mse"})
"""Figures of which less is better: of a lift above 0 the model is the worse one."""
OF_CLASSES = (
    *("auc", "direction_auc", "pr_auc", "log_loss", "brier", "ece", "accuracy", "macro_f1", "p_t"),
    *("pearson", "spearman"),
)
OF_RETURNS = ("pearson", "spearman", "mse", "directional_accuracy")

_ANOTHER_QUESTION = frozenset(
    {"baseline", "data", "evaluation", "label", "name", "protocol", "sampling", "window"}
)
"""Trials that differ here are judged on other rows, by other answers or by other figures: the best of them
would be the one with the easiest question.
"""
_AFTERWARDS = frozenset({"backtest", "cost", "execution", "explain", "policy", "refit"})
"""What is done with the scores of a model: a search chooses by the scores."""
_NO_RESULT = frozenset({"paths", "plan", "quality", "runtime", "tracking"})
_LUCK = frozenset({"seed", "seeds"})
_NOT_ALONE = frozenset({"sweep", "protocol.sealed", "runtime.force"})
"""What words of a trial are of its search: a run alone is of no sweep, and opens its holdout."""
_ANOTHER_ANSWER = {
    "model.sequence_length": "trials with another length are judged on other rows, those at which a whole "
    "window ends, and their figures cannot be compared",
    "features.engine": "the baseline reads by the same formulas, so each trial would be held against another "
    "one: set it for all trials instead",
}
"""Of the parts that are searched; a key stands for all below it."""


def _flat(space: Any) -> Any:
    """Keys of the space have dots in them, which the command line reads as levels."""
    for key, told in space.items() if isinstance(space, dict) else ():
        for below, inner in told.items() if isinstance(told, dict) else ():
            if below not in Dimension.model_fields and isinstance(inner, dict):
                raise ValueError(
                    f"found {below} as a level below {key}; a key of the space is one word: "
                    f"'search.space={{{key}.{below}:{{low:…,high:…}}}}'"
                )
    return space


def _by_key(space: dict[str, Any]) -> dict[str, Any]:
    return dict(sorted(space.items()))


class Dimension(Slice):
    """What one key may be: a range, or a list of choices."""

    low: Number | None = None
    high: Number | None = None
    """Inclusive. Of a key that takes whole numbers whole ones are drawn; of another, see `of_kinds`, any."""
    log: bool = False
    """Drawn evenly by its logarithm."""
    step: Number | None = None
    """Only multiples of it above `low`: of 1, whole numbers for a key that takes fractions too."""
    choices: tuple[Value, ...] | None = None

    @property
    def whole(self) -> bool:
        """Whether whole numbers are drawn."""
        return all(isinstance(one, int) for one in (self.low, self.high, self.step or 0))

    @property
    def of_fractions(self) -> Dimension:
        """The same with ends that are fractions to Python, however they are written."""
        told = {name: getattr(self, name) for name in ("low", "high", "step")}
        return self.model_copy(update={name: float(end) for name, end in told.items() if end is not None})

    @property
    def corners(self) -> tuple[Value, ...]:
        """The ends of the range, or all choices."""
        return (self.low, self.high) if self.choices is None else self.choices

    @property
    def tried(self) -> tuple[Value, ...]:
        """The corners and, of a range that is not of whole numbers, one value that may be drawn between."""
        if self.low is None or self.high is None or self.whole:
            return self.corners
        between = self.low + ((self.high - self.low) * 0.37 if self.step is None else self.step)
        return (*self.corners, min(between, self.high))

    @model_validator(mode="after")
    def _is_one_kind(self) -> Dimension:
        if self.choices is not None:
            if self.low is not None or self.high is not None or self.step is not None or self.log:
                raise ValueError("choices, or low and high: not both")
            if len({(type(one), one) for one in self.choices}) < max(2, len(self.choices)):
                raise ValueError(
                    f"choices {list(self.choices)}: two or more different ones expected; one alone is no "
                    "search, set the key instead"
                )
            return self
        if self.low is None or self.high is None:
            raise ValueError("expected {low, high}, or {choices}")
        if not self.low < self.high:
            raise ValueError(f"the range {self.low} … {self.high} is empty; low < high was expected")
        if self.log and self.low <= 0:
            raise ValueError(f"log: low={self.low} has no logarithm; low > 0 was expected")
        if self.step is not None:
            if self.log:
                raise ValueError("log and step: only one of them")
            width, step = Decimal(str(self.high)) - Decimal(str(self.low)), Decimal(str(self.step))
            if step <= 0 or width % step:
                raise ValueError(
                    f"step={self.step}: a positive one was expected that goes into {self.low} … {self.high}"
                )
        return self


class Median(Slice):
    """A trial ends whose folds so far are worse than the median of finished trials at the same fold."""

    kind: Literal["median"]
    startup: Count = 5
    """So many finished trials there are before one is ended early."""
    warmup_folds: Annotated[Int, Field(ge=0, le=1000)] = 1
    """After so many folds no trial is ended yet."""


class Search(Slice):
    """Proposes the jobs of a sweep one after the other by Optuna's TPE, from what earlier ones gave."""

    objective: Text
    """A figure of metrics.json: `valid/…`, or `folds/…/mean` of a protocol with folds."""
    direction: Literal["maximize", "minimize"] = "maximize"
    trials: Annotated[Int, Field(ge=1, le=10_000)]
    seed: Annotated[Int, Field(ge=0, le=4_294_967_295)] = 0
    """Of the sampler: trial k draws from (seed, k) and the trials before it."""
    startup: Count = 10
    """So many trials are drawn at random before the sampler learns from them."""
    pruner: Median | None = None
    """null: every trial runs to its end."""
    space: Annotated[
        dict[str, Dimension], Field(min_length=1), BeforeValidator(_flat), AfterValidator(_by_key)
    ]
    """By the key of the run's config, such as `model.num_leaves`; in the order of keys, for the sampler draws
    one after the other, and the order of lines is not what is asked.
    """


def with_values(config: RunConfig, values: Mapping[str, Value], *, check: bool = True) -> Any:
    """`config` with other values at dotted keys, judged like any other; as plain values without `check`.

    Raises `ConfigError` where they do not fit together, KeyError for a key that it has not.
    """
    from atc.config.compose import validate

    data = config.model_dump(mode="json")
    for key, value in values.items():
        *above, leaf = key.split(".")
        place = data
        for part in above:
            place = place[part]
        if not isinstance(place, dict) or leaf not in place:
            raise KeyError(key)
        place[leaf] = value
    return validate(data) if check else data


def of_kinds(search: Search, config: RunConfig) -> Search:
    """The same search of `config`, its ranges as the schema has their keys: `{low: 0, high: 5}` of a key that
    takes fractions is 0.0 … 5.0, for YAML says nothing by leaving the point out.
    """
    from atc.config.problems import types_of

    data = config.model_dump(mode="json")
    space = {
        key: one.of_fractions if float in types_of(key, data) else one for key, one in search.space.items()
    }
    return search.model_copy(update={"space": space})


def words_alone(overrides: Sequence[str]) -> tuple[str, ...]:
    """What makes the run of a trial with these words alone and with its holdout open; of a key that is given
    twice the last word, as its config has it.
    """
    by_key = {word.lstrip("+").partition("=")[0]: word for word in overrides}
    return tuple(word for key, word in by_key.items() if key not in _NOT_ALONE)


def check_search(search: Search, config: RunConfig) -> list[Problem]:
    """What is wrong with searching `config` like this: known before anything is started."""
    from atc.config.problems import Problem

    found = [Problem("search.objective", why) for why in _wrong_objective(search, config)]
    found += [Problem(f"search.space.{key}", why) for key, why in _wrong_space(search, config)]
    if config.protocol.sealed is False:
        why = "a search chooses by what its trials show, so they are sealed: leave it out, or true"
        found.append(Problem("protocol.sealed", why))
    if config.protocol.kind == "random_split":
        why = "random_split is a control: a search would choose what leaks best; use walk_forward"
        found.append(Problem("protocol.kind", why))
    if search.pruner is not None and (
        config.protocol.kind != "walk_forward" or not search.objective.startswith("folds/")
    ):
        why = (
            "a trial is ended early by its folds: needs protocol=walk_forward and an objective folds/…/mean; "
            f"found {config.protocol.kind} and {search.objective} (or search.pruner=null)"
        )
        found.append(Problem("search.pruner", why))
    return found


def _wrong_objective(search: Search, config: RunConfig) -> Iterator[str]:
    asked = search.objective
    if "holdout" in asked or asked.startswith(("backtest/", "refit/", "fallback/")):
        yield (
            f"found {asked!r}: whoever chooses by the holdout has no holdout left, and trials are sealed; "
            "valid/… or folds/…/mean was expected"
        )
        return
    known = objectives(config)
    if asked.startswith("folds/") and not any(one.startswith("folds/") for one in known):
        yield f"found {asked!r}, but protocol={config.protocol.kind} has no folds; add protocol=walk_forward"
    elif asked not in known:
        yield f"this run has no {asked!r} to search by; {nearest(asked, known)}"
    figure = asked.removesuffix("/mean").rpartition("/")[2].partition("@")[0]
    wanted = "minimize" if figure in SMALL_IS_GOOD else "maximize"
    if asked in known and search.direction != wanted:
        yield f"{asked} is better {'small' if wanted == 'minimize' else 'large'}: search.direction={wanted}"


def objectives(config: RunConfig) -> list[str]:
    """The figures of validation and folds that a run of `config` can be chosen by."""
    from atc.features.label_spec import LabelSpec  # not atc.labels: a config is judged without NumPy

    returns = config.label.kind == "fwd_logret"
    heads = [f"@{name}" if name else "" for name in LabelSpec.over(config.label.all_horizons_s).names]
    figures = OF_RETURNS if returns else OF_CLASSES
    ranking = "pearson" if returns else "auc"
    found = [f"valid/{figure}{head}" for figure in figures for head in heads]
    if config.protocol.kind in ("walk_forward", "cpcv"):
        of_folds = (*(one for one in figures if one != "p_t"), f"valid/{ranking}", f"lift/{ranking}")
        found += [f"folds/{figure}{head}/mean" for figure in of_folds for head in heads]
    return found


def one_by_one(launcher: str) -> str | None:
    """Why a search cannot be launched like that; None where it can."""
    if launcher == "basic":
        return None
    return (
        f"found {launcher}: a trial is proposed from all before it, so they run one after the other; "
        "launcher=basic (the trees of a trial take model.num_threads)"
    )


def _unsearchable(key: str) -> str:
    top = key.partition(".")[0]
    for known, why in _ANOTHER_ANSWER.items():
        if f"{key}.".startswith(f"{known}."):
            return why
    if top in _ANOTHER_QUESTION:
        return f"trials with another {top} answer another question, and their figures cannot be compared"
    if top in _AFTERWARDS:
        return "no figure of validation or folds depends on it: there is nothing to search"
    if top in _NO_RESULT:
        return "no result depends on it: there is nothing to search"
    if top in _LUCK:
        return "the best of several seeds is luck: leave it out (seeds.count averages over several)"
    return ""


def _wrong_space(search: Search, config: RunConfig) -> Iterator[tuple[str, str]]:
    from atc.config.problems import ConfigError, unknown_key

    data = config.model_dump(mode="json")
    right = True
    for key, dimension in search.space.items():
        why = _unsearchable(key)
        if not why:
            try:
                for value in dimension.tried:
                    with_values(config, {key: value})
            except (KeyError, TypeError):
                why = unknown_key(key, data)
            except ConfigError as wrong:
                why = "; ".join(problem.message for problem in wrong.problems)
                if value not in dimension.corners:
                    why += "; whole numbers are drawn between whole ends, such as {low: 7, high: 31}"
        if why:
            right = False
            yield key, why
    if not right:
        return
    for name, end in (("lowest", 0), ("highest", -1)):
        values = {key: dimension.corners[end] for key, dimension in search.space.items()}
        try:
            with_values(config, values)
        except ConfigError as wrong:
            told = "; ".join(str(problem) for problem in wrong.problems)
            yield next(iter(values)), f"the {name} values of all keys do not fit together: {told}"

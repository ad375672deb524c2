"""How hyper-parameters are searched: the section `search` of a sweep file, and what a trial is.

It stands beside the keys of a run, as `launcher` does, and is taken out before those are judged; what it may
ask of a run is in `search_check`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from atc.config.slices import Count, Int, Slice, Text, _not_bool

if TYPE_CHECKING:
    from atc.config.schema import RunConfig

Number = Annotated[int | float, BeforeValidator(_not_bool)]
Value = bool | int | float | str | None

_NOT_ALONE = frozenset({"sweep", "protocol.sealed", "runtime.force"})
"""What words of a trial are of its search: a run alone is of no sweep, and opens its holdout."""


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

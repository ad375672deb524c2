"""What config slices are made of: the frozen base class, and numbers and names with their ranges."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, StringConstraints


def _not_bool(value: object) -> object:
    # True is an int to Python, and `num_threads=true` is a slip.
    if isinstance(value, bool):
        raise ValueError("a number is expected, not true or false")
    return value


def _plain(value: Decimal) -> str:
    """A decimal without exponent and trailing zeros, so that 0.010 and 1e-2 are one spelling."""
    return format(value.normalize(), "f")


Int = Annotated[int, BeforeValidator(_not_bool)]
Float = Annotated[float, BeforeValidator(_not_bool)]
Step = Annotated[
    Decimal,
    BeforeValidator(_not_bool),
    Field(ge=Decimal("1e-12"), le=Decimal("1e9")),
    PlainSerializer(_plain, return_type=str),
]
Fraction = Annotated[Float, Field(gt=0, lt=1)]
Share = Annotated[Float, Field(gt=0, le=1)]
# A millisecond to seven days: less than the clocks resolve, and more than any question about ticks.
Horizon = Annotated[Float, Field(ge=0.001, le=604_800)]
# What is counted but not stored as many times; far above use, far below what 32 bits hold.
Count = Annotated[Int, Field(ge=1, le=1_000_000)]
# Names become folder names and W&B names.
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)]
Column = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Text = Annotated[str, StringConstraints(min_length=1)]


class Mismatch(ValueError):
    """Values that are fine alone and wrong together: the key to change of each, and what to do."""

    def __init__(self, found: Sequence[tuple[str, str]]) -> None:
        self.found = tuple(found)
        super().__init__("; ".join(f"{key}: {message}" for key, message in self.found))


class Slice(BaseModel):
    """Base of every config slice: frozen, no unknown keys, no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)

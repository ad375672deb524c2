"""Decimal strings to integer ticks and lots, exactly or not at all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal

from atc.events.instrument import Instrument
from atc.events.schema import PX_TICKS_MAX
from reference.ingest.message import Level

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,9})?", re.ASCII)
_REMEMBERED = 200_000
_QTY_LOTS_MAX = 2**63 - 1


class Step:
    """Counts decimal strings in a step: `Step(Decimal("0.01"))("12.30") == 1230`.

    Raises ValueError for what is no plain decimal, no multiple of the step, or out of range. No float is
    involved: a JSON number would have lost digits before it came here, so only strings are taken.
    """

    def __init__(self, step: Decimal, *, name: str, largest: int) -> None:
        self._step = step
        self._name = name
        self._largest = largest
        numerator, denominator = step.as_integer_ratio()
        # step = unit / 10^decimals, with as few decimals as will do
        self._decimals = max(0, -int(step.normalize().as_tuple().exponent))
        # Venues repeat themselves: nine of ten strings have been seen.
        self._counts: dict[object, int] = {}
        self._unit: int = numerator * 10**self._decimals // denominator

    def __call__(self, text: object) -> int:
        known = self._counts.get(text)
        if known is not None:
            return known
        if not isinstance(text, str):
            raise ValueError(f"{self._name} is {text!r}; expected a decimal in a string")
        if len(self._counts) >= _REMEMBERED:
            self._counts.clear()
        self._counts[text] = count = self._count(text)
        return count

    def _count(self, text: str) -> int:
        whole, _, fraction = text.partition(".")
        digits = whole + fraction
        if not (digits.isdigit() and digits.isascii()):
            return self._other_spelling(text)
        if len(fraction) > self._decimals:
            if fraction[self._decimals :].strip("0"):
                raise self._no_multiple(text)
            fraction = fraction[: self._decimals]
        scaled: int = int(whole + fraction or "0") * 10 ** (self._decimals - len(fraction))
        count, rest = divmod(scaled, self._unit)
        if rest:
            raise self._no_multiple(text)
        if count > self._largest:
            raise ValueError(
                f"{self._name} is {text}, {count} steps of {self._step}; expected at most {self._largest}"
            )
        return count

    def _other_spelling(self, text: str) -> int:
        """Signs, exponents and blanks: rare, and an error unless they say a number in range."""
        if not _NUMBER.fullmatch(text):
            raise ValueError(f"{self._name} is {text!r}; expected a decimal number")
        value = Decimal(text)
        if value < 0:
            raise ValueError(f"{self._name} is {text!r}; expected a number that is not negative")
        if value == 0:
            return 0
        if not -40 < value.adjusted() < 40:
            raise ValueError(
                f"{self._name} is {text!r}; expected at most {self._largest} steps of {self._step}"
            )
        return self._count(format(value, "f").removeprefix("+"))

    def _no_multiple(self, text: str) -> ValueError:
        return ValueError(
            f"{self._name} is {text}; expected a multiple of {format(self._step.normalize(), 'f')}"
        )


class Steps:
    """The two steps of an instrument."""

    def __init__(self, instrument: Instrument) -> None:
        self.price = Step(instrument.tick, name="price", largest=PX_TICKS_MAX)
        self.size = Step(instrument.lot, name="size", largest=_QTY_LOTS_MAX)

    def positive_price(self, text: object) -> int:
        """A price above 0, in ticks."""
        ticks = self.price(text)
        if ticks == 0:
            raise ValueError(f"price is {text!r}; expected more than 0")
        return ticks

    def positive_size(self, text: object) -> int:
        """A size above 0, in lots."""
        lots = self.size(text)
        if lots == 0:
            raise ValueError(f"size is {text!r}; expected more than 0")
        return lots

    def levels(self, bids: Iterable[Sequence[str]], asks: Iterable[Sequence[str]]) -> list[Level]:
        """`[price, size]` pairs of both sides as levels; a size may be 0."""
        price, size = self.positive_price, self.size
        return [(1, price(px), size(qty)) for px, qty in bids] + [
            (-1, price(px), size(qty)) for px, qty in asks
        ]

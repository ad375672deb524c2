"""Readers of venue formats, found by name.

They are modules of `rust/atc-ingest/src/adapters`: each states its venue's conventions of side, time and size
there, with their source.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from atc.errors import DataError, UsageError, nearest
from atc.events.instrument import Instrument, WrongFact


@dataclass(frozen=True)
class Asked:
    """What the user said about the instrument; None: as the adapter knows it."""

    venue: str | None = None
    symbol: str | None = None
    tick: Decimal | None = None
    lot: Decimal | None = None
    day_cut_utc_s: int | None = None
    tz_offset_s: int | None = None
    recorded_depth: int | None = None


class Adapter(NamedTuple):
    """A format that can be read."""

    name: str
    version: int
    """Raised when it would make other events of the same files."""
    about: str
    """What it reads, in one line."""

    @property
    def code(self) -> str:
        """Name and version, which belong to the identity of an ingest."""
        return f"{self.name}@{self.version}"


def adapters() -> dict[str, Adapter]:
    """The formats that can be read, by name."""
    from atc._rust import ingest_adapters

    return {name: Adapter(name, version, about) for name, version, about in ingest_adapters()}


def adapter_named(name: str) -> Adapter:
    """The adapter of a format. Raises UsageError for an unknown name."""
    there = adapters()
    if name not in there:
        raise UsageError(f"no adapter {name!r}; {nearest(name, there)}")
    return there[name]


def instrument(adapter: Adapter, files: Sequence[Path], asked: Asked) -> Instrument:
    """`asked`, completed by what the files and the adapter say.

    Raises DataError if nobody knows tick or lot, if the files name an impossible symbol or none, or if they
    are malformed; UsageError for a fact that the user gave and that no instrument has.
    """
    from atc._rust import ingest_facts

    wanted = json.dumps({"venue": asked.venue, "symbol": asked.symbol})
    with told_as_ours():
        known = json.loads(ingest_facts(adapter.name, list(files), wanted))
    venue, symbol = known["venue"], known["symbol"]
    steps: dict[str, Decimal] = {}
    for name, given in (("tick", asked.tick), ("lot", asked.lot)):
        if given is not None or known[name] is not None:
            steps[name] = Decimal(known[name]) if given is None else given
    if missing := " and ".join(f"--{name}" for name in ("tick", "lot") if name not in steps):
        raise DataError(f"{venue} {symbol}: its price and size steps are not known here; give {missing}")

    def first(name: str) -> int:
        given: int | None = getattr(asked, name)
        found: int = known[name]
        return found if given is None else given

    try:
        return Instrument(
            venue=venue if asked.venue is None else asked.venue,
            symbol=symbol,
            tick=steps["tick"],
            lot=steps["lot"],
            day_cut_utc_s=first("day_cut_utc_s"),
            tz_offset_s=first("tz_offset_s"),
            recorded_depth=first("recorded_depth"),
        )
    except WrongFact as wrong:
        if getattr(asked, wrong.field) is None:
            raise DataError(f"{venue} {symbol}: {wrong}") from wrong
        raise UsageError(f"--{wrong.field.replace('_', '-')}: {wrong}") from wrong


@contextmanager
def told_as_ours() -> Iterator[None]:
    """Turns the reader's errors into ATC's."""
    from atc._rust import SourceDataError, SourceUsageError

    try:
        yield
    except SourceDataError as error:
        raise DataError(str(error)) from error
    except SourceUsageError as error:
        raise UsageError(str(error)) from error

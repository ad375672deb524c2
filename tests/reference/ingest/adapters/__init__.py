"""Readers of venue formats, one module a format, found by the module's name.

Each module gives `VERSION` (raised when it would make other events of the same files), `instrument(files,
asked)` (what is known of the symbol where the user did not say) and `messages(files, instrument, report,
progress)` (the stream in the order of `ts_recv`). Its docstring states the venue's conventions of side, time
and size, with their source.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Protocol, cast

from atc.errors import DataError, UsageError, nearest
from atc.events.instrument import Instrument, WrongFact
from reference.ingest.message import Message
from reference.ingest.report import IngestReport
from reference.ingest.source_file import Progress


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


class Adapter(Protocol):
    """What a module in this package gives."""

    VERSION: int

    def instrument(self, files: Sequence[Path], asked: Asked) -> Instrument:
        """The instrument that `files` record. Raises DataError where neither they nor the user tell."""

    def messages(
        self, files: Sequence[Path], instrument: Instrument, report: IngestReport, progress: Progress
    ) -> Iterator[Message]:
        """The messages of `instrument` in `files`, in the order of `ts_recv`. Raises DataError for malformed
        input.
        """


@dataclass(frozen=True)
class KnownSteps:
    """Tick and lot of a symbol as they were when `seen`; venues change them."""

    tick: Decimal
    lot: Decimal
    seen: str


def adapter_names() -> list[str]:
    """The formats that can be read."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def adapter_named(name: str) -> Adapter:
    """The adapter of a format. Raises UsageError for an unknown name."""
    if name not in adapter_names():
        raise UsageError(f"no adapter {name!r}; {nearest(name, adapter_names())}")
    return cast(Adapter, importlib.import_module(f"{__name__}.{name}"))


def resolved(
    asked: Asked,
    *,
    venue: str,
    symbol: str,
    steps: KnownSteps | None,
    day_cut_utc_s: int = 0,
    tz_offset_s: int = 32_400,
    recorded_depth: int | None = None,
) -> Instrument:
    """`asked`, completed by what an adapter knows.

    Raises DataError if nobody knows tick or lot, or if the files name an impossible symbol; UsageError for a
    fact that the user gave and that no instrument has.
    """
    tick = asked.tick or (steps.tick if steps else None)
    lot = asked.lot or (steps.lot if steps else None)
    if tick is None or lot is None:
        missing = " and ".join(f"--{name}" for name, step in (("tick", tick), ("lot", lot)) if step is None)
        raise DataError(f"{venue} {symbol}: its price and size steps are not known here; give {missing}")

    def first(given: int | None, known: int) -> int:
        return known if given is None else given

    try:
        return Instrument(
            venue=venue if asked.venue is None else asked.venue,
            symbol=symbol,
            tick=tick,
            lot=lot,
            day_cut_utc_s=first(asked.day_cut_utc_s, day_cut_utc_s),
            tz_offset_s=first(asked.tz_offset_s, tz_offset_s),
            recorded_depth=recorded_depth if asked.recorded_depth is None else asked.recorded_depth,
        )
    except WrongFact as wrong:
        if getattr(asked, wrong.field) is None:
            raise DataError(f"{venue} {symbol}: {wrong}") from wrong
        raise UsageError(f"--{wrong.field.replace('_', '-')}: {wrong}") from wrong


def no_such_symbol(files: Sequence[Path], symbol: str, found: set[str]) -> DataError:
    """The error for files that hold other symbols only."""
    names = ", ".join(str(path) for path in files)
    return DataError(f"{names}: no events of {symbol}; {nearest(symbol, found)}")

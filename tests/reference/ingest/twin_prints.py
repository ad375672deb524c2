"""GMO Coin prints every execution twice, once a counterparty: which print is the taker's.

The two prints follow each other with equal price, size and time and opposite sides; the first is the taker's.
(Against the quotes of July 2025 the first print's side is right in 98 % of the pairs; a test measures it.)
Equal executions in a row make groups of 4 or 6 prints, B S B S: so prints are paired from left to right, each
with the next one that is its twin.

The rule looks back only, as a live reader must: a print is a maker's if it is the twin of the print before it
and that one has no twin yet. A print without twin keeps its side. An archive from which the makers' prints
were filtered out has none to find; `looks_filtered` tells it, so that no coincidence in it is taken for a
pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from reference.ingest.message import Origin
from reference.ingest.report import IngestReport


class Print(NamedTuple):
    """What of a print decides about twins."""

    px_ticks: int
    qty_lots: int
    time_ns: int
    side: int


class TwinPrints:
    """Pairs the prints of one symbol, in the order in which the venue gave them."""

    def __init__(self, report: IngestReport) -> None:
        self._report = report
        self._open: tuple[Print, Origin] | None = None

    def is_makers(self, shown: Print, origin: Origin) -> bool:
        """Whether `shown` is the maker's print of the execution that the print before it told."""
        if self._open is not None and _are_twins(self._open[0], shown):
            self._open = None
            self._report.flag(origin, "maker's print of a pair")
            return True
        self._tell_single()
        self._open = shown, origin
        return False

    def finish(self) -> None:
        """No more prints come."""
        self._tell_single()
        self._open = None

    def _tell_single(self) -> None:
        if self._open is not None:
            self._report.flag(self._open[1], "print without twin", "its side may be the maker's")


def looks_filtered(prints: Sequence[Print]) -> bool:
    """Whether these prints of the beginning of an archive hold takers' prints only: fewer than half of them
    have a twin.
    """
    paired, i = 0, 0
    while i + 1 < len(prints):
        if _are_twins(prints[i], prints[i + 1]):
            paired += 2
            i += 2
        else:
            i += 1
    return 2 * paired < len(prints)


def _are_twins(first: Print, second: Print) -> bool:
    return first[:3] == second[:3] and first.side == -second.side

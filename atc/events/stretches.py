"""Where the stretches of a stream begin: nothing that a row says reaches back beyond its stretch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from atc.events.catalog import Catalog
from atc.events.reader import opened
from atc.events.schema import ControlKind, Flag, Kind

if TYPE_CHECKING:
    from pathlib import Path

    from atc.events.catalog import FileEntry

_MARKET = (Kind.BOOK, Kind.TRADE, Kind.TICKER)


def stretch_starts(
    catalog: Catalog, venue: str, symbol: str, span: tuple[int, int], *, max_gap_ns: int
) -> NDArray[np.int64]:
    """Ascending times (ns) in `span` at which a stretch begins: every RESET, and the first market event after
    a silence of more than `max_gap_ns`, as the engine sees them.

    Only times are read, one day after the other. Raises DataError for a file that is missing or is not what
    its manifest says.
    """
    found: list[NDArray[np.int64]] = []
    last: NDArray[np.int64] = np.empty(0, dtype=np.int64)
    for day in catalog.days_within(venue, symbol, *span):
        files = catalog.day(venue, symbol, day).files
        times = [last]
        for kind in _MARKET:
            for entry in files.get(kind, ()):
                times.append(_market_times(catalog.path(entry), entry, span))
        for entry in files.get(Kind.CONTROL, ()):
            found.append(_resets(catalog.path(entry), entry, span))
        of_day = np.unique(np.concatenate(times))
        found.append(of_day[1:][np.diff(of_day) > max_gap_ns])
        last = of_day[-1:]
    return np.unique(np.concatenate(found)) if found else last


def stretches_among(
    catalog: Catalog, venue: str, symbol: str, ts: NDArray[np.int64], *, max_gap_ns: int
) -> NDArray[np.int64]:
    """`stretch_starts` as far as they part rows at `ts` (n,), n > 0, ascending.

    Rows of a clock go on for `max_gap_ns` after the last event: a silence that ends among the rows may have
    begun before the first of them, and the event before it is not one of theirs.
    """
    span = (int(ts[0]) - max_gap_ns, int(ts[-1]) + 1)
    return stretch_starts(catalog, venue, symbol, span, max_gap_ns=max_gap_ns)


def _market_times(path: Path, entry: FileEntry, span: tuple[int, int]) -> NDArray[np.int64]:
    """Distinct times of what the engine does not ignore."""
    with opened(path, entry, *span) as (file, groups):
        table = file.read_row_groups(groups, columns=["ts_recv", "flags"])
    ts = table["ts_recv"].to_numpy()
    if entry.kind == Kind.TRADE:
        ts = ts[(table["flags"].to_numpy() & int(Flag.DUP_OTHER_SIDE)) == 0]
    return np.unique(ts[(ts >= span[0]) & (ts < span[1])])


def _resets(path: Path, entry: FileEntry, span: tuple[int, int]) -> NDArray[np.int64]:
    with opened(path, entry, *span) as (file, groups):
        table = file.read_row_groups(groups, columns=["ts_recv", "control_kind"])
    ts = table["ts_recv"].to_numpy()
    reset = table["control_kind"].to_numpy() == int(ControlKind.RESET)
    return np.asarray(ts[reset & (ts >= span[0]) & (ts < span[1])])

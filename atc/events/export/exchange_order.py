"""Times at the exchange, and rows in two orders at once.

hftbacktest reads one array twice: rows valid at the exchange have to grow in `exch_ts`, rows valid locally in
`local_ts`. A row that reached us after one that the venue made later is written twice, each valid at one end
(hftbacktest.readthedocs.io, "Data": event order).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from atc.events.export.hftbacktest_rows import EXCH, HELPER, LOCAL, TRADE_ROW, Rows, event_dtype

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    _Longs = npt.NDArray[np.int64]

FAR = 2**63 - 1


class NegativeLatency(StrEnum):
    """What to do where the venue's clock is ahead of the receiver's, so that messages seem to arrive before
    they left.
    """

    SHIFT = "shift"
    """All exchange times of the day are set back by the same, so that the smallest latency is the base
    latency.
    """
    CLIP = "clip"
    """The times of those messages alone become the time of receipt."""
    KEEP = "keep"
    """They stay: hftbacktest lets such an event be seen before it happens."""


@dataclass
class Survey:
    """A first look at a day's clocks, window by window."""

    ahead_ns: int = -FAR
    """Largest `ts_exch - ts_recv`."""
    first_book_ns: int | None = None
    """First `ts_exch` of the book."""
    spans: list[tuple[int, int, bool]] = field(default_factory=list)
    """Of each window the last time of receipt, the smallest time that was sent or received, and whether a
    message of the book has no time of its own.
    """

    def look(self, kinds: Mapping[str, tuple[_Longs, _Longs, npt.NDArray[np.bool_]]]) -> None:
        """Looks at the next window: of each kind the times of receipt, of the venue, and where those are
        known.
        """
        last, earliest, untimed = -FAR, FAR, False
        for kind, (ts, exchange, timed) in kinds.items():
            if not len(ts):
                continue
            last, earliest = max(last, int(ts[-1])), min(earliest, int(ts[0]))
            untimed |= kind != "trade" and not timed.all()
            if timed.any():
                self.ahead_ns = max(self.ahead_ns, int((exchange - ts)[timed].max()))
                earliest = min(earliest, int(exchange[timed].min()))
                if kind == "book" and self.first_book_ns is None:
                    self.first_book_ns = int(exchange[timed][0])
        self.spans.append((last, earliest, untimed))


class ExchangeClock:
    """The times at the exchange of a day's rows.

    Messages of the book keep their order at the exchange, whatever their times say: a difference that
    overtook another one would make another book. So their time is the running maximum of what the venue said,
    and one without a time has that of the one before. A print without a time has that of its receipt.
    """

    def __init__(self, survey: Survey, mode: NegativeLatency, base_latency_ns: int) -> None:
        self._survey = survey
        self._mode = mode
        self.offset_ns = 0
        """Set back from the venue's times."""
        if mode is NegativeLatency.SHIFT and survey.ahead_ns > 0:
            self.offset_ns = survey.ahead_ns + base_latency_ns
        self._book = -FAR if survey.first_book_ns is None else survey.first_book_ns - self.offset_ns
        self._book_known = survey.first_book_ns is not None

    def times(self, rows: Rows) -> npt.NDArray[np.int64]:
        """`exch_ts` of the rows of the next window."""
        import numpy as np

        local = rows.data["local_ts"]
        found = np.where(rows.timed, rows.exchange - self.offset_ns, local)
        book = rows.origin != TRADE_ROW
        if self._book_known and book.any():
            said = np.where(rows.timed[book], found[book], self._book)
            running = np.maximum.accumulate(np.maximum(said, self._book))
            self._book = int(running[-1])
            found[book] = running if self._mode is NegativeLatency.KEEP else np.minimum(running, local[book])
        return found if self._mode is NegativeLatency.KEEP else np.minimum(found, local)

    def earliest_after(self, ts_recv: int) -> int:
        """No row that is received later than `ts_recv` has a smaller time at the exchange; `FAR` if there is
        none.
        """
        coming = [(earliest, untimed) for last, earliest, untimed in self._survey.spans if last > ts_recv]
        if not coming:
            return FAR
        bound = min(earliest for earliest, _ in coming) - self.offset_ns
        # A message without a time takes that of the one before it.
        return min(bound, self._book) if any(untimed for _, untimed in coming) else bound


class TwoOrders:
    """Puts rows into an order that is right at both ends, holding back what may still have to wait."""

    def __init__(self) -> None:
        self._rows = no_rows()
        self._origin: npt.NDArray[np.uint8] = _bytes(0)
        self._latest: npt.NDArray[np.int64] = _longs(0)
        """Of each row the largest time at the exchange up to it."""
        self._top = -FAR
        self._late = no_rows()
        """Copies for the exchange, by their time."""

    def add(
        self, data: npt.NDArray[Any], origin: npt.NDArray[np.uint8], *, earliest_coming: int
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.uint8]]:
        """Takes rows in the order of receipt and gives those that are certain: no row to come has a smaller
        time at the exchange than `earliest_coming`.
        """
        import numpy as np

        valid = data["ev"] & EXCH != 0
        exch = np.where(valid, data["exch_ts"], -FAR)
        latest = np.maximum.accumulate(np.maximum(exch, self._top))
        before = np.append(self._top, latest[:-1]) if len(latest) else latest
        late = valid & (exch < before)
        copies = data[late]
        copies["ev"] -= np.uint64(LOCAL)
        data = data.copy()
        data["ev"][late] -= np.uint64(EXCH)
        if len(latest):
            self._top = int(latest[-1])
        self._rows = np.concatenate([self._rows, data])
        self._origin = np.concatenate([self._origin, origin])
        self._latest = np.concatenate([self._latest, latest])
        self._late = np.concatenate([self._late, copies])
        self._late = self._late[np.argsort(self._late["exch_ts"], kind="stable")]
        return self._give(earliest_coming)

    def _give(self, earliest_coming: int) -> tuple[npt.NDArray[Any], npt.NDArray[np.uint8]]:
        import numpy as np

        count = int(self._latest.searchsorted(earliest_coming, "right"))
        # A copy comes before the first row whose time is larger.
        places = self._latest.searchsorted(self._late["exch_ts"], "right")
        ready = places < count if earliest_coming < FAR else np.ones(len(places), bool)
        data = np.insert(self._rows[:count], places[ready], self._late[ready])
        origin = np.insert(self._origin[:count], places[ready], np.uint8(HELPER))
        self._rows, self._origin, self._latest = (
            self._rows[count:],
            self._origin[count:],
            self._latest[count:],
        )
        self._late = self._late[~ready]
        return data, origin


def no_rows() -> npt.NDArray[Any]:
    """No rows."""
    import numpy as np

    return np.empty(0, event_dtype())


def _bytes(count: int) -> npt.NDArray[np.uint8]:
    import numpy as np

    return np.zeros(count, np.uint8)


def _longs(count: int) -> npt.NDArray[np.int64]:
    import numpy as np

    return np.zeros(count, np.int64)

"""Features event by event: the rows of the batch, bit for bit, as soon as they are known.

The batch is a loop over the very same engine, so nothing is computed in two ways. What a stream knows can be
written down with `state()` and taken up again in another process with `restore()`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from atc.errors import DataError, UsageError, nearest
from atc.events.event import BookEvent, ControlEvent, Event, TickerEvent, TradeEvent

if TYPE_CHECKING:
    import numpy as np

    from atc import _rust
    from atc.config.schema import RunConfig


@dataclass(frozen=True, slots=True, eq=False)
class FeatureRow:
    """One finished row."""

    ts_recv: int
    """t, ns UTC: the row uses every event up to it, and no other."""
    ev_seq: int
    """With `ts_recv` the key of the row, as in the cache."""
    ts_close: int
    """When the row became known, ns UTC: the time of a decision that follows from it."""
    values: np.ndarray
    """float32 (columns,) in the order of `FeatureStream.columns`; NaN is null."""


class FeatureStream:
    """The feature engine, fed with single events in the order (`ts_recv`, `ev_seq`).

    `push`, `advance` and `flush` return the rows that they finished, in key order. Rows are those of
    `atc features build` on the same events, bit for bit: from the first one, if the stream begins with the
    events, or once `warm_up_ns` of events have passed, if it is started amidst a feed.

    An event that cannot be (out of order, before a promise, a negative size, an overflow) raises DataError;
    the stream is then of no more use, for the event may have been taken in half, and says so.
    """

    def __init__(
        self,
        spec_json: str,
        columns: Sequence[str],
        *,
        warm_up_ns: int = 0,
        span_ns: tuple[int, int] | None = None,
    ) -> None:
        """`spec_json`: what `engine_spec` makes; `columns`: those of the rows, in order, at least one;
        `span_ns`: begin and end, ns UTC, between which events have to lie.

        Raises UsageError for a column that is not computed, or a specification that cannot be.
        """
        import numpy as np

        from atc import _rust

        try:
            self._engine = _rust.FeatureEngine(spec_json)
        except ValueError as why:
            raise UsageError(f"a feature stream cannot be made: {why}") from why
        computed = self._engine.columns()
        for name in columns:
            if name not in computed:
                raise UsageError(f"'{name}' is not a column of this stream; {nearest(name, computed)}")
        if not columns:
            raise UsageError("a feature stream needs at least one column")
        self.columns = tuple(columns)
        """Names of the values of a row, in order."""
        self.warm_up_ns = warm_up_ns
        """How much of a feed, ns, has to pass before rows no longer depend on where it began."""
        self.unreturned: list[FeatureRow] = []
        """Rows that `push_all` had finished when it raised the last time; none where it did not."""
        self._places = np.array([computed.index(name) for name in columns])
        self._spec_json = spec_json
        self._span_ns = span_ns
        self._over_since: str | None = None

    @classmethod
    def from_config(cls, config: RunConfig, span_ns: tuple[int, int] | None = None) -> Self:
        """A stream of the columns of `config.features`, sampled and computed as `config` says.

        `span_ns`: the times between which the events will lie, ns UTC, for which the calendar of maintenance
        is laid out; by default the days of simulated data. It may be years long. Raises UsageError where the
        calendar has entries and nothing says for when, and for a feature set that cannot be.
        """
        from atc.features.declarations import schemas_of
        from atc.features.engine_spec import engine_spec, warm_up_ns
        from atc.features.sets import set_columns

        features = config.features
        span = _simulated_span(config) if span_ns is None else span_ns
        if span is None and config.data.maintenance:
            raise UsageError(
                f"data.maintenance of '{config.data.name}' has entries, and nothing says for when to lay "
                "them out: give span_ns, the begin and end (ns UTC) of the time that the stream is for"
            )
        columns = set_columns(features)
        schemas = [schema.name for schema in schemas_of(columns)]
        spec = engine_spec(config.data, config.sampling, features.engine, *(span or (0, 0)), schemas=schemas)
        warm_up = warm_up_ns(config.sampling, features.engine, schemas)
        return cls(spec, columns, warm_up_ns=warm_up, span_ns=span)

    def push(self, event: Event) -> list[FeatureRow]:
        """Takes one event; returns the rows that it finished, most often none or one.

        A row is finished when its time is over: by a later event, or by `advance`.
        """
        engine = self._usable()
        e = event
        if self._span_ns is not None and not self._span_ns[0] <= e.ts_recv < self._span_ns[1]:
            begin, end = self._span_ns
            raise UsageError(
                f"{type(e).__name__} {e.ev_seq} at {e.ts_recv} lies outside of the time that the stream is "
                f"for, [{begin}, {end}) ns UTC: give another span_ns"
            )
        try:
            match e:
                case BookEvent():
                    engine.push_book(e.ev_seq, e.ts_recv, e.ts_exch, e.flags, e.msg_kind, e.levels)
                case TradeEvent():
                    engine.push_trade(e.ev_seq, e.ts_recv, e.ts_exch, e.flags, e.px_ticks, e.qty_lots, e.side)
                case TickerEvent():
                    prices = (e.bid, e.ask, e.last, e.high, e.low)
                    sizes = (e.bid_qty, e.ask_qty, e.vol)
                    engine.push_ticker(e.ev_seq, e.ts_recv, e.ts_exch, e.flags, *prices, *sizes)
                case ControlEvent():
                    engine.push_control(e.ev_seq, e.ts_recv, e.flags, e.control_kind)
        except (ValueError, OverflowError) as why:
            raise self._broken(f"{type(e).__name__} {e.ev_seq} at {e.ts_recv}: {why}") from why
        return self._finished()

    def push_all(self, events: Iterable[Event]) -> list[FeatureRow]:
        """Takes the events one after the other; returns all rows that they finished.

        Where one of them raises, the rows that those before it finished are in `unreturned`.
        """
        self.unreturned = rows = []
        for event in events:
            rows += self.push(event)
        self.unreturned = []
        return rows

    def advance(self, now: int) -> list[FeatureRow]:
        """Promises that no event with `ts_recv < now` (ns UTC) will come; returns the rows that it finished.

        A row of a live feed is known this way without waiting for the next event.
        """
        engine = self._usable()
        try:
            engine.advance(now)
        except ValueError as why:
            raise self._broken(f"advance({now}): {why}") from why
        return self._finished()

    def flush(self) -> list[FeatureRow]:
        """The rows that are still open at the end of the data, which ends the stream as well.

        In a live feed nothing ends: `advance` closes what the time has passed.
        """
        engine = self._usable()
        try:
            engine.flush()
        except ValueError as why:
            raise self._broken(f"flush: {why}") from why
        self._over_since = "flush(), the end of its data"
        return self._finished()

    def state(self) -> bytes:
        """Everything that the stream knows, to be taken up again by `restore`."""
        return self._usable().state()

    def restore(self, state: bytes) -> None:
        """Goes on where the stream that gave `state` was, instead of where this one is.

        Raises DataError if `state` is none of a feature engine, is damaged, or is that of another
        specification, version of a feature schema or build of the formulas; this stream is then as it was.
        """
        from atc import _rust

        try:
            self._engine = _rust.FeatureEngine.restore(state, self._spec_json)
        except ValueError as why:
            raise DataError(f"a feature stream cannot go on from this state: {why}") from why
        self._over_since = None

    def _finished(self) -> list[FeatureRow]:
        if not self._engine.rows_waiting():
            return []
        import numpy as np

        return [
            FeatureRow(ts_recv, ev_seq, ts_close, np.frombuffer(values, np.float32)[self._places])
            for ts_recv, ev_seq, ts_close, values in self._engine.take_packed_rows()
        ]

    def _usable(self) -> _rust.FeatureEngine:
        if self._over_since is not None:
            raise DataError(
                f"this feature stream is of no more use since {self._over_since}; restore a state, or make a "
                "new one"
            )
        return self._engine

    def _broken(self, by: str) -> DataError:
        self._over_since = by
        return DataError(by)


def _simulated_span(config: RunConfig) -> tuple[int, int] | None:
    """From the first to the last day of simulated data; None for other data."""
    from atc.config.data import SimulatedData
    from atc.events.business_day import DAY_NS, day_start_ns

    data = config.data
    if not isinstance(data, SimulatedData):
        return None
    begin = day_start_ns(data.start_date, data.day_cut_utc_s, data.tz_offset_s)
    return begin, begin + data.days * DAY_NS

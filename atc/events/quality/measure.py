"""The measures of one business day, taken in Rust: one pass over its events, memory of one day."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atc.events.schema import MAX_GAP_NS, Kind, schema_of

if TYPE_CHECKING:
    import pyarrow as pa

    from atc.config.quality import QualityMeasure

_EVER = (-(2**62), 2**62)


@dataclass(frozen=True)
class Yardsticks:
    """What counts as silent, as far off, as a step of a clock. The config's `quality.measure`, in ns."""

    silence_ns: int = MAX_GAP_NS
    """A longer stretch without events is silent."""
    far_off: float = 0.1
    """Share of the mid beyond which a price is far off it."""
    clock_parts: int = 24
    """Parts of equal length of the day's events, each with a median of receive minus exchange time."""
    clock_messages: int = 20
    """Messages that a part needs for its median."""
    clock_step_ns: int = 250_000_000
    """A larger step between the medians of neighbouring parts is a step of a clock."""

    @classmethod
    def of(cls, config: QualityMeasure) -> Yardsticks:
        """As the config has them."""
        return cls(
            silence_ns=round(config.silence_s * 1_000_000_000),
            far_off=config.far_off,
            clock_parts=config.clock_parts,
            clock_messages=config.clock_messages,
            clock_step_ns=round(config.clock_step_ms * 1_000_000),
        )


@dataclass(frozen=True)
class Neighbourhood:
    """What of the days around it and of the calendar a day's measures depend on; times in ns UTC."""

    begin_ns: int = _EVER[0]
    end_ns: int = _EVER[1]
    before_ns: int | None = None
    """Last market event before the day; `begin_ns` if the day before is missing, None if nothing was
    recorded before.
    """
    after_ns: int | None = None
    """First market event after the day; `end_ns` if the next day is missing, None if nothing was recorded
    after.
    """
    book_before_ns: int | None = None
    book_after_ns: int | None = None
    in_gap: bool = False
    """The update chain is broken when the day begins."""
    closed: tuple[tuple[int, int], ...] = ()
    """Maintenance and the pre-open after it."""


def measured(
    tables: Mapping[Kind, pa.Table],
    *,
    around: Neighbourhood | None = None,
    yardsticks: Yardsticks | None = None,
    recorded_depth: int | None = None,
    largest_order_lots: int | None = None,
    places: int = 0,
) -> dict[str, Any]:
    """`figures` and the first `places` findings of each measure, as the Rust crate `atc-quality` names them.

    `tables` have the canonical columns and are sorted; kinds that are not there have no events. Raises
    ValueError for other columns.
    """
    from atc._rust import measure_quality

    around, yardsticks = around or Neighbourhood(), yardsticks or Yardsticks()
    params = {
        **{name: getattr(around, name) for name in around.__dataclass_fields__},
        **{name: getattr(yardsticks, name) for name in yardsticks.__dataclass_fields__},
        "recorded_depth": recorded_depth,
        "largest_order_lots": largest_order_lots,
        "places": places,
    }
    batches = [_one_batch(tables.get(kind), kind) for kind in Kind]
    found: dict[str, Any] = json.loads(measure_quality(json.dumps(params), *batches))
    return found


def _one_batch(table: pa.Table | None, kind: Kind) -> pa.RecordBatch:
    import pyarrow as pa

    if table is None or table.num_rows == 0:
        return pa.RecordBatch.from_pylist([], schema=schema_of(kind))
    return table.combine_chunks().to_batches()[0]

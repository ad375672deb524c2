"""The rows of a run whose model reads sequences: those at which a whole window ends."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from atc.config.ensemble import Ensemble
from atc.config.nets import Net
from atc.config.schema import RunConfig
from atc.errors import DataError
from atc.protocol.row_windows import RowWindows
from atc.protocol.sequences import window_runs
from atc.tasks.member_runs import member_runs

if TYPE_CHECKING:
    from atc.tasks.market_data import MarketData
    from atc.tasks.rows import LabelledRows

SECOND_NS = 1_000_000_000


def window_rows(config: RunConfig) -> int:
    """Rows that the longest window of the run's models has; 1 where none reads sequences."""
    models = [config.model, config.baseline.model]
    if isinstance(config.model, Ensemble):
        models += [member.run.config.model for member in member_runs(config)]
    return max((model.length for model in models if isinstance(model, Net)), default=1)


def window_ns(config: RunConfig) -> int:
    """How far back of a row its window can begin, ns: rows of a clock come each second, others at most a gap
    apart.
    """
    step_s = 1.0 if config.sampling.kind == "clock_1s" else config.sampling.max_gap_s
    return (window_rows(config) - 1) * round(step_s * SECOND_NS)


def with_whole_windows(
    rows: LabelledRows,
    market: MarketData,
    config: RunConfig,
    labels: Sequence[Path] = (),
    *,
    matrices: Path | None = None,
) -> LabelledRows:
    """The `rows` at which a whole window of the run's models ends, their inputs with
    the windows.

    Every model of the run has these rows, also one that reads their last row alone: it is compared on the
    same decisions. `labels`: the files that `rows` are of, and `matrices`: where what is known of them is
    kept; None: in memory. Raises DataError where no window is whole.
    """
    from atc.events.stretches import stretches_among
    from atc.tasks.picked_rows import rows_of_runs

    length = window_rows(config)
    if length == 1 or len(rows.x) == 0:
        return rows
    ts = rows.keys["ts_recv"].to_numpy()
    max_gap_ns = round(config.sampling.max_gap_s * SECOND_NS)
    facts = market.facts
    begins = stretches_among(market.catalog, facts.venue, facts.symbol, ts, max_gap_ns=max_gap_ns)
    runs = window_runs(ts, length, max_gap_ns=max_gap_ns, resets_ns=begins.tolist())
    if len(runs[0]) == 0:
        raise DataError(
            f"{config.data.name}: no {length} rows in a row without a gap or a reset among {len(ts):,}: "
            "choose a shorter model.sequence_length or other data"
        )
    matrix = rows.x
    assert isinstance(matrix, np.ndarray)  # as it was read
    windows = RowWindows(matrix, *runs, length=length)
    return rows_of_runs(rows, *runs, windows, labels, matrices=matrices)


def window_notes(config: RunConfig, without: int) -> list[str]:
    """What a reader should know of the rows that were left out."""
    length = window_rows(config)
    if length == 1:
        return []
    return [
        f"rows are the ends of whole windows of {length} rows, for all models alike; {without:,} rows soon "
        "after a gap or a reset have none, and no decision is taken there"
    ]

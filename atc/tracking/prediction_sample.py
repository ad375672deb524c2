"""Some rows of the predictions, for whoever looks at a run in a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

ROWS = 1_000
_LEFT_OUT = ("ts_close", "judged", "t0", "t1")


def sampled_predictions(predictions: pl.DataFrame, rows: int = ROWS) -> pl.DataFrame:
    """At most `rows` of the rows that figures are made of, in their order: `symbol`, `time` (ISO, UTC, to the
    nanosecond), `ev_seq`, `split`, labels and returns, calibrated scores; null for what is not a number.

    Which rows these are depends on their keys alone: two runs on the same rows show the same ones.
    """
    import polars as pl

    judged = predictions.filter("judged") if "judged" in predictions.columns else predictions
    if judged.height > rows:
        order = _order(judged["ts_recv"].to_numpy(), judged["ev_seq"].to_numpy())
        judged = judged[np.sort(np.argpartition(order, rows)[:rows])]
    shown = [name for name in judged.columns if not name.startswith(_LEFT_OUT) and not name.endswith("_raw")]
    return (
        judged.select(shown)
        .with_columns(pl.col(pl.Float32, pl.Float64).fill_nan(None))
        .with_columns(ts_recv=pl.from_epoch("ts_recv", "ns").dt.strftime("%Y-%m-%dT%H:%M:%S%.9fZ"))
        .rename({"ts_recv": "time"})
    )


def _order(ts_recv: NDArray[np.int64], ev_seq: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Numbers as good as random of the keys, the same on every machine: the finaliser of SplitMix64 (Steele,
    Lea, Flood 2014).
    """
    mixed = ts_recv.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15) * ev_seq.astype(np.uint64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    return mixed

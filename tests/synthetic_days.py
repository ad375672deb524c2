"""Cached days of rows that no market made: as many as a test of memory needs, without an event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa

from atc.config.schema import RunConfig
from atc.events.business_day import day_start_ns
from atc.features.day_file import manifest_of, packed, write_whole
from atc.features.day_job import key_of
from atc.features.label_spec import LabelSpec
from atc.labels.definitions import label_spec
from atc.protocol.window import Spans

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
FIRST = date(2025, 1, 6)
KEYS = ("ts_recv", "ev_seq", "ts_close")
COLUMNS = ("spread_bps", "rv_5s")
"""Of the schema `core`."""


@dataclass(frozen=True)
class SyntheticDays:
    """The files of some days, and what `load_rows` asks a market for."""

    folder: Path
    features: tuple[dict[str, Path], ...]
    labels: tuple[Path, ...]
    spans: Spans

    @property
    def market(self) -> Any:
        """As `load_rows` reads it."""
        return SimpleNamespace(
            days=[FIRST + timedelta(days=number) for number in range(len(self.labels))],
            spans=self.spans,
            build=lambda *_: (SimpleNamespace(files=self.features), SimpleNamespace(files=self.labels)),
            source=SimpleNamespace(folder=lambda kind: self.folder / kind),
            holdout=None,
            catalog=None,
            facts=SimpleNamespace(venue="V", symbol="T"),
        )


def synthetic_days(folder: Path, config: RunConfig, rows: int, days: int, train_days: int) -> SyntheticDays:
    """`rows` a day, evenly over its 24 hours; of the last `days - train_days` the holdout is made. Labels as
    `config` asks for; those of the last horizon of a day are null, as before a gap.
    """
    spec = label_spec(config.label)
    cut = config.data.day_cut_utc_s, config.data.tz_offset_s
    first = day_start_ns(FIRST, *cut)
    features, labels = [], []
    for number in range(days):
        day, rng = FIRST + timedelta(days=number), np.random.default_rng(number)
        begin = first + number * DAY
        ts = begin + np.arange(rows, dtype=np.int64) * (DAY // rows)
        keys = {
            "ts_recv": ts,
            "ev_seq": np.arange(number * rows, (number + 1) * rows, dtype=np.uint64),
            "ts_close": ts + 5_000_000,
        }
        values = rng.standard_normal((len(COLUMNS), rows), dtype=np.float32)
        table = pa.table({**keys, **dict(zip(COLUMNS, values, strict=True))})
        file, digest = _written(
            folder / "features/schema=core", day, table, KEYS, {"schema": "core", "number": number}
        )
        features.append({"core": file})
        table = pa.table(_labels_of(ts, begin + DAY, spec, rng))
        told = {"schema": "labels", "number": number, "label": spec.inputs(), "rows": digest}
        file, _ = _written(folder / "labels", day, table, spec.keys, told)
        labels.append(file)
    holdout = first + train_days * DAY
    return SyntheticDays(
        folder, tuple(features), tuple(labels), Spans((first, holdout), (holdout, first + days * DAY))
    )


def _labels_of(ts: Any, end: int, spec: LabelSpec, rng: np.random.Generator) -> dict[str, Any]:
    columns: dict[str, Any] = {"t0": ts, "spread_bps": rng.uniform(0.5, 2.0, len(ts))}
    each: dict[str, Sequence[Any]] = {"r_bps": [], "t1": [], "null_cause": []}
    for _, horizon in spec.heads:
        late = ts + horizon >= end
        each["r_bps"] = [*each["r_bps"], pa.array(rng.normal(0.0, 5.0, len(ts)), mask=late)]
        each["t1"] = [*each["t1"], ts + horizon]
        each["null_cause"] = [*each["null_cause"], np.where(late, 2, 0).astype(np.uint8)]
    names = [name for name, _ in spec.heads]
    for column, found in each.items():
        for name, values in zip(names, found, strict=True):
            columns[f"{column}_{name}" if name else column] = values
    return {name: columns[name] for name in spec.columns}


def _written(
    folder: Path, day: date, table: pa.Table, keys: Sequence[str], told: dict[str, Any]
) -> tuple[Path, str]:
    """The file of a day in `folder`, and the digest of its rows."""
    inputs = {"version": 1, **told}
    manifest = manifest_of(table, ("venue", "X", day), inputs, keys)
    file = folder / f"date={day}" / f"{key_of(inputs)}.parquet"
    write_whole(file, packed(table, manifest))
    return file, manifest.row_digest

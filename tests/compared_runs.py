"""Runs made of figures and predictions that are known, for the tests of `atc compare`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from record_example import IDENTITY, METRICS
from typer.testing import CliRunner

import atc
from atc.cli import application
from atc.opened_run import OpenedRun
from atc.protocol.ledger import Asker, Holdout, Ledger
from atc.tracking.record import RunRecord

SECOND = 1_000_000_000
CUT = 1_740_085_200 * SECOND  # 2025-02-20 21:00 UTC, a business day of ETH_JPY begins
DAY = 86_400 * SECOND
ROWS = 6_000
HOLDOUT = Holdout("venue", "ETH_JPY", (CUT, CUT + 7 * DAY), "d" * 64)

Vector = NDArray[np.float64]


def known(seed: int = 0) -> tuple[Vector, Vector]:
    """Returns (ROWS,) a minute and a half apart, and what moves them."""
    rng = np.random.default_rng(seed)
    signal = rng.standard_normal(ROWS)
    return 2.0 * signal + 4.0 * rng.standard_normal(ROWS), signal


def predictions(
    r_bps: Vector, score: Vector, *, sealed: bool = False, threshold: float = -2.0
) -> pl.DataFrame:
    t0 = CUT + np.arange(ROWS) * 90 * SECOND
    y = np.where(r_bps > threshold, 1.0, 0.0)
    judged = np.arange(ROWS) % 50 != 7
    frame = pl.DataFrame(
        {
            "symbol": pl.repeat("ETH_JPY", ROWS, eager=True),
            "ts_recv": t0,
            "ev_seq": np.arange(ROWS, dtype=np.uint64),
            "ts_close": t0 + 5_000_000,
            "split": pl.repeat("valid" if sealed else "holdout", ROWS, eager=True),
            "y": np.where(judged, y, np.nan),
            "t0": t0,
            "t1": t0 + 300 * SECOND,
            "r_bps": r_bps,
            "judged": judged,
            "p_hold": score,
        }
    )
    return frame.with_columns(pl.col("y").fill_nan(None))


def curve(gains: Vector, *, start: int = CUT, step: int = 3600 * SECOND) -> pl.DataFrame:
    ts = start + step * np.arange(len(gains) + 1)
    alpha = np.concatenate([[0.0], np.cumsum(gains)])
    return pl.DataFrame({"ts": ts, "strategy": alpha + 5.0, "always_hold": 5.0, "alpha": alpha})


class Folder:
    """Makes runs under one folder, and their looks."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def run(
        self,
        name: str,
        frame: pl.DataFrame,
        *words: str,
        metrics: Mapping[str, float | int | None] = METRICS,
        equity: pl.DataFrame | None = None,
        valid: pl.DataFrame | None = None,
        entered: bool = True,
        key: int = 0,
        force: bool = False,
    ) -> OpenedRun:
        config = atc.compose([f"paths.outputs={self.root}", f"paths.events={self.root / 'data'}", *words])
        content = {**config.model_dump(mode="json"), "name": name}
        run_id = f"{(name + str(key or '')).encode().hex():0>64}"[::-1]
        identity = replace(IDENTITY, run_id=run_id, config_digest=f"{name}{key:_>64}")
        sealed = "holdout" not in frame["split"].to_list()
        if sealed:
            metrics = {key: None if "holdout/" in key else value for key, value in metrics.items()}
        with RunRecord.open(self.root, name, identity, content, force=force) as record:
            with record.writing("model") as folder:
                folder.mkdir()
                (folder / "manifest.json").write_text(json.dumps({"label": {"threshold_bps": -2.0}}))
            if equity is not None:
                with record.writing("equity.parquet") as path:
                    equity.write_parquet(path)
            if valid is not None:
                with record.writing("equity_valid.parquet") as path:
                    valid.write_parquet(path)
            record.write_predictions(frame)
            record.finish(metrics)
        if entered and not sealed:
            asker = Asker(identity.run_id, name, "c" * 64, "d" * 64, None, None, None, None)
            Ledger(self.root / "data").enter(HOLDOUT, asker, "metrics of the run")
        if entered and valid is not None:
            asker = Asker(identity.run_id, name, "c" * 64, "d" * 64, None, None, None, None)
            time = replace(HOLDOUT, span=(int(valid["ts"][0]), int(valid["ts"][-1])))
            Ledger(self.root / "data").enter(time, asker, "validation", kind="judged")
        return atc.open_run(record.run_folder)


def compared(*runs: OpenedRun, options: tuple[str, ...] = ()) -> str:
    words = ["compare", *(str(run.folder) for run in runs), *options]
    done = CliRunner().invoke(application(), words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output

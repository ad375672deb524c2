"""Whether a stored model is what it says, and still says what its run recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from atc.errors import AtcError, DataError
from atc.evaluation.report import MODEL
from atc.models.artifact import LoadedModel, load_model
from atc.models.calibration import CALIBRATION_FILE
from atc.models.checks import SAMPLE_ROWS, BringsChecks, Check, sample_rows
from atc.models.manifest import check_files, read_manifest
from atc.models.profile import PROFILE_FILE
from atc.models.window_length import window_length
from atc.protocol.row_runs import rows_of
from atc.protocol.row_windows import RowWindows
from atc.tasks.cached_rows import (
    InputRows,
    cached_days,
    cached_row_count,
    input_rows,
    require_computed,
    source_of,
    windows_from,
    with_days_before,
)

if TYPE_CHECKING:
    from datetime import date

    from atc.config.schema import RunConfig
    from atc.features.source import Source
    from atc.opened_run import OpenedRun

SCORES_WITHIN = 1e-6
"""Scores of a row that differ by more are not the same; sums in float32 may be taken in another order."""
_WITHIN_OF_ANOTHER_DEVICE = 1e-5
"""The same for a net whose run scored on a GPU: every layer of it sums in another order there."""
_JUDGED_SPLITS = ("valid", "holdout")
"""Splits that the named model scores; folds have models of their own."""


def verify_model(folder: Path, run: OpenedRun | None) -> Iterator[Check]:
    """Every check of the model in `folder`; those that need what an earlier one found missing are left out.

    `run`: the run that it is of, whose predictions it has to give again. Nothing is built, and no label is
    read.
    """
    failed: list[str] = []

    def tried(name: str, what: Callable[[], str]) -> Check:
        try:
            return Check(name, True, what())
        except AtcError as error:
            failed.append(name)
            return Check(name, False, str(error))

    manifest: dict[str, Any] = {}
    yield tried("manifest", lambda: _manifest(folder, manifest))
    if failed:
        return
    yield tried("files", lambda: _files(folder, manifest))
    yield tried("features", lambda: _features(folder, manifest))
    if "files" in failed:
        return
    found: list[LoadedModel] = []
    yield tried("model", lambda: _loads(folder, found))
    if not found:
        return
    yield _scores(found[0])
    if isinstance(found[0].model, BringsChecks):
        rows = SAMPLE_ROWS + window_length(found[0].model) - 1
        yield from found[0].model.own_checks(folder, sample_rows(found[0].profile, rows))
    if run is not None:
        yield _of_run(folder, manifest, run)
        yield same_predictions(found[0], run)


def _manifest(folder: Path, into: dict[str, Any]) -> str:
    into.update(read_manifest(folder))
    return f"{into['format']}, {into['model_type']} of {into['symbol']}; its own digest fits"


def _files(folder: Path, manifest: Mapping[str, Any]) -> str:
    check_files(folder, manifest, manifest["model_files"])
    sizes = [(folder / name).stat().st_size for name in manifest["files"]]
    told = f"{len(sizes)} with {sum(sizes):,} bytes, each with the SHA-256 of the manifest"
    known = {*manifest["files"], "manifest.json"}
    others = sorted(path.name for path in folder.iterdir() if path.is_file() and path.name not in known)
    return f"{told}; never read: {', '.join(others)}" if others else told


def _features(folder: Path, manifest: Mapping[str, Any]) -> str:
    here = require_computed(folder, manifest)
    return f"{len(manifest['features'])} inputs of {here}, as this checkout computes them"


def _loads(folder: Path, into: list[LoadedModel]) -> str:
    loaded = load_model(folder)
    into.append(loaded)
    extra = f", {CALIBRATION_FILE}" if loaded.calibration is not None else ""
    return f"loads with its {PROFILE_FILE}{extra}; inputs in the manifest's order"


def _scores(loaded: LoadedModel) -> Check:
    """Whether it scores rows such as training had, and a row by itself alone."""
    length = window_length(loaded.model)
    rows = sample_rows(loaded.profile, SAMPLE_ROWS + length - 1)
    # Of a model of windows those that end at each row but the first ones.
    x = rows if length == 1 else RowWindows.ending_at(rows, np.arange(length - 1, len(rows)), length)
    scores = loaded.scores(x)
    alone = np.concatenate([loaded.scores(rows_of(x, np.array([i]))) for i in range(8)])
    if not np.isfinite(scores).all():
        bad = int(np.count_nonzero(~np.isfinite(scores).all(axis=1)))
        return Check("scores", False, f"{bad} of {len(x)} rows made from the profile have no finite score")
    apart = float(np.max(np.abs(alone - scores[:8])))
    return Check(
        "scores",
        apart <= SCORES_WITHIN,
        f"{len(x)} rows made from the profile, nulls among them: {scores.min():.4f} … {scores.max():.4f}; a "
        f"row alone differs by {apart:.1g}",
    )


def _of_run(folder: Path, manifest: Mapping[str, Any], run: OpenedRun) -> Check:
    """Whether the manifest names the config and the data of the run that it lies in."""
    other = [key for key in ("config_digest", "data_digest") if manifest.get(key) != run.manifest.get(key)]
    if other:
        return Check("run", False, f"{folder} has another {' and '.join(other)} than its run {run.folder}")
    return Check("run", True, f"config and data digests are those of {run.folder.name}")


@dataclass
class _Compared:
    """Scores of the run beside scores of the stored model."""

    expected: int
    """Rows that the run scored."""
    there: int
    """Those of them that the feature cache has to hold: of its days, of windows those that it holds whole."""
    within: float
    """How far apart two scores may be."""
    rows: int = 0
    largest: float = 0.0
    at: int = 0
    """ts_recv of the row of `largest`, ns."""

    def take(self, predicted: pl.DataFrame, some: InputRows, loaded: LoadedModel, columns: list[str]) -> None:
        """Scores the rows of a day that were predicted."""
        placed = some.keys.with_row_index("place").join(
            predicted, on=["ts_recv", "ev_seq"], how="inner", maintain_order="left"
        )
        self.rows += len(placed)
        if len(placed):
            scores = loaded.scores(rows_of(some.x, placed["place"].to_numpy().astype(np.int64)))
            apart = np.abs(scores - placed.select(columns).to_numpy()).max(axis=1)
            apart = np.where(np.isnan(apart), np.inf, apart)
            worst = int(np.argmax(apart))
            if apart[worst] > self.largest:
                self.largest, self.at = float(apart[worst]), int(placed["ts_recv"][worst])

    def check(self) -> Check:
        """What came out."""
        told = f"{self.rows:,} of {self.expected:,} rows of the run scored again from the feature cache"
        if self.there == 0:
            passed, told = (
                None,
                "no inputs of the run's rows are in the feature cache: nothing to compare with",
            )
        elif self.rows < self.there:
            missing = self.there - self.rows
            passed, told = (
                False,
                f"{told}; {missing:,} more are of cached days and not among the rows of these",
            )
        elif self.largest > self.within:
            passed, told = (
                False,
                f"{told}; they differ by up to {self.largest:.3g} (at ts_recv {self.at}), and "
                f"{self.within:g} was expected at most",
            )
        else:
            passed, told = True, f"{told}; largest difference {self.largest:.1g}"
        return Check("predictions", passed, told)


def same_predictions(loaded: LoadedModel, run: OpenedRun) -> Check:
    """Whether the model gives predictions.parquet of its run again, on the rows that the feature cache holds;
    None where it holds none of them, or the run's config is of another version.
    """
    try:
        config = run.config
    except DataError as error:
        return Check("predictions", None, f"where its rows lie is not known: {error}".splitlines()[0])
    try:
        return _compared(loaded, run, config).check()
    except AtcError as error:
        return Check("predictions", False, str(error))


def _compared(loaded: LoadedModel, run: OpenedRun, config: RunConfig) -> _Compared:
    from atc.events.filed import events_there

    role = str(loaded.manifest["role"])
    columns = [name if role == MODEL else f"{role}_{name}" for name in loaded.score_columns]
    missing = [name for name in columns if name not in run.predictions.columns]
    if missing:
        raise DataError(f"predictions.parquet has no column {', '.join(missing)}")
    predicted = run.predictions.filter(pl.col("split").is_in(_JUDGED_SPLITS))
    predicted = predicted.select("ts_recv", "ev_seq", *columns)
    source = source_of(config, events_there(config))
    first, last = (int(predicted["ts_recv"].to_numpy()[place]) for place in (0, -1))
    days = source.catalog.days_within(source.data.venue, source.data.symbol, first, last + 1)
    features, length = loaded.model.features, window_length(loaded.model)
    there = cached_days(source, days, features)
    read = with_days_before(source, there, length, partial(cached_row_count, source, columns=features))
    in_cache = _rows_in(predicted, source, there, starts=windows_from(source, there, read, features, length))
    # The model of a folder scores on the processor.
    there_too = loaded.manifest["fit"]["parameters"].get("device", "cpu") == "cpu"
    within = SCORES_WITHIN if there_too else _WITHIN_OF_ANOTHER_DEVICE
    compared = _Compared(len(predicted), in_cache, within)
    for some in input_rows(source, config.data.symbol, read, features, length):
        compared.take(predicted, some, loaded, columns)
    return compared


def _rows_in(predicted: pl.DataFrame, source: Source, days: Sequence[date], starts: Sequence[int]) -> int:
    """How many rows of `predicted` lie in `days`, in each from the one at `starts` on."""
    ts = predicted["ts_recv"].to_numpy()
    return sum(
        int(np.count_nonzero((ts >= start) & (ts < source.span(day)[1])))
        for day, start in zip(days, starts, strict=True)
    )

"""Models beside the oracle of the rows that they were judged on.

Headroom captured is (model − linear) / (oracle − linear), where linear is a logistic regression on the
model's own features: the run's baseline where it is that, else another finished run that is, else, for want
of it, the run's baseline as it is. Whichever it was is named.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from atc.errors import DataError, UsageError
from atc.evaluation.oracle import Jackknifed, headroom_captured
from atc.opened_run import OpenedRun, open_run
from atc.tracking.run_files import FINISHED, MODEL, read_manifest

if TYPE_CHECKING:
    import polars as pl

    from atc.config.schema import RunConfig
    from atc.tasks.known_truth import KnownTruth

MODEL_SCORE, BASELINE_SCORE = "p_hold", "baseline_p_hold"


@dataclass(frozen=True)
class ScoreFigures:
    """One score over the fresh futures of the oracle's states."""

    name: str
    """Such as `gbdt on plan36`."""
    auc: Jackknifed
    direction: Jackknifed
    holdout_auc: float | None
    """Of the run's own record: over the one path that was published."""


@dataclass(frozen=True)
class RunFigures:
    """A run's model and its baseline beside the oracle."""

    run: str
    model: ScoreFigures
    baseline: ScoreFigures
    linear: str
    """What the headroom is counted from."""
    headroom: Jackknifed | None
    """None where there is no oracle AUC."""


class JudgedRun:
    """A finished run that scored the rows of an oracle's states."""

    def __init__(self, run: OpenedRun, truth: KnownTruth) -> None:
        """Raises DataError where it did not score them: it is sealed or of other events, or its label has
        another threshold, fitted on other training rows or not the one asked for.
        """
        self.run, self._truth = run, truth
        threshold_bps = _threshold_bps(run)
        if threshold_bps != truth.threshold_bps:
            raise DataError(
                f"{run.folder} was made for a label of r > {threshold_bps:g} bps, and the oracle is asked "
                f"for {truth.threshold_bps:g}; leave --threshold and the other runs out"
            )
        self._scores = _scores(run, truth)

    @cached_property
    def model(self) -> ScoreFigures:
        """The named model."""
        config = self.run.config
        return self._figures(MODEL_SCORE, "holdout/auc", f"{config.model.kind} on {config.features.name}")

    @cached_property
    def baseline(self) -> ScoreFigures:
        """The run's baseline."""
        baseline = self.run.config.baseline
        name = f"{baseline.model.kind} on {baseline.features.name}"
        return self._figures(BASELINE_SCORE, "baseline/holdout/auc", name)

    def _figures(self, column: str, key: str, name: str) -> ScoreFigures:
        score: NDArray[np.float64] = self._scores[column].to_numpy()
        return ScoreFigures(
            name=name,
            auc=self._truth.expected_auc(score),
            direction=self._truth.expected_direction_auc(score),
            holdout_auc=self.run.metrics.get(key),
        )


def figures_of(judged: JudgedRun, others: Sequence[JudgedRun], truth: KnownTruth) -> RunFigures:
    """The figures of a run; its linear model may be one of `others`."""
    linear = _linear(judged, others)
    captured = None
    if truth.auc is not None:
        captured = headroom_captured(judged.model.auc, linear.auc, truth.auc.corrected)
    return RunFigures(judged.run.folder.name, judged.model, judged.baseline, linear.name, captured)


def _linear(judged: JudgedRun, others: Sequence[JudgedRun]) -> ScoreFigures:
    config = judged.run.config
    wanted = _columns(config)
    if config.baseline.model.kind == "logistic" and _columns(config, of_baseline=True) == wanted:
        return judged.baseline
    for other in (judged, *others):
        if other.run.config.model.kind == "logistic" and _columns(other.run.config) == wanted:
            return other.model
    return judged.baseline


def _columns(config: RunConfig, *, of_baseline: bool = False) -> tuple[tuple[str, ...], object]:
    """What a model sees: its columns and the constants of their formulas."""
    from atc.features.sets import set_columns

    features = config.baseline.features if of_baseline else config.features
    return set_columns(features), features.engine


def _threshold_bps(run: OpenedRun) -> float:
    file = run.folder / MODEL / "manifest.json"
    try:
        return float(json.loads(file.read_bytes())["label"]["threshold_bps"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{file}: no threshold of the label in it ({error!r}); make the run again") from error


def _scores(run: OpenedRun, truth: KnownTruth) -> pl.DataFrame:
    import polars as pl

    states = pl.DataFrame({"ts_recv": truth.ts_recv, "ev_seq": truth.ev_seq})
    held = run.predictions.filter(pl.col("split") == "holdout")
    found = states.join(
        held.select("ts_recv", "ev_seq", MODEL_SCORE, BASELINE_SCORE),
        on=["ts_recv", "ev_seq"],
        how="left",
        maintain_order="left",
    )
    missing = found[MODEL_SCORE].null_count()
    if missing:
        why = "it is sealed" if held.is_empty() else "it is of other events, another window or other rows"
        raise DataError(
            f"{run.folder} has no holdout score for {missing:,} of the oracle's {len(states):,} states: {why}"
        )
    return found


def different_part(one: RunConfig, other: RunConfig) -> str | None:
    """The first part of the config in which two runs' rows or labels differ; None where the oracle of one is
    that of the other.
    """
    for name in ("data", "window", "sampling", "label"):
        a, b = (getattr(config, name).model_dump(mode="json") for config in (one, other))
        if name == "data":
            a, b = ({**part, "name": None} for part in (a, b))
        if a != b:
            return name
    return None


def runs_beside(config: RunConfig, given: Sequence[Path], truth: KnownTruth) -> list[RunFigures]:
    """Figures of the `given` runs; of all finished ones of these rows under the outputs if none are given.

    Raises UsageError for a given run of other rows or another label, DataError for one that cannot be read.
    """
    for folder in given:
        different = different_part(config, open_run(folder).config)
        if different is not None:
            raise UsageError(
                f"{folder} has another {different}.* than what the oracle is asked for; give only runs of "
                "the same data, window, sampling and label"
            )
    chosen = [JudgedRun(open_run(folder), truth) for folder in given]
    names = {folder.resolve() for folder in given}
    others = list(_fitting(config, config.paths.outputs_dir, truth, leave_out=names))
    return [figures_of(judged, chosen + others, truth) for judged in chosen or others]


def headroom_of(folder: Path, config: RunConfig, truth: KnownTruth) -> RunFigures:
    """Figures of the run in `folder`; its linear model may be one of the runs beside it.

    Raises DataError where it did not score the oracle's rows.
    """
    judged = JudgedRun(open_run(folder), truth)
    outputs = folder.resolve().parent.parent
    if _linear(judged, ()) is not judged.baseline:
        return figures_of(judged, (), truth)
    others = _fitting(config, outputs, truth, leave_out={folder.resolve()}, kind="logistic")
    return figures_of(judged, list(others), truth)


def _fitting(
    config: RunConfig,
    outputs: Path,
    truth: KnownTruth,
    *,
    leave_out: set[Path],
    kind: str | None = None,
) -> Iterator[JudgedRun]:
    """The finished runs under `outputs` that scored the oracle's rows; of one kind of model if `kind`."""
    for path in sorted((outputs / "runs").glob("*/manifest.json")):
        folder = path.parent
        try:
            manifest = read_manifest(folder)
            if folder.resolve() in leave_out or manifest is None or manifest["status"] != FINISHED:
                continue
            run = open_run(folder)
            if kind in (None, run.config.model.kind) and different_part(config, run.config) is None:
                yield JudgedRun(run, truth)
        except DataError:
            continue  # sealed, damaged, of an older schema, or of events that have changed since

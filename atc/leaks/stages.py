"""What each stage of a tick classification says, and when it was known.

A stage is a name and a small function from a run to tables of facts. Further tasks bring a list of their own
to `atc.leaks.localise`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
import polars as pl

from atc.events.schema import Kind
from atc.leaks.facts import Facts
from atc.leaks.tick_run import TickRun

if TYPE_CHECKING:
    from atc.tasks.fitting import FittedModel

R_contra = TypeVar("R_contra", contravariant=True)


@dataclass(frozen=True)
class Stage(Generic[R_contra]):
    """One step from event to fill."""

    name: str
    facts: Callable[[R_contra], Sequence[Facts]]
    """Everything that the stage says on one stream. Raises AtcError where the stream is too little for it."""


KEY = ("ts_recv", "ev_seq")


def event_facts(run: TickRun) -> list[Facts]:
    """The events as the builder of each day reads them: what they say, and at which place of the day."""
    from atc.features import compute
    from atc.features.declarations import schemas_of
    from atc.features.plan import feature_job

    found: dict[Kind, list[pl.DataFrame]] = {kind: [] for kind in Kind}
    market = run.market
    for day in market.days:
        job = feature_job(market.source, day, schemas_of(run.columns))
        for part in compute.parts_of(job, job.emit[0]):
            for kind, batch in part.items():
                frame = pl.from_arrow(batch)
                assert isinstance(frame, pl.DataFrame)
                inside = pl.col("ts_recv") < job.emit[1]
                found[kind].append(frame.filter(inside))
    facts = []
    for kind, frames in found.items():
        frame = pl.concat(frames) if frames else pl.DataFrame(schema=dict.fromkeys(KEY, pl.Int64))
        # The rows of a message are told apart by their number within it.
        frame = frame.with_columns(
            pl.int_range(pl.len()).alias("place"), pl.int_range(pl.len()).over(*KEY).alias("row")
        )
        facts.append(Facts(kind.value, (*KEY, "row"), frame, frame["ts_recv"].to_numpy()))
    return facts


def feature_facts(run: TickRun) -> list[Facts]:
    """Which rows there are, known when they close, and their columns, known at the row's own time.

    A row that is still open at t may be another one later; one that stays has the same values.
    """
    rows = run.rows
    keys = rows.keys
    values = keys.select(KEY).with_columns(
        pl.Series(name, rows.x[:, place]) for place, name in enumerate(run.columns)
    )
    return [
        Facts("rows", KEY, keys.select(*KEY, "ts_close"), keys["ts_close"].to_numpy()),
        Facts("features", KEY, values, keys["ts_recv"].to_numpy(), lasting=False),
    ]


def label_facts(run: TickRun) -> list[Facts]:
    """Returns, known at the end of their interval; which are null, known when a silence would be a gap."""
    rows = run.rows
    facts = []
    for head in range(rows.t1.shape[1]):
        r, t1 = rows.r_bps[:, head], rows.t1[:, head]
        frame = rows.keys.select(KEY).with_columns(
            pl.Series("r_bps", r), pl.Series("t0", rows.t0), pl.Series("t1", t1)
        )
        is_null = np.isnan(r)
        name = f"head {head}" if rows.t1.shape[1] > 1 else "returns"
        facts.append(
            Facts(name, KEY, frame.filter(~pl.Series(is_null)), t1[~is_null], lasting=False),
        )
        nulls = rows.keys.select(KEY).with_columns(pl.Series("is_null", is_null))
        facts.append(Facts(f"nulls of {name}", KEY, nulls, t1 + run.max_gap_ns, lasting=False))
    return facts


def label_threshold_facts(run: TickRun) -> list[Facts]:
    """The threshold of the classes, fitted on training rows."""
    frame = pl.DataFrame({"name": ["threshold_bps"], "value": [run.loaded.label.threshold_bps]})
    return [_constants("label", ("name",), frame, run.train_known_ns)]


def scaler_facts(run: TickRun) -> list[Facts]:
    """Means and standard deviations of linear models."""
    from atc.models.logistic import LogisticModel

    facts = []
    for name, fitted in run.fitted.by_name.items():
        if isinstance(fitted.model, LogisticModel):
            scaler = fitted.model.standardiser
            frame = pl.DataFrame(
                {"column": list(fitted.model.features), "mean": scaler.mean, "std": scaler.std}
            )
            facts.append(_constants(name, ("column",), frame, run.train_known_ns))
    return facts


def bin_edge_facts(run: TickRun) -> list[Facts]:
    """Of each input of the trees: the largest training value in each bin."""
    from atc.models.gbdt import GbdtModel

    facts = []
    for name, fitted in run.fitted.by_name.items():
        if isinstance(fitted.model, GbdtModel):
            train = run.loaded.parts.train.select(fitted.model.features)
            edges = fitted.model.bin_edges(train, run.config.seed)
            frame = pl.DataFrame(
                {
                    "column": [column for column, of_column in edges.items() for _ in of_column],
                    "bin": [number for of_column in edges.values() for number in range(len(of_column))],
                    "edge": np.concatenate([*edges.values(), np.empty(0)]),
                }
            )
            facts.append(_constants(name, ("column", "bin"), frame, run.train_known_ns))
    return facts


def model_facts(run: TickRun) -> list[Facts]:
    """Every tree, or every weight."""
    return [
        _constants(name, ("part",), pl.DataFrame(list(_parts(fitted)), orient="row"), run.valid_known_ns)
        for name, fitted in run.fitted.by_name.items()
    ]


def _parts(fitted: FittedModel) -> Iterator[dict[str, object]]:
    from atc.models.gbdt import GbdtModel
    from atc.models.logistic import LogisticModel

    model = fitted.model
    if isinstance(model, LogisticModel):
        names = [*model.features, "bias"]
        for name, weight in zip(names, model.coefficients.tolist(), strict=True):
            yield {"part": name, "value": weight.hex()}
    elif isinstance(model, GbdtModel):
        for tree in re.split(r"\n(?=Tree=)", model.text.partition("\nend of trees")[0])[1:]:
            yield {"part": tree.partition("\n")[0], "value": hashlib.sha256(tree.encode()).hexdigest()[:16]}


def prediction_facts(run: TickRun) -> list[Facts]:
    """Scores of the rows that the model was not fitted on, known when the row is and the model was."""
    frame = run.outcome.predictions
    scores = [name for name in frame.columns if name.endswith("p_hold")]
    known = np.maximum(frame["ts_close"].to_numpy(), run.valid_known_ns)
    return [Facts("predictions", ("split", *KEY), frame.select("split", *KEY, *scores), known)]


def _constants(table: str, key: tuple[str, ...], frame: pl.DataFrame, known_ns: int) -> Facts:
    return Facts(table, key, frame, np.full(len(frame), known_ns, dtype=np.int64))


TICK_STAGES: tuple[Stage[TickRun], ...] = (
    Stage("event order", event_facts),
    Stage("feature", feature_facts),
    Stage("label", label_facts),
    Stage("label threshold", label_threshold_facts),
    Stage("scaler", scaler_facts),
    Stage("bin edge", bin_edge_facts),
    Stage("model", model_facts),
    Stage("prediction", prediction_facts),
)

"""What each stage of a tick classification says, and when it was known.

A stage is a name and a small function from a run to tables of facts. Further tasks bring a list of their own
to `atc.leaks.localise`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import polars as pl

from atc.events.schema import Kind
from atc.leaks.facts import Facts
from atc.leaks.tick_run import TickRun
from atc.models.average import AverageModel
from atc.models.gbdt import GbdtModel
from atc.models.linear import LinearModel
from atc.models.nets.model import AnyNet, NetModel
from atc.models.one_head import AnyOneHead
from atc.models.per_head import PerHead
from atc.protocol.dataset import Block
from atc.tasks.fitting import FALLBACK
from atc.tasks.refitting import REFIT

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
        message = frame.select(pl.struct(KEY).rle_id().cast(pl.Int64)).to_series().to_numpy()
        place = np.arange(len(frame))
        begins = np.flatnonzero(np.diff(message, prepend=-1))
        frame = frame.with_columns(place=place, row=place - begins[message])
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
    spreads = rows.keys.select(KEY).with_columns(pl.Series("spread_bps", rows.spread_bps))
    facts = [Facts("spreads", KEY, spreads, rows.t0, lasting=False)]
    for head in range(rows.t1.shape[1]):
        r, t1 = rows.r_bps[:, head], rows.t1[:, head]
        frame = rows.keys.select(KEY).with_columns(
            pl.Series("r_bps", r), pl.Series("t0", rows.t0), pl.Series("t1", t1)
        )
        is_null = np.isnan(r)
        name = f"returns {rows.heads[head]}".strip()
        facts.append(
            Facts(name, KEY, frame.filter(~pl.Series(is_null)), t1[~is_null], lasting=False),
        )
        nulls = rows.keys.select(KEY).with_columns(
            pl.Series("is_null", is_null), pl.Series("null_cause", rows.null_cause[:, head])
        )
        facts.append(Facts(f"nulls of {name}", KEY, nulls, t1 + run.max_gap_ns, lasting=False))
    return facts


def label_threshold_facts(run: TickRun) -> list[Facts]:
    """What the label learnt of the training rows: the cuts of its classes."""
    constants = run.loaded.label.constants
    frame = pl.DataFrame({"name": list(constants), "value": [repr(value) for value in constants.values()]})
    return [_constants("label", ("name",), frame, run.train_known_ns)]


def scaler_facts(run: TickRun) -> list[Facts]:
    """Means and standard deviations of linear models and nets."""
    facts = []
    for name, model, train in _models(run):
        if isinstance(model, LinearModel | NetModel):
            scaler = model.standardiser
            frame = pl.DataFrame({"column": list(train.features), "mean": scaler.mean, "std": scaler.std})
            facts.append(_constants(name, ("column",), frame, run.train_known_ns))
    return facts


def bin_edge_facts(run: TickRun) -> list[Facts]:
    """Of each input of the trees: the largest training value in each bin, and the range that the fit saw.

    The bins are those of the training rows binned once more; the range is what the fit itself has written.
    """
    facts = []
    for name, model, train in _models(run):
        if isinstance(model, GbdtModel):
            edges = model.bin_edges(train, run.config.seed)
            frame = pl.DataFrame(
                {
                    "column": [column for column, of_column in edges.items() for _ in of_column],
                    "bin": [number for of_column in edges.values() for number in range(len(of_column))],
                    "edge": np.concatenate([*edges.values(), np.empty(0)]),
                },
                schema={"column": pl.String, "bin": pl.Int64, "edge": pl.Float64},
            )
            ranges = pl.DataFrame({"column": train.features, "range": _ranges(model)})
            facts += [
                _constants(name, ("column", "bin"), frame, run.train_known_ns),
                _constants(f"{name} in the fit", ("column",), ranges, run.train_known_ns),
            ]
    return facts


def model_facts(run: TickRun) -> list[Facts]:
    """Every tree, or every weight, which training alone makes; and how many there are: where to stop is what
    validation says.
    """
    facts = []
    for name, model, train in _models(run):
        parts = dict(_parts(model, train.features))
        frame = pl.DataFrame({"part": list(parts), "value": list(parts.values())})
        # Of a net the weights of the epoch that validation says is the best.
        chosen_ns = run.valid_known_ns if isinstance(model, NetModel) else run.train_known_ns
        known = np.full(len(frame), chosen_ns, dtype=np.int64)
        count = pl.DataFrame({"name": ["parts"], "value": [len(parts)]})
        facts += [
            Facts(name, ("part",), frame, known, lasting=False),
            _constants(f"length of {name}", ("name",), count, run.valid_known_ns),
        ]
    return facts


def calibration_facts(run: TickRun) -> list[Facts]:
    """What was fitted on validation between a model's probabilities and what is done with them."""
    found = {
        name: json.dumps(fitted.calibration.content(), sort_keys=True)
        for name, fitted in run.fitted.by_name.items()
        if fitted.calibration is not None
    }
    frame = pl.DataFrame({"model": list(found), "content": list(found.values())})
    return [_constants("calibration", ("model",), frame, run.valid_known_ns)] if found else []


def prediction_facts(run: TickRun) -> list[Facts]:
    """Scores of rows that a model was not fitted on, known when the row is and the model was."""
    known_ns: dict[str, int] = {"valid": run.valid_known_ns, "holdout": run.valid_known_ns}
    for fold in run.loaded.folds:
        known = run.fold_known_ns(fold)
        if known is not None:
            known_ns[f"fold{fold.name}"] = known
    predictions = run.outcome.predictions
    facts = []
    for split, model_known_ns in known_ns.items():
        frame = predictions.filter(split=split)
        scores = [name for name in frame.columns if _SCORE.search(name)]
        closed = frame["ts_close"].to_numpy()
        facts.append(Facts(split, KEY, frame.select(*KEY, *scores), np.maximum(closed, model_known_ns)))
    return facts


def threshold_facts(run: TickRun) -> list[Facts]:
    """What the policy learnt on validation."""
    metrics = run.outcome.metrics
    names = [f"{of}{name}" for of in ("", *_RIVALS) for name in _THRESHOLDS if f"{of}{name}" in metrics]
    frame = pl.DataFrame(
        {"name": names, "value": [metrics[name] for name in names]},
        schema={"name": pl.String, "value": pl.Float64},
    )
    return [_constants("policy", ("name",), frame, run.valid_known_ns)] if names else []


def target_facts(run: TickRun) -> list[Facts]:
    """Orders as they were decided on: what was wanted, and the book that was seen."""
    orders = _orders(run)
    if orders is None:
        return []
    frame = orders.select(*_ORDER, *_DECIDED)
    known = np.maximum(orders["ts_decision"].to_numpy(), run.valid_known_ns)
    return [Facts("orders", _ORDER, frame, known)]


def fill_facts(run: TickRun) -> list[Facts]:
    """What became of orders, known when they are executed, and the equity at each point of its curve."""
    orders = _orders(run)
    if orders is None:
        return []
    done = orders.filter(pl.col("ts_exec").is_not_null())
    levels = pl.Series("fills", [str(each) for each in done["fills"].to_list()], dtype=pl.String)
    frame = done.select(*_ORDER, *_EXECUTED).with_columns(levels)
    equity = run.outcome.tables["equity"]
    equity = equity.select("ts", *(name for name in _HONEST if name in equity.columns))
    known = [
        np.maximum(times, run.valid_known_ns)
        for times in (done["ts_exec"].to_numpy(), equity["ts"].to_numpy())
    ]
    return [Facts("fills", _ORDER, frame, known[0]), Facts("equity", ("ts",), equity, known[1])]


_SCORE = re.compile(r"(^|_)p_[a-z]")
_THRESHOLDS = ("backtest/theta", "backtest/theta_short", "backtest/valid/alpha")
_RIVALS = (f"{FALLBACK}/", f"{REFIT}/")
_HONEST = ("strategy", "always_hold", "flat", FALLBACK, REFIT)
"""The others know the future by design: the oracle's path, and the draws, which move the wishes in time."""
_ORDER = ("strategy", "ts_decision")
_DECIDED = (
    *("score", "bid_ticks", "ask_ticks", "book_age_ns", "target_lots", "position_before_lots", "side"),
    *("qty_lots", "capped", "reduced", "ts_arrival", "expected_ticks"),
)
_EXECUTED = (
    *("exec_bid_ticks", "exec_bid_lots", "exec_ask_ticks", "exec_ask_lots", "exec_book_age_ns"),
    *("ts_exec", "outcome", "filled_lots", "cash_flow", "fees", "position_after_lots", "cash_after"),
    "equity_after",
)


def _orders(run: TickRun) -> pl.DataFrame | None:
    """The orders of strategies that know no future; None where the run has no backtest."""
    orders = run.outcome.tables.get("orders")
    return None if orders is None else orders.filter(pl.col("strategy").is_in(_HONEST))


def _models(run: TickRun) -> Iterator[tuple[str, AnyOneHead | AnyNet, Block]]:
    """Every fitted model, those of heads each by itself, with the training rows that it saw."""
    for name, fitted in run.fitted.by_name.items():
        train = run.loaded.parts.train.select(fitted.model.features)
        for own, one in (
            [(f"{name} {member.name}", member.model) for member in fitted.model.members]
            if isinstance(fitted.model, AverageModel)
            else [(name, fitted.model)]
        ):
            if isinstance(one, NetModel):
                yield own, one, train.select(one.features)
                continue
            assert isinstance(one, PerHead)
            for head, model, rows in one.of_heads(train.select(one.features)):
                yield f"{own}@{head}" if head else own, model, rows


def _parts(model: AnyOneHead | AnyNet, features: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Names of what a model consists of, and its bits."""
    if isinstance(model, GbdtModel):
        for tree in re.split(r"\n(?=Tree=)", model.text.partition("\nend of trees")[0])[1:]:
            yield tree.partition("\n")[0], hashlib.sha256(tree.encode()).hexdigest()[:16]
    elif isinstance(model, LinearModel):
        weights = np.atleast_2d(model.coefficients)
        for number, row in enumerate(weights.tolist()):
            for name, weight in zip((*features, "bias"), row, strict=True):
                yield f"{name} of output {number}", float(weight).hex()
    elif isinstance(model, NetModel):
        for name, values in model.weights.items():
            yield name, hashlib.sha256(values.tobytes()).hexdigest()[:16]


def _ranges(model: GbdtModel) -> list[str]:
    """Of each input `[least:largest]` of the values that LightGBM has binned, or `none`."""
    line = next(line for line in model.text.splitlines() if line.startswith(_RANGES))
    return line.removeprefix(_RANGES).split(" ")


_RANGES = "feature_infos="


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
    Stage("calibration", calibration_facts),
    Stage("prediction", prediction_facts),
    Stage("threshold", threshold_facts),
    Stage("target", target_facts),
    Stage("fill", fill_facts),
)

"""Linear models at full size: ridge beside a NumPy pass over the same rows; logistic and softmax by Newton
beside the plan's epochs, whose loss they have to reach.

The epochs are timed on a fiftieth of the rows, where Newton is timed once more: an epoch reads every row
once, so its time grows as the rows do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from features_table import FeatureTable, Goal
from numpy.typing import NDArray
from train import Case, Clock, Found
from train_rows import SyntheticRows

RIDGE_ROWS, CLASS_ROWS, EPOCH_ROWS = 46_000_000, 48_000_000, 960_000
COLUMNS = 36
RIDGE, NUMPY = "ridge", "NumPy pass"
EPOCHS = ("sgd", "adam")


def cases() -> list[Case]:
    """Ridge and its peer, then each classifier by each solver."""
    return [
        Case(NUMPY, RIDGE_ROWS, COLUMNS, rounds=2),
        Case(RIDGE, RIDGE_ROWS, COLUMNS, rounds=2),
        Case("logistic, newton", CLASS_ROWS, COLUMNS),
        Case("softmax, newton", RIDGE_ROWS, COLUMNS),
        Case("logistic, newton on a fiftieth", EPOCH_ROWS, COLUMNS),
        *(Case(f"logistic, {solver} on a fiftieth", EPOCH_ROWS, COLUMNS) for solver in EPOCHS),
    ]


def run(case: str, data: SyntheticRows, clock: Clock) -> dict[str, float]:
    """Fit, as a run does: the checks of the rows and the report are in the time."""
    _warm(data.x)
    if case == NUMPY:
        return _numpy_pass(data, clock)
    kind, _, solver = case.removesuffix(" on a fiftieth").partition(", ")
    from atc.models.base import fit_model
    from atc.models.build import build_model

    of_return = kind == "ridge"
    classes = {"ridge": (), "logistic": ("FLAT", "HOLD"), "softmax": ("SHORT", "FLAT", "HOLD")}[kind]
    model = build_model(_config(kind, solver))
    train, valid = (_block(rows, classes) for rows in (data, data.held_out()))
    with clock():
        report = fit_model(model, train, valid, seed=1)
    figures = {"converged": float(bool(report.converged)), "passes": float(report.iterations)}
    if of_return:
        return {**figures, "r_squared": float(report.parameters["r_squared"])}  # type: ignore[arg-type]
    return {**figures, "loss": float(report.parameters["objective"])}  # type: ignore[arg-type]


def _warm(x: Any) -> None:
    """Every page read once: what is timed is work, and not a disk."""
    for start in range(0, len(x), 1_000_000):
        x[start : start + 1_000_000 : 16].sum()


def _config(kind: str, solver: str) -> Any:
    import atc

    experiment = {"ridge": "linear_36feat", "logistic": "logistic_36feat", "softmax": "softmax_36feat"}[kind]
    words = [f"model.solver={solver}"] if solver else []
    return atc.compose([f"+experiment={experiment}", *words]).model


def _block(data: SyntheticRows, classes: tuple[str, ...]) -> Any:
    from atc.protocol.dataset import Block

    y: NDArray[np.float64]
    match len(classes):
        case 0:
            y = data.r_bps.astype(np.float64)
        case 2:
            y = data.y
        case _:
            y = data.classes.astype(np.float64)
    return Block(x=data.x, y=y[:, None], features=data.features, classes=classes)


def _numpy_pass(data: SyntheticRows, clock: Clock) -> dict[str, float]:
    """Sums of squares of the rows as they lie, in float64: no scaler, no clipping, nulls as 0."""
    k = data.columns
    with clock():
        sums, cross = np.zeros((k, k)), np.zeros(k)
        for start in range(0, data.rows, 65_536):
            part = np.nan_to_num(data.x[start : start + 65_536].astype(np.float64))
            sums += part.T @ part
            cross += part.T @ data.r_bps[start : start + 65_536].astype(np.float64)
        np.linalg.solve(sums + np.eye(k), cross)
    return {}


def tabulate(table: FeatureTable, found: Mapping[str, Found]) -> None:
    """Times, memory and losses; of the epochs also the time that the whole would take."""
    peer = found.get(NUMPY)
    for name, one in found.items():
        size = f"{name}, {one.rows:,} × {COLUMNS}"
        goals = {RIDGE: Goal(12.0, at_most=True), "logistic, newton": Goal(240.0, at_most=True)}
        table.add(size, one.seconds, "s", goal=goals.get(name))
        table.add(f"{size}: CPU time", one.cpu_seconds, "s")
        table.add(f"{size}: peak anonymous memory", one.peak_mib, "MiB")
        for figure, value in one.figures.items():
            table.add(f"{size}: {figure}", value, "")
    ridge = found.get(RIDGE)
    if peer is not None and ridge is not None:
        table.add("ridge: time of the NumPy pass over its own", peer.seconds / ridge.seconds, "×")
    newton = found.get("logistic, newton on a fiftieth")
    for solver in EPOCHS:
        epochs = found.get(f"logistic, {solver} on a fiftieth")
        if epochs is None:
            continue
        factor = CLASS_ROWS / EPOCH_ROWS
        table.add(
            f"logistic, {solver}: extrapolated to {factor:g} times as many rows", factor * epochs.seconds, "s"
        )
        if newton is not None:
            above = epochs.figures["loss"] - newton.figures["loss"]
            table.add(
                f"logistic, {solver}: its loss above newton's on the same rows", above, "", goal=Goal(0.0)
            )

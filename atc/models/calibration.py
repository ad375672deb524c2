"""What stands between a model's probabilities and what is done with them, fitted on validation.

A model's raw scores have one column a binary head, the probability of class 1, or, of one head of several
classes, one column a class. Calibrated scores have the same columns.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from atc.errors import DataError
from atc.protocol.dataset import Labels

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

CALIBRATION_FILE = "calibration.json"
FORMAT = "atc-calibration-1"

COLDEST, HOTTEST = 0.01, 100.0
"""Temperatures at most: beyond them a score is sure of everything or knows nothing."""


class Calibration(Protocol):
    """A fitted map of scores."""

    def apply(self, scores: Matrix) -> Matrix:
        """The calibrated scores (n, columns) of raw `scores` (n, columns)."""
        ...

    def content(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        ...


@dataclass(frozen=True)
class Temperature:
    """p → softmax(ln p / T): of two classes the log-odds divided by T (Guo et al., *On calibration of modern
    neural networks*, 2017). Each binary head has its T, several classes have one.
    """

    temperatures: tuple[float, ...]

    def apply(self, scores: Matrix) -> Matrix:
        """See `Calibration.apply`."""
        if len(self.temperatures) < scores.shape[1]:
            return _tempered(_logs(scores), 1.0 / self.temperatures[0])
        columns = [
            _tempered(_logs(_both(scores[:, head])), 1.0 / temperature)[:, 1]
            for head, temperature in enumerate(self.temperatures)
        ]
        return np.column_stack(columns)

    def content(self) -> dict[str, Any]:
        """See `Calibration.content`."""
        return {
            "kind": "temperature",
            "formula": "softmax(ln p / T); of two classes the log-odds over T",
            "temperatures": list(self.temperatures),
        }


@dataclass(frozen=True)
class Curve:
    """A rising piecewise linear map, flat beyond its ends."""

    x: tuple[float, ...]
    y: tuple[float, ...]

    def apply(self, p: Vector) -> Vector:
        """The map of `p` (n,)."""
        return np.interp(p, self.x, self.y)


@dataclass(frozen=True)
class Isotonic:
    """The rising step function of least squares, between its steps linear (Zadrozny and Elkan 2002).

    Each column has its curve; of several classes each against the rest, divided by their sum.
    """

    curves: tuple[Curve, ...]
    classes: bool
    """Whether the columns are the classes of one head."""

    def apply(self, scores: Matrix) -> Matrix:
        """See `Calibration.apply`."""
        mapped = np.column_stack(
            [curve.apply(column) for curve, column in zip(self.curves, scores.T, strict=True)]
        )
        return mapped / mapped.sum(axis=1, keepdims=True) if self.classes else mapped

    def content(self) -> dict[str, Any]:
        """See `Calibration.content`."""
        return {
            "kind": "isotonic",
            "formula": "linear between (x, y), flat beyond"
            + ("; divided by the sum over the classes" if self.classes else ""),
            "classes": self.classes,
            "curves": [{"x": list(curve.x), "y": list(curve.y)} for curve in self.curves],
        }


def fit_calibration(kind: str, scores: Matrix, y: Labels) -> Calibration | None:
    """The calibration of `kind` for raw `scores` (n, columns) of rows with labels `y` (n, heads), NaN for
    null; None for `none`.

    The rows are validation's: those of training flatter a model, those of the holdout are sealed.
    """
    if kind == "none":
        return None
    targets = _targets(scores, y)
    return _fit_temperature(scores, targets) if kind == "temperature" else _fit_isotonic(scores, targets)


def calibrated(scores: Matrix, calibration: Calibration | None) -> Matrix:
    """`scores` (n, columns) as they are, or calibrated."""
    return scores if calibration is None else calibration.apply(scores)


def save_calibration(calibration: Calibration, directory: Path) -> str:
    """Write `calibration.json` into `directory`; its name."""
    content = {"format": FORMAT, **calibration.content()}
    text = json.dumps(content, indent=1, allow_nan=False) + "\n"
    (directory / CALIBRATION_FILE).write_text(text, encoding="utf-8")
    return CALIBRATION_FILE


def load_calibration(path: Path) -> Calibration:
    """The calibration in the file `path`; DataError if it is not one."""
    content: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if content.get("format") != FORMAT:
        raise DataError(f"{path}: format {content.get('format')!r}, {FORMAT!r} was expected")
    if content["kind"] == "temperature":
        return Temperature(tuple(content["temperatures"]))
    curves = tuple(Curve(tuple(one["x"]), tuple(one["y"])) for one in content["curves"])
    return Isotonic(curves, content["classes"])


@dataclass(frozen=True)
class _Targets:
    """Codes (n,) of each head, and the rows that have them."""

    code: list[NDArray[np.int64]]
    rows: list[NDArray[np.int64]]
    classes: bool


def _targets(scores: Matrix, y: Labels) -> _Targets:
    columns, heads = scores.shape[1], y.shape[1]
    if heads not in (1, columns):
        raise ValueError(f"{columns} score columns and {heads} heads: one a head, or one a class of one head")
    rows = [np.flatnonzero(~np.isnan(y[:, head])) for head in range(heads)]
    code = [y[of, head].astype(np.int64) for head, of in enumerate(rows)]
    return _Targets(code, rows, classes=columns > heads)


def _fit_temperature(scores: Matrix, targets: _Targets) -> Temperature:
    found = []
    for head, (code, rows) in enumerate(zip(targets.code, targets.rows, strict=True)):
        p = scores[rows] if targets.classes else _both(scores[rows, head])
        found.append(1.0 / _coldness(_logs(p), code))
    return Temperature(tuple(found))


def _coldness(logs: Matrix, code: NDArray[np.int64]) -> float:
    """β = 1/T of the least log loss of softmax(β·`logs`), by Newton's method: the loss is convex in β."""
    low, high = 1.0 / HOTTEST, 1.0 / COLDEST
    happened = logs[np.arange(len(logs)), code]
    beta = 1.0
    for _ in range(100):
        p = _tempered(logs, beta)
        mean = np.sum(p * logs, axis=1)
        slope = float(np.mean(mean - happened))
        bend = float(np.mean(np.sum(p * logs * logs, axis=1) - mean * mean))
        low, high = (low, beta) if slope > 0 else (beta, high)
        step = beta - slope / bend if bend > 0 else np.nan
        # Bisection where a step leaves what is known to hold the least.
        following = step if low < step < high else (low + high) / 2
        if abs(following - beta) <= 1e-12 * beta:
            return float(following)
        beta = following
    return float(beta)


def _fit_isotonic(scores: Matrix, targets: _Targets) -> Isotonic:
    if targets.classes:
        code, rows = targets.code[0], targets.rows[0]
        curves = [isotonic_curve(scores[rows, c], code == c) for c in range(scores.shape[1])]
    else:
        curves = [
            isotonic_curve(scores[rows, head], code == 1)
            for head, (code, rows) in enumerate(zip(targets.code, targets.rows, strict=True))
        ]
    return Isotonic(tuple(curves), targets.classes)


def isotonic_curve(p: Vector, positive: NDArray[np.bool_]) -> Curve:
    """The rising curve of least squares through `positive` (n,) over `p` (n,), by pooling adjacent violators.

    Kept 1/(n + 2) away from 0 and 1, as far as n rows can tell: a step of one class alone would be sure of
    itself, and one row against it would cost an infinite log loss.
    """
    x, inverse = np.unique(p, return_inverse=True)
    count = np.bincount(inverse).astype(np.float64)
    hits = np.bincount(inverse, weights=positive)
    # A pool a stack entry: its last x, its rows and its positives.
    last: list[int] = []
    rows: list[float] = []
    sums: list[float] = []
    for place in range(len(x)):
        n, k = count[place], hits[place]
        while rows and sums[-1] * n >= k * rows[-1]:
            n, k = n + rows.pop(), k + sums.pop()
            last.pop()
        last.append(place)
        rows.append(n)
        sums.append(k)
    least = 1.0 / (len(p) + 2)
    value = np.clip(np.array(sums) / np.array(rows), least, 1.0 - least)
    first = np.array([0, *(one + 1 for one in last[:-1])])
    # Both ends of each pool; one end of a pool of a single x.
    ends = np.column_stack([x[first], x[last]]).ravel()
    values = np.repeat(value, 2)
    kept = np.concatenate([[True], np.diff(ends) > 0])
    return Curve(tuple(ends[kept].tolist()), tuple(values[kept].tolist()))


def _both(p: Vector) -> Matrix:
    return np.column_stack([1.0 - p, p])


def _logs(p: Matrix) -> Matrix:
    epsilon = np.finfo(np.float64).eps
    return np.asarray(np.log(np.clip(p, epsilon, 1.0 - epsilon)))


def _tempered(logs: Matrix, beta: float) -> Matrix:
    scaled = beta * logs
    weights = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))

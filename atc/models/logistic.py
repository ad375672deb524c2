"""Logistic regression: mean log loss + λ/2·‖w‖², bias excluded, on standardised inputs.

Sums run over chunks in a fixed order, and no float64 copy of the matrix is made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from atc.config.model import Logistic
from atc.errors import DataError
from atc.models.base import (
    FitReport,
    Importance,
    Progress,
    Scores,
    check_width,
    curve_rows,
    degenerate_columns,
    one_head,
)
from atc.models.ranking import auc
from atc.models.solvers import Objective, adam, gram, newton
from atc.models.standardise import Standardiser, Vector, fit_standardiser
from atc.protocol.dataset import Block
from atc.protocol.row_runs import Matrix

FORMAT = "atc-logistic-1"


@dataclass(frozen=True)
class _State:
    standardiser: Standardiser
    weights: Vector
    """(k,) of standardised inputs."""
    bias: float
    features: tuple[str, ...]


@dataclass(frozen=True)
class _Problem:
    """What is minimised."""

    config: Logistic
    standardiser: Standardiser
    x: Matrix
    y: Vector
    weights: Vector
    """(n,), of sum 1."""

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.y)

    @property
    def free(self) -> NDArray[np.bool_]:
        """(k + 1,) all but the weights of columns that carry nothing."""
        return np.append(self.standardiser.active, True)

    @property
    def start(self) -> Vector:
        """(k + 1,) the bias of the base rate."""
        theta = np.zeros(self.x.shape[1] + 1)
        base = float(np.sum(self.weights * self.y))
        theta[-1] = np.log(base / (1.0 - base))
        return theta

    def at(self, theta: Vector, *, curvature: bool) -> Objective:
        """The objective at `theta` (k + 1,), the bias last, in one pass over the rows."""
        k = self.x.shape[1]
        penalised = np.append(theta[:-1], 0.0)
        value = 0.5 * self.config.l2 * float(np.sum(penalised**2))
        gradient = self.config.l2 * penalised
        hessian = np.diag(np.append(np.full(k, self.config.l2), 0.0)) if curvature else None
        for rows, z in self.standardiser.chunks(self.x):
            y, weights = self.y[rows], self.weights[rows]
            a = np.concatenate([z, np.ones((len(z), 1))], axis=1)
            margin = np.einsum("ij,j->i", a, theta)
            p = _sigmoid(margin)
            value += float(np.sum(weights * (np.logaddexp(0.0, margin) - y * margin)))
            gradient += np.einsum("ij,i->j", a, weights * (p - y))
            if hessian is not None:
                hessian += gram(a, weights * p * (1.0 - p))
        return Objective(value, gradient, hessian)

    def batch(self, rows: NDArray[np.int64]) -> _Problem:
        """The same problem on some of the rows, as if they were all."""
        weights = self.weights[rows]
        return _Problem(self.config, self.standardiser, self.x[rows], self.y[rows], weights / weights.sum())


class LogisticModel:
    """P(y = 1); one score column, `p`."""

    kind: ClassVar[str] = "logistic"

    def __init__(self, config: Logistic, state: _State | None = None) -> None:
        self._config = config
        self._state = state

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the inputs in order."""
        return self._fitted().features

    @property
    def score_names(self) -> tuple[str, ...]:
        """`p`: the probability of class 1."""
        return ("p",)

    @property
    def standardiser(self) -> Standardiser:
        """What the inputs are standardised with."""
        return self._fitted().standardiser

    @property
    def coefficients(self) -> Vector:
        """(k + 1,) weights of the standardised inputs and, last, the bias."""
        state = self._fitted()
        return np.append(state.weights, state.bias)

    def fit(self, train: Block, valid: Block, *, seed: int, progress: Progress | None = None) -> FitReport:
        """Minimise the objective on `train`; `valid` is only scored, for the curves. `seed` orders adam's
        batches.
        """
        config = self._config
        y = one_head(train, "training rows")
        valid_y = one_head(valid, "validation rows")
        standardiser = fit_standardiser(train.x, config.clip)
        raw = np.ones(len(y)) if train.weights is None else train.weights
        problem = _Problem(config, standardiser, train.x, y, raw / raw.sum())
        sample = curve_rows(train.n_rows)
        curves: dict[str, list[float]] = {}

        def watch(theta: Vector, step: int, steps: int) -> None:
            for name, x, target in (("train", train.x[sample], y[sample]), ("valid", valid.x, valid_y)):
                margin = _margins(standardiser, x, theta)
                loss = float(np.mean(np.logaddexp(0.0, margin) - target * margin))
                curves.setdefault(f"{name}/log_loss", []).append(loss)
                area = auc(target == 1.0, margin)
                if area is not None:
                    curves.setdefault(f"{name}/auc", []).append(area)
            if progress is not None:
                progress(step, steps)

        solve = newton if config.solver == "newton" else adam
        theta, end, steps = solve(problem, seed, watch)
        norm = float(np.max(np.abs(end.gradient)))
        if not np.isfinite(end.value) or not np.isfinite(theta).all():
            raise DataError(
                f"logistic ({config.solver}) diverged: the loss is {end.value} after {steps} iterations; "
                "lower "
                "model.learning_rate or raise model.l2"
            )
        self._state = _State(standardiser, theta[:-1], float(theta[-1]), train.features)
        null, constant = degenerate_columns(train.x, train.features)
        converged = norm <= config.tol
        order = np.argsort(-np.abs(theta[:-1]), kind="stable")
        return FitReport(
            parameters={**config.model_dump(), "seed": seed, "objective": end.value},
            curves={name: tuple(values) for name, values in curves.items()},
            iterations=steps,
            best_iteration=steps,
            converged=converged,
            gradient_norm=norm,
            importance_kind="abs_weight",
            importance=tuple(Importance(train.features[i], float(abs(theta[i])), None) for i in order),
            null_columns=null,
            constant_columns=constant,
            notes=()
            if converged or config.solver == "adam"
            else (
                f"logistic stopped after {steps} iterations with gradient {norm:.2e}, {config.tol:.0e} "
                "asked; with "
                "model.l2=0 separable classes have no optimum",
            ),
        )

    def predict(self, x: Matrix) -> Scores:
        """P(y = 1), (n, 1)."""
        state = self._fitted()
        check_width(x, state.features)
        margin = _margins(state.standardiser, x, self.coefficients)
        return _sigmoid(margin)[:, None]

    def save(self, directory: Path, stem: str) -> tuple[str, ...]:
        """Write `<stem>.json`; numbers in their shortest exact form."""
        state = self._fitted()
        columns = zip(
            state.features,
            state.weights.tolist(),
            state.standardiser.mean.tolist(),
            state.standardiser.std.tolist(),
            strict=True,
        )
        content = {
            "format": FORMAT,
            "formula": "p = 1/(1 + exp(-(bias + sum(weight * clip((x - mean)/std, -clip, clip))))); "
            "null x and columns of std 0 count 0",
            "config": self._config.model_dump(mode="json"),
            "bias": state.bias,
            "clip": state.standardiser.clip,
            "inputs": [
                {"feature": name, "weight": weight, "mean": mean, "std": std}
                for name, weight, mean, std in columns
            ],
        }
        path = directory / f"{stem}.json"
        path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        return (path.name,)

    @classmethod
    def load(cls, directory: Path, manifest: Mapping[str, Any]) -> Self:
        """The model of the JSON that the manifest names; DataError if it is not one."""
        path = directory / manifest["model_files"][0]
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.get("format") != FORMAT:
            raise DataError(f"{path}: format {content.get('format')!r}, {FORMAT!r} was expected")
        inputs = content["inputs"]

        def column(key: str) -> Vector:
            return np.array([item[key] for item in inputs], dtype=np.float64)

        return cls(
            Logistic.model_validate(content["config"]),
            _State(
                standardiser=Standardiser(mean=column("mean"), std=column("std"), clip=content["clip"]),
                weights=column("weight"),
                bias=content["bias"],
                features=tuple(item["feature"] for item in inputs),
            ),
        )

    def _fitted(self) -> _State:
        if self._state is None:
            raise RuntimeError("the model is not fitted")
        return self._state


def _sigmoid(margin: Vector) -> Vector:
    small = np.exp(-np.abs(margin))
    return np.where(margin >= 0, 1.0, small) / (1.0 + small)


def _margins(standardiser: Standardiser, x: Matrix, theta: Vector) -> Vector:
    """bias + z·w of each row (n,)."""
    out = np.empty(len(x))
    for rows, z in standardiser.chunks(x):
        # einsum and not BLAS, whose sums can depend on where in a batch a row stands.
        np.einsum("ij,j->i", z, theta[:-1], out=out[rows])
        out[rows] += theta[-1]
    return out

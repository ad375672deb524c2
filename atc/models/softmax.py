"""Softmax regression: mean log loss + λ/2·‖W‖², biases excluded, on standardised inputs.

Every class has weights of its own; the penalty makes them unique, and only a shift of all biases by the same
amount changes nothing. Sums run over chunks in a fixed order, and no float64 copy of the matrix is made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from atc.config.model import Linear, Logistic, Softmax
from atc.errors import DataError
from atc.models.base import (
    FitReport,
    Importance,
    Progress,
    Scores,
    check_width,
    class_scores,
    curve_rows,
    degenerate_columns,
    one_head,
)
from atc.models.solvers import Objective, adam, gram, newton
from atc.models.standardise import Standardiser, Vector, fit_standardiser
from atc.protocol.dataset import Block
from atc.protocol.row_runs import Matrix

FORMAT = "atc-softmax-1"

Weights = NDArray[np.float64]
"""(classes, k + 1), the bias last."""


@dataclass(frozen=True)
class _State:
    standardiser: Standardiser
    weights: Weights
    features: tuple[str, ...]
    score_names: tuple[str, ...]


@dataclass(frozen=True)
class _Problem:
    """What is minimised; parameters are `Weights` row by row."""

    config: Linear
    standardiser: Standardiser
    x: Matrix
    codes: NDArray[np.int64]
    classes: int
    weights: Vector
    """(n,), of sum 1."""

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.codes)

    @property
    def free(self) -> NDArray[np.bool_]:
        """(classes·(k + 1),) all but the weights of columns that carry nothing."""
        return np.tile(np.append(self.standardiser.active, True), self.classes)

    @property
    def start(self) -> Vector:
        """(classes·(k + 1),) the biases of the base rates; a class without rows begins at half a row."""
        theta = np.zeros((self.classes, self.x.shape[1] + 1))
        shares = np.bincount(self.codes, weights=self.weights, minlength=self.classes)
        theta[:, -1] = np.log(np.maximum(shares, 0.5 / self.n_rows))
        return theta.ravel()

    def at(self, theta: Vector, *, curvature: bool) -> Objective:
        """The objective at `theta`, in one pass over the rows."""
        width = self.x.shape[1] + 1
        of_class = theta.reshape(self.classes, width)
        penalised = of_class.copy()
        penalised[:, -1] = 0.0
        value = 0.5 * self.config.l2 * float(np.sum(penalised**2))
        gradient = self.config.l2 * penalised
        hessian = np.zeros((self.classes, width, self.classes, width)) if curvature else None
        for rows, z in self.standardiser.chunks(self.x):
            codes, weights = self.codes[rows], self.weights[rows]
            a = np.concatenate([z, np.ones((len(z), 1))], axis=1)
            margins = np.einsum("ij,cj->ic", a, of_class)
            p = probabilities(margins)
            happened = np.arange(len(codes)), codes
            top = margins.max(axis=1)
            log_sum = top + np.log(np.exp(margins - top[:, None]).sum(axis=1))
            value += float(np.sum(weights * (log_sum - margins[happened])))
            error = p.copy()
            error[happened] -= 1.0
            gradient += np.einsum("ij,ic->cj", a, weights[:, None] * error)
            if hessian is not None:
                for one in range(self.classes):
                    for other in range(one):
                        hessian[one, :, other] -= gram(a, weights * p[:, one] * p[:, other])
        if hessian is None:
            return Objective(value, gradient.ravel(), None)
        for one in range(self.classes):
            for other in range(one):
                hessian[other, :, one] = hessian[one, :, other].T
        for one in range(self.classes):
            # p(1 − p) is the sum of its products with the other classes' p: a shift of all margins is flat.
            hessian[one, :, one] = -sum(
                hessian[one, :, other] for other in range(self.classes) if other != one
            ) + np.diag(np.append(np.full(width - 1, self.config.l2), 0.0))
        size = self.classes * width
        return Objective(value, gradient.ravel(), hessian.reshape(size, size))

    def batch(self, rows: NDArray[np.int64]) -> _Problem:
        """The same problem on some of the rows, as if they were all."""
        weights = self.weights[rows]
        return _Problem(
            config=self.config,
            standardiser=self.standardiser,
            x=self.x[rows],
            codes=self.codes[rows],
            classes=self.classes,
            weights=weights / weights.sum(),
        )


class SoftmaxModel:
    """P(class); one score column a class, or that of the last of two."""

    kind: ClassVar[str] = "softmax"

    def __init__(self, config: Softmax | Logistic, state: _State | None = None) -> None:
        self._config = config
        self._state = state

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the inputs in order."""
        return self._fitted().features

    @property
    def score_names(self) -> tuple[str, ...]:
        """`p_short`, `p_flat`, `p_hold`."""
        return self._fitted().score_names

    @property
    def standardiser(self) -> Standardiser:
        """What the inputs are standardised with."""
        return self._fitted().standardiser

    @property
    def coefficients(self) -> Weights:
        """(classes, k + 1) weights of the standardised inputs and, last, the bias."""
        return self._fitted().weights

    def fit(self, train: Block, valid: Block, *, seed: int, progress: Progress | None = None) -> FitReport:
        """Minimise the objective on `train`; `valid` is only scored, for the curves. `seed` orders adam's
        batches.
        """
        config, classes = self._config, len(train.classes)
        codes = one_head(train, "training rows").astype(np.int64)
        valid_codes = one_head(valid, "validation rows").astype(np.int64)
        standardiser = fit_standardiser(train.x, config.clip)
        raw = np.ones(len(codes)) if train.weights is None else train.weights
        problem = _Problem(config, standardiser, train.x, codes, classes, raw / raw.sum())
        sample = curve_rows(train.n_rows)
        curves: dict[str, list[float]] = {}

        def watch(theta: Vector, step: int, steps: int) -> None:
            weights = theta.reshape(classes, -1)
            for name, x, target in (
                ("train", train.x[sample], codes[sample]),
                ("valid", valid.x, valid_codes),
            ):
                p = _predicted(standardiser, x, weights)[np.arange(len(target)), target]
                loss = float(np.mean(-np.log(np.maximum(p, np.finfo(np.float64).tiny))))
                curves.setdefault(f"{name}/log_loss", []).append(loss)
            if progress is not None:
                progress(step, steps)

        solve = newton if config.solver == "newton" else adam
        theta, end, steps = solve(problem, seed, watch)
        norm = float(np.max(np.abs(end.gradient)))
        if not np.isfinite(end.value) or not np.isfinite(theta).all():
            raise DataError(
                f"softmax ({config.solver}) diverged: the loss is {end.value} after {steps} iterations; "
                "lower model.learning_rate or raise model.l2"
            )
        weights = theta.reshape(classes, -1)
        self._state = _State(standardiser, weights, train.features, class_scores(train.classes))
        null, constant = degenerate_columns(train.x, train.features)
        converged = norm <= config.tol
        size = np.abs(weights[:, :-1]).max(axis=0)
        order = np.argsort(-size, kind="stable")
        return FitReport(
            parameters={**config.model_dump(), "seed": seed, "objective": end.value},
            curves={name: tuple(values) for name, values in curves.items()},
            iterations=steps,
            best_iteration=steps,
            converged=converged,
            gradient_norm=norm,
            importance_kind="abs_weight",
            importance=tuple(Importance(train.features[i], float(size[i]), None) for i in order),
            null_columns=null,
            constant_columns=constant,
            notes=()
            if converged or config.solver == "adam"
            else (
                f"softmax stopped after {steps} iterations with gradient {norm:.2e}, {config.tol:.0e} asked; "
                "a class without rows or, with model.l2=0, separable classes have no optimum",
            ),
        )

    def predict(self, x: Matrix) -> Scores:
        """P(class), (n, classes); of two classes that of the last, (n, 1)."""
        state = self._fitted()
        check_width(x, state.features)
        p = _predicted(state.standardiser, x, state.weights)
        return p if len(state.score_names) > 1 else p[:, -1:]

    def save(self, directory: Path, stem: str) -> tuple[str, ...]:
        """Write `<stem>.json`; numbers in their shortest exact form."""
        state = self._fitted()
        columns = zip(
            state.features,
            state.weights[:, :-1].T.tolist(),
            state.standardiser.mean.tolist(),
            state.standardiser.std.tolist(),
            strict=True,
        )
        content = {
            "format": FORMAT,
            "formula": "p_c = exp(m_c)/sum(exp(m)), m_c = bias_c + sum(weight_c * clip((x - mean)/std, "
            "-clip, clip)); null x and columns of std 0 count 0",
            "config": self._config.model_dump(mode="json"),
            "scores": list(state.score_names),
            "bias": state.weights[:, -1].tolist(),
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
        inputs, config = content["inputs"], content["config"]
        weights = np.array([*(item["weight"] for item in inputs), content["bias"]], dtype=np.float64)
        mean, std = (np.array([item[key] for item in inputs], dtype=np.float64) for key in ("mean", "std"))
        kind = Logistic if config["kind"] == "logistic" else Softmax
        return cls(
            kind.model_validate(config),
            _State(
                standardiser=Standardiser(mean=mean, std=std, clip=content["clip"]),
                weights=np.ascontiguousarray(weights.T),
                features=tuple(item["feature"] for item in inputs),
                score_names=tuple(content["scores"]),
            ),
        )

    def _fitted(self) -> _State:
        if self._state is None:
            raise RuntimeError("the model is not fitted")
        return self._state


def probabilities(margins: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, classes) softmax of each row."""
    raised = np.exp(margins - margins.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def _predicted(standardiser: Standardiser, x: Matrix, weights: Weights) -> NDArray[np.float64]:
    """(n, classes) probabilities."""
    out = np.empty((len(x), len(weights)))
    for rows, z in standardiser.chunks(x):
        # einsum and not BLAS, whose sums can depend on where in a batch a row stands.
        out[rows] = probabilities(np.einsum("ij,cj->ic", z, weights[:, :-1]) + weights[:, -1])
    return out

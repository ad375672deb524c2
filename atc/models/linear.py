"""Linear models on standardised inputs: one place for their scaler, their file, and their fit by a solver.

Sums run over chunks in a fixed order, and no float64 copy of the matrix is made.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from atc.config.model import Linear
from atc.config.slices import Slice
from atc.errors import DataError
from atc.models.base import FitReport, Progress, Scores, class_scores, curve_rows
from atc.models.one_head import OneHeadModel, fit_report
from atc.models.row_chunks import over_tasks
from atc.models.solvers import SOLVERS, Problem
from atc.models.standardise import Standardiser, Vector, fit_standardiser
from atc.protocol.dataset import Block, Labels
from atc.protocol.row_runs import Matrix

Weights = NDArray[np.float64]
"""(outputs, k + 1) of the standardised inputs, the bias last."""


C = TypeVar("C", bound=Slice)


@dataclass(frozen=True)
class LinearState:
    """A fitted linear model."""

    standardiser: Standardiser
    weights: Weights
    features: tuple[str, ...]
    score_names: tuple[str, ...]


class LinearModel(OneHeadModel[C, LinearState], Generic[C]):
    """Standardised inputs times weights, and what makes scores of the products; a JSON file holds it all."""

    file_format: ClassVar[str]
    formula: ClassVar[str]
    """As the file tells it."""

    @property
    def standardiser(self) -> Standardiser:
        """What the inputs are standardised with."""
        return self._fitted().standardiser

    @property
    def coefficients(self) -> Weights:
        """(outputs, k + 1) weights of the standardised inputs and, last, the bias; of one output (k + 1,)."""
        weights = self._fitted().weights
        return weights if len(weights) > 1 else weights[0]

    @staticmethod
    @abstractmethod
    def _scores(margins: NDArray[np.float64]) -> Scores:
        """(n, scores) of the products (n, outputs)."""

    def _outputs(self, state: LinearState, x: Matrix) -> Scores:
        return self._scores(margins_of(state.standardiser, x, state.weights))

    def save(self, directory: Path, stem: str) -> tuple[str, ...]:
        """Write `<stem>.json`; numbers in their shortest exact form."""
        state = self._fitted()
        # Of one output a number, of several a list of them.
        written = state.weights.T if len(state.weights) > 1 else state.weights[0]
        *weights, bias = written.tolist()
        scaler = state.standardiser.content(state.features)
        inputs = [{**item, "weight": weight} for item, weight in zip(scaler["inputs"], weights, strict=True)]
        content = {
            "format": self.file_format,
            "formula": self.formula,
            "config": self._config.model_dump(mode="json"),
            "scores": list(state.score_names),
            "bias": bias,
            **scaler,
            "inputs": inputs,
        }
        path = directory / f"{stem}.json"
        path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        return (path.name,)

    @classmethod
    def load(cls, config: C, path: Path, score_names: tuple[str, ...]) -> Self:
        """The model of a JSON file; DataError if it is not one."""
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.get("format") != cls.file_format:
            raise DataError(f"{path}: format {content.get('format')!r}, {cls.file_format!r} was expected")
        if content["scores"] != list(score_names):
            raise DataError(
                f"{path}: it gives the scores {', '.join(content['scores'])}, {', '.join(score_names)} were "
                "expected"
            )
        inputs = content["inputs"]
        bias = np.atleast_1d(np.array(content["bias"], dtype=np.float64))
        of_inputs = np.array([item["weight"] for item in inputs], dtype=np.float64)
        weights = np.concatenate([of_inputs.reshape(len(inputs), len(bias)), bias[None]])
        return cls(
            config,
            LinearState(
                standardiser=Standardiser.of_content(content),
                weights=np.ascontiguousarray(weights.T),
                features=tuple(item["feature"] for item in inputs),
                score_names=score_names,
            ),
        )


class LinearClassifier(LinearModel[Linear]):
    """A linear model whose weights a solver finds, as the least of an objective."""

    no_optimum: ClassVar[str]
    """Which rows have none."""

    @abstractmethod
    def _problem(
        self, standardiser: Standardiser, train: Block, codes: Labels, weights: Vector | None
    ) -> Problem:
        """What is minimised: `codes` (n,) of the classes of `train`, `weights` (n,) of sum 1, or None."""

    @staticmethod
    @abstractmethod
    def _watched(margins: NDArray[np.float64], codes: Labels) -> dict[str, float]:
        """The figures of the curves, of products (n, outputs) and what happened (n,)."""

    def _require_finite(self, theta: Vector, loss: float | None, steps: int) -> None:
        """Raises DataError where weights, or the loss if it is known, are no numbers."""
        if np.isfinite(theta).all() and (loss is None or np.isfinite(loss)):
            return
        raise DataError(
            f"{self.kind} ({self._config.solver}) diverged: the loss is {loss or 'not finite'} after {steps} "
            f"iterations; lower model.learning_rate={self._config.learning_rate:g}"
        )

    def _fit(
        self,
        train: Block,
        valid: Block,
        codes: tuple[Labels, Labels],
        *,
        seed: int,
        progress: Progress | None,
    ) -> tuple[LinearState, FitReport]:
        """Minimise the objective on `train`; rows of `valid` are only scored, for the curves. `seed` orders
        the batches of the solvers with batches.
        """
        config, width = self._config, len(train.features) + 1
        standardiser = fit_standardiser(train.x, config.clip)
        weights = None if train.weights is None else train.weights / train.weights.sum()
        problem = self._problem(standardiser, train, codes[0], weights)
        samples = curve_rows(train.n_rows), curve_rows(valid.n_rows)
        shown = tuple(
            (part, block.x[rows], of[rows])
            for part, block, of, rows in zip(("train", "valid"), (train, valid), codes, samples, strict=True)
        )
        curves: dict[str, list[float]] = {}

        def watch(theta: Vector, step: int, steps: int) -> None:
            self._require_finite(theta, None, step)
            for part, x, happened in shown:
                margins = margins_of(standardiser, x, theta.reshape(-1, width))
                for figure, value in self._watched(margins, happened).items():
                    curves.setdefault(f"{part}/{figure}", []).append(value)
            if progress is not None:
                progress(step, steps)

        with np.errstate(over="ignore", invalid="ignore"):  # what diverges is told in words below
            theta, end, steps = SOLVERS[config.solver](problem, seed, watch)
        norm = float(np.max(np.abs(end.gradient)))
        self._require_finite(theta, end.value, steps)
        converged = norm <= config.tol
        found = theta.reshape(-1, width)
        state = LinearState(standardiser, found, train.features, class_scores(train.classes))
        return state, fit_report(
            train,
            parameters={**config.model_dump(), "seed": seed, "objective": end.value},
            curves=curves,
            iterations=steps,
            best_iteration=steps,
            converged=converged,
            gradient_norm=norm,
            importance_kind="abs_weight",
            importance=np.abs(found[:, :-1]).max(axis=0),
            active=standardiser.active,
            notes=() if converged else (self._not_converged(steps, norm),),
        )

    def _not_converged(self, steps: int, norm: float) -> str:
        config = self._config
        if config.solver == "newton":
            return (
                f"{self.kind} stopped after {steps} iterations with gradient {norm:.2e}, {config.tol:.0e} "
                f"asked; {self.no_optimum}"
            )
        return (
            f"{self.kind}: not converged after {steps} epochs of {config.solver}, gradient {norm:.2e}; "
            "model.solver=newton goes to the optimum"
        )


def margins_of(standardiser: Standardiser, x: Matrix, weights: Weights) -> NDArray[np.float64]:
    """(n, outputs) bias + z·w of each row."""
    out = np.empty((len(x), len(weights)))

    def work(rows: slice) -> None:
        for chunk, z in standardiser.chunks(x, rows):
            for output, row in enumerate(weights):
                # einsum and not BLAS, whose sums can depend on where in a batch a row stands.
                out[chunk, output] = np.einsum("ij,j->i", z, row[:-1]) + row[-1]

    for _ in over_tasks(len(x), work):
        pass
    return out

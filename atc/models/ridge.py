"""Ridge regression of a return: Σ w (y − ŷ)² + α‖w‖², bias excluded, on standardised inputs, in closed form
(Hoerl and Kennard, Technometrics 12(1), 1970).
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from atc.config.model import Ridge
from atc.models.base import FitReport, Progress, Scores, class_scores
from atc.models.linear import LinearModel, LinearState
from atc.models.normal_equations import Solved, moments, solve
from atc.models.one_head import fit_report
from atc.models.standardise import fit_standardiser
from atc.protocol.dataset import Block, Labels

GRADIENT_TOLERANCE = 1e-8
"""Of the mean squared error's gradient, in standard deviations of the target: a solve that leaves more has
lost its digits."""


class RidgeModel(LinearModel[Ridge]):
    """The predicted return in bps; one score column."""

    kind: ClassVar[str] = "ridge"
    file_format: ClassVar[str] = "atc-ridge-1"
    formula: ClassVar[str] = (
        "bps = bias + sum(weight * clip((x - mean)/std, -clip, clip)); null x and columns of std 0 count 0"
    )

    @staticmethod
    def _scores(margins: NDArray[np.float64]) -> Scores:
        return margins

    def _fit(
        self,
        train: Block,
        valid: Block,
        codes: tuple[Labels, Labels],
        *,
        seed: int,
        progress: Progress | None,
    ) -> tuple[LinearState, FitReport]:
        """Solve for the weights on `train`; `valid` and `seed` change nothing."""
        del valid
        config, returns = self._config, codes[0]
        standardiser = fit_standardiser(train.x, config.clip)
        found = moments(standardiser, train.x, returns, train.weights)
        solved = solve(found, config.alpha, standardiser.active)
        if progress is not None:
            progress(1, 1)
        spread = float(np.sqrt(found.target / found.weight))
        state = LinearState(
            standardiser,
            np.append(solved.weights, solved.bias)[None],
            train.features,
            class_scores(train.classes),
        )
        return state, fit_report(
            train,
            parameters={
                **config.model_dump(),
                "seed": seed,
                "rank": solved.rank,
                "condition": solved.condition,
                "condition_of_inputs": solved.condition_of_inputs,
                "r_squared": solved.r_squared,
            },
            curves={},
            iterations=1,
            best_iteration=1,
            converged=solved.gradient_norm <= GRADIENT_TOLERANCE * spread,
            gradient_norm=solved.gradient_norm,
            importance_kind="abs_weight",
            importance=np.abs(solved.weights),
            active=standardiser.active,
            notes=_notes(solved, train.features, config.alpha),
        )


def _notes(solved: Solved, features: tuple[str, ...], alpha: float) -> tuple[str, ...]:
    if not solved.collinear:
        return ()
    names = ", ".join(features[i] for i in solved.collinear)
    shared = (
        f"model.alpha={alpha:g} alone says how their weight is shared out"
        if alpha > 0
        else "of all weights that fit as well, the smallest are taken"
    )
    without, condition = (
        "infinite" if value is None else f"{value:.1e}"
        for value in (solved.condition_of_inputs, solved.condition)
    )
    return (
        f"collinear inputs: {names}; {shared} (condition number of the inputs {without}, with the penalty "
        f"{condition})",
    )

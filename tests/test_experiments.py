"""Every file of experiments/ is run on the demo as it is written, but for a budget: fewer and quieter days,
smaller models. One that is added is run here too, or fails for want of a budget. Those whose rows stand a
second apart are run in test_sequences_run.py.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from shown_run import (
    at_full_budget,
    own_baseline,
    require_figures_beside_the_baseline,
    require_what_its_name_says,
)
from test_sequences_run import EACH_SECOND

import atc
from atc.opened_run import OpenedRun
from atc.run import run

FOLDER = Path(__file__).resolve().parent.parent / "experiments"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
RUN_HERE = [name for name in NAMES if name not in EACH_SECOND]

ANY = (
    *("data=demo", "data.days=6", "window.train_days=4", "window.holdout_days=2", "data.rate=0.1"),
    *("evaluation.resamples=20", "evaluation.adversarial.enabled=false", "explain=none", "backtest=none"),
    *("tracking=none", "runtime.progress=off"),
)
NET = (
    *("model.trainer.num_threads=1", "model.trainer.accelerator=cpu", "model.epochs=3"),
    "model.batch_size=1024",
)
BUDGET_OF = {
    "ridge": (),
    "logistic": (),
    "softmax": (),
    "gbdt": (
        *("model.n_estimators=8", "model.min_child_samples=50", "model.num_leaves=7"),
        "model.num_threads=1",
    ),
    "softmax_mlp": NET,
    "multihorizon": NET,
    "ensemble": (),
}
"""By the kind of the model."""
OWN_BUDGET = {"gbdt_36feat_weekly": ("refit.every_days=1",)}
"""What a few days need besides."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., OpenedRun]:
    """The run of an experiment, made when it is first asked for."""
    outputs = tmp_path_factory.mktemp("outputs")

    @cache
    def made(name: str, *words: str) -> OpenedRun:
        model = at_full_budget(name).model
        assert model.kind in BUDGET_OF, f"experiments/{name}.yaml: model.kind={model.kind} has no budget here"
        if model.kind == "ensemble":
            for member in model.runs:
                made(member)
        budget = (*ANY, *BUDGET_OF[model.kind], *OWN_BUDGET.get(name, ()))
        return atc.open_run(
            run(atc.compose([f"+experiment={name}", *budget, *words, f"paths.outputs={outputs}"]))
        )

    return made


def test_none_is_left_out() -> None:
    assert set(EACH_SECOND) == {name for name in NAMES if at_full_budget(name).sampling.kind == "clock_1s"}
    assert len(RUN_HERE) + len(EACH_SECOND) == len(NAMES)


@pytest.mark.parametrize("name", RUN_HERE)
def test_it_runs_on_the_demo(name: str, made: Callable[..., OpenedRun]) -> None:
    require_what_its_name_says(made(name), name)
    require_figures_beside_the_baseline(made(name), name)


def test_the_variant_whose_heads_share_a_trunk(made: Callable[..., OpenedRun]) -> None:
    name = "multihorizon_full_36feat"
    shared = made(name, "model.trunk=[8,4]")
    require_what_its_name_says(shared, name)
    require_figures_beside_the_baseline(shared, name)
    weights = {key: value.shape for key, value in shared.model.model.weights.items()}  # type: ignore[attr-defined]
    assert sorted(weights.values()) == sorted([(8, 36), (8,), (4, 8), (4,), (4, 4), (4,)])


def test_the_references_are_their_own_baselines() -> None:
    """As their hypotheses say; their lift is 0 in the tests above, and that of all others is not."""
    assert {name for name in NAMES if own_baseline(name)} == {
        *("linear_13feat", "logistic_13feat", "logistic_13feat_walkforward", "softmax_13feat"),
        "multihorizon_ticker_16feat",
    }

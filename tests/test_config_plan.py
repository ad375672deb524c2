"""What the research plan hopes of an experiment: read with it, and no part of what it is."""

from __future__ import annotations

import pytest

from atc.config.compose import Composer, compose
from atc.config.problems import ConfigError
from atc.config.sweep import sealing

SOURCE = "plan.source=somewhere"


@pytest.mark.parametrize(
    ("experiment", "figure", "expects"),
    [
        ("gbdt_36feat", "lift/holdout/auc", 0.056),
        ("multihorizon_ticker_24feat", "lift/holdout/auc@300s", 0.02),
        ("hold10_softmax_mlp_36feat", "lift/holdout/macro_f1", 0.03),
    ],
)
def test_the_top_three_say_what_the_plan_hopes(experiment: str, figure: str, expects: float) -> None:
    plan = compose([f"+experiment={experiment}"]).plan
    assert (plan.figure, plan.expects) == (figure, expects)
    assert plan.source


def test_others_say_nothing() -> None:
    assert compose(["+experiment=gbdt_13feat"]).plan.model_dump() == dict.fromkeys(
        ("figure", "expects", "source")
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["plan.expects=0.1"],
            "plan.figure: is null, but the plan's other keys are set; give figure, source",
        ),
        (["plan.figure=lift/holdout/auc", SOURCE], "plan.expects: is null"),
        (["plan.figure=lift/holdout/auc", "plan.expects=-0.1", SOURCE], "plan.expects"),
        (["plan.figure=holdout/auc", "plan.expects=0.1", SOURCE], "plan.figure"),
        (["plan.figures=lift/holdout/auc"], "did you mean 'plan.figure'"),
    ],
)
def test_half_a_plan_is_refused(words: list[str], told: str) -> None:
    with pytest.raises(ConfigError) as failure:
        compose(words)
    assert told in str(failure.value)


def test_another_hope_seals_nothing() -> None:
    composer = Composer()
    jobs = [composer.job(["+experiment=gbdt_36feat", f"plan.expects={one}"]) for one in (0.05, 0.06)]
    assert sealing(jobs) == ()

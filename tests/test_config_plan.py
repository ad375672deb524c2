"""What the research plan hopes of an experiment: read with it, and no part of what it is."""

from __future__ import annotations

import pytest

from atc.config.compose import Composer, compose
from atc.config.plan import Plan, wrong_figure
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
        (["plan.figure=lift/holdout/auk", "plan.expects=0.1", SOURCE], "did you mean 'auc'?"),
        (
            ["plan.figure=lift/holdout/auc@300s", "plan.expects=0.1", SOURCE],
            "found lift/holdout/auc@300s; of this label's horizons lift/holdout/auc was expected",
        ),
        (
            ["plan.figure=lift/holdout/log_loss", "plan.expects=0.1", SOURCE],
            "less of log_loss is better, so a lift above 0 would be that of a worse model; expected one of "
            "accuracy, auc, ",
        ),
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


@pytest.mark.parametrize(
    ("words", "expects"),
    [
        (["label.exit_bps=2", "seed=2"], 0.056),  # as the file has it
        (["label.exit_bps=0"], None),
        (["data=binance_ethusdt_2024"], None),  # brings a horizon
        (["label.exit_bps=0", "plan.expects=0.1"], 0.1),  # hoped of this one
    ],
)
def test_what_is_hoped_of_one_label_is_not_credited_to_another(
    words: list[str], expects: float | None
) -> None:
    """AUCs of two labels have one name, and the easier one would have the larger share."""
    plan = compose(["+experiment=gbdt_36feat", *words]).plan
    assert (plan.expects, plan.figure is None) == (expects, expects is None)


def test_the_plan_of_a_file_is_a_lift() -> None:
    composed = compose(["+experiment=multihorizon_ticker_24feat", "label=hold10_oracle"])
    assert composed.plan.figure is None
    config = compose()
    other = Plan(figure="lift/holdout/auc@300s", expects=0.1, source="x")
    assert wrong_figure(config.model_copy(update={"plan": other}), of_this_run=True)
    plan = Plan(figure="lift/holdout/auk", expects=0.1, source="x")
    told = wrong_figure(config.model_copy(update={"plan": plan}), of_this_run=False)
    assert told is not None
    assert told.startswith("no lift 'auk'; did you mean 'auc'?")

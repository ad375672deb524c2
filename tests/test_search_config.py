"""What a sweep file may search: nonsense refused before anything starts, ranges of the kind of their key."""

from __future__ import annotations

import json

import pytest

import atc
from atc.config.compose import Composer
from atc.config.problems import ConfigError, types_of
from atc.config.schema import RunConfig
from atc.config.search import Dimension, Search
from atc.config.search_check import check_search
from atc.config.sweep import Sweep, expand
from atc.sweep.search.study import proposed

COMPOSER = Composer()


def expanded(*words: str) -> Sweep:
    return expand(COMPOSER, ["+sweep=gbdt_hparams", *words])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["search.objective=holdout/auc"], "whoever chooses by the holdout has no holdout left"),
        (["search.objective=lift/holdout/auc"], "valid/… or folds/…/mean was expected"),
        (["search.objective=folds/acu/mean"], "did you mean 'folds/auc/mean'"),
        (["search.objective=valid/auc@300s"], "this run has no 'valid/auc@300s'"),
        (["search.objective=valid/log_loss", "search.pruner=null"], "search.direction=minimize"),
        (["protocol=sealed_holdout"], "has no folds; add protocol=walk_forward"),
        (["protocol=cpcv"], "needs protocol=walk_forward"),
        (["protocol=random_split"], "random_split is a control"),
        (["protocol.sealed=false"], "so they are sealed"),
        (["search.trials=0"], "greater than or equal to 1"),
        (["search.trails=5"], "did you mean 'search.trials'"),
        (["search.direction=up"], "maximize"),
        (["search.pruner.kind=mean"], "median"),
        (["search.space={model.num_leafs:{low:7,high:255}}"], "model.num_leaves"),
        (["search.space={model.num_leaves:{low:255,high:7}}"], "the range 255 … 7 is empty"),
        (["search.space={model.max_bin:{low:7}}"], "expected {low, high}, or {choices}"),
        (["search.space={model.max_depth:{low:-9,high:7}}"], "search.space.model.max_depth: found -9"),
        (["search.space={model.num_leaves:{low:2.5,high:7}}"], "2.5"),
        (["search.space={model.num_leaves:{low:7.0,high:31.0}}"], "drawn between whole ends"),
        (
            ["search.space={model.num_leaves:{low:7.0,high:31.0,step:1.5,log:false}}"],
            "drawn between whole ends",
        ),
        (["search.space.model.num_leaves.low=7"], "'search.space={model.num_leaves:{low:…,high:…}}'"),
        (["search.space={model.sequence_length:{low:16,high:64}}"], "are judged on other rows"),
        (["search.space={features.engine.min_values:{low:20,high:40}}"], "set it for all trials instead"),
        (["search.space={model.max_bin:{choices:[31]}}"], "one alone is no search"),
        (["search.space={model.max_bin:{low:7,high:15,step:3}}"], "goes into 7 … 15"),
        (["search.space={model.learning_rate:{low:0,high:0.1,log:true}}"], "has no logarithm"),
        (["search.space={label.horizon_s:{choices:[60,300]}}"], "another question"),
        (["search.space={seed:{low:1,high:9}}"], "luck"),
        (["search.space={baseline.model.num_leaves:{low:7,high:63}}"], "another question"),
        (["search.space={cost.fee_bps:{low:1,high:9}}"], "no figure of validation or folds depends on it"),
        (["search.space={paths.outputs:{choices:[a,b]}}"], "no result depends on it"),
        (["model.max_bin=63,255"], "a search proposes its values itself"),
        (["launcher=joblib"], "they run one after the other"),
    ],
)
def test_nonsense_is_refused_before_anything_starts(words: list[str], said: str) -> None:
    # A space is merged into that of the file, so another file's would stand beside it.
    with pytest.raises(ConfigError) as refused:
        expanded(*words)
    assert said in str(refused.value)


def ranges(l2: str, clip: str, epochs: str) -> Search:
    """A search of these ranges: `epochs` takes whole numbers, the other two fractions."""
    space = f"{{model.l2:{l2},model.clip:{clip},model.epochs:{epochs}}}"
    asked = f"search={{objective:folds/auc/mean,trials:9,space:{space}}}"
    found = expand(COMPOSER, ["+experiment=logistic_36feat", "protocol=walk_forward", asked]).search
    assert found is not None
    return found


def test_whole_ends_of_a_key_that_takes_fractions_are_a_range_of_fractions() -> None:
    found = ranges("{low:0,high:5}", "{low:2,high:10,step:2}", "{low:1,high:9}")
    drawn = [proposed(found.model_copy(update={"seed": seed}), []) for seed in range(9)]
    assert all(isinstance(one["model.l2"], float) and 0.0 < one["model.l2"] < 5.0 for one in drawn)
    assert not any(float(str(one["model.l2"])).is_integer() for one in drawn)
    # As asked: only multiples of the step; and whole numbers where the key takes nothing else.
    assert {one["model.clip"] for one in drawn} <= {2.0, 4.0, 6.0, 8.0, 10.0}
    assert all(isinstance(one["model.epochs"], int) for one in drawn)
    assert found == ranges("{low:0.0,high:5}", "{low:2.0,high:10.0,step:2.0}", "{low:1,high:9}")
    json_of = found.model_dump(mode="json")
    assert Search.model_validate(json.loads(json.dumps(json_of))).space == found.space


def test_ranges_of_optional_keys_and_of_the_model_that_is_chosen_are_of_their_kind() -> None:
    data = atc.compose(["+experiment=hold10_softmax_mlp_36feat"]).model_dump(mode="json")
    assert types_of("model.trainer.gradient_clip", data) == (float, type(None))
    assert types_of("model.epochs", data) == (int,)
    assert types_of("model.num_leaves", data) == types_of("model.no.such", data) == ()


def test_every_part_of_a_run_is_searched_or_refused() -> None:
    base = expanded().jobs[0].config
    known = expanded().search
    assert known is not None
    searched_parts = set()
    for part in RunConfig.model_fields:
        one = known.model_copy(update={"space": {part: Dimension(choices=(1, 2))}})
        (why, *_) = [problem.message for problem in check_search(one, base)]
        if not any(words in why for words in ("another question", "depends on it", "is luck")):
            searched_parts.add(part)
    assert searched_parts == {*("auxiliary", "calibration", "features", "model", "thinning", "weights")}


def test_the_order_of_lines_draws_nothing_else() -> None:
    plain = {"b": {"low": 0.0, "high": 1.0}, "a": {"low": 0.0, "high": 1.0}}
    asked = {"objective": "valid/auc", "trials": 3, "space": plain}
    other = {**asked, "space": dict(reversed(plain.items()))}
    assert proposed(Search.model_validate(asked), []) == proposed(Search.model_validate(other), [])

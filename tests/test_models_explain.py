"""What a model has learned, against obvious loops, closed forms and planted truths."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import lightgbm
import numpy as np
import pytest
from numpy.typing import NDArray
from planted_heads import blocks, three_classes, two_heads
from planted_rows import FEATURES, planted_rows

from atc.config.model import Gbdt, Logistic
from atc.models.average import AverageModel, Member
from atc.models.base import fit_model
from atc.models.build import build_model
from atc.models.calibration import Curve, Isotonic, Temperature
from atc.models.explain.contributions import tree_contributions, why_no_contributions
from atc.models.explain.dependence import accumulated_effects, partial_dependence
from atc.models.explain.interactions import Interaction, interactions
from atc.models.explain.permutation import permutations, permuted_answers
from atc.models.explain.response import Asked, Values, matrix_of, spaced, values_of
from atc.models.gbdt import GbdtModel
from atc.models.per_head import PerHead
from atc.protocol.dataset import Block, Dataset
from atc.protocol.row_windows import RowWindows

TREES = Gbdt(kind="gbdt", n_estimators=60, min_child_samples=100, num_leaves=15, num_threads=1)
NAMES = ("a", "b", "c")
Formula = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def rows(n: int = 60, seed: int = 0, nulls: bool = True) -> NDArray[np.float32]:
    """Correlated inputs, one of few values, some null."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 3)).astype(np.float32)
    x[:, 1] = 0.8 * x[:, 0] + 0.6 * x[:, 1]
    x[:, 2] = np.round(x[:, 2])
    if nulls:
        x[rng.random((n, 3)) < 0.1] = np.nan
    return x


def mixed(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two answers: one with an interaction of a and b, one additive."""
    z = np.nan_to_num(x)
    return np.column_stack([z[:, 0] * z[:, 1] + z[:, 2], np.sin(z[:, 0]) + z[:, 1] ** 2 - z[:, 2]])


def asked(x: NDArray[np.float32], formula: Formula = mixed) -> Asked:
    return Asked(lambda values: formula(values[:, -1, :].astype(np.float64)), x[:, None, :], NAMES)


# Permutation


def test_permuted_answers_are_those_of_a_loop() -> None:
    x = rows()
    question = asked(x)
    for features in ([0], [2], [0, 2]):
        found = [*permuted_answers(question, features, repeats=3, seed=4)]
        for answers, order in zip(found, permutations(len(x), 3, 4), strict=True):
            assert sorted(order) == list(range(len(x)))
            for row in range(len(x)):
                changed = x[row].copy()
                for feature in features:
                    changed[feature] = x[order[row], feature]
                assert answers[row] == pytest.approx(mixed(changed[None].astype(np.float64))[0])
    # The rows themselves stay as they are.
    assert np.array_equal(question.values[:, 0, :], x, equal_nan=True)


def test_of_windows_the_whole_path_is_permuted() -> None:
    matrix = rows(40, nulls=False)
    x = RowWindows.ending_at(matrix, np.arange(9, 40, 5), 5)
    chosen = spaced(len(x), 4)
    values = values_of(x, chosen)
    assert values.shape == (4, 5, 3)
    again = matrix_of(values)
    assert isinstance(again, RowWindows)
    assert np.array_equal(again.windows(np.arange(4)), x.windows(chosen))

    def path(values: Values) -> NDArray[np.float64]:
        return np.asarray(values.reshape(len(values), -1), dtype=np.float64)

    question = Asked(path, values, NAMES)
    (order,) = permutations(4, 1, 0)
    (answers,) = permuted_answers(question, [1], repeats=1, seed=0)
    expected = values.copy()
    expected[:, :, 1] = values[order][:, :, 1]
    assert np.array_equal(answers, path(expected))
    with pytest.raises(ValueError, match="a path"):
        question.with_values([0], np.zeros((1, 1), dtype=np.float32))


def test_evenly_spaced_rows() -> None:
    assert spaced(5, 9).tolist() == [0, 1, 2, 3, 4]
    assert spaced(10, 4).tolist() == [0, 2, 5, 7]


# Curves


def test_partial_dependence_is_that_of_a_loop() -> None:
    x = rows()
    for feature in range(3):
        curve = partial_dependence(asked(x), feature, 7)
        assert curve is not None
        assert curve.at[0] == np.nanmin(x[:, feature]) and curve.at[-1] == np.nanmax(x[:, feature])
        assert np.all(np.diff(curve.at) > 0) and set(curve.at) <= set(x[:, feature])
        whole = np.mean([mixed(row[None].astype(np.float64))[0] for row in x], axis=0)
        for place, value in enumerate(curve.at):
            answers = []
            for row in x:
                changed = row.copy()
                changed[feature] = value
                answers.append(mixed(changed[None].astype(np.float64))[0])
            assert curve.mean[place] == pytest.approx(np.mean(answers, axis=0) - whole)


def test_the_band_is_wide_where_rows_move_differently_and_nowhere_else() -> None:
    curve = partial_dependence(asked(rows(200, nulls=False)), 0, 9)
    assert curve is not None and curve.low is not None and curve.high is not None
    width = curve.high - curve.low
    assert width[[0, -1], 0].min() > 1.0  # a·b
    assert width[:, 1] == pytest.approx(0.0, abs=1e-12)  # sin(a) beside the rest
    assert curve.low[:, 1] == pytest.approx(curve.mean[:, 1])


def test_accumulated_effects_are_those_of_a_loop() -> None:
    x = rows()
    for feature in range(3):
        curve = accumulated_effects(asked(x), feature, 6)
        assert curve is not None
        edges = curve.at.tolist()
        steps, counts = [], []
        for low, high in pairwise(edges):
            changes = []
            for row in x:
                value = row[feature]
                if not (low < value <= high or (value == edges[0] == low)):
                    continue
                ends = []
                for end in (low, high):
                    changed = row.copy()
                    changed[feature] = end
                    ends.append(mixed(changed[None].astype(np.float64))[0])
                changes.append(ends[1] - ends[0])
            steps.append(np.mean(changes, axis=0))
            counts.append(len(changes))
        assert curve.rows.tolist() == [0, *counts]
        assert sum(counts) == np.count_nonzero(~np.isnan(x[:, feature]))
        summed = np.cumsum([np.zeros(2), *steps], axis=0)
        middle = (summed[1:] + summed[:-1]) / 2
        expected = summed - np.average(middle, axis=0, weights=counts)
        assert curve.mean == pytest.approx(expected)


def test_where_inputs_depend_the_two_curves_part() -> None:
    """b is a, and what the answer does where they differ never occurs: local effects stay on the rows."""
    rng = np.random.default_rng(0)
    x = np.repeat(rng.uniform(-1, 1, 400).astype(np.float32)[:, None], 3, axis=1)

    def formula(z: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack([z[:, 0] + 10.0 * (np.abs(z[:, 0] - z[:, 1]) > 0.3)])

    question = asked(x, formula)
    local, partial = accumulated_effects(question, 0, 20), partial_dependence(question, 0, 20)
    assert local is not None and partial is not None
    assert local.mean[:, 0] == pytest.approx(local.at - x[:, 0].mean(), abs=0.1)
    assert np.abs(partial.mean[:, 0] - partial.at).max() > 5


def test_an_input_without_two_values_has_no_curve() -> None:
    x = rows()
    x[:, 1], x[:, 2] = 3.0, np.nan
    for find in (partial_dependence, accumulated_effects):
        assert find(asked(x), 1, 5) is None
        assert find(asked(x), 2, 5) is None


# Interactions


def test_the_h_statistic_is_that_of_three_loops() -> None:
    x = rows(25)

    def dependence(features: tuple[int, ...]) -> NDArray[np.float64]:
        means = []
        for row in x:
            answers = []
            for other in x:
                changed = other.copy()
                for feature in features:
                    changed[feature] = row[feature]
                answers.append(mixed(changed[None].astype(np.float64))[0])
            means.append(np.mean(answers, axis=0))
        return np.array(means) - np.mean(means, axis=0)

    found = interactions(asked(x), [0, 1, 2])
    assert [one.pair for one in found] == [(0, 1), (0, 2), (1, 2)]
    for one in found:
        a, b = one.pair
        both = dependence((a, b))
        beyond = both - dependence((a,)) - dependence((b,))
        assert one.strength == pytest.approx(np.sqrt(np.mean(beyond**2, axis=0)), abs=1e-12)
        share = np.sum(beyond**2, axis=0) / np.sum(both**2, axis=0)
        assert one.h_squared == pytest.approx(share, abs=1e-12)
    assert found[0].strength[0] > 0.3
    # Additive in all three inputs, whatever the dependence between them.
    assert max(one.strength[1] for one in found) < 1e-12


def test_an_answer_that_never_moves_has_no_share() -> None:
    (found,) = interactions(asked(rows(10), lambda x: np.zeros((len(x), 1))), [0, 1])
    assert found.strength[0] == 0.0 and np.isnan(found.h_squared[0])


def strongest(fitted: PerHead, x: NDArray[np.float32]) -> list[Interaction]:
    """The pairs of a fitted model in log-odds, strongest first."""

    def margin(values: Values) -> NDArray[np.float64]:
        p = fitted.predict(matrix_of(values))
        return np.asarray(np.log(p) - np.log1p(-p))

    question = Asked(margin, x[:60, None, :], FEATURES)
    return sorted(interactions(question, range(5)), key=lambda one: -one.strength[0])


def fitted_trees(config: Gbdt | Logistic, data: Dataset) -> PerHead:
    train, valid = blocks(data)
    model = build_model(config)
    fit_model(model, train, valid, seed=1)
    assert isinstance(model, PerHead)
    return model


def relabelled(data: Dataset, signal: NDArray[np.float64]) -> Dataset:
    """The same rows with labels that have the log-odds `signal` (n,)."""
    positive = signal + np.random.default_rng(0).logistic(size=data.n_rows) > 0
    return replace(data, y=positive[:, None].astype(np.float64))


def test_a_planted_interaction_is_found_and_none_where_none_is() -> None:
    data = planted_rows(6000)
    a, b, linear = np.nan_to_num(data.x[:, :3].astype(np.float64)).T
    together, apart = relabelled(data, 1.5 * a * b + linear), relabelled(data, 1.5 * (a + b) + linear)
    found = strongest(fitted_trees(TREES, together), data.x)
    assert {FEATURES[place] for place in found[0].pair} == {"interaction_a", "interaction_b"}
    assert found[0].strength[0] > 3 * found[1].strength[0]
    assert found[0].h_squared[0] > 0.5
    others = strongest(fitted_trees(TREES, apart), data.x)
    # Greedy trees leave a little even of a sum.
    assert max(one.h_squared[0] for one in others) < 0.05
    assert max(one.h_squared[0] for one in found[1:]) < 0.05
    # Trees of a single split, and a linear model, are sums of single inputs.
    stumps = TREES.model_copy(update={"num_leaves": 2})
    for config in (stumps, Logistic(kind="logistic")):
        assert strongest(fitted_trees(config, together), data.x)[0].strength[0] < 1e-9


# SHAP values


def test_contributions_sum_to_the_margin_of_every_head() -> None:
    for data, heads in ((planted_rows(2500), 1), (three_classes(2500), 1), (two_heads(2500), 2)):
        model = fitted_trees(TREES, data)
        found = tree_contributions(model, data.x[:50])
        assert found is not None and len(found) == heads
        for own, trees in zip(found, model.models, strict=True):
            raw = np.asarray(
                lightgbm.Booster(model_str=trees.text).predict(data.x[:50], raw_score=True)
            ).reshape(50, -1)[:, -1]
            assert own.base + own.values.sum(axis=1) == pytest.approx(raw, abs=1e-9)
            assert len(np.unique(own.base)) == 1
            assert np.array_equal(own.values[:, 5:], np.zeros((50, 2)))  # constant, absent
    p = fitted_trees(TREES, planted_rows(2500)).predict(planted_rows(2500).x[:50])[:, 0]
    one = tree_contributions(fitted_trees(TREES, planted_rows(2500)), planted_rows(2500).x[:50])
    assert one is not None
    margin = one[0].base + one[0].values.sum(axis=1)
    assert 1 / (1 + np.exp(-margin)) == pytest.approx(p, abs=1e-12)


def test_of_seeds_the_contributions_are_the_mean() -> None:
    train, valid = blocks(planted_rows(2500))
    several = build_model(TREES, seeds=2)
    fit_model(several, train, valid, seed=3)
    x = np.ascontiguousarray(valid.x[:20])
    found = tree_contributions(several, x)
    assert found is not None
    each = []
    for seed in (3, 4):
        model = build_model(TREES)
        fit_model(model, Block(train.x, train.y, train.features), valid, seed=seed)
        alone = tree_contributions(model, x)
        assert alone is not None
        each.append(alone[0].values)
    assert found[0].values == pytest.approx(np.mean(each, axis=0), abs=1e-12)


def raw_scores(model: PerHead, x: NDArray[np.float32]) -> list[NDArray[np.float64]]:
    """Of each head LightGBM's own raw score of the last class."""
    found = []
    for one in model.models:
        assert isinstance(one, GbdtModel)
        raw = np.asarray(lightgbm.Booster(model_str=one.text).predict(x, raw_score=True))
        found.append(raw.reshape(len(x), -1)[:, -1])
    return found


@pytest.mark.parametrize("made", [planted_rows, three_classes, two_heads])
def test_of_an_ensemble_members_count_as_they_do_in_its_scores(made: Callable[[int], Dataset]) -> None:
    """A member with three seeds has its weight and not three of four parts; another sees two columns."""
    data = made(2500)
    train, valid = blocks(data)
    several = build_model(TREES, seeds=3)
    fit_model(several, train, valid, seed=1)
    few = (FEATURES[2], FEATURES[0])
    other = build_model(TREES)
    fit_model(other, train.select(few), valid.select(few), seed=1)
    heads = len(train.heads)
    cold = Temperature((0.5, 4.0)[:heads])
    members = [
        Member("a", several, TREES, 0.75, calibration=cold),
        Member("b", other, TREES, 0.25),
    ]
    x = np.ascontiguousarray(valid.x[:20])
    found = tree_contributions(AverageModel("ensemble", FEATURES, members), x)
    assert found is not None and len(found) == heads
    assert isinstance(several, AverageModel) and isinstance(other, PerHead)
    seeds = [raw_scores(one.model, x) for one in several.members if isinstance(one.model, PerHead)]
    alone = raw_scores(other, np.ascontiguousarray(x[:, [2, 0]]))
    for number, own in enumerate(found):
        mean = np.mean([one[number] for one in seeds], axis=0)
        margin = 0.75 * mean / cold.temperatures[number] + 0.25 * alone[number]
        assert own.base + own.values.sum(axis=1) == pytest.approx(margin, abs=1e-9)
        assert len(np.unique(own.base)) == 1


def test_models_without_trees_have_none() -> None:
    data = planted_rows(1500)
    line, trees = fitted_trees(Logistic(kind="logistic"), data), fitted_trees(TREES, data)
    assert tree_contributions(line, data.x[:5]) is None
    assert why_no_contributions(line) == "model.kind=logistic is not of trees"
    assert why_no_contributions(trees) is None
    half = [Member("trees", trees, TREES, 0.5), Member("line", line, Logistic(kind="logistic"), 0.5)]
    assert why_no_contributions(AverageModel("ensemble", FEATURES, half)) == (
        "line: model.kind=logistic is not of trees"
    )


def test_what_a_curve_calibrates_is_no_sum() -> None:
    data = planted_rows(1500)
    trees = fitted_trees(TREES, data)
    curve = Isotonic((Curve((0.2, 0.8), (0.1, 0.9)),), classes=False)
    members = [Member("bent", trees, TREES, 0.5, calibration=curve), Member("plain", trees, TREES, 0.5)]
    model = AverageModel("ensemble", FEATURES, members)
    assert tree_contributions(model, data.x[:5]) is None
    assert "bent: a curve" in str(why_no_contributions(model))

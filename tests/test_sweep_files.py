"""The sweeps that come along: what each asks, and every one of its jobs."""

from __future__ import annotations

import pytest

from atc.config.compose import Composer
from atc.config.plugins import hypothesis
from atc.config.sweep import Sweep, expand

COMPOSER = Composer()


def swept(name: str, *words: str) -> Sweep:
    return expand(COMPOSER, [f"+sweep={name}", *words])


@pytest.mark.parametrize("name", COMPOSER.options("sweep"))
def test_each_states_its_question_and_composes(name: str) -> None:
    assert len(hypothesis(COMPOSER.root, "sweep", name)) > 30
    sweep = swept(name)
    assert sweep.name == name
    if sweep.search is None:
        assert len(sweep.jobs) > 1


def test_top3_lists_the_plans_experiments_with_open_holdouts() -> None:
    sweep = swept("top3")
    assert [job.config.name for job in sweep.jobs] == [
        *("gbdt_36feat", "multihorizon_ticker_24feat", "hold10_softmax_mlp_36feat")
    ]
    assert not sweep.sealed


def test_what_each_varies() -> None:
    assert [job.config.features.name for job in swept("feature_ablation").jobs] == [
        *("plan36", "legacy13", "strict35", "plan36_no_z"),
        *("plan36_no_legacy", "plan36_no_nits", "plan36_no_phase2"),
    ]
    refits = [job.config.refit for job in swept("refit_cadence").jobs]
    assert [(refit.kind, getattr(refit, "every_days", None)) for refit in refits] == [
        ("never", None),
        *(("expanding", days) for days in (14, 7, 3, 1)),
        ("daily_update", 1),
    ]
    assert [job.config.thinning.kind for job in swept("thinning").jobs] == ["all", "every_k", "uniqueness"]
    costs = swept("label_costs")
    assert costs.sealing == ("label.exit_bps",)
    assert [job.config.execution.latency_s for job in swept("latency_grid").jobs] == [0, 0.1, 0.3, 1, 5]
    seeds = swept("seeds")
    assert [job.config.seed for job in seeds.jobs] == [1, 2, 3, 4, 5]
    assert not seeds.sealed
    assert {job.config.protocol.kind for job in swept("walk_forward_all").jobs} == {"walk_forward"}


def test_the_sets_of_the_ablation_leave_out_what_they_say() -> None:
    from atc.features.sets import set_columns

    sets = {
        job.config.features.name: set(set_columns(job.config.features))
        for job in swept("feature_ablation").jobs
    }
    whole = sets["plan36"]
    assert len(whole) == 36
    assert whole - sets["plan36_no_z"] == {name for name in whole if "_z_" in name}
    assert len(whole - sets["plan36_no_z"]) == 8
    left_out = [whole - sets[f"plan36_no_{family}"] for family in ("legacy", "nits", "phase2")]
    assert set.union(*left_out) == whole
    assert sum(map(len, left_out)) == 36

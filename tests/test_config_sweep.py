"""Multiruns: which jobs, which of them may see the holdout, and all judged before one starts."""

from __future__ import annotations

import pytest

from atc.config.compose import Composer, single
from atc.config.problems import ConfigError
from atc.config.sweep import HARMLESS, Sweep, expand


def swept(*overrides: str) -> Sweep:
    return expand(Composer(), overrides)


@pytest.mark.parametrize(
    ("overrides", "sealed"),
    [
        (["+experiment=gbdt_36feat", "model.num_leaves=31,63"], True),
        (["model=gbdt,logistic"], True),
        (["features=plan36,strict35"], True),
        (["features.drop=[],[rv_5s]"], True),
        (["label=hold10_oracle,hold10_oracle_q14"], True),
        (["label.horizon_s=60,300"], True),
        (["sampling=trade,book"], True),
        (["model.num_leaves=range(31,33)"], True),
        (["refit=never,expanding"], True),
        (["weights=none,uniqueness"], True),
        (["calibration=none,isotonic"], True),
        (["policy.theta=0.5,0.6"], True),
        (["policy=class,threshold"], True),
        (["+experiment=gbdt_36feat,gbdt_13feat", "model.n_estimators=10,20"], True),
        (["+sweep=baselines"], False),
        (["+experiment=gbdt_36feat,logistic_36feat"], False),
        (["+experiment=glob(*feat)"], False),
        (["seed=1,2,3"], False),
        (["data=demo,demo_null"], False),
        (["seed=1,2", "model.num_leaves=31"], False),
        (["model.num_leaves=choice(31)"], False),
        (["baseline.model.l2=1e-4,1e-3"], True),
        (["model@baseline.model=gbdt,logistic"], True),
        (["protocol.valid_fraction=0.1,0.2"], True),
        (["protocol=sealed_holdout,walk_forward"], True),
        (["window.train_days=30,45"], True),
        (["execution.size=1,10"], True),
        (["execution.latency_s=0.1,0.3"], True),
        (["cost=zero,gmo_eth_jpy"], True),
        (["backtest.random_draws=1,20"], True),
        (["evaluation.confidence=0.9,0.95"], True),
        (["data.days=50,60"], True),
        (["+experiment=gbdt_36feat,gbdt_13feat", "execution.size=1,10"], True),
        (["+experiment=gbdt_36feat,gbdt_13feat", "seed=1,2", "data=demo,demo_null"], False),
        (["data.seed=1,2"], False),
        (["model.num_threads=1,2"], False),
        (["paths.outputs=a,b", "tracking=none,offline", "name=a,b"], False),
        (["seed=1"], False),
    ],
)
def test_a_multirun_is_sealed_when_it_varies_what_it_could_choose(overrides: list[str], sealed: bool) -> None:
    found = swept(*overrides)
    assert found.sealed is sealed
    assert {job.config.protocol.sealed for job in found.jobs} == {sealed}


def test_the_keys_that_seal_are_told() -> None:
    found = swept("execution.size=1,10", "seed=1,2", "model.num_leaves=31,63", "policy.theta=0.5,0.5")
    assert found.sealing == ("execution.size", "model.num_leaves")
    assert swept("seed=1,2").sealing == ()


def test_no_spelling_goes_around_the_seal() -> None:
    """The same variation by a group, a mapping, or a value that follows a harmless key."""
    assert swept("model={num_leaves:31},{num_leaves:63}").sealing == ("model.num_leaves",)
    assert swept("seed=31,63", "model.num_leaves=${seed}").sealing == ("model.num_leaves",)


def test_what_decides_nothing_is_named_key_by_key() -> None:
    """Every key of a run seals but these."""
    config = Composer().job([]).config.model_dump(mode="json")
    assert set(config) - {"paths", "plan", "quality", "tracking", "runtime", "name"} == {
        *("seed", "seeds", "data", "window", "sampling", "features", "label", "auxiliary", "model"),
        *("thinning", "weights"),
        *("baseline", "calibration", "protocol", "refit", "evaluation", "explain", "policy", "execution"),
        *("cost", "backtest"),
    }
    assert {key.partition(".")[0] for key in HARMLESS} == {"seed", "data", "model", "baseline", "protocol"}


def test_the_control_is_sealed_among_experiments_that_are_not() -> None:
    found = swept("+experiment=gbdt_36feat,gbdt_36feat_random")
    assert [job.config.protocol.sealed for job in found.jobs] == [False, True]


def test_an_explicit_seal_stays() -> None:
    assert {j.config.protocol.sealed for j in swept("model=gbdt,logistic", "protocol.sealed=false").jobs} == {
        False
    }
    assert {j.config.protocol.sealed for j in swept("seed=1,2", "protocol.sealed=true").jobs} == {True}


def test_the_jobs_are_hydras_product_in_hydras_order() -> None:
    jobs = swept("model.num_leaves=31,63", "seed=1,2").jobs
    assert [job.overrides for job in jobs] == [
        ("model.num_leaves=31", "seed=1"),
        ("model.num_leaves=31", "seed=2"),
        ("model.num_leaves=63", "seed=1"),
        ("model.num_leaves=63", "seed=2"),
    ]


def test_a_sweep_file_lists_jobs_and_the_command_line_beats_it() -> None:
    names = [job.config.name for job in swept("+sweep=baselines").jobs]
    assert names == ["gbdt_36feat", "gbdt_13feat", "logistic_36feat", "logistic_13feat"]
    assert swept("+sweep=baselines").name == "baselines"
    grouped = swept("+sweep=baselines").grouped("baselines-0123")
    assert {job.config.tracking.group for job in grouped.jobs} == {"baselines-0123"}
    fewer = swept("+sweep=baselines", "+experiment=logistic_13feat").jobs
    assert [job.config.name for job in fewer] == ["logistic_13feat"]


def test_globs_find_every_experiment() -> None:
    names = {job.config.name for job in swept("+experiment=glob(*)").jobs}
    assert names == set(Composer().options("experiment"))
    some = {job.config.name for job in swept("+experiment=glob(gbdt_*)").jobs}
    assert some == {name for name in names if name.startswith("gbdt_")}


def test_one_wrong_job_stops_all_and_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        swept("model.num_leaves=31,1", "seed=1,2")
    (problem,) = caught.value.problems
    assert problem.key == "model.num_leaves"
    assert "(job 3 of 4: model.num_leaves=1 seed=1)" in problem.message


def test_what_is_wrong_in_all_jobs_is_said_once() -> None:
    with pytest.raises(ConfigError) as caught:
        swept("+experimnt=x", "seed=1,2")
    (problem,) = caught.value.problems
    assert problem.key == "experimnt"
    assert "job" not in problem.message


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("model=gbdt,gbtd", "did you mean 'gbdt'?"),
        ("+experiment=gbdt_36feat,gbdt_13fea", "did you mean 'gbdt_13feat'?"),
        ("model.learning_rate=interval(0,1)", "list the values"),
        ("seed=range(5,5)", "seed=range(5,5) has no values: nothing would be run"),
        ("+experiment=glob(no_such_*)", "has no values: nothing would be run"),
        ("model.num_leaves=", "has no value: list some"),
        ("launcher=joblib,ray", "one sweep is launched one way"),
        ("launcher=jobblib", "did you mean 'joblib'?"),
        ("launcher.kind=jobblib", "joblib"),
        ("launcher.workers=2", "launcher.workers: unknown key of launcher kind 'basic'"),
        ("launcher.on_eror=stop", "did you mean 'launcher.on_error'?"),
        ("launchr=joblib", "did you mean 'launcher'?"),
        ("hydra/launcher=joblib", "write launcher=joblib"),
        ("hydra.sweep.dir=x", "leave it out"),
        ("runtime.force=true", "give paths.outputs another folder"),
        ("+sweep=baseline", "did you mean 'baselines'?"),
    ],
)
def test_a_wrong_axis_names_the_way_out(override: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        swept(override)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "overrides",
    [
        ["seed=1,2", "seed=3"],
        ["seed=1", "seed=2"],
        ["seed=1,2", "seed=1,3"],
        ["+experiment=gbdt_36feat", "+experiment=gbdt_13feat"],
        ["model=gbdt", "model=logistic"],
    ],
)
def test_what_contradicts_itself_is_refused(overrides: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        swept(*overrides)
    assert f"given twice: {overrides[0]} and {overrides[1]}" in str(caught.value)
    assert swept("seed=1,2", "seed=1,2", "model=gbdt").name == "adhoc-multirun"


def test_the_launcher_is_of_the_sweep_and_of_no_run() -> None:
    found = swept("+experiment=gbdt_36feat", "seed=1,2", "launcher=ray", "launcher.workers=3")
    assert found.launcher.kind == "ray"
    assert found.launcher.workers == 3
    assert [job.overrides for job in found.jobs] == [
        ("+experiment=gbdt_36feat", "seed=1"),
        ("+experiment=gbdt_36feat", "seed=2"),
    ]
    with pytest.raises(ConfigError, match="is of several jobs: add -m"):
        single(Composer(), ["launcher=joblib"])

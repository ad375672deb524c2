"""Composition: equal to Hydra's own, and every problem reported at once with its way out."""

from __future__ import annotations

import shutil
from itertools import islice
from pathlib import Path

import hydra
import pytest
from omegaconf import OmegaConf, open_dict

from atc.config.check import check_presets
from atc.config.compose import Composer, compose, single, validate
from atc.config.plugins import register
from atc.config.problems import ConfigError
from atc.config.root import ProjectRoot, project_root
from atc.errors import UsageError

COMPOSER = Composer()
"""Of the project's own files, which it reads once."""


def problems(*overrides: str, composer: Composer | None = None) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        (composer or COMPOSER).job(overrides)
    assert caught.value.exit_code == 2
    return {problem.key: problem.message for problem in caught.value.problems}


@pytest.fixture
def project(tmp_path: Path) -> ProjectRoot:
    """A copy of the project's configs that a test may spoil."""
    root = project_root()
    for folder in ("conf", "experiments", "sweeps"):
        shutil.copytree(root.folder / folder, tmp_path / folder)
    return ProjectRoot(tmp_path, tmp_path)


@pytest.mark.parametrize("experiment", COMPOSER.options("experiment"))
@pytest.mark.parametrize("data", COMPOSER.options("data"))
def test_every_experiment_composes_on_every_data_set(experiment: str, data: str) -> None:
    config = single(COMPOSER, [f"+experiment={experiment}", f"data={data}"]).config
    assert config.name == experiment
    assert config.data.name == data
    # The control never spends a look at the holdout.
    assert config.protocol.sealed is (config.protocol.kind == "random_split")


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["+experiment=logistic_13feat", "data=binance_ethbtc_2020"],
        ["+experiment=gbdt_13feat", "data=eth_jpy", "model=logistic", "label=fwd_logret", "tracking=none"],
        ["features@baseline.features=plan36", "features=strict35", "model.num_leaves=31"],
        ["data=demo_null", "data.seed=4", "window=recording", "sampling=clock_1s"],
    ],
)
def test_composition_equals_hydras_own(overrides: list[str]) -> None:
    register()
    with hydra.initialize_config_dir(version_base="1.3", config_dir=str(project_root().conf)):
        theirs = hydra.compose("config", overrides=overrides)
    with open_dict(theirs):
        theirs.pop("launcher")  # of a sweep, and taken out of each run
    ours, none = Composer().composition(overrides)
    assert none == []
    assert OmegaConf.to_container(ours.cfg, resolve=True) == OmegaConf.to_container(theirs, resolve=True)


@pytest.mark.parametrize(
    ("override", "key", "says"),
    [
        ("+experimnt=x", "experimnt", "did you mean 'experiment'?"),
        ("modle=gbdt", "modle", "did you mean 'model'?"),
        ("+horizon_s=60", "horizon_s", "did you mean 'label.horizon_s'?"),
        ("+experiment=gbdt_36fea", "experiment", "did you mean 'gbdt_36feat'?"),
        ("experiment=gbdt_36feat", "experiment", "write +experiment=gbdt_36feat"),
        ("+sweep=baseline", "sweep", "did you mean 'baselines'?"),
        ("model=gbtd", "model", "did you mean 'gbdt'?"),
        ("+model=gbdt", "model", "write model=gbdt without the +"),
        ("model=null", "model", "valid: ensemble, gbdt, gbdt_fast"),
        ("~model", "model", "needs a value"),
        ("window=dem", "window", "did you mean 'demo'?"),
        ("features=plan_36", "features", "did you mean 'plan36'?"),
        ("sampling=trades", "sampling", "did you mean 'trade'?"),
        ("model@baseline.model=logistik", "model", "did you mean 'logistic'?"),
        ("model.num_leafs=3", "model.num_leafs", "did you mean 'model.num_leaves'?"),
        ("+model.foo=1", "model.foo", "unknown key of model kind 'gbdt'; valid: bagging_fraction"),
        ("model.num_leaves=abc", "model.num_leaves", "found 'abc', expected a valid integer"),
        ("model.num_leaves=1", "model.num_leaves", "found 1, expected a number greater than or equal to 2"),
        ("model.num_leaves=???", "model.num_leaves", "needs a value"),
        ("model.histogram=column", "model.histogram", "did you mean 'col'?"),
        ("model.learning_rate=nan", "model.learning_rate", "expected a finite number"),
        ("model.kind=gbt", "model.kind", "did you mean 'gbdt'?"),
        ("baseline.model.l3=1", "baseline.model.l3", "did you mean 'baseline.model.l2'?"),
        ("features.drop=[ob_imbalanc_top5]", "features.drop", "did you mean 'ob_imbalance_top5'?"),
        ("features.drop=[tk_spread_bps]", "features.drop", "give features.drop=[]"),
        ("baseline.features.columns=[rv_5]", "baseline.features.columns", "did you mean 'rv_5s'?"),
        ("features.families=[legasy]", "features.families.0", "did you mean 'legacy'?"),
        ("features.engine.min_value=3", "features.engine.min_value", "'features.engine.min_values'"),
        ("sampling.max_gap_s=-1", "sampling.max_gap_s", "expected a number greater than or equal to 0.001"),
        ("sampling.max_gap_s=86401", "sampling.max_gap_s", "less than or equal to 86400"),
        ("sampling.group_ms=1000", "sampling.group_ms", "less than or equal to 999.999"),
        ("label.horizon_s=604801", "label.horizon_s", "less than or equal to 604800"),
        ("label.horizon_s=0.0009", "label.horizon_s", "greater than or equal to 0.001"),
        ("data.start_date=1970-12-31", "data.start_date", "expected a date greater than or equal to 1971"),
        ("data.start_date=2200-01-02", "data.start_date", "expected a date less than or equal to 2200"),
        ("data.recorded_depth=100001", "data.recorded_depth", "less than or equal to 100000"),
        ("window.holdout_days=100001", "window.holdout_days", "less than or equal to 100000"),
        ("model.n_estimators=1e7", "model.n_estimators", "less than or equal to 1000000"),
        ("evaluation.resamples=1e7", "evaluation.resamples", "less than or equal to 1000000"),
        ("evaluation.hac_horizons=1", "evaluation.hac_horizons", "greater than or equal to 2"),
        ("evaluation.regimes.trend=vwap_dev_30m", "evaluation.regimes.trend", "'vwap_dev_30m_bps'"),
        ("calibration=isotonik", "calibration", "did you mean 'isotonic'?"),
        ("label=fwd_logret", "label.kind", "label=hold10_oracle or label=hold10_oracle_q14"),
        ("baseline.features.engine.min_values=30", "baseline.features.engine", "set features.engine."),
        ("window.train_day=3", "window.train_day", "did you mean 'window.train_days'?"),
        ("data/scenario=nul", "data/scenario", "did you mean 'null'?"),
        ("data.tick=0", "data.tick", "expected a number greater than or equal to 1E-12"),
        ("tracking.mode=onlin", "tracking.mode", "did you mean 'online'?"),
        ("seed=true", "seed", "a number is expected"),
        ("name=a/b", "name", "found 'a/b'"),
        ("seed=${nothing}", "seed", "Interpolation key 'nothing' not found"),
        ("seed", "", "cannot read 'seed': expected key=value"),
        ("seed=1,2", "", "add -m (--multirun)"),
    ],
)
def test_a_wrong_override_names_key_and_way_out(override: str, key: str, says: str) -> None:
    found = problems(override)
    assert list(found) == [key]
    assert says in found[key]


@pytest.mark.parametrize("key", ["big_trade.window_s", "big_trade.fresh_s", "no_new_entry_s"])
def test_the_engine_looks_back_no_further_than_a_day(key: str) -> None:
    found = problems(f"features.engine.{key}=86401")
    # The baseline follows, so it is wrong too.
    assert set(found) == {f"features.engine.{key}", f"baseline.features.engine.{key}"}
    assert "less than or equal to 86400" in found[f"features.engine.{key}"]
    compose([f"features.engine.{key}=86400"])


def test_bounds_are_within_bounds() -> None:
    config = compose(
        [
            "label.horizon_s=604800",
            "sampling.group_ms=999.999",
            "sampling.max_gap_s=86400",
            "data.start_date=1971-01-01",
            "data.days=10000",
            "data.tick=1e-12",
            "cost=zero",
        ]
    )
    assert config.label.horizon_s == 604_800
    assert compose(["label.horizon_s=0.001"]).label.horizon_s == 0.001


def test_dates_of_a_window_have_bounds_too() -> None:
    found = problems("data=eth_jpy", "window.train_from=0001-01-01", "window.holdout_to=9999-12-31")
    assert set(found) == {"window.train_from", "window.holdout_to"}


def test_a_return_is_no_label_of_a_classifier() -> None:
    with pytest.raises(ConfigError) as caught:
        compose(["label=fwd_logret", "model=logistic", "baseline.features.engine.min_values=30"])
    label, engine = caught.value.problems
    assert "model.kind=logistic and baseline.model.kind=logistic" in label.message
    assert "(in conf/label/fwd_logret.yaml)" in label.message
    assert "lift compares models on the same formulas" in engine.message
    assert label.combination
    assert engine.combination


def test_a_limit_of_bags_needs_bags() -> None:
    with pytest.raises(ConfigError, match=r"model\.max_bag_rows: found 700,000, but .*bagging_freq=5, or"):
        compose(["model=gbdt_fast", "model.bagging_freq=0"])


def test_a_return_has_no_probabilities_to_calibrate() -> None:
    with pytest.raises(ConfigError) as caught:
        compose(["label=fwd_logret", "calibration=isotonic"])
    told = {problem.key: problem.message for problem in caught.value.problems}
    assert "isotonic mends probabilities, and label fwd_logret has none" in told["calibration.kind"]


def test_a_baseline_of_other_columns_keeps_the_models_formulas() -> None:
    config = compose(["features@baseline.features=plan36", "features.engine.min_values=30"])
    assert config.baseline.features.engine == config.features.engine


def test_all_problems_at_once() -> None:
    found = problems(
        "model.num_leafs=3", "model.num_leaves=abc", "+model.foo=1", "window=dem", "seed=???", "+experimnt=x"
    )
    assert set(found) == {"model.num_leafs", "model.num_leaves", "model.foo", "window", "seed", "experimnt"}


def test_keys_of_one_kind_are_not_keys_of_another() -> None:
    found = problems("model=logistic", "model.num_leaves=31")
    assert "unknown key of model kind 'logistic'" in found["model.num_leaves"]


def test_a_typo_in_an_experiment_names_the_file(project: ProjectRoot) -> None:
    (project.folder / "experiments" / "mine.yaml").write_text(
        "# A hypothesis.\n# @package _global_\nmodel:\n  num_leafs: 31\nlabl:\n  horizon_s: 60\n"
    )
    found = problems("+experiment=mine", composer=Composer(project))
    assert set(found) == {"model.num_leafs", "labl"}
    assert "did you mean 'model.num_leaves'?" in found["model.num_leafs"]
    assert "did you mean 'label'?" in found["labl"]
    assert all("(in experiments/mine.yaml)" in message for message in found.values())


@pytest.mark.parametrize(
    ("defaults", "key", "says"),
    [
        ("  - override /model: gbtd\n", "model", "did you mean 'gbdt'?"),
        ("  - override /modle: gbdt\n", "", "did you mean 'model'?"),
        ("  - override /model gbdt\n", "", "mine"),
    ],
)
def test_a_typo_in_an_experiments_defaults(project: ProjectRoot, defaults: str, key: str, says: str) -> None:
    (project.folder / "experiments" / "mine.yaml").write_text(f"# A hypothesis.\ndefaults:\n{defaults}")
    found = problems("+experiment=mine", composer=Composer(project))
    assert says in found[key]
    assert "mine" in found[key]


def test_a_file_that_nobody_reads_for_its_ending_is_named(project: ProjectRoot) -> None:
    (project.folder / "experiments" / "mine.yml").write_text("# A hypothesis.\nmodel:\n  num_leaves: 31\n")
    (project.folder / "conf" / "model" / "deep.YAML").write_text("kind: gbdt\n")
    composer = Composer(project)
    found = problems("+experiment=mine", "model=deep", composer=composer)
    mine = "found experiments/mine.yml, expected experiments/mine.yaml"
    assert mine in found["experiment"]
    assert "found conf/model/deep.YAML, expected conf/model/deep.yaml" in found["model"]
    failed = [one for one in islice(check_presets(composer), 2) if one.verdict == "FAIL"]
    assert [one.composed for one in failed] == ["conf/model/deep.YAML", "experiments/mine.yml"]
    assert mine in failed[1].why


def test_broken_yaml_names_file_and_line(project: ProjectRoot) -> None:
    (project.folder / "experiments" / "mine.yaml").write_text("# A hypothesis.\nmodel: {num_leaves: 31\n")
    found = problems("+experiment=mine", composer=Composer(project))
    assert found[""].startswith(
        "experiments/mine.yaml, line 3, column 1: while parsing a flow mapping: expected"
    )


def test_a_tab_in_a_file_is_told_in_words(project: ProjectRoot) -> None:
    (project.folder / "experiments" / "mine.yaml").write_text("# A hypothesis.\nmodel:\n\tnum_leaves: 31\n")
    found = problems("+experiment=mine", composer=Composer(project))
    assert found == {
        "": "experiments/mine.yaml, line 3, column 1: there is a tab: YAML is indented with spaces"
    }


def test_a_file_that_is_no_utf_8_is_named(project: ProjectRoot) -> None:
    (project.folder / "experiments" / "mine.yaml").write_bytes(
        "# A hypothesis.\n# \u00fc\n".encode("latin-1")
    )
    found = problems("+experiment=mine", composer=Composer(project))
    assert found == {
        "": "experiments/mine.yaml, line 2: byte 0xfc is no UTF-8: save the file as UTF-8",
    }


def test_an_option_that_does_not_say_override_is_told_to(project: ProjectRoot) -> None:
    file = project.folder / "experiments" / "mine.yaml"
    file.write_text("# A hypothesis.\n# @package _global_\ndefaults:\n  - /model: gbdt\n")
    found = problems("+experiment=mine", composer=Composer(project))
    assert "model appears more than once" in found[""] and "`- override /group: option`" in found[""]


def test_a_list_of_values_that_ends_in_a_comma_is_told() -> None:
    assert "ends in a comma" in problems("model.num_leaves=31,")[""]


@pytest.mark.parametrize("word", ["seed:2", "num_leaves"])
def test_a_word_that_sets_nothing_is_told_how(word: str) -> None:
    assert "expected key=value in one word" in problems(word)[""]


def test_an_experiment_has_the_name_of_its_file(project: ProjectRoot) -> None:
    folder = project.folder / "experiments"
    shutil.copy(folder / "gbdt_36feat.yaml", folder / "gbdt_36feat_again.yaml")
    assert Composer(project).job(["+experiment=gbdt_36feat_again"]).config.name == "gbdt_36feat_again"
    assert compose(["+experiment=gbdt_36feat", "name=other"]).name == "other"
    assert compose().name == "adhoc"


def test_both_ways_to_switch_tracking() -> None:
    assert compose(["tracking.mode=online"]).tracking.mode == "online"
    assert compose(["tracking=online"]).tracking.mode == "online"
    assert compose(["tracking=none"]).tracking.mode == "none"
    assert compose(["tracking.mode=none"]).tracking.mode == "none"
    assert compose().tracking.mode == "offline"


@pytest.mark.parametrize(
    ("written", "meant"), [("on", "on"), ("off", "off"), ("true", "on"), ("auto", "auto")]
)
def test_progress_survives_yamls_booleans(written: str, meant: str) -> None:
    assert compose([f"runtime.progress={written}"]).runtime.progress == meant


def test_validate_takes_plain_dictionaries() -> None:
    values = compose().model_dump(mode="json")
    assert validate(values) == compose()
    with pytest.raises(ConfigError, match="experimnt: unknown key"):
        validate(values | {"experimnt": "x"})


def test_a_preset_with_several_jobs_is_no_single_run() -> None:
    with pytest.raises(ConfigError, match="add -m"):
        compose(["+sweep=baselines"])


def test_the_root_is_found_from_anywhere(
    project: ProjectRoot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = project_root().folder
    monkeypatch.chdir(project.folder / "conf" / "data")
    assert project_root().folder == project.folder
    monkeypatch.setenv("ATC_ROOT", str(checkout))
    assert project_root().folder == checkout
    monkeypatch.delenv("ATC_ROOT")
    monkeypatch.chdir("/")
    assert project_root().folder == checkout
    monkeypatch.setenv("ATC_ROOT", str(tmp_path / "conf"))
    with pytest.raises(UsageError, match=r"no conf/config\.yaml"):
        project_root()

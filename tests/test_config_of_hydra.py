"""What a sweep file says to Hydra: a key that nobody reads would leave another experiment to run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from atc.config.compose import Composer, single
from atc.config.problems import ConfigError
from atc.config.root import ProjectRoot, project_root
from atc.config.search import words_alone
from atc.config.sweep import Sweep, expand

AXES = "    params:\n      +experiment: gbdt_36feat\n      model.num_leaves: 31,63\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    for part in ("conf", "experiments"):
        shutil.copytree(project_root().folder / part, folder / part)
    (folder / "sweeps").mkdir()
    return folder


def swept(project: Path, file: str, *words: str) -> Sweep:
    (project / "sweeps" / "mine.yaml").write_text(f"# Which?\n# @package _global_\n{file}")
    return expand(Composer(ProjectRoot(project, project)), ["+sweep=mine", *words])


@pytest.mark.parametrize(
    ("file", "key", "says"),
    [
        (f"hydra:\n  sweeper:\n{AXES.replace('params', 'parms')}", "hydra.sweeper.parms", "'params'"),
        (f"hydra:\n  sweper:\n{AXES}", "hydra.sweper", "did you mean 'sweeper'?"),
        (f"hydra:\n  sweeper:\n    max_batch_size: 2\n{AXES}", "hydra.sweeper.max_batch_size", "valid: par"),
        (f"hydra:\n  launcher:\n    n_jobs: 2\n  sweeper:\n{AXES}", "hydra.launcher", "launcher=joblib"),
        (f"hydra:\n  sweep:\n    dir: x\n  sweeper:\n{AXES}", "hydra.sweep", "paths.outputs"),
        (f"hydra:\n  run:\n    dir: x\n  sweeper:\n{AXES}", "hydra.run.dir", "paths.outputs"),
        ("hydra:\n  sweeper:\n    params: [31, 63]\n", "hydra.sweeper.params", "found [31, 63]; keys with"),
        ("model:\n  num_leaves: 31\n", "sweep", "sweeps/mine.yaml lists no jobs"),
        (
            f"hydra:\n  sweeper:\n{AXES}      seed: [1, 2]\n",
            "seed",
            "(listed in sweeps/mine.yaml; for a job each write 1, 2, without brackets)",
        ),
        (f"hydra:\n  sweeper:\n{AXES}      seed:\n", "seed", "found None, expected a valid integer"),
    ],
)
def test_what_nobody_reads_is_refused(project: Path, file: str, key: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        swept(project, file)
    (problem,) = caught.value.problems
    assert problem.key == key
    assert says in problem.message
    assert "sweeps/mine.yaml" in problem.message or "found [" in problem.message


@pytest.mark.parametrize(
    ("params", "key", "says"),
    [
        ("+experiment: [gbdt_36feat, gbdt_13feat]", "experiment", "write gbdt_36feat,gbdt_13feat without br"),
        (
            "+experiment: gbdt_36feat\n      cost: [none, gmo_eth_jpy]",
            "cost",
            "would be merged into one run",
        ),
        (
            "+experiment: gbdt_36feat\n      model:\n        num_leaves: 7,15",
            "hydra.sweeper.params.model",
            "found num_leaves as a level below model; the key of an axis is one word: model.num_leaves: 7,15",
        ),
    ],
)
def test_a_list_in_yaml_is_not_taken_for_one_run(project: Path, params: str, key: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        swept(project, f"hydra:\n  sweeper:\n    params:\n      {params}\n")
    (problem,) = caught.value.problems
    assert problem.key == key
    assert says in problem.message


def test_an_axis_of_the_command_line_is_not_said_to_be_of_a_file(project: Path) -> None:
    word = "hydra.sweeper.params.seed='[1, 2]'"
    for words in (["+experiment=gbdt_36feat", word], ["+sweep=mine", word]):
        (project / "sweeps" / "mine.yaml").write_text(f"# Which?\nhydra:\n  sweeper:\n{AXES}")
        with pytest.raises(ConfigError) as caught:
            expand(Composer(ProjectRoot(project, project)), words)
        assert "expected a valid integer (given on the command line)" in str(caught.value)


def test_several_experiments_are_not_merged_into_one_run() -> None:
    with pytest.raises(ConfigError, match="several would be merged into one run"):
        single(Composer(), ["+experiment=[gbdt_36feat,logistic_13feat]"])


def test_what_a_search_sets_is_among_the_words_of_its_trials(project: Path) -> None:
    """Or the command that opens the best one would open another one's holdout."""
    space = "search:\n  objective: valid/auc\n  trials: 2\n  space:\n    model.max_bin: {low: 7, high: 63}\n"
    lists = "hydra:\n  sweeper:\n    params:\n      +experiment: gbdt_36feat\n"
    with pytest.raises(ConfigError) as caught:
        swept(project, f"{lists}{space}model:\n  num_leaves: 17\n")
    assert "sets model.num_leaves beside its lists" in str(caught.value)
    (job,) = swept(project, f"{lists}      model.num_leaves: 17\n{space}tracking:\n  mode: none\n").jobs
    assert "model.num_leaves=17" in words_alone(job.overrides)


def test_of_an_experiment_that_an_axis_lists_too(project: Path) -> None:
    text = (project / "experiments/gbdt_36feat.yaml").read_text()
    (project / "experiments/told.yaml").write_text(f"{text}\nhydra:\n  launcher:\n    n_jobs: 2\n")
    with pytest.raises(ConfigError, match=r"hydra.launcher: .*experiments/told.yaml"):
        swept(project, "", "+experiment=gbdt_36feat,told")


def test_axes_and_mode_are_read(project: Path) -> None:
    assert len(swept(project, f"hydra:\n  mode: MULTIRUN\n  sweeper:\n{AXES}").jobs) == 2
    assert len(swept(project, "model:\n  num_leaves: 31\n", "seed=1,2").jobs) == 2


def test_a_search_without_content_opens_no_holdout(project: Path) -> None:
    with pytest.raises(ConfigError, match="search: is null, so nothing is searched"):
        swept(project, "hydra:\n  sweeper:\n    params:\n      +experiment: gbdt_36feat\nsearch:\n")
    with pytest.raises(ConfigError, match="search: ~search: the sweep's jobs differ in it"):
        expand(Composer(), ["+sweep=gbdt_hparams", "~search"])


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("~model.num_leaves", "model.num_leaves: ~model.num_leaves: the sweep's jobs differ in it; give one"),
        ("hydra.sweeper.params.seed=1,2", "on the command line an axis is a word of its own: seed=1,2"),
    ],
)
def test_words_that_would_leave_other_jobs_than_they_say(project: Path, word: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        swept(project, f"hydra:\n  sweeper:\n{AXES}", word)
    assert says in str(caught.value)

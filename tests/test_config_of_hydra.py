"""What a sweep file says to Hydra: a key that nobody reads would leave another experiment to run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from atc.config.compose import Composer
from atc.config.problems import ConfigError
from atc.config.root import ProjectRoot, project_root
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
    ],
)
def test_what_nobody_reads_is_refused(project: Path, file: str, key: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        swept(project, file)
    (problem,) = caught.value.problems
    assert problem.key == key
    assert says in problem.message
    assert "sweeps/mine.yaml" in problem.message or "found [" in problem.message


def test_of_an_experiment_that_an_axis_lists_too(project: Path) -> None:
    text = (project / "experiments/gbdt_36feat.yaml").read_text()
    (project / "experiments/told.yaml").write_text(f"{text}\nhydra:\n  launcher:\n    n_jobs: 2\n")
    with pytest.raises(ConfigError, match=r"hydra.launcher: .*experiments/told.yaml"):
        swept(project, "", "+experiment=gbdt_36feat,told")


def test_axes_and_mode_are_read(project: Path) -> None:
    assert len(swept(project, f"hydra:\n  mode: MULTIRUN\n  sweeper:\n{AXES}").jobs) == 2
    assert len(swept(project, "model:\n  num_leaves: 31\n", "seed=1,2").jobs) == 2

"""The command line as a user meets it: exit codes, messages, what is written, what is imported."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
from pathlib import Path

import probed_run
import pytest
from in_process import done_here

from atc.config import entry
from atc.config.compose import Composer
from atc.config.entry import main_with
from atc.config.root import ProjectRoot, project_root
from atc.errors import UsageError
from atc.run_sweep import run_sweep

HEAVY = {"lightgbm", "pyarrow", "polars", "wandb", "sklearn", "torch", "numpy", "scipy"}


def call(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k not in ("ATC_ROOT", "HYDRA_FULL_ERROR")}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd or project_root().folder,
        env=environment | {"PYTHONPATH": str(project_root().folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def probe(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """`tests/probed_run.py` in this process; the jobs of a sweep have their own."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("ATC_ROOT", "HYDRA_FULL_ERROR"):
            patch.delenv(name, raising=False)
        main = lambda: main_with(probed_run.run, run_sweep)  # noqa: E731
        return done_here(main, *arguments, cwd=cwd or project_root().folder)


def probe_alone(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The same in a process of its own."""
    return call(probed_run.__file__, *arguments, cwd=cwd)


def ran(outputs: Path) -> list[list[str]]:
    """What each job of the one sweep under `outputs` printed first, in the order of the jobs."""
    (folder,) = (outputs / "sweeps").glob("*-*")
    lines = [log.read_text().splitlines() for log in sorted(folder.glob("jobs/*/log.txt"))]
    return [next(line for line in log if line.startswith("ran ")).split() for log in lines]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = project_root()
    for folder in ("conf", "experiments", "sweeps"):
        shutil.copytree(root.folder / folder, tmp_path / folder)
    return tmp_path


WRONG = [
    (["+experimnt=x"], "experimnt: unknown key; did you mean 'experiment'?"),
    (["+experiment=gbdt_36fea"], "experiment: no experiment 'gbdt_36fea'; did you mean 'gbdt_36feat'?"),
    (["model=gbtd"], "model: no option 'gbtd'; did you mean 'gbdt'?"),
    (
        ["model.num_leafs=3"],
        "model.num_leafs: unknown key of model kind 'gbdt'; did you mean 'model.num_l",
    ),
    (["model.num_leaves=abc"], "model.num_leaves: found 'abc', expected a valid integer"),
    (["model.num_leaves=1"], "model.num_leaves: found 1, expected a number greater than or equal to 2"),
    (["model.num_leaves=???"], "model.num_leaves: needs a value"),
    (["+model.foo=1"], "model.foo: unknown key of model kind 'gbdt'; valid: "),
    (["features.drop=[ob_imbalance_top6]"], "did you mean 'ob_imbalance_top5'?"),
    (["-m", "model.num_leaves=31,1"], "(job 2 of 2: model.num_leaves=1)"),
    (["+sweep=baselines"], "add -m"),
    (["--cfg", "job", "+experimnt=x"], "did you mean 'experiment'?"),
    (["-m", "--cfg", "job"], "Only one of"),
    (["--config-dir", "conf"], "--config-dir: not supported; set ATC_ROOT"),
    (["--experiment", "gbdt_36feat"], "settings have no dashes: +experiment=gbdt_36feat"),
    (["--seed=3"], "settings have no dashes: seed=3"),
]


@pytest.mark.parametrize(("arguments", "says"), WRONG)
def test_a_wrong_command_is_told(arguments: list[str], says: str) -> None:
    result = probe(*arguments)
    assert result.returncode == 2, result.stderr
    assert says in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["model.num_leafs=3"],
        ["features.drop=[ob_imbalance_top6]"],
        ["-m", "model.num_leaves=31,1"],
        ["--cfg", "job", "+experimnt=x"],
    ],
)
def test_a_wrong_command_stops_before_anything_heavy(arguments: list[str]) -> None:
    """In each way of starting, as the program of its own that it is."""
    result = call("-X", "importtime", "-m", "atc.run", *arguments)
    (says,) = (says for wrong, says in WRONG if wrong == arguments)
    imported = {
        line.rpartition("|")[2].strip().partition(".")[0]
        for line in result.stderr.splitlines()
        if line.startswith("import time:")
    }
    assert result.returncode == 2, result.stderr
    assert says in result.stderr
    assert "Traceback" not in result.stderr
    assert "pydantic" in imported  # the measurement works
    assert imported & HEAVY == set()


@pytest.mark.parametrize(
    "arguments", [["-m", "atc.run", "--help"], ["-c", "from atc.cli import main; main()"]]
)
def test_help_imports_nothing_heavy(project: Path, arguments: list[str]) -> None:
    for path in (*(project / "experiments").iterdir(), *(project / "sweeps").iterdir()):
        if path.stem not in {"gbdt_36feat", "seeds"}:
            path.unlink()
    extra = [] if "--help" in arguments else ["config", "validate"]
    result = call("-X", "importtime", *arguments, *extra, cwd=project)
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in result.stderr.splitlines()}
    assert result.returncode == 0
    assert imported & HEAVY == set()


def test_a_typo_in_an_experiment_file_names_it(project: Path) -> None:
    (project / "experiments" / "mine.yaml").write_text("# A hypothesis.\nmodel: {num_leafs: 3}\n")
    result = probe("+experiment=mine", cwd=project)
    assert result.returncode == 2
    assert "model.num_leafs: unknown key" in result.stderr
    assert "(in experiments/mine.yaml)" in result.stderr
    assert "ran" not in result.stdout


@pytest.mark.parametrize(
    ("seed", "code", "says", "traceback"),
    [
        (1, 0, "", False),
        (13, 1, "no such file", False),
        (14, 1, "RuntimeError: a bug", True),
        (15, 130, "interrupted", False),
    ],
)
def test_exit_codes(project: Path, seed: int, code: int, says: str, traceback: bool) -> None:
    result = probe_alone(f"seed={seed}", cwd=project)
    assert result.returncode == code
    assert f"ran adhoc {seed} gbdt False None" in result.stdout
    assert says in result.stderr
    assert ("Traceback" in result.stderr) is traceback


@pytest.mark.parametrize("several", [[], ["-m", "seed=1,2"]])
@pytest.mark.parametrize("folder", ["a_file", "a_file/below", "/proc/nowhere"])
def test_outputs_that_cannot_be_made_are_one_line(project: Path, folder: str, several: list[str]) -> None:
    (project / "a_file").write_text("")
    result = probe(*several, f"paths.outputs={folder}", cwd=project)
    assert result.returncode == 1
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    # Hydra may have asked for a folder below it.
    assert line.startswith(str(project / folder)) or line.startswith(str((project / folder).parent))
    assert "cannot be made or written" in line
    assert line.endswith("set paths.outputs to a folder that can")


def test_a_job_that_cannot_write_says_where_and_the_way_out(project: Path) -> None:
    blocked = probe("seed=17", cwd=project)
    assert blocked.returncode == 1
    (line,) = blocked.stderr.splitlines()
    assert line.startswith(f"{project / 'outputs' / 'runs' / 'x'}: cannot be made or written (Not a dir")
    full = probe("-m", "seed=19,1", cwd=project)
    assert full.returncode == 1
    assert f"{project / 'outputs'}: No space left on device; free some space" in full.stderr
    assert "Traceback" not in full.stderr


def test_a_file_that_a_job_misses_below_outputs_keeps_its_traceback(project: Path) -> None:
    result = probe("seed=18", cwd=project)
    assert result.returncode == 1
    assert "Traceback" in result.stderr
    assert "FileNotFoundError" in result.stderr


def test_a_multirun_goes_on_after_a_failure_and_says_so(project: Path) -> None:
    result = probe_alone("-m", "seed=1,13,14,2", cwd=project)
    assert result.returncode == 1
    assert [words[2] for words in ran(project / "outputs")] == ["1", "13", "14", "2"]
    said = result.stderr.partition("2 of 4 jobs failed:\n")[2].splitlines()
    (folder,) = (project / "outputs" / "sweeps").glob("*-*")
    log = folder.relative_to(project) / "jobs" / "0003" / "log.txt"
    assert [line.strip() for line in said] == [
        *("[2/4] seed=13", "no such file", str(log).replace("0003", "0002")),
        *("[3/4] seed=14", "RuntimeError: a bug", str(log)),
    ]
    assert "Traceback" in (project / log).read_text()
    assert result.stdout == f"sweep: {folder.relative_to(project)}\n"


def test_jobs_are_composed_with_rubbish_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    """`atc.run` lets it lie until there is a run: 2,000 jobs would leave half a gigabyte for good."""
    collects: list[bool] = []

    def composed(*_: object) -> None:
        collects.append(gc.isenabled())
        raise UsageError("enough")

    monkeypatch.setattr(entry, "expand", composed)
    gc.disable()
    try:
        assert probe("-m", "seed=1,2").returncode == 2
    finally:
        gc.enable()
    assert collects == [True]


def test_an_interrupt_ends_a_multirun(project: Path) -> None:
    result = probe("-m", "seed=1,15,2", cwd=project)
    assert result.returncode == 130
    assert [words[2] for words in ran(project / "outputs")] == ["1", "15"]
    assert result.stderr.splitlines()[-1].startswith("interrupted: [2/3] seed=15: Ctrl-C")


def test_the_jobs_of_a_sweep_are_one_group(project: Path) -> None:
    result = probe("-m", "+sweep=baselines", cwd=project)
    assert result.returncode == 0, result.stderr
    (folder,) = (project / "outputs" / "sweeps").glob("baselines-*")
    assert ran(project / "outputs") == [
        ["ran", "gbdt_36feat", "1", "gbdt", "False", folder.name],
        ["ran", "gbdt_13feat", "1", "gbdt", "False", folder.name],
        ["ran", "logistic_36feat", "1", "logistic", "False", folder.name],
        ["ran", "logistic_13feat", "1", "logistic", "False", folder.name],
    ]


def test_a_varied_model_seals_every_job(project: Path) -> None:
    result = probe("-m", "model.num_leaves=31,63", cwd=project)
    assert result.returncode == 0
    lines = ran(project / "outputs")
    assert [line[4] for line in lines] == ["True", "True"]
    assert len({line[5] for line in lines}) == 1
    assert lines[0][5].startswith("adhoc-multirun-")
    assert "sealed: the jobs differ in model.num_leaves, and" in result.stderr
    assert "sealed" not in probe("-m", "seed=1,2", cwd=project).stderr


def test_a_file_edited_during_a_sweep_changes_no_job(project: Path) -> None:
    result = probe("-m", "seed=16,1", cwd=project)
    assert "name: edited" in (project / "conf" / "config.yaml").read_text()
    assert result.returncode == 0, result.stderr
    assert [words[1] for words in ran(project / "outputs")] == ["adhoc", "adhoc"]


def test_nothing_is_written_beside_outputs(project: Path) -> None:
    before = {path.name for path in project.iterdir()}
    assert probe("paths.outputs=results", cwd=project / "experiments").returncode == 0
    assert {path.name for path in project.iterdir()} - before == {"results"}
    assert list((project / "results").iterdir()) == []
    assert probe("-m", "seed=1,2", "tracking=none", cwd=project).returncode == 0
    assert {path.name for path in project.iterdir()} - before == {"results", "outputs"}
    written = [path.relative_to(project / "outputs") for path in (project / "outputs").rglob("*")]
    assert {path.name for path in written if len(path.parts) == 3 and path.parts[1] != ".locks"} == {
        "manifest.jsonl",
        "jobs",
    }
    assert all(path.parts[0] == "sweeps" for path in written)


def test_from_a_subfolder_and_from_elsewhere(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    (project / "experiments" / "mine.yaml").write_text("# A hypothesis.\nseed: 5\n")
    inside = probe("+experiment=mine", cwd=project / "conf" / "data")
    assert "ran mine 5" in inside.stdout
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    globbed = probe("-m", "+experiment=glob(*_13feat)", f"paths.outputs={elsewhere}", cwd=elsewhere)
    assert globbed.returncode == 0, globbed.stderr
    assert [words[1] for words in ran(elsewhere)] == [
        *("gbdt_13feat", "linear_13feat", "logistic_13feat", "softmax_13feat")
    ]


@pytest.mark.parametrize(
    ("words", "needed"),
    [
        ([], False),
        (["+experiment=gbdt_36feat", "paths.outputs=elsewhere", "model.num_leaves=7"], False),
        (["data.scenario.lambda_mid=1"], False),  # no file spells it: the schema knows whether it is there
        (["hydra.verbose=true"], True),
        (["hydra/job_logging=colorlog"], True),
        (["+seed=3"], True),  # Hydra's own refusal: an item is already there
        (["no.such.key=3"], True),
    ],
)
def test_hydra_is_started_for_what_only_hydra_does(words: list[str], needed: bool) -> None:
    assert Composer().needs_hydra(words) is needed


@pytest.mark.parametrize("asked", ["job: {chdir: true}", "output_subdir: .hydra", "job: {env_set: {A: b}}"])
def test_hydra_is_started_where_its_section_asks_for_more(project: Path, asked: str) -> None:
    assert not Composer(ProjectRoot(project, project)).needs_hydra([])
    (project / "experiments" / "mine.yaml").write_text(f"# A hypothesis.\nhydra: {{{asked}}}\n")
    assert Composer(ProjectRoot(project, project)).needs_hydra(["+experiment=mine"])


def test_what_hydra_alone_refuses_is_refused(project: Path) -> None:
    result = probe("+seed=3", cwd=project)
    assert result.returncode == 2
    assert "An item is already at 'seed'" in result.stderr
    assert "ran" not in result.stdout


def test_help_lists_experiments_with_their_hypotheses() -> None:
    result = probe("--help", cwd=Path("/"))
    assert result.returncode == 0
    composer = Composer()
    for name in composer.options("experiment"):
        first = (composer.root.folder / "experiments" / f"{name}.yaml").read_text().splitlines()[0]
        assert f"  {name}" in result.stdout
        assert first.lstrip("# ") in result.stdout
    for group in ("data", "features", "model", "window"):
        assert ", ".join(composer.options(group)) in result.stdout
    assert "+sweep=" in result.stdout
    assert "ran" not in result.stdout.split()


def test_cfg_job_shows_the_composed_config() -> None:
    result = probe_alone("+experiment=logistic_36feat", "data=eth_jpy", "--cfg", "job", "--resolve")
    assert result.returncode == 0, result.stderr
    assert "name: logistic_36feat" in result.stdout
    assert "kind: dates" in result.stdout
    assert "hydra:" not in result.stdout


def test_cfg_job_shows_a_wrong_config_and_says_so() -> None:
    result = probe("+modle.x=1", "--cfg", "job")
    assert result.returncode == 2
    assert "modle:\n  x: 1" in result.stdout
    assert "did you mean 'model'?" in result.stderr


def test_an_unknown_flag_is_wrong_usage() -> None:
    result = probe("--nonsense")
    assert result.returncode == 2
    assert "--nonsense" in result.stderr

"""Searches: the same trials whatever kills them, all sealed, hopeless ones ended early."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
import pytest
import searched_runs
from in_process import done_here
from typer.testing import CliRunner

import atc
from atc.cli import application
from atc.config import search
from atc.config.compose import Composer
from atc.config.digest import config_digest
from atc.config.entry import main_with
from atc.config.problems import ConfigError, Problem
from atc.config.root import project_root
from atc.config.schema import RunConfig
from atc.config.search import Median, Value, with_values, words_alone
from atc.config.sweep import expand
from atc.errors import AtcError, DataError, UsageError
from atc.report.candidates import candidates_of
from atc.report.leaderboard import leaderboard_of
from atc.report.sweep_lines import status_tables
from atc.run_sweep import resume_sweep, run_frozen, run_sweep
from atc.sweep.folder import job_folder
from atc.sweep.frozen import thaw
from atc.sweep.opened import OpenedSweep, open_sweep
from atc.sweep.rows import Row
from atc.sweep.search import trials
from atc.sweep.search.pruning import Pruning, is_pruned
from atc.sweep.search.results import steps_of

PROGRAM = Path(__file__).with_name("searched_runs.py")
COMPOSER = Composer()
QUICK = ("search.startup=4", "search.pruner.startup=2", "search.pruner.warmup_folds=0")


def words_of(outputs: Path, trials: int) -> list[str]:
    asked = ["-m", "+sweep=gbdt_hparams", *QUICK, f"search.trials={trials}"]
    return [*asked, f"paths.outputs={outputs}", "tracking=none"]


def searched(outputs: Path, trials: int = 9) -> subprocess.CompletedProcess[str]:
    """The launcher in this process; its trials have their own."""
    outputs.mkdir(exist_ok=True)
    words = words_of(outputs, trials)
    return done_here(lambda: main_with(searched_runs.run, run_sweep), *words, cwd=project_root().folder)


def searched_alone(outputs: Path, trials: int = 9) -> subprocess.CompletedProcess[str]:
    """The launcher in a process of its own, which may be killed."""
    return subprocess.run(
        [sys.executable, str(PROGRAM), *words_of(outputs, trials)],
        cwd=project_root().folder,
        env=os.environ | {"PYTHONPATH": str(project_root().folder)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def the_sweep(outputs: Path) -> OpenedSweep:
    (folder,) = (outputs / "sweeps").glob("gbdt_hparams-*")
    return open_sweep(folder)


def told(sweep: OpenedSweep) -> list[tuple[object, ...]]:
    """Of each trial what it tried and what it gave, without places and times."""
    found: list[tuple[object, ...]] = []
    for job in sweep.jobs:
        done = job.status == "finished" and job.run_folder is not None
        value = atc.open_run(job.run_folder).metrics["folds/auc/mean"] if done else None
        found.append((job.number, job.overrides[-6:], job.planned.config_digest, job.status, value))
    return found


def stored(sweep: OpenedSweep) -> optuna.Study:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    backend = JournalFileBackend(str(sweep.folder / "study.journal"))
    return optuna.load_study(study_name=sweep.folder.name, storage=JournalStorage(backend))


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, OpenedSweep]:
    outputs = tmp_path_factory.mktemp("whole") / "outputs"
    done = searched(outputs)
    assert done.returncode == 0, done.stderr
    return outputs, the_sweep(outputs)


def test_every_trial_is_a_sealed_run_as_its_words_compose_it(uninterrupted: tuple[Path, OpenedSweep]) -> None:
    outputs, sweep = uninterrupted
    assert sweep.header.sealed
    assert sweep.header.sealing == tuple(sorted(expand(COMPOSER, ["+sweep=gbdt_hparams"]).search.space))  # type: ignore[union-attr]
    assert len(sweep.jobs) == 9
    assert {job.status for job in sweep.jobs} == {"finished", "pruned"}
    for job in sweep.jobs[:2]:
        words = [word for word in job.overrides if not word.startswith("+sweep")]
        alone = atc.compose([*words, "protocol.sealed=true", f"paths.outputs={outputs}", "tracking=none"])
        assert config_digest(alone) == job.planned.config_digest
        assert job.config["protocol"]["sealed"] is True


def test_the_answer_is_the_best_trial_and_words_that_run_it_open(
    uninterrupted: tuple[Path, OpenedSweep],
) -> None:
    _, sweep = uninterrupted
    best = leaderboard_of(candidates_of(sweep), "it").best
    values = {str(one[0]): one[-1] for one in told(sweep) if one[-1] is not None}
    assert best is not None
    assert (best.value, best.of) == (max(values.values()), len(values))  # type: ignore[type-var]
    assert values[str(best.candidate.number)] == best.value
    python, _, program, *words = shlex.split(best.command)
    assert (python, program) == ("python", "atc.run")
    opened = atc.compose(words)
    assert not opened.protocol.sealed
    sealed = with_values(opened, {"protocol.sealed": True})
    assert config_digest(sealed) == sweep.jobs[best.candidate.number - 1].planned.config_digest  # type: ignore[operator]


def test_words_of_a_trial_are_shell_words_without_those_of_its_search() -> None:
    words = ("+sweep=x", "model.depth=3", "name=a b", "protocol.sealed=true", "model.depth=4", 'm.kind="q"')
    assert words_alone(words) == ("model.depth=4", "name=a b", 'm.kind="q"')


def test_a_hopeless_trial_ends_early_and_its_record_says_so(uninterrupted: tuple[Path, OpenedSweep]) -> None:
    _, sweep = uninterrupted
    (first, *_) = sweep.with_status("pruned")
    assert first.error is not None
    assert first.error.type == "Pruned"
    assert "ended by the search after fold 1 of 3: folds/auc/mean over them is 0." in first.error.message
    study = stored(sweep)
    assert study.user_attrs["atc search"]["objective"] == "folds/auc/mean"
    assert [trial.state.name for trial in study.trials] == [
        {"finished": "COMPLETE", "pruned": "PRUNED"}[job.status] for job in sweep.jobs
    ]
    pruned = study.trials[first.number - 1]
    assert list(pruned.intermediate_values) == [1]
    records = [
        json.loads(path.read_text()) for path in sweep.folder.parent.parent.glob("runs/*/manifest.json")
    ]
    ended = [record for record in records if record["status"] == "pruned"]
    assert len(ended) == len(sweep.with_status("pruned"))
    assert ended[0]["error"]["type"] == "Pruned"


def test_killed_and_resumed_it_is_what_it_would_have_been(
    uninterrupted: tuple[Path, OpenedSweep], tmp_path: Path
) -> None:
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    (outputs / "die-at-5").touch()
    died = searched_alone(outputs)
    assert died.returncode == -9
    half = the_sweep(outputs)
    assert len(half.jobs) == 5
    # What a writer that dies leaves.
    for name in ("trials.jsonl", "study.journal"):
        with (half.folder / name).open("a") as file:
            file.write('{"half')
    again = searched(outputs)
    assert again.returncode == 0, again.stderr
    assert told(the_sweep(outputs)) == told(uninterrupted[1])
    made = (outputs / "made.txt").read_text().split()
    assert len(made) == 10  # the fifth twice
    values = [trial.value for trial in stored(the_sweep(outputs)).trials]
    assert values == [trial.value for trial in stored(uninterrupted[1]).trials]


def test_a_finished_search_starts_nothing(uninterrupted: tuple[Path, OpenedSweep]) -> None:
    outputs, sweep = uninterrupted
    before = (outputs / "made.txt").read_bytes(), told(sweep)
    assert resume_sweep(sweep.folder, searched_runs.run) == 0
    assert ((outputs / "made.txt").read_bytes(), told(the_sweep(outputs))) == before


def test_a_search_is_resumed_one_after_the_other_or_not_at_all(
    uninterrupted: tuple[Path, OpenedSweep],
) -> None:
    outputs, sweep = uninterrupted
    before = (outputs / "made.txt").read_bytes(), lines_of(sweep), told(sweep)

    def resumed(*words: str) -> None:
        CliRunner().invoke(
            application(), ["sweep", "resume", str(sweep.folder), *words], catch_exceptions=False
        )

    with pytest.raises(UsageError, match=r"is a search: found joblib: .* they run one after the other"):
        resumed("--on", "joblib")
    with pytest.raises(UsageError, match=r"greater than or equal to 1"):
        resumed("--on", "joblib", "--workers", "0")
    assert ((outputs / "made.txt").read_bytes(), lines_of(sweep), told(the_sweep(outputs))) == before


def copied(uninterrupted: tuple[Path, OpenedSweep], to: Path) -> OpenedSweep:
    shutil.copytree(uninterrupted[0], to)
    return the_sweep(to)


def lines_of(sweep: OpenedSweep) -> list[str]:
    return (sweep.folder / "trials.jsonl").read_text().splitlines(keepends=True)


def test_a_launcher_that_waited_goes_on_from_the_trials_of_the_first(
    uninterrupted: tuple[Path, OpenedSweep], tmp_path: Path
) -> None:
    sweep = copied(uninterrupted, tmp_path / "outputs")
    lines = lines_of(sweep)
    trials = sweep.folder / "trials.jsonl"
    trials.write_text("".join(lines[:2]))
    waiting = thaw(sweep.folder)
    trials.write_text("".join(lines))  # what the first added meanwhile
    assert run_frozen(waiting, searched_runs.run) == 0
    assert lines_of(sweep) == lines
    assert told(the_sweep(tmp_path / "outputs")) == told(uninterrupted[1])
    assert {job.state.attempts for job in the_sweep(tmp_path / "outputs").jobs if job.state} == {1}


def test_no_trial_is_written_over(uninterrupted: tuple[Path, OpenedSweep], tmp_path: Path) -> None:
    sweep = copied(uninterrupted, tmp_path / "outputs")
    source = thaw(sweep.folder).source
    assert source is not None
    before = lines_of(sweep), (sweep.folder / "study.journal").read_bytes()
    known = {job.number: Row(job.planned, "", job.state) for job in sweep.jobs[:2]}
    with pytest.raises(DataError, match="has 9 trials, this process knows 2"):
        source.propose(known)
    assert (lines_of(sweep), (sweep.folder / "study.journal").read_bytes()) == before


def test_a_trial_adds_its_line_and_writes_no_other_anew(
    uninterrupted: tuple[Path, OpenedSweep], tmp_path: Path
) -> None:
    sweep = copied(uninterrupted, tmp_path / "outputs")
    path, lines = sweep.folder / "trials.jsonl", lines_of(sweep)
    path.write_text("".join(lines[:4]) + lines[4][:99])  # killed in the middle of the fifth
    file = path.stat().st_ino
    source = thaw(sweep.folder).source
    assert source is not None
    known = {job.number: Row(job.planned, "", job.state) for job in the_sweep(tmp_path / "outputs").jobs}
    assert list(known) == [1, 2, 3, 4]
    found = source.propose(known)
    assert found is not None and found[0].number == 5
    *first, fifth = lines_of(sweep)
    assert first == lines[:4]
    assert json.loads(fifth)["config_digest"] == json.loads(lines[4])["config_digest"]
    assert path.stat().st_ino == file
    with pytest.raises(DataError, match="has 5 trials, this process knows 4"):
        source.propose(known)


def test_trials_whose_lines_were_lost_are_found_finished(
    uninterrupted: tuple[Path, OpenedSweep], tmp_path: Path
) -> None:
    outputs = tmp_path / "outputs"
    sweep = copied(uninterrupted, outputs)
    last = sweep.with_status("finished")[-1].number
    lines = lines_of(sweep)
    (sweep.folder / "trials.jsonl").write_text("".join(lines[: last - 1]))
    assert resume_sweep(sweep.folder, searched_runs.run) == 0
    again = the_sweep(outputs)
    assert told(again) == told(uninterrupted[1])
    assert {job.state.attempts for job in again.with_status("finished") if job.state} == {1}


def test_status_counts_the_trials_that_are_not_yet_proposed(
    uninterrupted: tuple[Path, OpenedSweep], tmp_path: Path
) -> None:
    sweep = copied(uninterrupted, tmp_path / "outputs")
    (sweep.folder / "trials.jsonl").write_text("".join(lines_of(sweep)[:4]))
    sentences, _ = status_tables(the_sweep(tmp_path / "outputs"))
    assert sentences[1].startswith("9 jobs: ") and sentences[1].endswith(", 5 not yet proposed")


def test_a_refused_trial_goes_on_after_a_kill_before_its_state(
    uninterrupted: tuple[Path, OpenedSweep], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = tmp_path / "outputs"
    sweep = copied(uninterrupted, outputs)
    (sweep.folder / "trials.jsonl").write_text("".join(lines_of(sweep)[:8]))
    shutil.rmtree(job_folder(sweep.folder, 9))
    refused = sweep.jobs[8].config["model"]["learning_rate"]

    def with_values(base: RunConfig, values: Mapping[str, Value], *, check: bool = True) -> Any:
        if check and values["model.learning_rate"] == refused:
            raise ConfigError([Problem("model", "they do not fit together")])
        return search.with_values(base, values, check=check)

    def killed(*_: object) -> None:
        raise RuntimeError("killed")

    monkeypatch.setattr(trials, "with_values", with_values)
    with monkeypatch.context() as patch:
        patch.setattr(trials, "write_state", killed)
        with pytest.raises(RuntimeError, match="killed"):
            resume_sweep(sweep.folder, searched_runs.run)
    assert len(lines_of(sweep)) == 9
    assert not job_folder(sweep.folder, 9).exists()
    assert resume_sweep(sweep.folder, searched_runs.run) == 1
    (failed,) = the_sweep(outputs).with_status("failed")
    assert failed.error is not None
    assert (failed.number, failed.error.message) == (9, "model: they do not fit together")


def test_a_study_of_another_objective_is_told_of(uninterrupted: tuple[Path, OpenedSweep]) -> None:
    _, sweep = uninterrupted
    journal = sweep.folder / "study.journal"
    content = journal.read_text()
    try:
        journal.write_text(content.replace("folds/auc/mean", "valid/auc"))
        with pytest.raises(DataError, match=r"study of another objective .*'valid/auc' there"):
            resume_sweep(sweep.folder, searched_runs.run)
    finally:
        journal.write_text(content)


def test_the_pruner_holds_a_trial_against_the_same_folds() -> None:
    before = ({1: 0.6, 2: 0.62}, {1: 0.7, 2: 0.6}, {1: 0.65, 2: 0.5})
    rule = Pruning("folds/auc/mean", "maximize", Median(kind="median", startup=3, warmup_folds=0), before)
    assert is_pruned(rule, 1, 0.64)
    assert not is_pruned(rule, 1, 0.66)
    # An easy first fold saves no trial: each fold is held against the same one of the others.
    assert is_pruned(rule, 2, 0.59)
    later = Pruning("folds/auc/mean", "maximize", Median(kind="median", startup=3, warmup_folds=1), before)
    assert not is_pruned(later, 1, 0.1)
    assert is_pruned(later, 2, 0.1)
    fewer = Pruning("folds/auc/mean", "maximize", Median(kind="median", startup=4, warmup_folds=0), before)
    assert not is_pruned(fewer, 2, 0.1)


def test_steps_are_the_mean_so_far_in_the_order_of_folds() -> None:
    metrics = {f"fold/{k}/lift/test/auc": k / 10 for k in (10, 1, 2)} | {"fold/3/lift/test/auc": None}
    found = steps_of(metrics, "folds/lift/auc/mean")
    assert found == {1: 0.1, 2: pytest.approx(0.15), 4: pytest.approx(1.3 / 3)}
    assert steps_of(metrics, "valid/auc") == {}


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("optuna", "1.2.3", r"another version of Optuna \(1\.2\.3; this is"),
        ("code", "f" * 64, "other code of the search"),
        ("seed", 99, "the manifest was edited"),
        ("config", None, "the manifest was edited"),
    ],
)
def test_a_search_that_would_propose_other_trials_is_not_resumed(
    uninterrupted: tuple[Path, OpenedSweep], tmp_path: Path, key: str, value: object, said: str
) -> None:
    sweep = copied(uninterrupted, tmp_path / "outputs")
    manifest = sweep.folder / "manifest.jsonl"
    header = json.loads(manifest.read_text())
    if key == "config":
        header["search"]["config"]["seed"] += 1
    else:
        header["search"][key] = value
    manifest.write_text(json.dumps(header) + "\n")
    with pytest.raises(AtcError, match=said):
        resume_sweep(sweep.folder, searched_runs.run)


@pytest.mark.slow
def test_real_trials_are_sealed_and_ended_by_their_folds(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "atc.run", "-m", "+sweep=gbdt_hparams", "search.trials=4"),
            *("search.pruner.startup=1", "search.pruner.warmup_folds=0"),
            "search.space={model.min_child_samples:{low:20,high:100}}",
            *("data.days=6", "window.train_days=5", "window.holdout_days=1", "data.rate=0.1"),
            *("evaluation.resamples=50", "backtest=none", "explain=none", "tracking=none"),
            *(
                "model.n_estimators=15",
                "model.num_threads=1",
                "protocol.folds=3",
                f"paths.outputs={tmp_path}",
            ),
        ],
        cwd=project_root().folder,
        env=os.environ | {"PYTHONPATH": str(project_root().folder)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    sweep = the_sweep(tmp_path)
    finished, pruned = sweep.with_status("finished"), sweep.with_status("pruned")
    assert len(finished) + len(pruned) == 4
    assert pruned
    for run in sweep.finished_runs():
        assert run.metrics["holdout/auc"] is None
        steps = steps_of(run.metrics, "folds/auc/mean")
        assert steps[3] == pytest.approx(run.metrics["folds/auc/mean"], abs=1e-12)
    assert [trial.state.name == "PRUNED" for trial in stored(sweep).trials] == [
        job.status == "pruned" for job in sweep.jobs
    ]

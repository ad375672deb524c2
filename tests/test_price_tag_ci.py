"""The workflow that people copy, its step run as it stands on a repository with a pull request."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from atc.config.root import project_root
from atc.review.price_lines import NO_PRICE

WORKFLOW = "docs/ci/price_tag.yml"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two experiments; the second commit changes one of them and adds another."""
    root, folder = project_root().folder, tmp_path / "repository"
    shutil.copytree(root / "conf", folder / "conf")
    (folder / "experiments").mkdir()
    shutil.copytree(root / "sweeps", folder / "sweeps")
    for name in ("gbdt_36feat", "logistic_36feat"):
        shutil.copy(root / "experiments" / f"{name}.yaml", folder / "experiments")
    commit(folder, "init", "-q")
    changed = folder / "conf" / "model" / "gbdt.yaml"
    changed.write_text(changed.read_text().replace("num_leaves: 63", "num_leaves: 31"))
    shutil.copy(root / "experiments" / "softmax_36feat.yaml", folder / "experiments")
    commit(folder)
    return folder


def commit(folder: Path, *first: str) -> None:
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for words in ([list(first)] if first else []) + [["add", "."], ["commit", "-q", "-m", "change"]]:
        subprocess.run([*git, *words], cwd=folder, check=True)


def told_by_the_step(repository: Path, tmp_path: Path) -> str:
    """What it writes of the last commit."""
    steps = yaml.safe_load((project_root().folder / WORKFLOW).read_text())["jobs"]["price-tag"]["steps"]
    script = next(step["run"] for step in steps if step.get("name") == "differences and price")
    uv = tmp_path / "uv"
    uv.write_text(f'#!/bin/sh\n[ "$1" = sync ] && exit 0\nshift 2\nexec {sys.executable} -m atc.cli "$@"\n')
    uv.chmod(uv.stat().st_mode | stat.S_IXUSR)

    def sha(name: str) -> str:
        found = subprocess.run(["git", "rev-parse", name], cwd=repository, capture_output=True, check=True)
        return found.stdout.decode().strip()

    summary = tmp_path / "summary.md"
    environment = os.environ | {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "PYTHONPATH": str(project_root().folder),
        "ATC_EVENTS": str(tmp_path / "nothing"),
        "BASE": sha("HEAD~1"),
        "HEAD": sha("HEAD"),
        "RECORDS": "outputs",
        "GITHUB_STEP_SUMMARY": str(summary),
    }
    subprocess.run(["bash", "-e", "-c", script], cwd=repository, env=environment, check=True)
    return summary.read_text()


def test_the_step_says_what_changes_and_what_it_costs(repository: Path, tmp_path: Path) -> None:
    told = told_by_the_step(repository, tmp_path)
    assert told.startswith("### `gbdt_36feat`\n")
    assert "| key | base:gbdt_36feat | this:gbdt_36feat | changes |" in told
    assert "| `model.num_leaves` | 63 | 31 | run id, training only |" in told
    assert "- holdout: spends 1 look" in told
    assert "no finished run is recorded here" in told
    assert "### `softmax_36feat` is new" in told
    assert "logistic_36feat" not in told


def test_a_change_of_code_is_told_once_for_all_experiments(repository: Path, tmp_path: Path) -> None:
    (repository / "atc" / "features").mkdir(parents=True)
    (repository / "atc" / "features" / "compute.py").write_text("A = 1\n")
    commit(repository)
    told = told_by_the_step(repository, tmp_path)
    heading = (
        "### Only the code differs: `gbdt_36feat` `logistic_36feat` `softmax_36feat`\nThe last of them:\n"
    )
    assert told.startswith(heading)
    assert told.count("\n- holdout: spends 1 look") == 1
    assert "code differs: atc/features/compute.py" in told
    assert "- from the cache: events, quality\n" in told


def test_a_renamed_key_is_told_without_a_price(repository: Path, tmp_path: Path) -> None:
    """The base fits its own schema, of which this version knows nothing."""
    model = repository / "conf" / "model" / "gbdt.yaml"
    model.write_text(model.read_text().replace("num_leaves: 31", "leaves: 31"))
    commit(repository)
    model.write_text(model.read_text().replace("leaves: 31", "num_leaves: 31"))
    commit(repository)
    told = told_by_the_step(repository, tmp_path)
    assert told.splitlines() == [
        "### `gbdt_36feat`",
        "",
        "| key | base:gbdt_36feat | this:gbdt_36feat |",
        "|---|---|---|",
        "| `model.leaves` | 31 | — |",
        "| `model.num_leaves` | — | 31 |",
        "",
        f"- {NO_PRICE}",
        "",
    ]


def test_what_does_not_compose_says_why_and_the_others_are_told(repository: Path, tmp_path: Path) -> None:
    experiment = repository / "experiments" / "gbdt_36feat.yaml"
    experiment.write_text(experiment.read_text().replace("override /model: gbdt", "override /model: gdbt"))
    model = repository / "conf" / "model" / "logistic.yaml"
    model.write_text(model.read_text().replace("max_iter: 50", "max_iter: 60"))
    commit(repository)
    told = told_by_the_step(repository, tmp_path)
    assert told.startswith("### `gbdt_36feat`: no difference can be told\n\n```\n")
    assert "no option 'gdbt'; did you mean 'gbdt'" in told
    assert "### `logistic_36feat`\n" in told


def test_it_runs_where_code_changes_too() -> None:
    workflow = yaml.safe_load((project_root().folder / WORKFLOW).read_text())
    assert {"atc/**", "rust/**", "uv.lock"} <= set(workflow[True]["pull_request"]["paths"])

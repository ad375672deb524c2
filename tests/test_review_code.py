"""A review of two codes: which files of it differ, which cached results go through them, what that costs."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

import atc
from atc.cli import application
from atc.config.diff import plain
from atc.config.digest import code_digest, is_result_code
from atc.config.root import project_root
from atc.review.code import HERE, CodeDifference, code_difference
from atc.review.code_stages import UNKNOWN_CODE, stages_of_code

ALL = ("events", "quality", "features", "labels")
LOCKED = '[[package]]\nname = "numpy"\nversion = "{}"\n[[package]]\nname = "ruff"\nversion = "{}"\n'


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one commit, of some code and all configs."""
    root = project_root().folder
    for folder in ("conf", "experiments", "sweeps"):
        shutil.copytree(root / folder, tmp_path / folder)
    write(tmp_path, "atc/features/compute.py", '"""Says."""\nA = 1\n')
    write(tmp_path, "uv.lock", LOCKED.format("2.0", "0.1"))
    monkeypatch.chdir(tmp_path)
    git(tmp_path, "init", "-q")
    commit(tmp_path)
    return tmp_path


def write(folder: Path, file: str, text: str) -> None:
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    (folder / file).write_text(text)


def git(folder: Path, *words: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *words], cwd=folder, check=True
    )


def commit(folder: Path) -> None:
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "change")


def command(*words: str) -> str:
    result = CliRunner().invoke(application(), ["config", "diff", *words, "--cost"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def between_revisions() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(command("HEAD~1:gbdt_36feat", "HEAD:gbdt_36feat", "--json"))
    return found


def test_code_of_features_that_a_commit_changes_makes_them_anew(repository: Path) -> None:
    write(repository, "atc/features/compute.py", '"""Says."""\nA = 2\n')
    write(repository, "atc/cli/words.py", "B = 1\n")
    model = repository / "conf" / "model" / "gbdt.yaml"
    model.write_text(model.read_text().replace("num_leaves: 63", "num_leaves: 31"))
    commit(repository)
    told = between_revisions()
    assert told["cost"]["cached"] == ["events", "quality"]
    why = {one["stage"]: one["why"] for one in told["cost"]["stages"]}
    assert why["features"] == why["labels"] == "code differs: atc/features/compute.py"
    assert told["code_files"] == ["atc/features/compute.py"]
    changes = {one["key"]: one["changes"] for one in told["differences"]}
    assert changes == {
        "model.num_leaves": ["run id", "training only"],
        "code": ["run id", "feature cache", "label cache"],
    }
    text = command("HEAD~1:gbdt_36feat", "HEAD:gbdt_36feat", "--md")
    assert "| `code` |" in text
    assert "code differs: atc/features/compute.py" in text


def test_a_docstring_costs_a_look_and_no_cached_file(repository: Path) -> None:
    write(repository, "atc/features/compute.py", '"""Says it better."""\nA = 1\n')
    commit(repository)
    told = between_revisions()["cost"]
    assert told["cached"] == list(ALL)
    assert told["looks"]["spent"] == 1
    assert "fit" in {one["stage"] for one in told["stages"]}


def test_what_is_not_committed_yet_counts_too(repository: Path) -> None:
    write(repository, "rust/atc-sim/src/new.rs", "")
    found = code_difference("HEAD:gbdt_36feat", "gbdt_36feat")
    assert found is not None
    assert (found.right, found.files) == (HERE, ("rust/atc-sim/src/new.rs",))


@pytest.mark.parametrize(("numpy", "ruff", "differs"), [("2.0", "0.2", False), ("2.1", "0.1", True)])
def test_locked_versions_count_where_they_compute(
    repository: Path, numpy: str, ruff: str, differs: bool
) -> None:
    write(repository, "uv.lock", LOCKED.format(numpy, ruff))
    commit(repository)
    found = code_difference("HEAD~1:gbdt_36feat", "HEAD:gbdt_36feat")
    assert (found.files if found else None) == (("uv.lock",) if differs else None)


@pytest.mark.parametrize("older", [True, False])
def test_a_run_of_older_code_is_not_the_same_run(tmp_path: Path, older: bool) -> None:
    config = atc.compose(["+experiment=gbdt_36feat"])
    write(tmp_path, "config.yaml", yaml.safe_dump(plain(config)))
    manifest = {"status": "finished", "code_digest": "0" * 64 if older else code_digest()}
    write(tmp_path, "manifest.json", json.dumps(manifest))
    told = command(str(tmp_path), "gbdt_36feat")
    assert ("the same run: nothing is made" in told) == (not older)
    assert ("code differs: another digest" in told) == older
    assert ("holdout: spends 1 look" in told) == older
    assert (UNKNOWN_CODE in told) == older


FAMILIES = "rust/atc-featuregen/src/families"
ORACLE = "rust/atc-sim/src/oracle.rs"


@pytest.mark.parametrize(
    ("file", "sure", "maybe"),
    [
        ("atc/models/gbdt.py", "", ""),
        ("atc/features/engine_spec.py", "", "features labels"),
        ("atc/labels/definitions.py", "", "labels"),
        ("atc/events/quality/days.py", "quality", ""),
        ("atc/events/reader.py", "quality features labels", ""),
        ("rust/atc-sim/src/book.rs", "events quality features labels truth", ""),
        (ORACLE, "truth", ""),
        (f"{FAMILIES}/core.rs", "", "features labels"),
        (f"{FAMILIES}/hawkes.rs", "", ""),
        ("rust/atc-featuregen/src/book.rs", "", "features labels"),
    ],
)
def test_the_stages_that_go_through_a_file(file: str, sure: str, maybe: str) -> None:
    config = atc.compose(["+experiment=gbdt_36feat"])
    found = stages_of_code(CodeDifference("a", "b", (file,)), config)
    assert {name for name, why in found.items() if why == f"code differs: {file}"} == set(sure.split())
    assert {name for name, why in found.items() if why == UNKNOWN_CODE} == set(maybe.split())


@pytest.mark.parametrize(
    ("path", "counts"),
    [
        ("atc/run.py", True),
        ("atc/features/compute.py", True),
        ("atc/review/price.py", False),
        ("atc/run_sweep.py", False),
        ("atc/_rust.pyi", False),
        ("rust/atc-py/src/lib.rs", True),
        ("rust/atc-featuregen/tests/rows.rs", False),
        ("rust/Cargo.lock", True),
        ("uv.lock", False),
    ],
)
def test_files_that_the_digest_of_the_code_counts(path: str, counts: bool) -> None:
    assert is_result_code(path) is counts

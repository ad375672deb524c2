"""What a run imports, and what it does not: each of these takes a tenth of a second to some seconds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from atc.config.root import project_root

WORDS = (
    *("data.days=5", "data.rate=0.1", "window.train_days=4", "window.holdout_days=1"),
    *("evaluation.resamples=20", "evaluation.min_blocks=4", "explain.rows=400", "explain.resamples=50"),
    "runtime.progress=off",
)
GBDT = (
    *("+experiment=gbdt_36feat", "model.n_estimators=15", "model.min_child_samples=50"),
    "tracking=offline",
)

# Prints beside its output what has been imported when the run has said its last line.
PROBE = """
import atexit
import runpy
import sys

@atexit.register
def tell():
    there = {name.partition(".")[0] for name, module in sys.modules.items() if module is not None}
    print("imported:", *sorted(there))

runpy.run_module("atc.run", run_name="__main__", alter_sys=True)
"""


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outputs")


def imported(outputs: Path, *words: str) -> set[str]:
    """Top-level modules of a run in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *WORDS, *words, f"paths.outputs={outputs}"],
        cwd=project_root().folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *_, run_line, last = done.stdout.splitlines()
    assert run_line.startswith("run: ")
    return set(last.removeprefix("imported: ").split())


@pytest.mark.parametrize(
    "words",
    [
        GBDT,
        ("+experiment=logistic_36feat", "tracking=none"),
        ("+experiment=linear_36feat", "tracking=none"),
    ],
)
def test_a_run_without_nets_and_pictures_imports_neither(outputs: Path, words: tuple[str, ...]) -> None:
    found = imported(outputs, *words)
    assert {"lightgbm", "polars", "rich"} <= found  # the measurement works
    unused = {"torch", "lightning", "torchmetrics", "onnx", "onnxruntime", "matplotlib"}
    # W&B has a process of its own; what reads tables of other libraries is asked for by nobody.
    unused |= {"wandb", "sklearn", "pandas", "ray"}
    assert found & unused == set()


def test_a_finished_run_is_shown_without_what_made_it(outputs: Path) -> None:
    imported(outputs, *GBDT)
    found = imported(outputs, *GBDT)
    assert found & {"lightgbm", "wandb", "torch", "scipy"} == set()

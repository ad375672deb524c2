"""What a run costs besides its fits: `python -m atc.run` on the demo, whole, with all that it reads cached.

The clock runs from the start of the process to its end: imports, composition, rows, power, evaluation,
backtest, explanations, record, W&B files offline. The fits of the model and of what it is compared with are
taken off by the run's own timings. The first run of an experiment fills the caches, Python's own of compiled
modules among them, and is not timed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from features_table import FeatureTable, Goal
from train import Case, Clock, Found
from train_rows import SyntheticRows

GOALS_S = {
    "gbdt_36feat": 5.0,
    "logistic_36feat": 5.0,
    "linear_36feat": 5.0,
    "hold10_softmax_mlp_36feat": 10.0,
    "multihorizon_full_36feat": 10.0,
}
OF_THE_RUN = 0.05
"""Share of a run that its own cost may be on top."""
UNUSED_ROWS, UNUSED_COLUMNS = 1_000, 36
"""The frame makes synthetic rows for every case; a run has rows of its own."""


def cases() -> list[Case]:
    """An experiment each, the fastest of two runs."""
    return [Case(name, UNUSED_ROWS, UNUSED_COLUMNS, rounds=2) for name in GOALS_S]


def run(case: str, data: SyntheticRows, clock: Clock) -> dict[str, float]:
    """Seconds of the stages of a run whose inputs are cached."""
    outputs = data.folder / "runner"
    words = [sys.executable, "-m", "atc.run", f"+experiment={case}", f"paths.outputs={outputs}"]
    words += ["runtime.force=true", "runtime.progress=off", "tracking=offline"]
    # As at a desk, whatever this process was told; and nothing is written into the tree.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(outputs / "pycache")
    _run(words, environment)
    with clock():
        folder = _run(words, environment)
    stages = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["stages"]
    return {name: stage["seconds"] for name, stage in stages.items()}


def _run(words: list[str], environment: Mapping[str, str]) -> Path:
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    return Path(done.stdout.splitlines()[-1].removeprefix("run: "))


def tabulate(table: FeatureTable, found: Mapping[str, Found]) -> None:
    """What is left of a run without its fits, and the longest of it."""
    for name, one in found.items():
        fits = sum(seconds for stage, seconds in one.figures.items() if stage.startswith("fit"))
        others = {stage: value for stage, value in one.figures.items() if not stage.startswith("fit")}
        longest = sorted(others.items(), key=lambda item: -item[1])[:4]
        told = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in longest)
        goal = Goal(GOALS_S[name] + OF_THE_RUN * one.seconds, at_most=True)
        table.add(
            f"{name} on the demo: the runner's own cost", one.seconds - fits, "s", against=told, goal=goal
        )
        table.add(f"{name} on the demo: its fits", fits, "s")

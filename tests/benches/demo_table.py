"""`python tests/benches/demo_table.py [EXPERIMENT …]`: what each experiment finds on the demo, and its cost.

Each is run as its file has it, in a process of its own, after its rows were built into the cache. Markdown
lines for the docs, one a head of the label: the headline figure of the holdout beside the baseline's, its
interval, the lift with its own, and macro-F1 of both; then the stage `fit` by the clock, the processor time
of the whole run, and the largest anonymous memory of it (RssAnon, sampled ten times a second).

`--words` are further overrides of every experiment that is named: a smaller budget, another place.
"""

from __future__ import annotations

import argparse
import resource
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from train import Clock

import atc
from atc.labels.definitions import label_spec
from atc.opened_run import OpenedRun

EXPERIMENTS = (
    *("linear_13feat", "linear_36feat", "logistic_13feat", "logistic_36feat", "softmax_13feat"),
    *("softmax_36feat", "gbdt_13feat", "gbdt_36feat", "ensemble_36feat", "hold10_softmax_mlp_36feat"),
    *("multihorizon_full_36feat", "multihorizon_ticker_16feat", "multihorizon_ticker_24feat"),
)
"""Those that two cores run whole in minutes; the transformer, which takes two hours, is asked for by name."""
HEADINGS = (
    *("experiment", "figure", "model", "baseline", "lift", "macro-F1, model / baseline"),
    *("fit, s", "run, CPU s", "MiB"),
)
ROWS = """
import sys
import atc
from atc.report.progress import Progress
from atc.tasks.base import Desk
from atc.tasks.tick_classification import TickClassification
from atc.tracking.stages import Stages
task = TickClassification(atc.compose(sys.argv[1:]))
desk = Desk(Stages().stage, Progress("off").bar, look=lambda holdout, reason: None)
task.prepare(desk)
task.load(desk)
"""
"""Events, features, labels and matrix of a run; nothing is fitted or judged."""


@dataclass(frozen=True)
class Cost:
    """Of a run."""

    cpu_seconds: float
    peak_mib: float


def measured(words: list[str]) -> tuple[OpenedRun, Cost]:
    """The run of `words`, its rows in the cache."""
    subprocess.run([sys.executable, "-c", ROWS, *words], check=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    clock = Clock()
    with clock():
        done = subprocess.run(
            [sys.executable, "-m", "atc.run", *words], stdout=subprocess.PIPE, text=True, check=True
        )
    clock.stop()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # What this process holds itself is no part of the run.
    peak_kib = clock.peak_kib - (clock.before_kib or 0)
    cost = Cost(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, peak_kib / 1024)
    return atc.open_run(Path(done.stdout.splitlines()[-1].removeprefix("run: "))), cost


def lines(name: str, run: OpenedRun, cost: Cost) -> Iterator[str]:
    """A line a head; the costs stand in the first."""
    fit = run.manifest["stages"].get("fit", run.manifest["stages"].get("members"))
    costs = [f"{fit['seconds']:.1f}", f"{cost.cpu_seconds:.0f}", f"{cost.peak_mib:,.0f}"]
    for head, _ in label_spec(run.config.label).heads:
        at = f"@{head}" if head else ""
        classes = f"holdout/auc{at}" in run.metrics
        figure, called = ("auc", "AUC") if classes else ("pearson", "Pearson")
        key = f"holdout/{figure}{at}"
        lift, low, high = (number(run, f"lift/{key}{end}", sign=True) for end in ("", "/lo", "/hi"))
        calls = [number(run, f"{whose}holdout/macro_f1{at}") for whose in ("", "baseline/")]
        cells = [
            f"`{name}`",
            f"{called} at {head}" if head else called,
            f"{number(run, key)} ({number(run, f'{key}/lo')} … {number(run, f'{key}/hi')})",
            number(run, f"baseline/{key}"),
            f"{lift} ({low} … {high})",
            " / ".join(calls) if classes else "",
        ]
        yield f"| {' | '.join([*cells, *costs])} |"
        costs = ["", "", ""]


def number(run: OpenedRun, key: str, *, sign: bool = False) -> str:
    """Four digits, a minus sign that is one."""
    value = run.metrics.get(key)
    if value is None:
        return "–"
    return f"{value:{'+' if sign and value else ''}.4f}".replace("-", "−")


def main() -> None:
    """Prints the table, a line as soon as it is known."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("experiments", nargs="*", default=list(EXPERIMENTS))
    parser.add_argument("--words", default="", help="further overrides, as of a shell")
    asked = parser.parse_args()
    print(f"| {' | '.join(HEADINGS)} |\n|{'---|' * 6}{'---:|' * 3}", flush=True)
    for name in asked.experiments:
        words = [f"+experiment={name}", "data=demo", "tracking=none", "runtime.progress=off"]
        run, cost = measured([*words, *shlex.split(asked.words)])
        for line in lines(name, run, cost):
            print(line, flush=True)


if __name__ == "__main__":
    main()

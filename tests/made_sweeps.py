"""Sweeps whose runs have figures, costs and looks that are known, for the tests of the leaderboard."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from compared_runs import CUT, DAY, Folder, curve, known, predictions
from record_example import METRICS, with_interval
from typer.testing import CliRunner

from atc.cli import application
from atc.opened_run import OpenedRun, open_run
from atc.report.candidates import candidates_in
from atc.report.leaderboard import Leaderboard, leaderboard_of
from atc.sweep.folder import job_folder, sweep_folder
from atc.sweep.manifest import PlannedJob, SweepHeader, write_manifest
from atc.sweep.state import JobError, JobState, write_state
from atc.tracking.run_files import MANIFEST

Figures = Mapping[str, float | int | None]
TOP3 = {
    "gbdt_36feat": "lift/holdout/auc",
    "multihorizon_ticker_24feat": "lift/holdout/auc@300s",
    "hold10_softmax_mlp_36feat": "lift/holdout/macro_f1",
}


def metrics_with(key: str, lift: float, half: float) -> dict[str, float | int | None]:
    """Those of a run whose lift in `key` is this, the model's figure 0.6 plus it."""
    figure = key.removeprefix("lift/")
    head = key[key.index("@") :] if "@" in key else ""
    known_metrics: dict[str, float | int | None] = dict(METRICS)
    if head:
        known_metrics = {f"{name}{head}" if "/" in name else name: value for name, value in METRICS.items()}
    found = {
        **known_metrics,
        **with_interval(key, lift, half),
        **with_interval(figure, 0.6 + lift, 0.01),
        **with_interval(f"baseline/{figure}", 0.6, 0.01),
    }
    valid = figure.replace("holdout/", "valid/")
    found |= {valid: 0.61 + lift, f"baseline/{valid}": 0.61, key.replace("holdout", "valid"): lift}
    if key.endswith("macro_f1"):
        found |= {"holdout/f1/SHORT": 0.3}
    return found


class Sweeps:
    """Makes runs, and sweeps of them."""

    def __init__(self, root: Path) -> None:
        self.folder = Folder(root)
        self.outputs = root

    def run(  # all of them are different things
        self,
        experiment: str,
        lift: float = 0.05,
        half: float = 0.01,
        *words: str,
        cpu_s: float = 3600.0,
        key: int = 0,
        sealed: bool = False,
        metrics: Figures | None = None,
        drift: float = 0.0,
        force: bool = False,
    ) -> OpenedRun:
        figure = TOP3.get(experiment, "lift/holdout/auc")
        words = (*words, "protocol.sealed=true") if sealed else words
        gains = np.random.default_rng(key + len(experiment)).standard_t(5, 40 * 24) * 100 + drift
        earned = curve(gains)
        run = self.folder.run(
            experiment,
            predictions(*known(), sealed=sealed),
            *([f"+experiment={experiment}"] if (Path("experiments") / f"{experiment}.yaml").exists() else []),
            *words,
            metrics=metrics_with(figure, lift, half) if metrics is None else metrics,
            equity=None if sealed else earned,
            valid=curve(gains, start=CUT - 41 * DAY),
            key=key,
            force=force,
        )
        return self.priced(run, cpu_s)

    def priced(self, run: OpenedRun, cpu_s: float) -> OpenedRun:
        """The same run with fits that cost so much, and other stages that cost more."""
        fit = {"seconds": cpu_s, "cpu_seconds": cpu_s, "peak_rss_mib": 500.0, "cached": False}
        other = {**fit, "cpu_seconds": 9e4}
        stages = {"features": other, "fit": fit, "explain": other, "truth": other, "backtest": other}
        path = run.folder / MANIFEST
        path.write_text(json.dumps({**json.loads(path.read_bytes()), "stages": stages}))
        return open_run(run.folder)

    def sweep(
        self,
        *jobs: OpenedRun | JobState | None,
        name: str = "top3",
        sealed: bool = False,
        plan: Mapping[str, object] | None = None,
        search: Mapping[str, object] | None = None,
        sweep_id: str = "5" * 64,
    ) -> Path:
        """The folder of a sweep with these jobs: finished, in another state, or pending (None); frozen with
        `plan` where that is not the runs' own; trials of `search`.
        """
        configs = [
            dict(one.raw_config) if isinstance(one, OpenedRun) else {"name": f"job{number}"}
            for number, one in enumerate(jobs, start=1)
        ]
        if plan is not None:
            configs = [{**config, "plan": dict(plan)} for config in configs]
        header = SweepHeader(
            name=name,
            sweep_id=sweep_id,
            created_at="2026-01-01T00:00:00+00:00",
            command=(f"+sweep={name}",),
            sealed=sealed,
            sealing=(),
            group=name,
            jobs=len(jobs),
            code_digest="e" * 64,
            launcher={"kind": "basic"},
            search=search,
        )
        folder = sweep_folder(self.outputs, name, header.sweep_id)
        planned = [
            PlannedJob(number, (f"+experiment={config['name']}",), "c" * 64, config)
            for number, config in enumerate(configs, start=1)
        ]
        write_manifest(folder, header, planned)
        for number, one in enumerate(jobs, start=1):
            state = one
            if isinstance(one, OpenedRun):
                place = one.folder.relative_to(self.outputs)
                state = JobState("finished", 1, run=str(place), run_id=one.run_id)
            if isinstance(state, JobState):
                write_state(job_folder(folder, number), state)
        return folder


FAILED = JobState("failed", 1, error=JobError("DataError", "the disk\nis full"))
INTERRUPTED = JobState("interrupted", 2)


def top3(sweeps: Sweeps) -> list[OpenedRun]:
    """Of the plan's order of worth, with the hoped-for lifts: the second is cheapest, the third dearest."""
    return [
        sweeps.run("gbdt_36feat", 0.056, cpu_s=3600, key=1),
        sweeps.run("multihorizon_ticker_24feat", 0.015, 0.005, cpu_s=1800, key=2),
        sweeps.run("hold10_softmax_mlp_36feat", 0.03, cpu_s=36000, key=3),
    ]


def board(*runs: OpenedRun) -> Leaderboard:
    """Of these runs, given one by one."""
    return leaderboard_of(candidates_in([run.folder for run in runs]), "them")


def ranks(found: Leaderboard) -> dict[str, int | None]:
    """By the label of a run."""
    return {one.entry.candidate.label: one.rank for ranking in found.rankings for one in ranking.entries}


def shown(*words: object) -> str:
    """What `atc compare` prints."""
    done = CliRunner().invoke(application(), ["compare", *map(str, words)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout

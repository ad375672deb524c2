"""`just bench-report [RUN …]`: what the report of a run takes, in a process of its own, and its size.

Without words the run is `gbdt_36feat` on the demo, made first unless it is finished; and a sweep of 200 jobs,
made of copies of that run with figures of their own. Goals: a run 10 s, a sweep of 200 jobs 20 s, 5 MB.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from atc.opened_run import open_run

JOBS = 200
GOAL_RUN_S, GOAL_SWEEP_S, GOAL_MB = 10.0, 20.0, 5.0
TIMES = 3
OUT = Path("outputs") / "bench" / "report.json"


def seconds_of(path: Path, file: Path) -> tuple[float, float]:
    """On the clock and of the processor, of `atc report` as people run it; each the best of three."""
    best, least = float("inf"), float("inf")
    for _ in range(TIMES):
        began, used = time.perf_counter(), _children()
        command = [sys.executable, "-m", "atc.cli", "report", str(path), "--to", str(file)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        best, least = min(best, time.perf_counter() - began), min(least, _children() - used)
    return best, least


def _children() -> float:
    """Processor seconds of all processes that have ended."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def demo_run() -> Path:
    """The run of the README, made unless it is there."""
    command = [sys.executable, "-m", "atc.run", "+experiment=gbdt_36feat"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return Path(done.stdout.splitlines()[-1].removeprefix("run: "))


def swept(run: Path, folder: Path) -> Path:
    """A sweep of `JOBS` copies of `run` under `folder`, one of which has failed."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from reported_sweeps import made_sweep

    copy = folder / "runs" / run.name
    shutil.copytree(run, copy)
    return made_sweep(open_run(copy), jobs=JOBS)


def main() -> int:
    """Measures, prints the table, writes the JSON."""
    runs = [Path(word) for word in sys.argv[1:]] or [demo_run()]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "page.html"
        goals = [(run, GOAL_RUN_S) for run in runs]
        goals.append((swept(runs[0], Path(folder) / "outputs"), GOAL_SWEEP_S))
        for path, goal in goals:
            seconds, cpu = seconds_of(path, file)
            mb = file.stat().st_size / 1e6
            rows.append({"of": path.name, "seconds": seconds, "cpu_seconds": cpu, "mb": mb, "goal_s": goal})
    for row in rows:
        verdict = "reached" if row["seconds"] <= row["goal_s"] and row["mb"] < GOAL_MB else "MISSED"
        took = f"{row['seconds']:6.2f} s (goal {row['goal_s']:g}), {row['cpu_seconds']:.2f} core-s"
        sys.stdout.write(f"{row['of']:<50} {took}  {row['mb']:5.2f} MB  {verdict}\n")
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

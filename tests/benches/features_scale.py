"""Many days: growth, memory, processes, what four years take, and what the cache weighs.

Each build is a program of its own, into an empty cache, from events that were simulated before and lie in the
system's page cache. Times are by the clock: this is what waits. The builds take turns, a round of all of them
after the other, and the best of each counts: single builds would measure a machine whose speed changes within
minutes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from features_day import Days, target_config
from features_table import FeatureTable, Goal

A_YEAR, FOUR_YEARS = 365, 1_508
PROGRAM = Path(__file__).with_name("features_build.py")


def scale(table: FeatureTable, root: Path, lengths: list[int], rate: float, rounds: int) -> None:
    """`lengths`: a short and a long run, days; one round alone where the long one is of years."""
    short, long = lengths
    Days.simulated(target_config(long, rate), root)

    def build(days: int, workers: int) -> dict[str, Any]:
        with tempfile.TemporaryDirectory(dir=root) as cache:
            words = [str(root), cache, str(rate), str(long), str(days), str(workers)]
            done = subprocess.run(
                [sys.executable, PROGRAM, *words], stdout=subprocess.PIPE, text=True, check=True
            )
        return json.loads(done.stdout)  # type: ignore[no-any-return]

    programs = [(days, workers) for days in lengths for workers in (1, 2)]
    rounds = rounds if long < A_YEAR else 1
    found = [{program: build(*program) for program in programs} for _ in range(rounds)]
    one, two = ({days: _best([of[days, workers] for of in found]) for days in lengths} for workers in (1, 2))
    table.add("rounds of these builds, of which the best times count", rounds, "")
    cache_rows(table, one[long])
    for days, found in one.items():
        name = f"{days} days to cache files, 62 columns, rows on trades, 1 process"
        table.add(name, found["seconds"], "s")
        table.add(
            f"{days} days, 1 process: peak memory", found["peak_mib"], "MiB", goal=Goal(400, at_most=True)
        )
    table.add(
        f"{long} days, 2 processes: peak memory of the larger one",
        two[long]["peak_mib"],
        "MiB",
        goal=Goal(400, at_most=True),
    )
    table.add("CPU time of a day to cache files, 1 process", one[long]["cpu"] / long, "s")
    faster = one[long]["seconds"] / two[long]["seconds"]
    name, against = f"{long} days, 2 processes", f"1 process: {one[long]['seconds']:.1f} s"
    table.add(name, two[long]["seconds"], "s", against=against, ratio=faster, goal=Goal(1.85))
    steps = long / short
    goal = Goal(0.95 * steps, upper=1.05 * steps)
    growth = one[long]["seconds"] / one[short]["seconds"]
    table.add(f"time of {long} days by that of {short}, 1 process", growth, "×", goal=goal)
    memory = one[long]["peak_mib"] / one[short]["peak_mib"]
    table.add(f"peak memory of {long} days by that of {short}", memory, "×", goal=Goal(0.95, upper=1.05))
    a_day = (two[long]["seconds"] - two[short]["seconds"]) / (long - short)
    table.add("a further day, 2 processes", a_day, "s")
    if long == FOUR_YEARS:
        name, years = f"{FOUR_YEARS:,} days, 2 processes, run", two[long]["seconds"]
    else:
        name = f"{FOUR_YEARS:,} days on the line through {short} and {long}, 2 processes"
        years = two[short]["seconds"] + a_day * (FOUR_YEARS - short)
    table.add(name, years / 60, "min", goal=Goal(6.0, at_most=True))


def _best(builds: list[dict[str, Any]]) -> dict[str, Any]:
    """Least times, largest memory."""
    least = {name: min(build[name] for build in builds) for name in ("seconds", "cpu")}
    return builds[0] | least | {"peak_mib": max(build["peak_mib"] for build in builds)}


def cache_rows(table: FeatureTable, found: dict[str, Any]) -> None:
    """Files hold the key of a row, 24 bytes raw, and 4 bytes a column."""
    for name, columns in (("core", 38), ("ticker", 24)):
        goal = Goal(110, at_most=True) if name == "core" else None
        value = found["bytes_a_row"][name]
        table.add(
            f"cache file of {name}, {columns} columns and key (raw {24 + 4 * columns})",
            value,
            "bytes a row",
            goal=goal,
        )

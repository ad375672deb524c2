"""`just bench-price-tag`: thirty differences of experiments, priced and then run.

Each run has an outputs folder of its own, in which events and cached files lie as a run of the left side has
left them. The price is asked before, with the runs of `HISTORY` and those before it as records. The runs are
small, on six simulated days; what of them is imports and composition is in no stage, and not in the price.

A diff whose minutes miss is printed with the stages that are off, and how busy the machine was stands with
the table: prices are of an idle one.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from features_table import FeatureTable, Goal
from priced_diffs import DIFFS, HISTORY, PricedDiff

import atc
from atc.review.price import PriceTag, price_of
from atc.review.recorded import recorded_runs

OUT = Path("outputs") / "bench" / "price_tag.json"
WITHIN, AT_LEAST = 0.25, 24
"""Of the minutes measured; so many of the thirty."""
LONGEST_MIN = 8
"""Of the whole bench, on an idle machine."""


def run(words: tuple[str, ...], outputs: Path) -> Path:
    """The folder of the run."""
    command = [sys.executable, "-m", "atc.run", *words, *places(outputs), "runtime.progress=off"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return Path(done.stdout.splitlines()[-1].removeprefix("run: ")).resolve()


def places(outputs: Path) -> list[str]:
    """A desk of its own."""
    return [f"paths.outputs={outputs}", f"paths.events={outputs}/data"]


def made_stages(folder: Path, figure: str = "seconds") -> dict[str, float]:
    """Seconds, or another figure, of the stages that no cache answered."""
    stages: dict[str, dict[str, Any]] = json.loads((folder / "manifest.json").read_text())["stages"]
    return {name: one[figure] for name, one in stages.items() if not one["cached"]}


def priced(diff: PricedDiff, outputs: Path, records: Path) -> PriceTag:
    sides = [atc.compose([*words, *places(outputs)]) for words in (diff.left, diff.right)]
    return price_of(*sides, recorded_runs(records))


def main() -> int:
    """Prices, runs, prints the table, writes the JSON; 1 where a set of stages is wrong or minutes are."""
    table = FeatureTable("price tags: expected against measured minutes in stages")
    wrong, missed, near = [], [], 0
    taken, cpu, began = 0.0, 0.0, time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        records = work / "records"
        left: dict[tuple[str, ...], Path] = {}
        for number, words in enumerate(HISTORY):
            left[words] = work / f"left{number}"
            keep(run(words, left[words]), records)
        for number, diff in enumerate(DIFFS):
            outputs = work / f"right{number}"
            shutil.copytree(left[diff.left], outputs)
            price = priced(diff, outputs, records)
            made = run(diff.right, outputs)
            found = made_stages(made)
            expected = {one.stage.name for one in price.certain}
            if set(found) - {one.stage.name for one in price.stages} or expected - set(found):
                wrong.append(f"{diff.name}: {sorted(set(found) ^ expected)}")
            measured = sum(found.values())
            taken, cpu = taken + measured, cpu + sum(made_stages(made, "cpu_seconds").values())
            keep(made, records)
            shutil.rmtree(outputs)
            if price.seconds is None:
                table.add(diff.name, measured, "s", against=f"unknown: {', '.join(price.unknown)}")
                missed.append(f"{diff.name}: unknown: {', '.join(price.unknown)}")
                continue
            ratio = price.seconds / measured
            near += abs(ratio - 1) <= WITHIN
            if abs(ratio - 1) > WITHIN:
                missed.append(f"{diff.name}: {ratio:.2f} of {measured:.2f} s; {off(price, found)}")
            table.add(
                diff.name,
                measured,
                "s",
                against=f"expected {price.seconds:.2f}",
                ratio=ratio,
                goal=Goal(1 - WITHIN, upper=1 + WITHIN),
            )
    table.add("sets of stages that are exact", len(DIFFS) - len(wrong), "of 30", goal=Goal(len(DIFFS)))
    table.add("minutes within ±25 %", near, "of 30", goal=Goal(AT_LEAST))
    table.add("the bench", (time.perf_counter() - began) / 60, "min", goal=Goal(LONGEST_MIN, at_most=True))
    table.add("processors that the stages had", cpu / taken, "", against=f"load {os.getloadavg()[2]:.1f}")
    table.show()
    table.write(OUT)
    for line in wrong:
        sys.stdout.write(f"wrong stages: {line}\n")
    for line in missed:
        sys.stdout.write(f"missed: {line}\n")
    return 1 if wrong or near < AT_LEAST else 0


def keep(folder: Path, records: Path) -> None:
    """Beside the other runs that there are to learn from."""
    shutil.copytree(folder, records / "runs" / folder.name, dirs_exist_ok=True)


def off(price: PriceTag, found: dict[str, float]) -> str:
    """The three stages whose estimates are furthest off: expected and measured seconds."""
    expected = {one.stage.name: one.seconds or 0.0 for one in price.certain}
    names = sorted(expected, key=lambda name: -abs(expected[name] - found.get(name, 0.0)))[:3]
    return ", ".join(f"{name} {expected[name]:.2f} for {found.get(name, 0.0):.2f}" for name in names)


if __name__ == "__main__":
    sys.exit(main())

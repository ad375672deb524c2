"""`just bench-price-tag`: thirty differences of experiments, priced and then run.

Each run has an outputs folder of its own, in which events and cached files lie as a run of the left side has
left them. The price is asked before, with the runs of `HISTORY` and those before it as records. The runs are
small, on six simulated days; what of them is imports and composition is in no stage, and not in the price.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
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


def run(words: tuple[str, ...], outputs: Path) -> Path:
    """The folder of the run."""
    command = [sys.executable, "-m", "atc.run", *words, *places(outputs), "runtime.progress=off"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return Path(done.stdout.splitlines()[-1].removeprefix("run: ")).resolve()


def places(outputs: Path) -> list[str]:
    """A desk of its own."""
    return [f"paths.outputs={outputs}", f"paths.events={outputs}/data"]


def made_stages(folder: Path) -> dict[str, float]:
    """Seconds of the stages that no cache answered."""
    stages: dict[str, dict[str, Any]] = json.loads((folder / "manifest.json").read_text())["stages"]
    return {name: one["seconds"] for name, one in stages.items() if not one["cached"]}


def priced(diff: PricedDiff, outputs: Path, records: Path) -> PriceTag:
    sides = [atc.compose([*words, *places(outputs)]) for words in (diff.left, diff.right)]
    return price_of(*sides, recorded_runs(records))


def main() -> int:
    """Prices, runs, prints the table, writes the JSON; 1 where a set of stages is wrong or minutes are."""
    table = FeatureTable("price tags: expected against measured minutes in stages")
    wrong, near = [], 0
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
            keep(made, records)
            shutil.rmtree(outputs)
            if price.seconds is None:
                table.add(diff.name, measured, "s", against=f"unknown: {', '.join(price.unknown)}")
                continue
            ratio = price.seconds / measured
            near += abs(ratio - 1) <= WITHIN
            table.add(
                diff.name,
                measured,
                "s",
                against=f"expected {price.seconds:.2f}; worst: {worst(price, found)}",
                ratio=ratio,
                goal=Goal(1 - WITHIN, upper=1 + WITHIN),
            )
    table.add("sets of stages that are exact", len(DIFFS) - len(wrong), "of 30", goal=Goal(len(DIFFS)))
    table.add("minutes within ±25 %", near, "of 30", goal=Goal(AT_LEAST))
    table.show()
    table.write(OUT)
    for line in wrong:
        sys.stdout.write(f"wrong stages: {line}\n")
    return 1 if wrong or near < AT_LEAST else 0


def keep(folder: Path, records: Path) -> None:
    """Beside the other runs that there are to learn from."""
    shutil.copytree(folder, records / "runs" / folder.name, dirs_exist_ok=True)


def worst(price: PriceTag, found: dict[str, float]) -> str:
    """The stage whose estimate is furthest off, in seconds."""
    off = {one.stage.name: (one.seconds or 0.0) - found.get(one.stage.name, 0.0) for one in price.certain}
    name = max(off, key=lambda one: abs(off[one]))
    return f"{name} {off[name]:+.2f}"


if __name__ == "__main__":
    sys.exit(main())

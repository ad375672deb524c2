"""`just bench-price-tag`: thirty differences of experiments, priced and then run.

Each run has an outputs folder of its own, in which events and cached files lie as a run of the left side has
left them. The price is asked before, with the runs of `HISTORY` and those before it as records. The runs are
small, on six simulated days; what of them is imports and composition is in no stage, and not in the price.

Prices are of an idle machine, so a run beside which others took more than a fifth of a processor is made once
again, and counts, as a measurement and as a record, with the attempt that took less; whether its price was
right has no say in it. The runs of `HISTORY` are made twice in any case, for the first may read its libraries
from the disk. A diff whose minutes miss is printed with the stages that are off.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
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
OTHERS, MOST_ATTEMPTS = 0.2, 2
"""Processors that others may take beside a run, and how often it is made where they take more."""
LONGEST_MIN = 8
"""Of the whole bench, on an idle machine."""


@dataclass(frozen=True)
class Made:
    """A run that was made."""

    folder: Path
    others: float | None
    """Processors that other processes took meanwhile; None where nobody can tell."""

    @property
    def seconds(self) -> float:
        """In stages that no cache answered."""
        return sum(made_stages(self.folder).values())


def timed(words: tuple[str, ...], outputs: Path, before: Path | None, least: int = 1) -> Made:
    """The run of `words` in `outputs`, a copy of `before` if given, as somebody who times it would: `least`
    times, and again where others took part of the machine; the attempt that took least.
    """
    attempts: list[Made] = []
    while len(attempts) < least or (len(attempts) < MOST_ATTEMPTS and disturbed(attempts[-1])):
        place = outputs.with_name(f"{outputs.name}-{len(attempts)}")
        if before is not None:
            shutil.copytree(before, place)
        used, began = Usage.now(), time.perf_counter()
        folder = run(words, place)
        attempts.append(Made(folder, Usage.now().others_since(used, time.perf_counter() - began)))
    best = min(attempts, key=lambda made: made.seconds)
    for made in attempts:
        if made is not best:
            shutil.rmtree(made.folder.parent.parent)
    return best


def disturbed(made: Made) -> bool:
    """Whether others took more of the machine than a quiet one takes for itself."""
    return made.others is not None and made.others > OTHERS


@dataclass(frozen=True)
class Usage:
    """Processor seconds so far."""

    all: float | None
    """Of the machine; None where the system does not say."""
    own: float
    """Of this process and those that it has waited for."""

    @classmethod
    def now(cls) -> Usage:
        own = sum(os.times()[:4])
        try:
            words = Path("/proc/stat").read_text().splitlines()[0].split()[1:9]
        except OSError:
            return cls(None, own)
        user, nice, system, _, _, irq, soft, steal = map(int, words)
        return cls((user + nice + system + irq + soft + steal) / os.sysconf("SC_CLK_TCK"), own)

    def others_since(self, before: Usage, seconds: float) -> float | None:
        """Processors that neither this process nor those it has waited for had in the last `seconds`."""
        if self.all is None or before.all is None:
            return None
        return max(0.0, (self.all - before.all) - (self.own - before.own)) / seconds


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
    wrong, missed, near, busy = [], [], 0, 0
    taken, cpu, began = 0.0, 0.0, time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        records = work / "records"
        left: dict[tuple[str, ...], Path] = {}
        for number, words in enumerate(HISTORY):
            made = timed(words, work / f"left{number}", None, least=2)
            left[words] = made.folder.parent.parent
            keep(made.folder, records)
            busy += disturbed(made)
        for number, diff in enumerate(DIFFS):
            price = priced(diff, left[diff.left], records)
            made = timed(diff.right, work / f"right{number}", left[diff.left])
            found = made_stages(made.folder)
            expected = {one.stage.name for one in price.certain}
            if set(found) - {one.stage.name for one in price.stages} or expected - set(found):
                wrong.append(f"{diff.name}: {sorted(set(found) ^ expected)}")
            measured = sum(found.values())
            busy += disturbed(made)
            taken, cpu = taken + measured, cpu + sum(made_stages(made.folder, "cpu_seconds").values())
            keep(made.folder, records)
            shutil.rmtree(made.folder.parent.parent)
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
    table.add("runs beside which others took more", busy, "runs", against=f"{OTHERS} processors")
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

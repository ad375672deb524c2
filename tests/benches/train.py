"""`just bench-train`: what training costs at full size, each figure beside a peer in the same run.

One table on the terminal, also in outputs/bench/train.json. Rows are synthetic (`train_rows.py`), made once
in `--folder` and reused if they are there. Every case runs in a process of its own, one after the other.

A part is a module beside this one, `train_<part>.py`, with three functions:

    cases() -> list[Case]
        What is measured: names, rows, columns; peers are cases of their own. Light imports only.
    run(case: str, data: SyntheticRows, clock: Clock) -> dict[str, float]
        In a process of its own. What is timed stands inside `with clock():` (several times add up); imports
        and preparations stand before it. Returns further figures, such as an AUC or the number of passes.
    tabulate(table: FeatureTable, found: Mapping[str, Found]) -> None
        Rows of the table from what the cases gave: `found[case].seconds`, `.cpu_seconds`, `.peak_mib`,
        `.figures`. A case that was left out by `--only` is absent.

`peak_mib` is the highest sum, ten times a second and once at the end of each `with clock():`, of the
anonymous memory (RssAnon) of the process and of those that it started: what the system cannot take back by
dropping file pages. A file that is mapped does not count, which is the point of mapping it.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from features_table import FeatureTable
from train_rows import SyntheticRows

OUT = Path("outputs") / "bench" / "train.json"
FOLDER = Path(tempfile.gettempdir()) / "atc-bench-train"
PARTS = ("runner", "loading", "linear", "gbdt", "nets", "transformer")
SAMPLE_S = 0.1


@dataclass(frozen=True)
class Case:
    """One process of a part."""

    name: str
    rows: int
    columns: int
    rounds: int = 1
    """Processes of which the fastest counts; their memory is the largest."""


@dataclass(frozen=True)
class Found:
    """What a case cost."""

    seconds: float
    """By the clock."""
    cpu_seconds: float
    """Of all threads."""
    peak_mib: float
    """Anonymous memory, of the whole process."""
    before_mib: float
    """The same when the clock first started: interpreter, libraries, preparations."""
    figures: dict[str, float] = field(default_factory=dict)
    rows: int = 0


class Clock:
    """Adds up what is done inside `with clock():`, and samples the anonymous memory all the time."""

    def __init__(self) -> None:
        self.seconds = self.cpu_seconds = 0.0
        self.peak_kib = 0
        self.before_kib: int | None = None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="anonymous-memory", daemon=True)
        self._thread.start()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        self._look()
        if self.before_kib is None:
            self.before_kib = anonymous_kib()
        cpu, wall = time.process_time(), time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - wall
            self.cpu_seconds += time.process_time() - cpu
            self._look()

    def stop(self) -> None:
        """No more samples."""
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        self.peak_kib = max(self.peak_kib, anonymous_kib())

    def _sample(self) -> None:
        while not self._done.wait(SAMPLE_S):
            self._look()


def anonymous_kib() -> int:
    """RssAnon of this process and its descendants, KiB."""
    from atc.tracking.memory import descendants

    total = 0
    for pid in ("self", *descendants()):
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:  # it has gone since it was listed
            continue
        for line in status.splitlines():
            if line.startswith("RssAnon:"):
                total += int(line.split()[1])
    return total


def measured(part: str, case: Case, folder: Path) -> Found:
    """The case in a process of its own, as often as it asks for."""
    found = [_once(part, case, folder) for _ in range(case.rounds)]
    fastest = min(found, key=lambda one: one.seconds)
    return Found(
        seconds=fastest.seconds,
        cpu_seconds=min(one.cpu_seconds for one in found),
        peak_mib=max(one.peak_mib for one in found),
        before_mib=fastest.before_mib,
        figures=fastest.figures,
        rows=case.rows,
    )


def _once(part: str, case: Case, folder: Path) -> Found:
    words = [part, case.name, str(case.rows), str(case.columns), str(folder)]
    done = subprocess.run(
        [sys.executable, __file__, "--child", *words], stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{part}, {case.name}: exit code {done.returncode}; what it said stands above")
    return Found(**json.loads(done.stdout.splitlines()[-1]))


def child(part: str, case: str, rows: str, columns: str, folder: str) -> None:
    """Run one case here and print what it found."""
    clock = Clock()
    data = SyntheticRows(Path(folder), int(rows), int(columns))
    figures = module_of(part).run(case, data, clock)
    clock.stop()
    found = {
        "seconds": clock.seconds,
        "cpu_seconds": clock.cpu_seconds,
        "peak_mib": clock.peak_kib / 1024,
        "before_mib": (clock.before_kib or 0) / 1024,
        "figures": figures,
    }
    sys.stdout.write(json.dumps(found) + "\n")


def module_of(part: str) -> Any:
    """The module of a part."""
    return importlib.import_module(f"train_{part}")


def there(part: str) -> bool:
    """Whether a part has a module."""
    return Path(__file__).with_name(f"train_{part}.py").exists()


def scaled(case: Case, scale: float) -> Case:
    """The case on fewer rows."""
    rows = max(1, round(case.rows * scale))
    return Case(case.name, rows, case.columns, case.rounds)


def main(words: list[str]) -> FeatureTable:
    """Measures the parts that are asked for; returns the table."""
    parts = tuple(part for part in PARTS if there(part))
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(parts)}; all of them")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="of the synthetic rows; %(default)s")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the rows of each case")
    parser.add_argument(
        "--only",
        action="append",
        metavar="TEXT",
        help="cases whose name holds this text; several times: or another",
    )
    parser.add_argument("--out", type=Path, default=OUT)
    asked = parser.parse_args(words)
    for part in asked.parts:
        if part not in parts:
            parser.error(f"part {part!r} is unknown; there are {', '.join(parts)}")
    table = FeatureTable(
        f"Training: {os.cpu_count()} CPUs, synthetic rows"
        + (f", {asked.scale:g} of the rows" if asked.scale != 1.0 else "")
    )
    for part in asked.parts or parts:
        module = module_of(part)
        found = {}
        for case in module.cases():
            if not any(text in case.name for text in asked.only or ("",)):
                continue
            one = scaled(case, asked.scale)
            data = SyntheticRows(asked.folder, one.rows, one.columns)
            data.make()
            data.held_out().make()
            sys.stderr.write(f"{part}: {one.name}, {one.rows:,} × {one.columns}\n")
            found[one.name] = measured(part, one, asked.folder)
        module.tabulate(table, found)
        # After each part: an hour's figures do not go with a last part that fails.
        table.write(asked.out)
    table.show()
    return table


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:])
    else:
        main(sys.argv[1:])

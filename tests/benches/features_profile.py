"""What bounds the engine: samples of Linux's `perf` by part of the program. Skipped where there is no `perf`.

A program reads a day and makes its rows over and over, and is sampled once it is warm. What the compiler has
inlined counts where it was inlined to.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from features_rates import PLAN
from features_table import FeatureTable

SECONDS = 8
PARTS = (
    ("decode: Parquet and Arrow", r"libarrow|libparquet|zstd"),
    ("book", r"featuregen::book"),
    ("order statistics", r"order_stats"),
    ("z-scores", r"featuregen::(moments|fixed)"),
    ("taker groups and their windows", r"featuregen::(flows|groups)"),
    ("mids, quotes and their windows", r"featuregen::(quotes|market|prices|timeline)"),
    ("formulas of the columns", r"featuregen::families"),
    ("logarithms, sines", r"libm::|\b__(log|sin|cos)"),
    ("merging events, closing timestamps", r"featuregen::(batch|merge|engine)"),
    ("rows and Arrow columns", r"featuregen::rows?::|arrow_|_rust::|core::iter"),
    ("memory: copies, allocation, new pages", r"mem(move|cpy|set)|malloc|free|realloc|\[k\]"),
)


def profile(table: FeatureTable, root: Path, rate: float) -> None:
    """Shares of the samples, for rows on trades and on frames, decode included."""
    if shutil.which("perf") is None:
        sys.stderr.write("there is no perf on this machine: no profile\n")
        return
    for sampling, word in (("trade", "taker group"), ("book", "frame")):
        try:
            shares = _shares(root, rate, sampling)
        except subprocess.CalledProcessError as why:
            sys.stderr.write(f"no profile: {' '.join(map(str, why.cmd[:2]))} ended with {why.returncode}\n")
            return
        for part, share in sorted(shares.items(), key=lambda item: -item[1]):
            table.add(f"profile, a row a {word}: {part}", share, "% of samples")


def _shares(root: Path, rate: float, sampling: str) -> dict[str, float]:
    words = [sys.executable, __file__, str(root), str(rate), sampling]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(words, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as program,
    ):
        assert program.stdout is not None
        program.stdout.readline()  # warm
        data = str(Path(folder) / "perf.data")
        record = ["perf", "record", "-q", "-F", "997", "-o", data, "-p", str(program.pid)]
        try:
            subprocess.run([*record, "--", "sleep", str(SECONDS)], check=True, stderr=subprocess.DEVNULL)
        finally:
            program.terminate()
        report = ["perf", "report", "-i", data, "--stdio", "-g", "none", "--sort", "dso,symbol"]
        done = subprocess.run(
            report, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
    return _grouped(done.stdout)


def _grouped(report: str) -> dict[str, float]:
    """Shares by part, from lines like `12.3%  _rust.abi3.so  [.] atc_featuregen::…`."""
    shares: dict[str, float] = {}
    for line in report.splitlines():
        found = re.match(r"\s*([\d.]+)%\s+(\S.*)", line)
        if found is None:
            continue
        part = next((name for name, pattern in PARTS if re.search(pattern, found[2])), "the rest")
        shares[part] = shares.get(part, 0.0) + float(found[1])
    return shares


def main() -> None:
    """The program that is sampled: rows of the first day until it is ended."""
    from features_day import Days, target_config

    root, rate, sampling = sys.argv[1:]
    days = Days.simulated(target_config(2, float(rate)), Path(root))
    days.rows(0, sampling, days.batches(0), PLAN)
    print("warm", flush=True)
    while True:
        days.rows(0, sampling, days.batches(0), PLAN)


if __name__ == "__main__":
    main()

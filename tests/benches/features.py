"""`just bench-features`: the feature engine against the clock, the goals, and other people's tools.

One run, one table, also in outputs/bench/features.json. What each row means, and how the comparisons are and
are not fair, stands in docs/bench_features.md. A peer whose values are not ATC's ends the run with an error.
Figures of one thread are by CPU time, those of two by the clock; each is the best of several runs.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

# Before polars and Arrow are imported: both sides of a comparison have the same two cores.
os.environ.setdefault("POLARS_MAX_THREADS", "2")
os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import pyarrow as pa
from features_table import FeatureTable

from atc import _rust

OUT = Path("outputs") / "bench" / "features.json"
SECTIONS = ("rates", "push", "polars", "numba", "screamer", "files", "profile", "scale")


def asked(words: Sequence[str] | None) -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="just bench-features", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--root", type=Path, help="folder in which simulated days are kept; else a temporary one"
    )
    parser.add_argument(
        "--days", default="30,120", help="short and long run of the growth rows; '0' leaves scale out"
    )
    parser.add_argument("--runs", type=int, default=5, help="runs of which the best counts")
    parser.add_argument("--rate", type=float, default=1.0, help="event rate; 1 is the real one")
    parser.add_argument(
        "--only", nargs="+", choices=SECTIONS, default=list(SECTIONS), help="parts to measure"
    )
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    """Measures, prints the table, writes the JSON; 2 for a debug build."""
    wanted = asked(words)
    if _rust.BUILD_PROFILE != "release":
        sys.stderr.write("the extension is a debug build; `just build` makes the release one\n")
        return 2
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    table = FeatureTable()
    with nullcontext(wanted.root) if wanted.root else tempfile.TemporaryDirectory() as name:
        try:
            measure(table, Path(name), wanted)
        finally:
            # What was measured before something failed is not lost.
            table.show()
    if wanted.markdown:
        print(table.markdown())
    table.write(OUT)
    return 0


def measure(
    table: FeatureTable, root: Path, wanted: argparse.Namespace, length_ns: int = 86_400_000_000_000
) -> None:
    """All the parts that are asked for, on days of `length_ns`."""
    from features_day import Days, messages, target_config

    days = Days.simulated(target_config(2, wanted.rate), root, length_ns)
    batches = [days.batches(number) for number in range(2)]
    found = messages(batches[0])
    levels = batches[0][0].num_rows
    table.title = (
        f"a day of {found['book']:,} frames ({levels:,} changed levels), {found['trade']:,} prints, "
        f"{found['ticker']:,} tickers; {os.cpu_count()} cores; best of {wanted.runs}"
    )
    if "rates" in wanted.only:
        from features_rates import rates

        rates(table, days, batches, wanted.runs)
    if "push" in wanted.only:
        from features_push import push

        push(table, days, batches[0])
    if {"polars", "numba", "screamer"} & set(wanted.only):
        from features_peers import peers

        peers(table, days, batches, wanted.runs, wanted.only)
    if "files" in wanted.only:
        from features_files import files

        files(table, days, batches[0], wanted.runs)
    if "profile" in wanted.only:
        from features_profile import profile

        profile(table, root, wanted.rate)
    if "scale" in wanted.only and wanted.days != "0":
        from features_scale import scale

        scale(table, root, [int(part) for part in wanted.days.split(",")], wanted.rate, wanted.runs)


if __name__ == "__main__":
    sys.exit(main())

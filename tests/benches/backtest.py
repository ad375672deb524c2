"""`just bench-backtest`: sixty business days at the full event rate from Parquet files to the yen.

One run, one table, also in outputs/bench/backtest.json. A decision falls on every print of a taker; its
policy leaves its ten ETH for 14 % of the time by a score that has nothing to do with the market. Reading,
unpacking and the engine are in every figure: a thread decodes the next part while the engine works on one.
Figures are by the clock, with the CPU time of all threads below; each is the best of several runs.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from features_day import Days, Seconds, fastest, target_config
from features_table import FeatureTable, Goal
from numpy.typing import NDArray

from atc import _rust
from atc.backtest.engine import AT_TOUCH
from atc.backtest.holdout import STRATEGY
from atc.backtest.waterfall import Plan, Scored, plan_of
from atc.events.business_day import DAY_NS
from atc.events.parts import Files, Part, ahead, read_parts
from atc.events.reader import read_events
from atc.events.schema import MAX_GAP_NS, Flag, Kind

OUT = Path("outputs") / "bench" / "backtest.json"
SECOND = 1_000_000_000
SIZE_LOTS = 1_000
READ = {
    Kind.BOOK: ["ev_seq", "ts_recv", "flags", "msg_kind", "side", "px_ticks", "qty_lots"],
    Kind.CONTROL: ["ev_seq", "ts_recv", "flags", "control_kind"],
    Kind.TRADE: ["ts_recv"],
    Kind.TICKER: ["ts_recv"],
}
"""Of trades and tickers no file is read."""

Strategy = dict[str, Any]


def strategy(name: str, policy: str, **other: object) -> Strategy:
    """The ten-ETH experiment of SPEC 6, without a log and a curve."""
    return {
        "name": name, "policy": policy, "latency_ns": 300_000_000, "depth_num": 1, "depth_den": 1,
        "fee_bps_e6": 0, "size_lots": SIZE_LOTS, "log": False, "curve": False, **other,
    }  # fmt: skip


def sensitivity() -> list[Strategy]:
    """Latency × depth × fee of SPEC 6: 45 strategies."""
    axes = product((0, 0.1, 0.3, 1, 5), (1, 2, 4), (0, 1, 2))
    return [
        strategy(
            f"{latency} s, depth 1/{den}, {fee} bps", "policy",
            latency_ns=int(latency * SECOND), depth_den=den, fee_bps_e6=fee * 1_000_000,
        )
        for latency, den, fee in axes
    ]  # fmt: skip


def levels(plan: Plan) -> list[Strategy]:
    """Of an alpha waterfall, on the terms of `strategy` where they are real."""
    found = []
    for one in plan.riders.strategies:
        terms: dict[str, object] = {"pays_carry": one.pays_carry}
        if one.latency_s is not None:
            terms |= {"latency_ns": 0, "wait_ns": 0}
        if one.depth is not None:
            terms["depth_num"] = AT_TOUCH
        found.append(strategy(one.name, "policy" if one.policy == STRATEGY else one.policy, **terms))
    return found


def one_backtest() -> list[Strategy]:
    """Benchmark and policy, with the policy's log and both curves."""
    return [
        strategy("benchmark", "benchmark", curve=True),
        strategy("policy", "policy", log=True, curve=True),
    ]


def with_oracle_path() -> list[Strategy]:
    """That, and the best path."""
    return [*one_backtest(), strategy("oracle_path", "oracle_path", log=True, curve=True)]


@dataclass(frozen=True)
class Market:
    """The first `count` of some simulated days."""

    days: Days
    count: int

    @cached_property
    def span(self) -> tuple[int, int]:
        """ns UTC."""
        return self.days.span(0)[0], self.days.span(self.count - 1)[1]

    @cached_property
    def files(self) -> Files:
        """Of book and controls."""
        catalog, data = self.days.catalog, self.days.data
        found: dict[Kind, list[Any]] = {Kind.BOOK: [], Kind.CONTROL: []}
        for day in catalog.days(data.venue, data.symbol)[: self.count]:
            of_day = catalog.day(data.venue, data.symbol, day).files
            for kind, entries in found.items():
                entries += [(catalog.path(entry), entry) for entry in of_day.get(kind, ())]
        return found

    def parts(self) -> Iterator[Part]:
        """The events, in parts."""
        return read_parts(self.files, *self.span, READ)

    @cached_property
    def scored(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """A decision a print of a taker: its time and score."""
        times = []
        for number in range(self.count):
            catalog, data = self.days.catalog, self.days.data
            trades = read_events(
                catalog, data.venue, data.symbol, *self.days.span(number), kinds=(Kind.TRADE,)
            ).trade
            taken = trades["flags"].to_numpy() & int(Flag.DUP_OTHER_SIDE) == 0
            times.append(np.unique(trades["ts_recv"].to_numpy()[taken]))
        ts = np.concatenate(times)
        # A score that remembers about a minute of prints, so that orders are neither rare nor all alike.
        noise = np.random.default_rng(1).normal(size=len(ts) + 199)
        return ts, np.convolve(noise, np.exp(-np.arange(200) / 60), "valid")

    @cached_property
    def decisions(self) -> pa.RecordBatch:
        """Those, and the targets of one policy."""
        ts, score = self.scored
        targets = np.where(score > np.quantile(score, 0.14), SIZE_LOTS, 0)
        return pa.record_batch({"ts_close": ts, "policy": targets.astype(np.int64)})

    def waterfall(self) -> dict[str, pa.RecordBatch]:
        """The policy, its benchmark and oracle path, and the levels between, targets and all."""
        score = self.scored[1]
        plan = plan_of(Scored(score, score, shorts=False), size_lots=SIZE_LOTS, grid=41)
        decisions = self.decisions
        for name, lots in plan.riders.targets.items():
            decisions = decisions.append_column(name, pa.array(lots))
        return self.backtest([*with_oracle_path(), *levels(plan)], decisions)

    def spec(self, strategies: Sequence[Strategy]) -> str:
        """SPEC 6 with ETH_JPY's carry."""
        begin, end = self.span
        cuts = [begin + DAY_NS * day for day in range(1, self.count + 1)]
        return json.dumps(
            {
                "max_gap_ns": MAX_GAP_NS, "begin_ns": begin, "end_ns": end,
                "day_cuts_ns": cuts, "carry_rate_e9": [400_000] * len(cuts),
                "carry_step": [100] * len(cuts), "closed": [],
                "no_new_entry": [[cut - 900 * SECOND, cut] for cut in cuts], "curve_ns": 60 * SECOND,
                "execution": {
                    "wait_ns": 600_000_000, "max_book_age_ns": 5 * SECOND, "max_slippage_bps_e6": 20_000_000,
                    "min_interval_ns": 300 * SECOND, "max_order_lots": 10_000,
                },
                "strategies": strategies,
                "drawdowns": [
                    {"strategy": "policy", "against": None}, {"strategy": "policy", "against": "benchmark"}
                ],
            }
        )  # fmt: skip

    def read(self) -> tuple[int, int]:
        """Rows and messages, decoded and left."""
        rows = messages = 0
        for part in self.parts():
            numbers = part[Kind.BOOK].column("ev_seq").to_numpy()
            rows += len(numbers)
            messages += int(np.count_nonzero(np.diff(numbers))) + 1 if len(numbers) else 0
        return rows, messages

    def backtest(
        self, strategies: Sequence[Strategy], decisions: pa.RecordBatch | None = None
    ) -> dict[str, pa.RecordBatch]:
        """What they came to."""
        backtest = _rust.Backtest(self.spec(strategies), self.decisions if decisions is None else decisions)
        for part in ahead(self.parts()):
            backtest.feed(part[Kind.BOOK], part[Kind.CONTROL])
        return backtest.finish()


def measure(table: FeatureTable, market: Market, runs: int) -> None:
    """All rows."""
    rows, messages = market.read()
    table.title = (
        f"{market.count} days: {messages:,} messages of the book ({rows:,} levels), "
        f"{len(market.decisions):,} decisions; {os.cpu_count()} cores; best of {runs}"
    )

    def add(figure: str, action: Callable[[], object], goal: Goal | None = None) -> Seconds:
        seconds = fastest(action, runs)
        table.add(figure, seconds.wall, "s", goal=goal)
        table.add(f"{figure}: CPU time of all threads", seconds.cpu, "s")
        return seconds

    add("reading alone", market.read)
    base = one_backtest()
    one = add("benchmark and policy", lambda: market.backtest(base), Goal(8, at_most=True))
    many = add("and the table of 45 strategies", lambda: market.backtest(base + sensitivity()))
    times = many.wall / one.wall
    table.add("the table by one backtest", times, "times as long", goal=Goal(3, at_most=True))
    oracle = with_oracle_path()
    add("benchmark, policy and oracle_path", lambda: market.backtest(oracle), Goal(8, at_most=True))
    table.add("peak memory of the process", _peak_mib(), "MiB")
    add("these and the alpha waterfall", market.waterfall)
    table.add("peak memory with the waterfall", _peak_mib(), "MiB")


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(words: Sequence[str] | None = None) -> int:
    """Measures, prints the table, writes the JSON; 2 for a debug build."""
    parser = argparse.ArgumentParser(prog="just bench-backtest", description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, help="folder in which simulated days are kept; else temporary")
    parser.add_argument("--days", type=int, default=60, help="business days to backtest")
    parser.add_argument("--runs", type=int, default=3, help="runs of which the best counts")
    parser.add_argument("--rate", type=float, default=1.0, help="event rate; 1 is the real one")
    wanted = parser.parse_args(words)
    if _rust.BUILD_PROFILE != "release":
        sys.stderr.write("the extension is a debug build; `just build` makes the release one\n")
        return 2
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    table = FeatureTable()
    with nullcontext(wanted.root) if wanted.root else tempfile.TemporaryDirectory() as name:
        days = Days.simulated(target_config(wanted.days, wanted.rate), Path(name))
        try:
            measure(table, Market(days, wanted.days), wanted.runs)
        finally:
            # What was measured before something failed is not lost.
            table.show()
    table.write(OUT)
    return 0


if __name__ == "__main__":
    sys.exit(main())

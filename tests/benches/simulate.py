"""`just bench-simulate`: seconds of one core for a simulated business day, beside a plain Python simulator.

The day is a Monday of each scenario at the full event rate, after the day of burn-in that is simulated and
not written. Each figure is the best of several runs: noise only adds. The simulator beside it is Gillespie's
algorithm on the same flows at the same intensities, without pace, signal and venue, on sorted lists with
NumPy's random numbers drawn in blocks: what one would write in an afternoon. It runs for a stretch of market
time and is scaled to the day.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from bisect import insort
from collections.abc import Callable
from pathlib import Path

import numpy as np
from features_table import FeatureTable, Goal

import atc
from atc import _rust
from atc.config.compose import Composer
from atc.config.data import SimulatedData
from atc.events.simulate import ensure_simulated, simulator_params

RUNS = 3
PLAIN_SECONDS = 1_200.0
DAY_SECONDS = 86_400.0
OUT = Path("outputs") / "bench" / "simulate.json"


def best(action: Callable[[], object], runs: int = RUNS) -> float:
    """Seconds of the fastest of `runs`."""
    seconds = []
    for _ in range(runs):
        began = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def one_day(scenario: str) -> SimulatedData:
    """A business day at the full event rate."""
    data = atc.compose(["data.days=1", "data.rate=1.0", f"data/scenario={scenario}"]).data
    assert isinstance(data, SimulatedData)
    return data


def days_made(data: SimulatedData) -> Callable[[], object]:
    """Makes a day, which is not the first, and writes nothing."""
    simulator = _rust.Simulator(simulator_params(data), data.seed)
    return simulator.next_day


def plain_simulator(params: dict[str, float], seconds: float, seed: int = 1) -> int:
    """Events of the plain simulator in `seconds` of market time."""
    rng = np.random.default_rng(seed)
    mid = int(params["start_price_ticks"])
    bps = mid * 1e-4
    # Distances grow away from the touch: minus the price for bids, the price for asks.
    books: tuple[dict[int, int], dict[int, int]] = ({}, {})
    keys: tuple[list[int], list[int]] = ([], [])
    for side in (0, 1):
        start = -mid + 60 if side == 0 else mid + 60
        for distance in rng.exponential(params["far_mean_bps"] * bps, 100).astype(int):
            _add(books[side], keys[side], start + int(distance), 100)
    now, events = 0.0, 0
    while now < seconds:
        normals, uniforms, waits = rng.normal(size=4096), rng.random((4096, 3)), rng.exponential(size=4096)
        for i in range(4096):
            counts = len(keys[0]), len(keys[1])
            spread = (keys[1][0] + keys[0][0]) / bps / params["reference_spread_bps"]
            widening = min(max(spread, 0.25), 4.0)
            near, far = params["near_per_s"] * widening**2, params["far_per_s"]
            amend, market = params["amend_per_s"], 0.5 * params["market_per_s"]
            rates = [
                rate
                for side in (0, 1)
                for rate in (
                    amend,
                    far,
                    (params["far_cancel_per_s"] * counts[side] + 5 * params["near_cancel_per_s"])
                    * (counts[side] > params["least_levels"]),
                    near,
                    market,
                )
            ]
            total = sum(rates)
            now += waits[i] / total
            if now >= seconds:
                break
            u, kind = uniforms[i, 0] * total, 0
            while kind < 9 and u >= rates[kind]:
                u -= rates[kind]
                kind += 1
            side, flow = divmod(kind, 5)
            book, prices = books[side], keys[side]
            events += 1
            size = max(1, int(params["far_median_lots"] * np.exp(0.8 * normals[i])))
            rank = int(uniforms[i, 1] * len(prices))
            draw = -np.log(uniforms[i, 2])
            if flow == 0:
                book[prices[min(rank, 29)]] = size
            elif flow == 1:
                _add(book, prices, prices[0] + 1 + int(draw * params["far_mean_bps"] * bps), size)
            elif flow == 2:
                del book[prices.pop(rank)]
            elif flow == 3:
                distance = int((params["near_least_bps"] + draw * params["near_mean_bps"]) * bps)
                _add(book, prices, -keys[1 - side][0] + max(1, distance), size)
            else:
                wanted = max(1, int(params["market_median_lots"] * np.exp(0.8 * normals[i])))
                _take(books[1 - side], keys[1 - side], wanted)
    return events


def _add(book: dict[int, int], prices: list[int], price: int, size: int) -> None:
    if price in book:
        book[price] += size
    else:
        book[price] = size
        insort(prices, price)


def _take(book: dict[int, int], prices: list[int], wanted: int) -> None:
    while wanted and len(prices) > 1:
        taken = min(wanted, book[prices[0]])
        wanted -= taken
        book[prices[0]] -= taken
        if book[prices[0]] == 0:
            del book[prices.pop(0)]


def main() -> int:
    """Measures, prints the table, writes the JSON; 2 for a debug build."""
    if _rust.BUILD_PROFILE != "release":
        sys.stderr.write("the extension is a debug build; `just build` makes the release one\n")
        return 2
    target = one_day("target")
    params = json.loads(simulator_params(target))
    events = plain_simulator(params, PLAIN_SECONDS)
    plain = best(lambda: plain_simulator(params, PLAIN_SECONDS), 2) * DAY_SECONDS / PLAIN_SECONDS
    made = best(days_made(target))
    table = FeatureTable(f"one business day at the full event rate, one core, best of {RUNS}")
    table.add(
        "target: one day, published, nothing written",
        made,
        "s",
        against="plain Python, book alone",
        ratio=plain / made,
    )
    with tempfile.TemporaryDirectory() as folder:
        for scenario in Composer().options("data/scenario"):
            data = one_day(scenario)
            # A day before the first one is simulated and not written.
            written = best(
                lambda data=data: ensure_simulated(data, Path(tempfile.mkdtemp(dir=folder))),
                RUNS if scenario == "target" else 1,
            )
            goal = Goal(3, at_most=True) if scenario == "target" else None
            table.add(f"{scenario}: one day, Parquet written", written, "s", goal=goal)
    told = f"{events / PLAIN_SECONDS:.1f} events/s"
    table.add("plain Python: one day of the book alone", plain, "s", against=told)
    table.show()
    table.write(OUT)
    return 0


if __name__ == "__main__":
    sys.exit(main())

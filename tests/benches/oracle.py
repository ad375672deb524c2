"""`just bench-oracle`: what the oracle of a scenario costs, and what bounds it.

The demo's market, its holdout days, states evenly spread in time. Threads are those that run continuations;
one more walks the market to the states. A continuation publishes nothing, so beside it stands the simulator
as it is, which does.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from features_table import FeatureTable
from rich.console import Console

import atc
from atc import _rust
from atc.config.data import SimulatedData
from atc.evaluation import oracle
from atc.events.simulate import simulator_params

STATES, CONTINUATIONS, HORIZON_S = 1_500, 200, 300
DAY_S = 86_400
HOLDOUT_FROM_DAY = 45
OUT = Path("outputs") / "bench" / "oracle.json"


def timed(action: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds on the clock, and what came of it."""
    began = time.perf_counter()
    found = action()
    return time.perf_counter() - began, found


def main() -> int:
    """Measures, prints the table, writes the JSON; 2 for a debug build."""
    if _rust.BUILD_PROFILE != "release":
        sys.stderr.write("the extension is a debug build; `just build` makes the release one\n")
        return 2
    data = atc.compose(["data=demo"]).data
    assert isinstance(data, SimulatedData)
    params = simulator_params(data)
    start = json.loads(params)["start_ns"]
    days = data.days - HOLDOUT_FROM_DAY
    first = start + HOLDOUT_FROM_DAY * DAY_S * 10**9
    at = (first + np.linspace(0, days * DAY_S - 2 * HORIZON_S, STATES) * 1e9).astype(np.int64).tolist()

    def continued(states: list[int], continuations: int, threads: int) -> tuple[float, Any]:
        horizon_ns = HORIZON_S * 10**9
        return timed(
            lambda: _rust.simulator_futures(
                params, data.seed, states, horizon_ns, continuations, 1, threads, lambda _: None
            )
        )

    cores = os.cpu_count() or 1
    walk, _ = continued(at[-1:], 1, 1)
    alone, _ = continued(at, CONTINUATIONS, 1)
    whole, batch = continued(at, CONTINUATIONS, cores)
    simulator = _rust.Simulator(params, data.seed)
    publishing, _ = timed(simulator.next_day)
    mid2 = batch["mid2"].to_numpy()
    later = batch["later_mid2"].flatten().to_numpy().reshape(STATES, CONTINUATIONS)
    r_bps = 1e4 * np.log(later / mid2[:, None])
    estimator, found = timed(lambda: oracle.oracle_auc(oracle.label_outcomes(r_bps, -2.0)))
    each = (alone - walk) / (STATES * CONTINUATIONS)
    a_day = each * DAY_S / HORIZON_S
    name = f"{STATES:,} states × {CONTINUATIONS} continuations × {HORIZON_S} s"
    table = FeatureTable(f"{data.name}, scenario {data.scenario.name}, {cores} cores")
    table.add(f"oracle, {name}, {cores} threads", whole, "s", against="one thread", ratio=alone / whole)
    table.add(f"of that, the walk over {data.days} days to the states", walk, "s")
    table.add("a continuation", each * 1e6, "µs")
    table.add("a day of market in continuations", a_day, "s", against="published", ratio=publishing / a_day)
    table.add("the estimator with its jackknife", estimator, "s")
    table.show()
    assert found is not None
    best = found.corrected
    Console().print(f"oracle AUC of the label at -2 bps: {best.value:.4f} ± {best.se:.4f}")
    table.write(OUT)
    return 0


if __name__ == "__main__":
    sys.exit(main())

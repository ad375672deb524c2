"""What a simulated market may do next: mids of continuations from its full states, computed once and kept.

A continuation shares the state at its time, hidden parts included, and has a future of its own; whatever
the simulator had drawn of the future already, such as the end of a regime, is drawn again given the past.
Mids are those in force for a receiver: of the last snapshot received by t, and by t + horizon.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from atc.config.data import SimulatedData
from atc.tracking.durable import own_part

FILE = "futures"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Futures:
    """Mids in half ticks (bid + ask) at n states, and one horizon later."""

    at: NDArray[np.int64]
    """(n,) time of the state, ns."""
    mid2: NDArray[np.int32]
    """(n,)."""
    own_mid2: NDArray[np.int32]
    """(n,) the horizon later on the market's own path."""
    later_mid2: NDArray[np.int32]
    """(n, K) the horizon later in each continuation."""
    cached: bool

    @property
    def r_bps(self) -> NDArray[np.float64]:
        """(n, K) 10⁴·ln(later mid / mid)."""
        r: NDArray[np.float64] = 1e4 * np.log(self.later_mid2 / self.mid2[:, None])
        return r

    @property
    def own_r_bps(self) -> NDArray[np.float64]:
        """(n,) the return of the market's own path."""
        r: NDArray[np.float64] = 1e4 * np.log(self.own_mid2 / self.mid2)
        return r


def futures_of(
    data: SimulatedData,
    at: NDArray[np.int64],
    *,
    horizon_ns: int,
    continuations: int,
    seed: int,
    cache: Path,
    progress: Callable[[int], object] = lambda _: None,
) -> Futures:
    """Continuations from the states at times `at` (n,), ns, growing; from `cache` if they are there.

    `progress` is called with the number of states done. Deterministic in all but the number of cores; the
    continuations of a state depend on `seed`, its time and their number alone. Raises UsageError for facts
    that the simulator does not have.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from atc import _rust
    from atc.events.simulate import located, simulator_params

    params = simulator_params(data)
    key = {
        "params": json.loads(params),
        "market_seed": data.seed,
        "at": hashlib.sha256(np.ascontiguousarray(at).tobytes()).hexdigest(),
        "horizon_ns": horizon_ns,
        "continuations": continuations,
        "seed": seed,
        "code": _rust.ORACLE_DIGEST,
    }
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    file = cache / f"venue={located(data).venue}" / f"symbol={data.symbol}" / f"{FILE}-{digest[:24]}.parquet"
    cached = True
    try:
        table = pq.read_table(file)
    except (FileNotFoundError, pa.ArrowException) as why:
        if not isinstance(why, FileNotFoundError):
            _log.warning("%s is damaged (%s) and is computed again", file, why)
        cached = False
        batch = _rust.simulator_futures(
            params,
            data.seed,
            at.tolist(),
            horizon_ns,
            continuations,
            seed,
            os.cpu_count() or 1,
            progress,
        )
        table = pa.Table.from_batches([batch])
        _keep(table, file)
    later = table["later_mid2"].combine_chunks().flatten().to_numpy()
    return Futures(
        at=at,
        mid2=table["mid2"].to_numpy(),
        own_mid2=table["own_mid2"].to_numpy(),
        later_mid2=later.reshape(len(at), continuations),
        cached=cached,
    )


def _keep(table: object, file: Path) -> None:
    import pyarrow.parquet as pq

    file.parent.mkdir(parents=True, exist_ok=True)
    part = own_part(file.parent, file.name)
    try:
        pq.write_table(table, part, compression="zstd", compression_level=3)
        with part.open("rb+") as handle:
            os.fsync(handle.fileno())
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)

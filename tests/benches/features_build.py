"""A build in a process of its own, for the scale rows.

Arguments: folder of the events, empty cache folder, event rate, days simulated, days to build, workers.
Prints JSON: seconds of the build (imports and simulating apart), CPU seconds of all its processes, rows, peak
memory of the largest process in MiB, and bytes a row by schema.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from features_day import Days, target_config
from features_rates import PLAN

from atc.features.day_cache import Features, Source, build_schemas
from atc.features.day_workers import local
from atc.features.declarations import schemas


def cpu_seconds() -> float:
    """Of this process and those that it waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def peak_kib(*, alone: bool) -> int:
    """Largest resident memory of this process, or of the largest worker."""
    if not alone:
        # A worker's count begins with the memory of whoever started it, which is less than a worker's.
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])


def main() -> None:
    """Builds, measures, prints."""
    root, cache, rate, simulated, count, workers = sys.argv[1:]
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    days = Days.simulated(target_config(int(simulated), float(rate)), Path(root))
    config = days.config
    wanted = [schema for schema in schemas() if schema.name in PLAN]

    def build(folder: Path, first: int, processes: int) -> Features:
        source = Source(days.data, days.catalog, folder, config.sampling, config.features.engine)
        return build_schemas(source, source.days[:first], wanted, make_executor=partial(local, processes))

    with tempfile.TemporaryDirectory() as warm:
        build(Path(warm), 1, 1)  # what the first day of a program imports is not a day's time
    cpu, began = cpu_seconds(), time.perf_counter()
    built = build(Path(cache), int(count), int(workers))
    seconds, cpu = time.perf_counter() - began, cpu_seconds() - cpu
    if built.cached:
        raise SystemExit(f"{built.cached} days were in the cache {cache} already; nothing was measured")
    size: dict[str, int] = {}
    rows = 0
    for files in built.files:
        rows += pq.read_metadata(next(iter(files.values()))).num_rows
        for name, file in files.items():
            size[name] = size.get(name, 0) + file.stat().st_size
    found = {
        "seconds": seconds,
        "cpu": cpu,
        "rows": rows,
        "peak_mib": peak_kib(alone=workers == "1") / 1024,
        "bytes_a_row": {name: total / rows for name, total in size.items()},
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()

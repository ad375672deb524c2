"""How long 200 jobs of a sweep take to be composed and judged.

python tests/benches/compose_sweep.py
"""

from __future__ import annotations

import time

from atc.config.compose import Composer
from atc.config.sweep import expand

WORDS = ["+experiment=gbdt_36feat", "model.num_leaves=range(10,30)", "seed=range(1,11)"]


def main() -> None:
    processor, wall = time.process_time(), time.perf_counter()
    jobs = len(expand(Composer(), WORDS).jobs)
    processor, wall = time.process_time() - processor, time.perf_counter() - wall
    print(f"{jobs} jobs: {processor:.1f} s of processor time, {wall:.1f} s")


if __name__ == "__main__":
    main()

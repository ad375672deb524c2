"""A process that makes one small run record; tests start it, kill it and let several of it meet.

    python tests/record_one.py OUTPUTS [--force] [--steps N] [--pause SECONDS] [--fail] [--hold FILE]

Its metrics depend on nothing but its identity. `--hold FILE` stops in the middle until FILE is there.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from pathlib import Path

from atc.tracking.record import Prelude, RunIdentity, RunRecord

IDENTITY = RunIdentity("0123456789abcdef" * 4, "c" * 64, "d" * 64, "f" * 64, "1" * 64, "e" * 64)
NAME = "little_2feat"
CONFIG: dict[str, object] = {"name": NAME, "seed": 1, "model": {"kind": "logistic", "l2": 1e-4}}
METRICS: dict[str, object] = {
    "holdout/auc": 0.1 + 0.2,
    "holdout/rows": 123,
    "gate/verdict": None,
    "valid/auc": 2 / 3,
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("outputs", type=Path)
    parser.add_argument("--force", action="store_true")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--pause", type=float, default=0.0)
    parser.add_argument("--fail", action="store_true")
    parser.add_argument("--hold", type=Path)
    arguments = parser.parse_args()
    with Prelude() as prelude:
        with prelude.stage("data"):
            time.sleep(arguments.pause)
        record = RunRecord.open(
            arguments.outputs, NAME, IDENTITY, CONFIG, force=arguments.force, prelude=prelude
        )
        with record:
            print("begun" if not record.finished else "finished before", flush=True)
            if not record.finished:
                for step in range(arguments.steps):
                    with record.stage(f"step_{step}"):
                        logging.getLogger("atc.test").info("in step %d", step)
                        time.sleep(arguments.pause)
                    if step == 0:
                        while arguments.hold and not arguments.hold.exists():
                            time.sleep(0.01)
                with record.writing("model") as folder:
                    folder.mkdir()
                    (folder / "model.txt").write_text("tree\n" * 1000)
                    (folder / "manifest.json").write_text("{}")
                if arguments.fail:
                    raise ValueError("asked to fail")
                with record.writing("predictions.parquet") as path:
                    path.write_bytes(b"rows" * 10_000)
                record.finish(METRICS)
    print(record.run_folder, file=sys.stderr)


if __name__ == "__main__":
    main()

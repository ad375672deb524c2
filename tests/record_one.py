"""A process that makes one small run record; tests start it, kill it and let several of it meet.

    python tests/record_one.py OUTPUTS [--force] [--fail] [--hold FILE] [--die-at N]

Its metrics depend on nothing but its identity. `--hold FILE` stops in the middle until FILE is there.
`--die-at N` kills the process with SIGKILL just before its Nth call that changes a file; without it the
last line says how many there were.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import time
from io import IOBase
from pathlib import Path
from types import FrameType

from atc.tracking.prelude import Prelude
from atc.tracking.record import RunIdentity, RunRecord

IDENTITY = RunIdentity("0123456789abcdef" * 4, "c" * 64, "d" * 64, "f" * 64, "1" * 64, "e" * 64)
NAME = "little_2feat"
CONFIG: dict[str, object] = {"name": NAME, "seed": 1, "model": {"kind": "logistic", "l2": 1e-4}}
METRICS: dict[str, object] = {
    "holdout/auc": 0.1 + 0.2,
    "holdout/rows": 123,
    "gate/verdict": None,
    "valid/auc": 2 / 3,
}


CHANGING = {"write", "pwrite", "ftruncate", "fsync", "mkdir", "rmdir", "unlink", "rename", "replace"}


class FileCalls:
    """Counts the calls by which the record changes files, and kills the process just before number
    `die_at`.
    """

    def __init__(self, die_at: int | None) -> None:
        self.count = 0
        self._die_at = die_at

    def __call__(self, frame: FrameType, event: str, called: object) -> None:
        if event != "c_call" or not frame.f_globals["__name__"].startswith(("atc.tracking", "pathlib")):
            return
        of_a_file = isinstance(getattr(called, "__self__", None), IOBase)
        if getattr(called, "__name__", "") in CHANGING and (of_a_file or called.__module__ == "posix"):
            self.count += 1
            if self.count == self._die_at:
                os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("outputs", type=Path)
    parser.add_argument("--force", action="store_true")
    parser.add_argument("--die-at", type=int)
    parser.add_argument("--fail", action="store_true")
    parser.add_argument("--hold", type=Path)
    arguments = parser.parse_args()
    calls = FileCalls(arguments.die_at)
    sys.setprofile(calls)
    with Prelude() as prelude:
        with prelude.stage("data"):
            pass
        record = RunRecord.open(
            arguments.outputs, NAME, IDENTITY, CONFIG, force=arguments.force, prelude=prelude
        )
        with record:
            print("begun" if not record.finished else "finished before", flush=True)
            if not record.finished:
                with record.stage("fit"):
                    logging.getLogger("atc.test").info("fitting")
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
    sys.setprofile(None)
    print(calls.count)


if __name__ == "__main__":
    main()

"""A runner that makes records without data or models, for tests of launchers: each run takes milliseconds.

    python tests/swept_runs.py -m seed=1,2,3

What a run does beside its record, its seed says: see `SEEDS`. Each run that is really made leaves a line in
`made.txt` beside the outputs.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from atc.config.entry import main_with

if TYPE_CHECKING:
    from atc.config.schema import RunConfig

KEEPS, EDITS, FAILS, BREAKS, DIES, WAITS, SLOW = 664, 665, 666, 667, 668, 669, 670
"""Seeds that keep memory, edit the copy of the package beside the outputs, raise a DataError, divide by zero,
kill their process, wait to be killed, take a tenth of a second.
"""
KEPT_MIB = 300


def run(config: RunConfig) -> Path:
    """Makes the record of `config`."""
    from atc.config.digest import code_digest, config_digest, run_id
    from atc.errors import DataError
    from atc.tracking.record import RunIdentity, RunRecord

    outputs = config.paths.outputs_dir
    parts = {
        "config_digest": config_digest(config),
        "data_digest": data_digest(config),
        "feature_schema": "none",
        "label_schema": "none",
        "code_digest": code_digest(),
    }
    identity = RunIdentity(run_id=run_id(**parts, members=members_digest(config)), **parts)
    record = RunRecord.open(outputs, config.name, identity, config.model_dump(mode="json"))
    healed = (outputs / "healed").exists()
    with record:
        if not record.finished:
            with record.stage("fit"):
                print("fitting", config.seed)
                if config.seed == KEEPS:
                    vars(sys)["kept"] = b"x" * (KEPT_MIB << 20)
                if config.seed == EDITS:
                    with (outputs.parent / "atc" / "labels" / "__init__.py").open("a") as source:
                        source.write("EDITED = True\n")
                if config.seed == FAILS and not healed:
                    raise DataError("no such rows; give it others")
                if config.seed == BREAKS and not healed:
                    _ = 1 // 0
                if config.seed == DIES and not healed:
                    os.kill(os.getpid(), signal.SIGKILL)
                if config.seed == WAITS and not healed:
                    (outputs / f"waiting-{os.getpid()}").touch()
                    time.sleep(600)
                if config.seed >= SLOW:
                    time.sleep(0.1)
            with (outputs / "made.txt").open("a") as made:
                made.write(f"{config.seed}\n")
            record.finish({"valid/auc": config.seed / 1000})
    return record.folder


def data_digest(config: RunConfig) -> str:
    """Of the content of recordings; simulated data have none."""
    found = sha256()
    for name in getattr(config.data, "files", ()):
        found.update((config.paths.recordings_dir / name).read_bytes())
    return found.hexdigest()


def members_digest(config: RunConfig) -> str:
    """Of what lies in `members.txt` beside the outputs, for a run that is made of others."""
    if config.model.kind != "ensemble":
        return ""
    return sha256((config.paths.outputs_dir / "members.txt").read_bytes()).hexdigest()


if __name__ == "__main__":
    # The background of a shell, where tests may run, has its processes ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    from atc.run_sweep import run_sweep

    sys.exit(main_with(run, run_sweep))

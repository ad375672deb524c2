"""A runner that makes records of three folds without data or models, for tests of searches.

    python tests/searched_runs.py -m +sweep=gbdt_hparams search.trials=5

What a run gives, its hyper-parameters say. Each run that is begun leaves a line in `made.txt` beside the
outputs; where `die-at-<n>` lies there, run n kills its process after its first fold, launcher included.
"""

from __future__ import annotations

import math
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from atc.config.entry import main_with

if TYPE_CHECKING:
    from atc.config.schema import RunConfig

FOLDS = 3


def quality(config: RunConfig) -> float:
    """Best at 31 leaves that learn by 0.05."""
    model = config.model
    leaves, rate = getattr(model, "num_leaves", 31), getattr(model, "learning_rate", 0.05)
    return 0.7 - 0.02 * abs(math.log(leaves / 31)) - 0.02 * abs(math.log(rate / 0.05))


def run(config: RunConfig) -> Path:
    """Makes the record of `config`."""
    from atc.config.digest import code_digest, config_digest, run_id
    from atc.tracking.folds_heard import fold_ended
    from atc.tracking.record import RunIdentity, RunRecord

    outputs = config.paths.outputs_dir
    parts = {
        "config_digest": config_digest(config),
        "data_digest": "0" * 64,
        "feature_schema": "none",
        "label_schema": "none",
        "code_digest": code_digest(),
    }
    identity = RunIdentity(run_id=run_id(**parts), **parts)
    record = RunRecord.open(outputs, config.name, identity, config.model_dump(mode="json"))
    assert config.protocol.sealed
    with record:
        if not record.finished:
            with (outputs / "made.txt").open("a") as made:
                made.write(f"{quality(config):.6f}\n")
            number = len((outputs / "made.txt").read_text().split())
            metrics: dict[str, float | None] = {}
            for fold in range(1, FOLDS + 1):
                figures = {f"fold/{fold}/test/auc": quality(config) - 0.01 * fold}
                metrics |= figures
                with record.stage(f"fold {fold}"):
                    fold_ended(str(fold), fold, FOLDS, figures)
                dies = outputs / f"die-at-{number}"
                if dies.exists():
                    dies.unlink()
                    os.kill(os.getppid(), signal.SIGKILL)
                    os.kill(os.getpid(), signal.SIGKILL)
            mean = math.fsum(value for value in metrics.values() if value is not None) / FOLDS
            record.finish({**metrics, "folds/auc/mean": mean, "valid/auc": quality(config)})
    return record.folder


if __name__ == "__main__":
    from atc.run_sweep import run_sweep

    sys.exit(main_with(run, run_sweep))

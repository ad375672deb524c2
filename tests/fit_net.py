"""A process that fits a net with a checkpoint: `fit_net.py CHECKPOINT SCORES [HOLD_AT_STEP]`.

Writes the scores of the validation rows. With a step to hold at it stays there until it is killed.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from planted_heads import blocks, three_classes

from atc.config.nets import SoftmaxMlp, Trainer
from atc.models.base import fit_model
from atc.models.build import build_model

ONE = Trainer(num_threads=1)
CONFIG = SoftmaxMlp(
    kind="softmax_mlp", hidden=(16, 8), batch_size=512, epochs=12, learning_rate=0.01, trainer=ONE
)
SEED = 3


def scores(checkpoint: Path | None, hold_at: int | None = None) -> bytes:
    train, valid = blocks(three_classes(3000))

    def progress(done: int, of: int) -> None:
        while hold_at is not None and done >= hold_at:
            time.sleep(60.0)

    model = build_model(CONFIG, checkpoint=checkpoint)
    fit_model(model, train, valid, seed=SEED, progress=progress)
    return model.predict(valid.x).tobytes()


def write_scores(checkpoint: Path, out: Path, hold_at: int | None = None) -> None:
    out.write_bytes(scores(checkpoint, hold_at))


if __name__ == "__main__":
    write_scores(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else None)

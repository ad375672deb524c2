"""What W&B wrote offline, read by W&B's own inspector."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


def read_offline(outputs: Path) -> list[dict[str, Any]]:
    """The records of the one offline file under `outputs`."""
    (file,) = outputs.glob("wandb/offline-run-*/*.wandb")
    done = subprocess.run(
        [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(file)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "WANDB_MODE": "offline", "HOME": str(outputs)},
    )
    return [json.loads(line) for line in done.stdout.splitlines()]

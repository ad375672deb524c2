"""An entry point whose run says what it was given, and fails as its seed says.

python tests/probed_run.py seed=13
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from atc.config.entry import main_with
from atc.errors import DataError

if TYPE_CHECKING:
    from atc.config.schema import RunConfig


def run(config: RunConfig) -> None:
    """Says what it was given."""
    print("ran", config.name, config.seed, config.model.kind, config.protocol.sealed, config.tracking.group)
    if config.seed == 13:
        raise DataError("no such file")
    if config.seed == 14:
        raise RuntimeError("a bug")
    if config.seed == 15:
        raise KeyboardInterrupt
    if config.seed in (17, 18):
        folder = config.paths.outputs_dir / "runs"
        if config.seed == 17:
            folder.write_text("in the way")
        (folder / "x").mkdir()
    if config.seed == 19:
        raise OSError(28, "No space left on device")
    if config.seed == 16:
        file = Path("conf/config.yaml")
        file.write_text(file.read_text().replace("name: adhoc", "name: edited"))


if __name__ == "__main__":
    from atc.run_sweep import run_sweep

    sys.exit(main_with(run, run_sweep))

"""`python -m atc.run +experiment=… [key=value …]`: compose, validate, run, record."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from atc.config.entry import main_with

if TYPE_CHECKING:
    from atc.config.schema import RunConfig


def run(config: RunConfig) -> object:
    from atc.experiment import run_experiment

    return run_experiment(config)


if __name__ == "__main__":
    sys.exit(main_with(run))

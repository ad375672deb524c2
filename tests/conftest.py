"""How the tests share the machine: all of them on every core, a few of them in this process."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says how busy the machine is, and nothing about the code.
settings.register_profile("atc", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("atc")

MOST_WORKERS = 8
"""A worker may need more than a gigabyte."""

# Set here, for this process and those that it starts, because libraries read it once, when they are loaded.
# A thread of LightGBM that waits for another must not keep the core that the other needs: beside other work
# ten trees on two threads took 3.1 s of processor time so, and 0.06 s with this.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
if "PYTEST_XDIST_WORKER" in os.environ:  # workers are as many as the cores
    for variable in ("OMP_NUM_THREADS", "POLARS_MAX_THREADS"):
        os.environ.setdefault(variable, "1")


# Under `nohup` all that is started here would stay deaf to a closed terminal, as it should.
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.hookimpl(tryfirst=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Of `-n auto`: none where files are named, whose few tests would wait for workers to start."""
    named = [argument.split("::")[0] for argument in config.args]
    if any(Path(argument).is_file() for argument in named):
        return 0
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None  # xdist reads it
    return min(len(os.sched_getaffinity(0)), MOST_WORKERS)


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[str]]]:
    """Whatever a test starts here is ended with it."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.communicate()

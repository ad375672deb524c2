"""Days as Ray tasks: on a cluster of two nodes of this machine, with a worker killed in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from cached_market import builds, contents, leftovers

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="no Ray; `uv sync --extra ray` installs it"),
]

DAYS = 12
SETTINGS = [f"data.days={DAYS}", "data.rate=0.25", "runtime.progress=off"]
COMMAND = [sys.executable, "-c", "from atc.cli import main; main()", "features"]


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("events")


@pytest.fixture(scope="module")
def alone(events: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What one process makes of the days."""
    outputs = tmp_path_factory.mktemp("alone")
    subprocess.run([*COMMAND, "build", *settings(events, outputs), "--workers", "1"], check=True)
    assert len(contents(outputs / "cache")) == DAYS
    return contents(outputs / "cache")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A head and a second node, a CPU each."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    yield cluster.address
    cluster.shutdown()


def settings(events: Path, outputs: Path) -> list[str]:
    return [*SETTINGS, f"paths.events={events}", f"paths.outputs={outputs}"]


def tasks() -> dict[int, int]:
    """Process and parent (its node's raylet) of every worker that is at a day."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if folder.joinpath("cmdline").read_bytes().startswith(b"ray::outcome_of"):
                parent = folder.joinpath("stat").read_text().rsplit(")", 1)[1].split()[1]
                found[int(folder.name)] = int(parent)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def test_a_killed_worker_of_a_cluster_of_two_nodes_loses_nothing(
    events: Path, alone: dict[str, bytes], address: str, tmp_path: Path
) -> None:
    words = settings(events, tmp_path)
    building = subprocess.Popen(
        [*COMMAND, "build", *words, "--on", "ray", "--address", address], stdout=subprocess.PIPE, text=True
    )
    nodes: set[int] = set()
    killed = 0
    while building.poll() is None:
        at_work = tasks()
        nodes |= set(at_work.values())
        if at_work and not killed and len(builds(tmp_path)) >= 2:
            os.kill(next(iter(at_work)), signal.SIGKILL)
            killed = next(iter(at_work))
        time.sleep(0.02)
    said, _ = building.communicate()
    assert building.returncode == 0
    assert killed, "no worker was seen at work"
    assert len(nodes) == 2
    assert f"{DAYS} days built, 0 were there" in said
    assert contents(tmp_path / "cache") == alone
    assert not leftovers(tmp_path / "cache")
    verified = subprocess.run(
        [*COMMAND, "verify", *words, "--rows", "0"], stdout=subprocess.PIPE, text=True, check=True
    )
    assert verified.stdout.startswith(f"clean: {DAYS} files read")


def test_the_same_command_on_a_ray_of_its_own(events: Path, alone: dict[str, bytes], tmp_path: Path) -> None:
    words = settings(events, tmp_path)
    subprocess.run([*COMMAND, "build", *words, "--on", "ray", "--workers", "2"], check=True)
    assert contents(tmp_path / "cache") == alone
    assert len(builds(tmp_path)) == len(set(builds(tmp_path))) == DAYS
    assert not leftovers(tmp_path / "cache")


def test_an_address_where_no_cluster_is(events: Path, tmp_path: Path) -> None:
    words = settings(events, tmp_path)
    refused = subprocess.run(
        [*COMMAND, "build", *words, "--on", "ray", "--address", "127.0.0.1:1"],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert refused.returncode == 2, refused.stderr
    assert "--address 127.0.0.1:1: no Ray cluster answers there" in refused.stderr

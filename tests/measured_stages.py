"""Stages of known memory, in a process that does nothing else; prints their peaks in MiB as JSON."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from atc.tracking.stages import Stages

LARGE_MIB = 96
CHILD = (
    f"import sys; x = bytearray({LARGE_MIB} * 2**20); x[:: 2**12] = b'x' * (len(x) // 2**12); "
    "print(1, flush=True); sys.stdin.read()"
)


def spike() -> None:
    """Takes 96 MiB for less time than two samples are apart."""
    block = bytearray(LARGE_MIB * 2**20)
    block[:: 2**12] = b"x" * (len(block) // 2**12)


@contextmanager
def a_large_child() -> Iterator[None]:
    command = [sys.executable, "-c", CHILD]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"1\n"  # it has its full size now
        yield


def main() -> None:
    stages = Stages()
    with stages.stage("large"):
        spike()
    with stages.stage("small"):
        pass
    with stages.stage("with_child"), a_large_child():
        time.sleep(0.3)  # three samples
    with a_large_child(), stages.stage("spike_beside_child"):
        spike()
    print(json.dumps({name: cost.peak_rss_mib for name, cost in stages.costs.items()}))


if __name__ == "__main__":
    main()

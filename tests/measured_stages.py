"""Stages of known cost, in a process that does nothing else; prints MiB and processor seconds as JSON."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from atc.tracking.stages import Stages

LARGE_MIB = 96
CHILD = (
    f"import sys; x = bytearray({LARGE_MIB} * 2**20); x[:: 2**12] = b'x' * (len(x) // 2**12); "
    "print(1, flush=True); sys.stdin.read()"
)


BURNT_S = 0.3
BURNER = (
    f"import sys, time\nwhile time.process_time() < {BURNT_S}: pass\nprint(1, flush=True)\nsys.stdin.read()"
)


def burn() -> None:
    """Takes BURNT_S of processor time in a thread of its own."""

    def work() -> None:
        end = time.thread_time() + BURNT_S
        while time.thread_time() < end:
            pass

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def spike() -> None:
    """Takes 96 MiB for less time than two samples are apart."""
    block = bytearray(LARGE_MIB * 2**20)
    block[:: 2**12] = b"x" * (len(block) // 2**12)


@contextmanager
def a_child(script: str = CHILD) -> Iterator[None]:
    """Ends with the body."""
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"1\n"  # it has its full size, or has burnt
        yield


def main() -> None:
    stages = Stages()
    with stages.stage("large"):
        spike()
    with stages.stage("small"):
        pass
    with stages.stage("with_child"), a_child():
        time.sleep(0.3)  # three samples
    with a_child(), stages.stage("spike_beside_child"):
        spike()
    with stages.stage("thread"):
        burn()
    with stages.stage("ended_child"), a_child(BURNER):
        pass
    living = a_child(BURNER)
    with stages.stage("living_child"):
        living.__enter__()
    with stages.stage("idle_beside_child"):
        time.sleep(0.05)
    with stages.stage("end_of_child"):
        living.__exit__(None, None, None)
    print(json.dumps({name: cost.as_json() for name, cost in stages.costs.items()}))


if __name__ == "__main__":
    main()

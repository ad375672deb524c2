"""A process that ends at once loses nothing that it owes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from atc.ending import UNWRITTEN

OWING = """
import atexit, sys, threading, time
from atc.ending import end_process
atexit.register(lambda: print("handler"))
def late():
    time.sleep(0.2)
    print("thread")
threading.Thread(target=late).start()
threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
class Dear:
    def __del__(self):
        print("taken apart")
dear = Dear()
print("printed")
sys.stderr.write("said")
end_process(3)
"""


def test_threads_handlers_and_output_are_waited_for_and_nothing_else() -> None:
    done = subprocess.run(
        [sys.executable, "-c", OWING], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 3
    assert done.stdout.split() == ["printed", "thread", "handler"]
    assert done.stderr == "said"


POOL = """
from concurrent.futures import ThreadPoolExecutor
from atc.ending import end_process
pool = ThreadPoolExecutor(1)
pool.submit(print, "done").result()
end_process(3)
"""


def test_a_pool_that_nobody_has_shut_down_does_not_hold_the_end() -> None:
    done = subprocess.run(
        [sys.executable, "-c", POOL], check=False, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (3, "done\n")


IMPATIENT = """
import atexit, os, signal, threading, time
from atc.ending import end_process
signal.signal(signal.SIGINT, signal.default_int_handler)
atexit.register(print, "handler")
threading.Thread(target=time.sleep, args=(600,)).start()
threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
end_process(3)
"""


def test_ctrl_c_ends_the_wait_for_threads_and_leaves_the_exit_code() -> None:
    words = [sys.executable, "-c", IMPATIENT]
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (3, "handler\n", "")


LATE = """
import atexit, os, signal, sys, time
from atc.ending import end_process
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
atexit.register(print, "handler")
@atexit.register
def waits():
    os.kill(os.getpid(), getattr(signal, sys.argv[1]))
    time.sleep(600)
end_process(3)
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_what_comes_while_a_handler_waits_ends_that_wait_and_leaves_the_exit_code(name: str) -> None:
    words = [sys.executable, "-c", LATE, name]
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (3, "handler\n")


def test_output_that_cannot_be_written_is_no_success_and_is_told() -> None:
    code = "from atc.ending import end_process; print('much'); end_process(0)"
    # Unbuffered, `print` itself would fail.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    words = [sys.executable, "-c", code]
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            words, check=False, stdout=full, stderr=subprocess.PIPE, text=True, env=environment, timeout=60
        )
    assert done.returncode == UNWRITTEN
    assert done.stderr.startswith("stdout: what was printed could not be written: ")


def test_a_stream_that_was_closed_owes_nothing() -> None:
    code = "import sys; from atc.ending import end_process; sys.stdout.close(); end_process(0)"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")

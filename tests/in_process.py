"""A program in the process of the tests: where a process of its own is not what is tested, starting one and
importing everything again would be most of the time.
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest


def done_here(main: Callable[[], int], *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """What `main` prints with these words on its command line, in this folder, and its exit code."""
    out, err, before = io.StringIO(), io.StringIO(), dict(os.environ)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(cwd)
        patch.setattr(sys, "argv", ["program", *words])
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = main()
        finally:
            os.environ.clear()
            os.environ.update(before)
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())

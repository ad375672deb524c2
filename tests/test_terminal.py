"""A terminal that is closed: what goes on loses its bar alone, what ends is closed as interrupted."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys

import pytest

from atc.report.progress import Progress
from atc.terminal import terminal_may_go


class Gone(io.StringIO):
    """As a terminal is whose other end was closed."""

    def isatty(self) -> bool:
        return True

    def write(self, _text: str, /) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.mark.parametrize("mode", ["on", "auto"])
def test_nothing_fails_for_want_of_a_terminal(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = Gone()
    monkeypatch.setattr(sys, "stderr", gone)

    def worked() -> float:
        with Progress(mode).bar("fit", total=3) as bar:  # type: ignore[arg-type]
            bar.advance()
            sys.stderr.write("a warning\n")
            bar.advance(2)
        return bar.done

    with pytest.raises(OSError, match="Input/output"):
        worked()
    monkeypatch.setattr(sys, "stderr", gone)  # which the bar had not put back
    with terminal_may_go():
        assert sys.stderr.isatty()
        assert worked() == 3
    assert sys.stderr is gone


def test_what_ends_a_run_is_not_hidden_by_its_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the record would say that it failed by an error of input and output."""
    monkeypatch.setattr(sys, "stderr", Gone())
    with pytest.raises(KeyboardInterrupt, match="SIGHUP"), terminal_may_go(), Progress("on").bar("fit"):
        raise KeyboardInterrupt("SIGHUP")


@pytest.mark.parametrize("number", [errno.EIO, errno.EPIPE, errno.ENOSPC])
def test_results_are_lost_where_nobody_reads_them_and_nowhere_else(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(io.StringIO):
        def write(self, _text: str, /) -> int:
            raise OSError(number, os.strerror(number))

    full = Full()
    monkeypatch.setattr(sys, "stdout", full)
    with terminal_may_go():
        if number == errno.ENOSPC:
            with pytest.raises(OSError, match="No space left"):
                print("run: outputs/runs/it")
        else:
            print("run: outputs/runs/it")
    assert sys.stdout is full


@pytest.mark.parametrize("gone", ["stdout", "stderr"])
def test_a_reader_that_is_gone_does_not_change_the_exit_code(gone: str) -> None:
    """Python would try again to write what it holds when it ends, fail, and exit with 120."""
    code = (
        "import sys; from atc.terminal import terminal_may_go\n"
        "with terminal_may_go():\n"
        "    sys.stdin.read()\n"
        f"    print('a last word', file=sys.{gone})\n"
        "sys.exit(130)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    (process.stdout if gone == "stdout" else process.stderr).close()
    process.stdin.close()
    left = process.stderr if gone == "stdout" else process.stdout
    told = left.read()
    left.close()
    assert (process.wait(), told) == (130, b"")

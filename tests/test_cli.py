"""`python -m atc.cli` is the command `atc`."""

from __future__ import annotations

import subprocess
import sys

from atc.cli import application

MODULE = [sys.executable, "-m", "atc.cli"]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*MODULE, *words], capture_output=True, text=True, check=False)


def test_the_module_runs_the_commands() -> None:
    shown = run("config", "show", "gbdt_36feat")
    assert shown.returncode == 0 and "name: gbdt_36feat" in shown.stdout


def test_its_exit_codes_are_those_of_the_command() -> None:
    wrong = run("config", "show", "gbdt_37feat")
    assert wrong.returncode == 2 and "gbdt_36feat" in wrong.stderr


def test_the_module_itself_is_no_command() -> None:
    names = {command.name for command in application().registered_commands}
    assert "compare" in names and "__main__" not in names

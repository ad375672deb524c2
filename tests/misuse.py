"""Programs that must not type-check, line by line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def assert_every_line_after_is_an_error(begin: str, program: str, folder: Path) -> None:
    """Checks that mypy finds an error in each line of `program` after the line `begin`, and in no other."""
    file = folder / "misuse.py"
    file.write_text(program)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = program.splitlines()
    wrong = set(range(lines.index(begin) + 2, len(lines) + 1))
    found = {
        int(line.split(":")[1])
        for line in done.stdout.splitlines()
        if "misuse.py:" in line and ": error" in line
    }
    assert found == wrong, done.stdout

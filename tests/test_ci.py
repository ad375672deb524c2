"""What .ci/run leans on: the README's two commands, and the count of skipped tests on real recordings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from count_skipped import skipped_for_recordings

ROOT = Path(__file__).parent.parent


def test_skipped_tests_on_recordings_are_counted(tmp_path: Path) -> None:
    (tmp_path / "test_some.py").write_text(
        "import pytest\n"
        "@pytest.mark.skip(reason='no Binance recordings in x; set ATC_RECORDINGS')\n"
        "@pytest.mark.parametrize('n', [1, 2])\n"
        "def test_real(n): pass\n"
        "@pytest.mark.skip(reason='another reason')\n"
        "def test_other(): pass\n"
        "def test_passes(): pass\n"
    )
    report = tmp_path / "junit.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-c", "/dev/null", "-p", "no:cacheprovider"]
    subprocess.run([*command, f"--junitxml={report}", str(tmp_path)], check=True, capture_output=True)
    assert skipped_for_recordings(report) == (4, 3, 2)


def test_the_first_code_block_of_the_readme_is_the_two_commands() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith("```"))
    block = lines[start + 1 : lines.index("```", start + 1)]
    assert block == [
        "pip install uv && uv run python -m atc.run +experiment=gbdt_36feat",
        "uv run pytest",
    ]

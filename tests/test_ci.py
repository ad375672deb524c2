"""What .ci/run leans on: the README's two commands, the count of skips, a crate without Rust tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import MOST_WORKERS, pytest_xdist_auto_num_workers
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
    command += ["-n", "2"]  # from several workers, as in CI
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


@pytest.mark.parametrize("named", ["tests/test_ci.py", "tests/test_ci.py::test_it[a::b]"])
def test_named_files_are_tested_without_workers(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def workers(*arguments: str) -> int | None:
        config: Any = SimpleNamespace(args=arguments)
        return pytest_xdist_auto_num_workers(config)

    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("PYTEST_XDIST_AUTO_NUM_WORKERS", raising=False)
    assert workers(named) == 0
    assert workers("tests") == min(len(os.sched_getaffinity(0)), MOST_WORKERS)
    monkeypatch.setenv("PYTEST_XDIST_AUTO_NUM_WORKERS", "3")
    assert workers("tests") is None
    assert workers(named) == 0


def test_the_crate_that_rust_tests_leave_out_has_none() -> None:
    crate = ROOT / "rust" / "atc-py"
    assert f"--exclude {crate.name} " in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert not [file for file in crate.rglob("*.rs") if "#[test]" in file.read_text(encoding="utf-8")]

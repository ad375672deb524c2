"""What a record tells of a run besides its result: stages, log, prelude, git."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_records import fill, make, manifest_of, opened
from measured_stages import BURNT_S
from record_one import CONFIG, IDENTITY, METRICS, NAME

from atc.tracking.memory import descendants
from atc.tracking.prelude import Prelude
from atc.tracking.record import RunRecord


@pytest.fixture(scope="module")
def costs() -> dict[str, dict[str, float]]:
    """Of stages in a process of their own: what a process that ran other tests gives back meanwhile would
    count against them.
    """
    script = Path(__file__).with_name("measured_stages.py")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    found: dict[str, dict[str, float]] = json.loads(done.stdout)
    return found


@pytest.fixture
def peaks_mib(costs: dict[str, dict[str, float]]) -> dict[str, float]:
    return {name: cost["peak_rss_mib"] for name, cost in costs.items()}


def test_processor_time_is_of_the_process_its_threads_and_its_children(
    costs: dict[str, dict[str, float]],
) -> None:
    spent = {name: cost["cpu_seconds"] for name, cost in costs.items()}
    for name in ("thread", "ended_child", "living_child"):
        assert spent[name] >= 0.9 * BURNT_S, name
    # What a child took before a stage is not of the stage, not even when it ends and is waited for in it.
    for name in ("idle_beside_child", "end_of_child"):
        assert spent[name] < BURNT_S / 2, name


def test_stages_measure_their_own_peak_memory(peaks_mib: dict[str, float]) -> None:
    assert peaks_mib["large"] - peaks_mib["small"] > 90


def test_the_memory_of_child_processes_counts(peaks_mib: dict[str, float]) -> None:
    assert peaks_mib["with_child"] - peaks_mib["small"] > 90
    assert peaks_mib["spike_beside_child"] - peaks_mib["with_child"] > 80


def test_a_child_that_goes_while_it_is_looked_at_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert child.pid in descendants()
        glob = Path.glob

        def late(folder: Path, pattern: str) -> Iterator[Path]:
            if folder.parent.name == str(child.pid):
                raise FileNotFoundError(folder)
            return glob(folder, pattern)

        monkeypatch.setattr(Path, "glob", late)
        assert child.pid in descendants()


def test_stages_neither_nest_nor_repeat(tmp_path: Path) -> None:
    with opened(tmp_path) as record:
        with record.stage("fit"), pytest.raises(ValueError, match="do not nest"), record.stage("inner"):
            pass
        with pytest.raises(ValueError, match="was there before"), record.stage("fit"):
            pass
        record.finish(METRICS)


def test_a_running_manifest_shows_the_stages_that_have_ended(tmp_path: Path) -> None:
    with opened(tmp_path) as record:
        with record.stage("data"):
            pass
        manifest = manifest_of(record.run_folder)
        assert manifest["status"] == "running"
        assert manifest["pid"] == os.getpid()
        assert isinstance(manifest["stages"], dict)
        assert list(manifest["stages"]) == ["data"]
        record.finish(METRICS)


def test_what_happened_before_the_record_was_opened_is_in_it(tmp_path: Path) -> None:
    log = logging.getLogger("atc.somewhere")
    with Prelude() as prelude:
        with prelude.stage("data"):
            log.info("before the id was known")
        with RunRecord.open(tmp_path, NAME, IDENTITY, CONFIG, prelude=prelude) as record:
            log.info("after")
            fill(record)
    text = record.log_path.read_text()
    assert text.index("before the id was known") < text.index("attempt 1, begins") < text.index("after")
    assert isinstance(record.manifest["stages"], dict)
    assert list(record.manifest["stages"]) == ["data", "fit"]


def test_warnings_are_logged_and_still_shown(tmp_path: Path) -> None:
    with warnings.catch_warnings(record=False):
        warnings.simplefilter("always")
        shown: list[str] = []
        warnings.showwarning = lambda message, *_, **__: shown.append(str(message))
        with opened(tmp_path) as record:
            warnings.warn("the spread is odd", UserWarning, stacklevel=1)
            fill(record)
    assert shown == ["the spread is odd"]
    assert "UserWarning: the spread is odd" in record.log_path.read_text()


def test_logging_is_put_back_as_it_was(tmp_path: Path) -> None:
    handlers = list(logging.getLogger().handlers)
    level = logging.getLogger("atc").level
    shown = warnings.showwarning
    make(tmp_path)
    assert logging.getLogger().handlers == handlers
    assert logging.getLogger("atc").level == level
    assert warnings.showwarning is shown


def test_git_state_of_a_checkout_and_of_a_folder_without_git(tmp_path: Path) -> None:
    from atc.tracking.provenance import git_state

    source = tmp_path / "code.py"
    source.write_text("x = 1\n")
    assert git_state(source) == {"commit": None, "dirty": None, "branch": None}
    git = ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@t"]
    subprocess.run([*git, "init", "-q", "-b", "trunk"], check=True)
    assert git_state(source) == {"commit": None, "dirty": None, "branch": None}  # there, but not tracked
    subprocess.run([*git, "add", "code.py"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "one"], check=True)
    clean = git_state(source)
    assert len(str(clean["commit"])) == 40
    assert (clean["dirty"], clean["branch"]) == (False, "trunk")
    source.write_text("x = 2\n")
    subprocess.run([*git, "checkout", "-q", "--detach"], check=True)
    detached = git_state(source)
    assert (detached["dirty"], detached["branch"]) == (True, None)
    assert detached["commit"] == clean["commit"]

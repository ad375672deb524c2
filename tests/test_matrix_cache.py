"""The matrix that runs share: built once, mapped by all, whole or absent, and never of other rows."""

from __future__ import annotations

import errno
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from atc.errors import DataError
from atc.features import matrix_cache, shared_file
from atc.features.day_file import Damaged
from atc.features.day_lock import LOCKS, day_lock
from atc.features.matrix_cache import shared_matrix
from atc.features.matrix_file import MatrixDay, MatrixPlan, read_matrix

DAYS, COLUMNS = 12, 5


def plan_of(rows: int = 400, columns: int = COLUMNS) -> MatrixPlan:
    names = tuple(f"column_{number}" for number in range(columns))
    first = date(2025, 1, 6)
    days = (MatrixDay(first + timedelta(days=day), rows + day, {"core": f"key{day}"}) for day in range(DAYS))
    return MatrixPlan(names, tuple(days))


def days_of(plan: MatrixPlan) -> Iterator[NDArray[np.float32]]:
    for number, day in enumerate(plan.days):
        rng = np.random.default_rng(number)
        rows = rng.standard_normal((day.rows, len(plan.columns)), dtype=np.float32)
        rows[rng.random(rows.shape) < 0.1] = np.nan
        yield rows


def expected(plan: MatrixPlan) -> NDArray[np.float32]:
    return np.concatenate(list(days_of(plan)))


def leftovers(folder: Path) -> list[Path]:
    return [*folder.glob(".*.part"), *folder.glob(f"{LOCKS}/*")]


def built(folder: Path, plan: MatrixPlan, log: list[int] | None = None) -> NDArray[np.float32]:
    def days() -> Iterator[NDArray[np.float32]]:
        if log is not None:
            log.append(1)
        yield from days_of(plan)

    return shared_matrix(folder, plan, days)


def test_it_is_built_once_and_mapped_afterwards(tmp_path: Path) -> None:
    plan, log = plan_of(), list[int]()
    for _ in range(3):
        np.testing.assert_array_equal(built(tmp_path, plan, log), expected(plan))
    assert log == [1]
    assert not leftovers(tmp_path)
    file = tmp_path / f"{plan.key}.npy"
    np.testing.assert_array_equal(np.load(file, mmap_mode="r"), expected(plan))
    assert read_matrix(file).plan == plan


def test_what_a_run_changes_stays_its_own(tmp_path: Path) -> None:
    plan = plan_of()
    built(tmp_path, plan)[:] = 0.0
    np.testing.assert_array_equal(built(tmp_path, plan), expected(plan))


def test_another_order_of_columns_is_another_matrix(tmp_path: Path) -> None:
    plan = plan_of()
    turned = MatrixPlan(plan.columns[::-1], plan.days)
    other_rows = MatrixPlan(plan.columns, (*plan.days[:-1], MatrixDay(plan.days[-1].day, 7, {"core": "x"})))
    assert len({plan.key, turned.key, other_rows.key}) == 3
    built(tmp_path, plan)
    found = shared_matrix(tmp_path, turned, lambda: (rows[:, ::-1] for rows in days_of(plan)))
    np.testing.assert_array_equal(found, expected(plan)[:, ::-1])
    np.testing.assert_array_equal(built(tmp_path, plan), expected(plan))


def test_a_flipped_bit_is_noticed_wherever_it_is(tmp_path: Path) -> None:
    plan, rng = plan_of(20), random.Random(1)
    whole = expected(plan)
    built(tmp_path, plan)
    file = tmp_path / f"{plan.key}.npy"
    good = file.read_bytes()
    for _ in range(60):
        place = rng.choice([rng.randrange(len(good)), rng.randrange(128), len(good) - 1 - rng.randrange(300)])
        wrong = bytearray(good)
        wrong[place] ^= 1 << rng.randrange(8)
        file.write_bytes(wrong)
        log: list[int] = []
        np.testing.assert_array_equal(built(tmp_path, plan, log), whole)
        assert log == [1]
        assert file.read_bytes() == good


@pytest.mark.parametrize("length", [0, 10, 200, 5000, -1])
def test_a_file_that_was_cut_is_built_again(tmp_path: Path, length: int) -> None:
    plan = plan_of()
    built(tmp_path, plan)
    file = tmp_path / f"{plan.key}.npy"
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(Damaged):
        read_matrix(file)
    np.testing.assert_array_equal(built(tmp_path, plan), expected(plan))


def test_a_file_under_the_key_of_another_is_refused(tmp_path: Path) -> None:
    plan, other = plan_of(), plan_of(401)
    built(tmp_path, plan)
    (tmp_path / f"{plan.key}.npy").rename(tmp_path / f"{other.key}.npy")
    with pytest.raises(Damaged, match=f"its manifest has the key {plan.key}"):
        read_matrix(tmp_path / f"{other.key}.npy")
    np.testing.assert_array_equal(built(tmp_path, other), expected(other))


BUILDER = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_matrix_cache import days_of, plan_of
from atc.features.matrix_cache import shared_matrix
folder, plan = Path(sys.argv[1]), plan_of()

def days():
    with (folder / "builds").open("a") as log:
        log.write("built\\n")
    for rows in days_of(plan):
        time.sleep(float(sys.argv[2]))
        yield rows

print(float(shared_matrix(folder, plan, days)[-1, 0]))
"""


def started(folder: Path, pause_s: float) -> subprocess.Popen[str]:
    code = BUILDER.format(tests=str(Path(__file__).parent))
    words = [sys.executable, "-c", code, str(folder), str(pause_s)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_builders_at_the_same_time_build_it_once(tmp_path: Path) -> None:
    racing = [started(tmp_path, 0.03) for _ in range(4)]
    values = set()
    for process in racing:
        out, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
        values.add(out)
    assert len(values) == 1
    assert (tmp_path / "builds").read_text() == "built\n"
    assert not leftovers(tmp_path)


def test_kill_9_in_the_middle_leaves_nothing_that_is_read(tmp_path: Path) -> None:
    plan = plan_of()
    for _ in range(2):
        process = started(tmp_path, 0.2)
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob(".*.part")) and time.monotonic() < deadline:
            time.sleep(0.01)
        waiting = started(tmp_path, 0.0)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert list(tmp_path.glob(".*.part"))
        # Who waited for it builds it, and sweeps what is left.
        _, said = waiting.communicate(timeout=120)
        assert waiting.returncode == 0, said
        assert not leftovers(tmp_path)
        np.testing.assert_array_equal(built(tmp_path, plan), expected(plan))
        (tmp_path / f"{plan.key}.npy").unlink()


def test_a_full_disk_is_said_with_place_and_size(tmp_path: Path) -> None:
    plan = plan_of(3000)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(DataError) as refused:
            built(tmp_path, plan)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert f"{tmp_path}: the disk is full: the matrix of 36,066 rows × 5 columns takes" in str(refused.value)
    assert "atc features prune" in str(refused.value)
    assert not leftovers(tmp_path)
    assert not list(tmp_path.glob("*.npy"))
    np.testing.assert_array_equal(built(tmp_path, plan), expected(plan))


def test_a_cache_that_cannot_be_written_costs_memory_and_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    plan = plan_of()
    monkeypatch.setattr(matrix_cache, "write_matrix", refused)
    np.testing.assert_array_equal(built(tmp_path, plan), expected(plan))
    assert "cannot be written (Read-only file system): the matrix takes" in caplog.text


def test_one_that_is_built_elsewhere_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    plan = plan_of()
    lock = day_lock(tmp_path / LOCKS / plan.key)
    lock.__enter__()
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            lock.__exit__(None, None, None)

    monkeypatch.setattr(shared_file.time, "sleep", sleep)
    np.testing.assert_array_equal(built(tmp_path, plan), expected(plan))
    assert len(slept) == 3
    assert caplog.text.count("waiting for it") == 1

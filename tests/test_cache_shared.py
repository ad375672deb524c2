"""The cache under several builders, kill -9, full disks, lost locks: each day once, nothing half written."""

from __future__ import annotations

import errno
import fcntl
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
from cached_market import COLUMNS, DAYS, build, builds, contents, leftovers, simulate, source_of

from atc.errors import DataError
from atc.executors.local import InProcess, LocalProcesses
from atc.features import day_lock as day_lock_module
from atc.features.building import TRIES, Tally
from atc.features.day_cache import feature_days
from atc.features.day_job import DayJob, DayOutcome
from atc.features.day_lock import LOCKS, DayIsLocked, day_lock
from atc.features.day_workers import DAYS as WORK
from atc.features.declarations import schemas_of
from atc.features.state import expected_files
from atc.features.verifying import verified
from atc.report.progress import SILENT

BUILDER = Path(__file__).with_name("cached_market.py")


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("events")
    simulate(root)
    return root


@pytest.fixture(scope="module")
def whole(events: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What an undisturbed build makes, one day after the other."""
    cache = tmp_path_factory.mktemp("whole")
    build(source_of(events, cache), 1)
    assert len(contents(cache)) == 2 * DAYS
    assert sorted(set(builds(cache))) == sorted(builds(cache))
    assert not leftovers(cache)
    return contents(cache)


def started(events: Path, cache: Path, workers: int) -> subprocess.Popen[bytes]:
    """A builder in a process group of its own."""
    command = [sys.executable, str(BUILDER), str(events), str(cache), str(workers)]
    return subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE)


def assert_clean(events: Path, cache: Path, whole: dict[str, bytes]) -> None:
    source = source_of(events, cache)
    expected = expected_files(source, source.days, schemas_of(COLUMNS))
    report = verified(source, expected, stretches=2, rows=0, seed=1, progress=SILENT)
    assert (report.findings, report.files) == ((), 2 * DAYS)
    assert report.rows > 0
    assert contents(cache) == whole
    assert not leftovers(cache)


def test_builders_at_the_same_time_build_each_day_once(
    events: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    racing = [started(events, tmp_path, 2) for _ in range(3)]
    for process in racing:
        _, said = process.communicate(timeout=300)
        assert process.returncode == 0, said.decode()
    assert contents(tmp_path) == whole
    assert len(builds(tmp_path)) == len(set(builds(tmp_path))) == 2 * DAYS
    assert not leftovers(tmp_path)


def test_a_day_that_another_process_builds_is_waited_for(events: Path, tmp_path: Path) -> None:
    source = source_of(events, tmp_path)
    lock = source.folder("features") / LOCKS / source.days[0].isoformat()
    seen: list[Tally] = []
    waiting = threading.Event()

    def watch(tally: Tally) -> None:
        seen.append(tally)
        if tally.waiting:
            waiting.set()

    with day_lock(lock):
        builder = threading.Thread(
            target=lambda: feature_days(
                source, source.days, COLUMNS, watch=watch, make_executor=lambda _: InProcess(WORK)
            )
        )
        builder.start()
        assert waiting.wait(timeout=60)
    builder.join(timeout=60)
    said = next(tally for tally in seen if tally.waiting)
    assert said.done == DAYS - 1  # everything else is built meanwhile
    assert f"waiting for {source.days[0]}, which process {os.getpid()} on " in said.detail
    assert seen[-1].done == DAYS
    assert not leftovers(tmp_path)


def test_a_killed_owner_frees_its_day(events: Path, tmp_path: Path) -> None:
    source = source_of(events, tmp_path)
    lock = source.folder("features") / LOCKS / source.days[0].isoformat()
    script = (
        "import sys, time; from pathlib import Path; from atc.features.day_lock import day_lock\n"
        "with day_lock(Path(sys.argv[1])): print('held', flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(lock)], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"held\n"
        with pytest.raises(DayIsLocked, match=f"process {owner.pid} on "), day_lock(lock):
            pass
        owner.kill()
    with day_lock(lock) as held:
        assert held
    assert not leftovers(tmp_path)


def test_a_lock_whose_file_was_removed_stops_nobody(tmp_path: Path) -> None:
    lock = tmp_path / "day"
    with day_lock(lock):
        lock.unlink()
        with day_lock(lock) as other:
            assert other
    assert not lock.exists()


def test_without_locks_two_builders_write_the_same(
    events: Path, whole: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(day_lock_module.fcntl, "flock", no_locks)
    source = source_of(events, tmp_path)
    failed: list[BaseException] = []

    def build_too() -> None:
        try:
            build(source, 1)
        except BaseException as why:
            failed.append(why)

    racing = [threading.Thread(target=build_too) for _ in range(2)]
    for thread in racing:
        thread.start()
    for thread in racing:
        thread.join()
    assert not failed
    assert contents(tmp_path) == whole
    assert not list(tmp_path.rglob(".*.part"))
    assert fcntl is day_lock_module.fcntl


def children(pid: int) -> list[int]:
    """Processes whose parent is `pid`."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def kill_at_random_points(events: Path, cache: Path, whole: dict[str, bytes], kills: int, seed: int) -> None:
    """Builds until `kills` workers have been killed; what is there is removed now and then, so that there is
    always something to kill.
    """
    rng = random.Random(seed)
    killed = 0
    while killed < kills:
        builder = started(events, cache, 2)
        deadline = time.monotonic() + 120
        while builder.poll() is None and time.monotonic() < deadline:
            workers = children(builder.pid)
            if workers and killed < kills:
                time.sleep(rng.uniform(0, 0.6))
                victims = workers if rng.random() < 0.3 else [rng.choice(workers)]
                for victim in victims:
                    try:
                        os.kill(victim, signal.SIGKILL)
                    except ProcessLookupError:
                        continue
                    killed += 1
                if rng.random() < 0.2:
                    os.killpg(builder.pid, signal.SIGKILL)
            time.sleep(0.01)
        builder.communicate(timeout=120)
        for file in cache.rglob("schema=*/*/*.parquet"):
            assert contents_of(file, cache) == whole[str(file.relative_to(cache))]
            if rng.random() < 0.5:
                file.unlink()
    last = started(events, cache, 2)
    _, said = last.communicate(timeout=120)
    assert last.returncode == 0, said.decode()
    assert_clean(events, cache, whole)


def contents_of(file: Path, cache: Path) -> bytes:
    assert file.is_relative_to(cache)
    return file.read_bytes()


def test_kill_9_at_random_points(events: Path, whole: dict[str, bytes], tmp_path: Path) -> None:
    kill_at_random_points(events, tmp_path, whole, kills=3, seed=1)


@pytest.mark.slow
def test_kill_9_at_50_random_points(events: Path, whole: dict[str, bytes], tmp_path: Path) -> None:
    kill_at_random_points(events, tmp_path, whole, kills=50, seed=2)


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """The kernel refuses to write further, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_names_day_and_place_and_leaves_nothing_half_written(
    events: Path, whole: dict[str, bytes], tmp_path: Path, workers: int
) -> None:
    source = source_of(events, tmp_path)
    with pytest.raises(DataError) as refused, no_file_larger_than(20_000):
        build(source, workers)
    said = str(refused.value)
    assert "business day 2025-01-06" in said
    assert f"{tmp_path}" in said
    assert "atc features prune" in said
    assert "paths.outputs" in said
    assert contents(tmp_path) == {}
    assert not leftovers(tmp_path)
    build(source, workers)
    assert_clean(events, tmp_path, whole)


class Doomed:
    """An executor whose workers are killed over every job but some."""

    capacity = 2

    def __init__(self, doomed: int) -> None:
        self._doomed = doomed
        self._done: list[tuple[int, DayOutcome]] = []
        self.begun: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.clear()

    def submit(self, number: int, job: DayJob) -> None:
        self.begun.append(number)
        lost = DayOutcome(lost="process 1 was ended by SIGKILL")
        self._done.append((number, lost if number == self._doomed else DayOutcome(built=("core",))))

    def wait(self, seconds: float) -> list[tuple[int, DayOutcome]]:
        done, self._done = self._done, []
        return done


def test_a_day_whose_workers_are_always_killed_is_given_up_and_the_others_are_built(
    events: Path, tmp_path: Path
) -> None:
    source, executor = source_of(events, tmp_path), Doomed(3)
    with pytest.raises(DataError) as refused:
        feature_days(source, source.days, COLUMNS, make_executor=lambda _: executor)
    assert executor.begun.count(3) == TRIES
    assert sorted(set(executor.begun)) == list(range(DAYS))
    said = str(refused.value)
    assert (
        f"business day {source.days[3]}: given up after {TRIES} tries: process 1 was ended by SIGKILL" in said
    )
    assert "--workers 1" in said
    assert f"{DAYS - 1} of {DAYS} days are in the cache" in said


def test_ctrl_c_ends_the_workers_and_leaves_nothing_half_written(
    events: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    builder = started(events, tmp_path, 2)
    while builder.poll() is None and not children(builder.pid):
        time.sleep(0.01)
    workers = children(builder.pid)
    time.sleep(0.3)
    os.killpg(builder.pid, signal.SIGINT)
    builder.communicate(timeout=60)
    assert builder.returncode != 0 or len(contents(tmp_path)) == 2 * DAYS
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]
    assert not leftovers(tmp_path)
    assert all(whole[place] == content for place, content in contents(tmp_path).items())


def test_workers_are_no_more_than_the_jobs() -> None:
    from atc.features.day_workers import local

    assert isinstance(local(4, 1), InProcess)
    assert isinstance(local(1, 9), InProcess)
    several = local(4, 3)
    assert isinstance(several, LocalProcesses)
    assert several.capacity == 3

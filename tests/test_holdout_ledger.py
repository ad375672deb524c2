"""The holdout ledger: written before the look, by many processes at once, and never rewritten unseen."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from atc.errors import DataError, UsageError
from atc.protocol.ledger import Asker, Holdout, Ledger, mend, number_of_looks

DAY = 86_400_000_000_000
START = 1_771_362_000_000_000_000  # 2026-02-17 21:00 UTC
HOLDOUT = Holdout("gmocoin", "ETH_JPY", (START, START + 62 * DAY), "d" * 64)
ASKER = Asker(
    run_id="a" * 64,
    name="gbdt_36feat",
    config_digest="c" * 64,
    data_digest="e" * 64,
    commit=None,
    dirty=None,
    user="someone",
    host="somewhere",
)


def looked(root: Path, times: int = 1) -> Path:
    ledger = Ledger(root)
    for number in range(times):
        ledger.enter(HOLDOUT, replace(ASKER, run_id=f"{number:064x}"), f"look {number}")
    return ledger.path(HOLDOUT)


def test_a_line_says_who_asked_what_and_chains_to_the_line_before(tmp_path: Path) -> None:
    path = looked(tmp_path, 2)
    assert path.is_relative_to(tmp_path)
    first, second = path.read_bytes().splitlines()
    entry = json.loads(second)
    assert entry["previous"] == hashlib.sha256(first).hexdigest()
    assert json.loads(first)["previous"] == hashlib.sha256(path.name.encode()).hexdigest()
    assert (entry["run_id"], entry["reason"]) == (f"{1:064x}", "look 1")
    assert (entry["from_ns"], entry["to_ns"], entry["holdout_digest"]) == (*HOLDOUT.span, HOLDOUT.digest)
    for key in ("at", "name", "config_digest", "data_digest", "commit", "user", "host"):
        assert key in entry


def test_looks_are_counted_wherever_time_is_shared(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    start, end = HOLDOUT.span
    spans = {
        "same": HOLDOUT,
        "last day": replace(HOLDOUT, span=(end - DAY, end)),
        "longer": replace(HOLDOUT, span=(start - DAY, end + DAY)),
        "mended events": replace(HOLDOUT, digest="f" * 64),
        "begins where it ends": replace(HOLDOUT, span=(end, end + DAY)),
        "ends where it begins": replace(HOLDOUT, span=(start - DAY, start)),
        "another symbol": replace(HOLDOUT, symbol="BTC_JPY"),
        "another venue": replace(HOLDOUT, venue="bitflyer"),
    }
    for name, holdout in spans.items():
        ledger.enter(holdout, ASKER, name)
    ledger.enter(HOLDOUT, replace(ASKER, run_id="b" * 64), "another run")
    found = ledger.looks("gmocoin", "ETH_JPY", HOLDOUT.span)
    assert [look.reason for look in found] == ["same", "last day", "longer", "mended events", "another run"]
    assert number_of_looks(found) == 5
    assert len({ledger.path(holdout) for holdout in spans.values()}) == len(spans)
    everything = ledger.looks("gmocoin", "ETH_JPY")
    assert [look.reason for look in everything] == [*[*spans][:6], "another run"]
    assert ledger.looks("gmocoin", "XRP_JPY") == []


def test_a_look_is_a_question_of_a_run_however_often_it_is_entered(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    other = replace(ASKER, run_id="b" * 64)
    for asker, reason in (
        (ASKER, "metrics of the run"),
        (ASKER, "metrics of the run"),  # killed and begun again, or forced
        (other, "metrics of the run"),
        (ASKER, "transfer to b"),
    ):
        ledger.enter(HOLDOUT, asker, reason)
    found = ledger.looks("gmocoin", "ETH_JPY", HOLDOUT.span)
    assert (len(found), number_of_looks(found)) == (4, 3)


def test_judging_by_validation_or_folds_is_a_look_at_the_holdouts_that_share_its_time(tmp_path: Path) -> None:
    """Whichever came first; time that nothing holds out is no holdout."""
    ledger = Ledger(tmp_path)
    start, end = HOLDOUT.span
    before = replace(HOLDOUT, span=(start - 9 * DAY, start))
    for reason, time in (
        ("validation of this window", before),
        ("folds of a moved window", replace(HOLDOUT, span=(start - DAY, start + DAY), digest="f" * 64)),
    ):
        ledger.enter(time, ASKER, reason, kind="judged")
    assert ledger.looks("gmocoin", "ETH_JPY") == []  # nothing was held out yet
    ledger.enter(HOLDOUT, ASKER, "the look")
    for found in (ledger.looks("gmocoin", "ETH_JPY"), ledger.looks("gmocoin", "ETH_JPY", HOLDOUT.span)):
        assert [(look.kind, look.reason) for look in found] == [
            ("judged", "folds of a moved window"),
            ("look", "the look"),
        ]
    assert len(ledger.looks("gmocoin", "ETH_JPY", (end, end + DAY))) == 0
    assert len(ledger.looks("gmocoin", "ETH_JPY", before.span)) == 2
    assert [look.reason for look in ledger.looks_of(ASKER.run_id)] == ["the look"]


def changed(text: bytes) -> bytes:
    return text.replace(b'"reason":"look 1"', b'"reason":"look 9"')


def without_line(number: int) -> Callable[[bytes], bytes]:
    return lambda text: b"".join(line for i, line in enumerate(text.splitlines(keepends=True)) if i != number)


DAMAGE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "an entry is changed": (changed, "line 3 carries another digest"),
    "the first line is gone": (without_line(0), "line 1 carries another digest of the file's name"),
    "a line in the middle is gone": (without_line(1), "line 2 carries another digest of the line before"),
    "two lines changed places": (
        lambda text: b"".join(text.splitlines(keepends=True)[i] for i in (0, 2, 1)),
        "line 2 carries another digest",
    ),
    "the last line is torn": (lambda text: text[:-7], "line 3 was cut short"),
    "a foreign line": (lambda text: text + b"hello\n", "line 4 Invalid JSON"),
    "a key is missing": (lambda text: text + b'{"kind":"look"}\n', "line 4 look: .*Field required"),
    "written by another hand": (
        lambda text: text.replace(b'"format":1,', b'"format": 1,', 1),
        "line 1 is not written as a ledger",
    ),
    "zeros": (lambda text: b"\0" * 100 + b"\n", "line 1 Invalid JSON"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_named_refuses_looks_and_is_mended_with_all_that_can_be_read(
    tmp_path: Path, damage: str
) -> None:
    spoil, message = DAMAGE[damage]
    path = looked(tmp_path, 3)
    spoiled = spoil(path.read_bytes())
    assert spoiled != path.read_bytes()
    path.write_bytes(spoiled)
    ledger = Ledger(tmp_path)
    with pytest.raises(DataError, match=message) as refused:
        ledger.enter(HOLDOUT, ASKER, "another look")
    assert f"atc holdout mend {path}" in str(refused.value)
    assert path.read_bytes() == spoiled
    with pytest.raises(DataError, match=message):
        ledger.looks("gmocoin", "ETH_JPY")

    readable = [line for line in spoiled.splitlines() if line.startswith(b'{"at"') and line.endswith(b"}")]
    readable = [line for line in readable if b'"format": 1' not in line]
    assert mend(path, "a disk failed") == len(readable)
    reasons = sorted(json.loads(line)["reason"] for line in readable)
    assert sorted(look.reason for look in ledger.looks("gmocoin", "ETH_JPY")) == reasons
    head = json.loads(path.read_bytes().splitlines()[0])
    assert (head["kind"], head["reason"]) == ("mend", "a disk failed")
    assert (path.parent / head["damaged"]).read_bytes() == spoiled
    assert head["damaged_digest"] == hashlib.sha256(spoiled).hexdigest()
    ledger.enter(HOLDOUT, ASKER, "after")
    assert len(ledger.looks("gmocoin", "ETH_JPY")) == len(readable) + 1
    assert not list(path.parent.glob("*.part"))


def test_a_ledger_under_another_name_is_not_taken_for_this_holdouts(tmp_path: Path) -> None:
    path = looked(tmp_path)
    other = Ledger(tmp_path).path(replace(HOLDOUT, digest="f" * 64))
    path.rename(other)
    with pytest.raises(DataError, match="another digest of the file's name"):
        Ledger(tmp_path).looks("gmocoin", "ETH_JPY")


def test_what_is_whole_or_no_ledger_is_not_mended(tmp_path: Path) -> None:
    path = looked(tmp_path)
    with pytest.raises(UsageError, match="is whole"):
        mend(path, "why not")
    with pytest.raises(UsageError, match="no holdout ledger"):
        mend(tmp_path / "absent.jsonl", "why not")


def test_a_ledger_that_cannot_be_written_refuses_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_the_way = tmp_path / "one"
    in_the_way.mkdir()
    (in_the_way / "holdout").write_text("a file where a folder should be")
    with pytest.raises(DataError, match=r"a look that is not entered does not happen.*protocol\.sealed=true"):
        Ledger(in_the_way).enter(HOLDOUT, ASKER, "look")

    ledger = Ledger(tmp_path / "two")
    ledger.path(HOLDOUT).mkdir(parents=True)
    with pytest.raises(DataError, match="Is a directory"):
        ledger.enter(HOLDOUT, ASKER, "look")


@pytest.mark.parametrize("failure", ["full", "short", "lost"])
def test_a_line_that_does_not_reach_the_disk_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: str
) -> None:
    path = looked(tmp_path)
    before = path.read_bytes()
    write, sync = os.write, os.fsync

    def full(file: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def lost(file: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        if failure == "lost":
            patched.setattr(os, "fsync", lost)
        else:
            patched.setattr(os, "write", full if failure == "full" else lambda f, data: write(f, data[:40]))
        with pytest.raises(DataError, match=r"No space left|Input/output error"):
            Ledger(tmp_path).enter(HOLDOUT, ASKER, "look")
    assert os.fsync is sync
    assert path.read_bytes() == before
    Ledger(tmp_path).enter(HOLDOUT, ASKER, "look")
    assert len(path.read_bytes().splitlines()) == 2


def test_a_look_that_waited_while_the_ledger_was_mended_is_in_the_mended_one(tmp_path: Path) -> None:
    path = looked(tmp_path)
    with path.open("rb") as old, ThreadPoolExecutor(1) as pool:
        fcntl.flock(old, fcntl.LOCK_EX)
        waiting = pool.submit(Ledger(tmp_path).enter, HOLDOUT, ASKER, "waited")
        with pytest.raises(TimeoutError):
            waiting.result(timeout=0.2)
        fresh = path.with_suffix(".part")
        fresh.write_bytes(path.read_bytes())
        fresh.replace(path)
        fcntl.flock(old, fcntl.LOCK_UN)
        waiting.result(timeout=60)
        old.seek(0)
        assert len(old.read().splitlines()) == 1
    assert [look.reason for look in Ledger(tmp_path).looks("gmocoin", "ETH_JPY")] == ["look 0", "waited"]


PROGRAM = """
import os, signal, sys
from dataclasses import replace
from pathlib import Path
from test_holdout_ledger import ASKER, HOLDOUT
from atc.protocol.ledger import Ledger
ledger, times = Ledger(Path(sys.argv[1])), int(sys.argv[3])
for number in range(times):
    ledger.enter(HOLDOUT, replace(ASKER, name=sys.argv[2]), str(number))
os.kill(os.getpid(), signal.SIGKILL)
"""


def program(root: Path, name: str, times: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(root), name, str(times)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])},
    )


def test_processes_write_at_once_and_their_looks_outlive_them(tmp_path: Path) -> None:
    processes = [program(tmp_path, f"process-{i}", 20) for i in range(3)]
    assert [process.wait(timeout=120) for process in processes] == [-signal.SIGKILL] * 3
    looks = Ledger(tmp_path).looks("gmocoin", "ETH_JPY")  # whole: every line chains to the one before it
    assert len(looks) == 60
    for i in range(3):
        assert [look.reason for look in looks if look.name == f"process-{i}"] == [str(n) for n in range(20)]

"""Ingest from a config, from the command line, and through a kill: whole or absent."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from binance_session import SESSION, SYMBOL, T0, S, seen, trade, written

from atc.config.data import RecordedData
from atc.config.surroundings import Paths
from atc.errors import AtcError, DataError, UsageError
from atc.events.adapters import adapters
from atc.events.catalog import Catalog
from atc.events.ingest import ensure_ingested, ingest


def recorded(**more: Any) -> RecordedData:
    facts = {
        "kind": "recorded",
        "name": "small",
        "venue": "binance",
        "symbol": "ETHUSDT",
        "tick": "0.01",
        "lot": "0.0001",
        "day_cut_utc_s": 0,
        "tz_offset_s": 32_400,
        "recorded_depth": None,
        "adapter": "binance_raw",
        "files": ["session.jsonl.gz"],
    }
    return RecordedData.model_validate(facts | more)


def test_a_config_is_ingested_on_first_use(tmp_path: Path) -> None:
    written(tmp_path, SESSION)
    paths = Paths(events=str(tmp_path / "events"), recordings=str(tmp_path))
    read: list[int] = []
    first = ensure_ingested(recorded(), paths, read.append)
    assert sum(read) == (tmp_path / "session.jsonl.gz").stat().st_size
    read.clear()
    second = ensure_ingested(recorded(), paths, read.append)
    assert (first.already, second.already) == (False, True)
    assert second.manifest == first.manifest
    assert read == []
    with pytest.raises(DataError, match=r"set paths\.recordings or ATC_RECORDINGS"):
        ensure_ingested(recorded(), Paths(events=str(tmp_path), recordings=str(tmp_path / "nowhere")))
    with pytest.raises(DataError, match=r"other\.jsonl\.gz: expected a file, found nothing"):
        ensure_ingested(recorded(files=["other.jsonl.gz"]), paths)


def test_every_adapter_is_found_by_its_name() -> None:
    assert {"binance_2020", "binance_raw", "gmo_trades", "jpy_recorder"} <= set(adapters())


def atc(*arguments: object) -> subprocess.CompletedProcess[str]:
    code = "from atc.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=False
    )


def test_the_command_line_tells_what_it_did(tmp_path: Path) -> None:
    path = written(tmp_path, SESSION)
    options = ["--root", tmp_path / "events", "--lot", "0.0001", "--report", tmp_path / "report.tsv"]
    last = "messages read 9, events written 9, repaired 1, flagged 0"
    for word in ("ingested", "already ingested"):
        done = atc("ingest", "binance_raw", path, *options)
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        assert lines[0].startswith(
            f"{word}: binance ETHUSDT, 2 business days 2024-08-08 … 2024-08-09, ingest "
        )
        assert lines[-1] == last
        assert (tmp_path / "report.tsv").read_text().splitlines() == [
            "action\treason\tfile\trow\tdetail",
            f"repaired\tupdate before the snapshot\t{path}\t1\tu 3, lastUpdateId 5",
        ]
    printed = atc("ingest", "binance_raw", path, *options[:-1], "-").stdout.splitlines()
    assert printed[1].startswith("repaired\tupdate before the snapshot")
    assert printed[-1] == last


def test_the_command_line_fails_with_a_message_and_a_code(tmp_path: Path) -> None:
    path = written(tmp_path, SESSION)
    for arguments, code, message in (
        (["nope", path], 2, "no adapter 'nope'"),
        (["binance_raw", path, "--tick", "x"], 2, "--tick is 'x'; expected a positive decimal"),
        (["binance_raw", tmp_path / "absent"], 1, "expected a file, found nothing"),
        (["binance_raw", path, "--lot", "1"], 1, "session.jsonl.gz:3: size is 1.5; expected a multiple of 1"),
    ):
        done = atc("ingest", *arguments, "--root", tmp_path / "events")
        assert done.returncode == code
        assert message in done.stderr
        assert "Traceback" not in done.stderr
    assert seen(tmp_path / "events") == []


def test_kill_minus_nine_at_any_moment_then_again(tmp_path: Path) -> None:
    moves = random.Random(5)
    lines, ts = SESSION[:7], T0 + 5 * S
    for i in range(40_000):
        ts += moves.randrange(5_000_000)
        lines.append(trade(ts, 102 + i, price=f"{2683 + moves.randrange(100) / 100:.2f}"))
    path, root = written(tmp_path, lines), tmp_path / "events"
    code = (
        "import sys; from pathlib import Path; from decimal import Decimal\n"
        "from atc.events.adapters import Asked; from atc.events.ingest import ingest\n"
        "print('ready', flush=True)\n"
        "ingest('binance_raw', [Path(sys.argv[1])], Path(sys.argv[2]),\n"
        "       Asked(symbol='ETHUSDT', tick=Decimal('0.01'), lot=Decimal('0.0001')))"
    )
    once = ingest("binance_raw", [path], tmp_path / "undisturbed", SYMBOL)
    left_nothing = 0
    for delay in (0.0, 0.02, 0.05, 0.1, 0.4):
        process = subprocess.Popen([sys.executable, "-c", code, path, root], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(delay)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        left_nothing += Catalog(root).streams() == []
        assert Catalog(root).streams() == [] or seen(root) == seen(tmp_path / "undisturbed")
    assert left_nothing
    again = ingest("binance_raw", [path], root, SYMBOL)
    assert again.manifest == once.manifest
    assert seen(root) == seen(tmp_path / "undisturbed")


ENDED = """
import os, signal, sys
from atc.cli import main
from atc.events import ingest

heard, tell = getattr(signal, sys.argv.pop(1)), ingest._tell

def and_end(*words):
    try:
        os.kill(os.getpid(), heard)
    finally:
        if heard == signal.SIGHUP:
            os.kill(os.getpid(), heard)  # the shell's, after the kernel's
    tell(*words)

ingest._tell = and_end
main()
"""


@pytest.mark.parametrize(
    ("name", "nohup"), [("SIGHUP", False), ("SIGHUP", True), ("SIGTERM", False), ("SIGINT", False)]
)
def test_what_ends_an_ingest_leaves_nothing_of_it_and_nohup_goes_on(
    tmp_path: Path, name: str, nohup: bool
) -> None:
    path, root = written(tmp_path, SESSION), tmp_path / "events"
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if nohup else signal.SIG_DFL)
    foreground = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        words = ["ingest", "binance_raw", path, "--root", root, "--lot", "0.0001"]
        done = subprocess.run(
            [sys.executable, "-c", ENDED, name, *map(str, words)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        signal.signal(signal.SIGHUP, before)
        signal.signal(signal.SIGINT, foreground)
    if nohup:
        assert done.returncode == 0, done.stderr
        assert len(Catalog(root).streams()) == 1
        return
    assert (done.returncode, done.stderr) == (130, "interrupted\n")
    assert [path for path in root.rglob("*") if path.is_file() and path.name != "_lock"] == []


def test_errors_are_of_one_family() -> None:
    assert issubclass(DataError, AtcError)
    assert (DataError.exit_code, UsageError.exit_code) == (1, 2)

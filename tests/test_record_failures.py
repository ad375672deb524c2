"""The run record of a run that ended badly: failed, interrupted, on a full disk."""

from __future__ import annotations

import errno
import os
import signal
from pathlib import Path

import pytest
from made_records import fill, make, manifest_of, opened

from atc.tracking import durable


def test_a_failure_keeps_its_traceback_and_the_next_call_keeps_its_log(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), opened(tmp_path) as record, record.stage("fit"):
        _ = 1 / 0
    folder = record.run_folder
    manifest = manifest_of(folder)
    assert manifest["status"] == "failed"
    assert manifest["error"] == {"type": "ZeroDivisionError", "message": "division by zero"}
    assert isinstance(manifest["stages"], dict)
    assert set(manifest["stages"]) == {"fit"}
    log = (folder / "log.txt").read_text()
    assert "stage fit: stopped by an error" in log
    assert "Traceback (most recent call last)" in log
    assert "ZeroDivisionError: division by zero" in log

    make(tmp_path)
    assert (folder / "attempts" / "1" / "log.txt").read_text() == log
    assert manifest_of(folder)["status"] == "finished"
    assert manifest_of(folder)["attempt"] == 2


def test_ctrl_c_is_recorded_as_interrupted(tmp_path: Path) -> None:
    # A shell starts what it runs in the background with SIGINT ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), opened(tmp_path) as record:
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert manifest_of(record.run_folder)["status"] == "interrupted"
    assert "KeyboardInterrupt" in record.log_path.read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_ends_a_run_is_recorded_as_interrupted(tmp_path: Path, number: signal.Signals) -> None:
    before = signal.signal(number, signal.SIG_DFL)
    try:
        with pytest.raises(KeyboardInterrupt, match=number.name), opened(tmp_path) as record:
            try:
                signal.raise_signal(number)
            finally:
                if number == signal.SIGHUP:  # kernel and shell both send it
                    signal.raise_signal(number)
        assert manifest_of(record.run_folder)["status"] == "interrupted"
        # The shell's may also come when the record is closed, and its run not yet at its end.
        left = signal.SIG_IGN if number == signal.SIGHUP else signal.SIG_DFL
        assert signal.getsignal(number) is left
    finally:
        signal.signal(number, before)


def test_a_run_under_nohup_goes_on(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with opened(tmp_path) as record:
            signal.raise_signal(signal.SIGHUP)
            fill(record)
        assert manifest_of(record.run_folder)["status"] == "finished"
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_what_comes_while_the_record_is_closed_waits_until_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    before = signal.signal(number, signal.default_int_handler)
    sync_folder = durable.sync_folder
    try:
        with pytest.raises(KeyboardInterrupt, match=number.name), opened(tmp_path) as record:

            def send(folder: Path) -> None:
                if record.manifest.get("files"):
                    signal.raise_signal(number)
                sync_folder(folder)

            monkeypatch.setattr(durable, "sync_folder", send)
            fill(record)
        assert manifest_of(record.run_folder)["status"] == "finished"
        if number == signal.SIGHUP:
            assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before)


def test_a_body_that_forgets_to_finish_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"finish\(\) was not called"), opened(tmp_path) as record:
        pass
    assert manifest_of(record.run_folder)["status"] == "failed"


def test_an_error_after_the_end_does_not_unfinish_the_run(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="late"), opened(tmp_path) as record:
        fill(record)
        raise ValueError("late")
    assert manifest_of(record.run_folder)["status"] == "finished"
    assert "ValueError: late" in record.log_path.read_text()


def test_half_written_files_of_a_failure_are_gone(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="in the middle"),
        opened(tmp_path) as record,
        record.writing("model") as folder,
    ):
        folder.mkdir()
        (folder / "model.txt").write_text("half a tr")
        raise ValueError("in the middle")
    assert sorted(path.name for path in record.run_folder.iterdir()) == [
        "config.yaml",
        "log.txt",
        "manifest.json",
    ]


@pytest.mark.parametrize("fatal_write", ["metrics.json", "manifest.json"])
def test_a_full_disk_never_looks_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fatal_write: str
) -> None:
    write_bytes = durable.write_bytes
    full = False

    def write_until_full(path: Path, content: bytes) -> None:
        nonlocal full
        full = full or (
            path.name == fatal_write and (fatal_write == "metrics.json" or b'"finished"' in content)
        )
        if full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        write_bytes(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(durable, "write_bytes", write_until_full)
        with pytest.raises(OSError, match="No space left") as raised, opened(tmp_path) as record:
            fill(record)
    assert raised.value.errno == errno.ENOSPC
    assert manifest_of(record.run_folder)["status"] == "running"  # nothing more could be written
    assert "No space left" in record.log_path.read_text()

    make(tmp_path)
    died = manifest_of(record.run_folder / "attempts" / "1")
    assert died["status"] == "interrupted"
    assert manifest_of(record.run_folder)["status"] == "finished"

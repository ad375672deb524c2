"""Records made step by step, for the tests of what is on disk afterwards."""

from __future__ import annotations

from pathlib import Path

from record_one import CONFIG, IDENTITY, METRICS, NAME

from atc.tracking.record import RunRecord
from atc.tracking.run_files import Manifest, read_manifest

SCRIPT = Path(__file__).with_name("record_one.py")


def opened(outputs: Path, *, force: bool = False) -> RunRecord:
    return RunRecord.open(outputs, NAME, IDENTITY, CONFIG, force=force)


def fill(record: RunRecord, metrics: dict[str, object] = METRICS) -> None:
    with record.stage("fit"):
        pass
    with record.writing("model") as folder:
        folder.mkdir()
        (folder / "model.txt").write_text("tree")
    record.finish(metrics)


def make(outputs: Path, *, force: bool = False, metrics: dict[str, object] = METRICS) -> RunRecord:
    with opened(outputs, force=force) as record:
        if not record.finished:
            fill(record, metrics)
    return record


def manifest_of(folder: Path) -> Manifest:
    manifest = read_manifest(folder)
    assert manifest is not None
    return manifest

"""The run record: what is on disk after a run that ended well, once or made again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from made_records import SCRIPT, fill, make, manifest_of, opened
from record_one import CONFIG, IDENTITY, METRICS, NAME

from atc.errors import DataError, UsageError
from atc.opened_run import open_run
from atc.tracking import durable
from atc.tracking.folds_heard import Pruned
from atc.tracking.record import RunIdentity, RunRecord
from atc.tracking.run_files import run_folder

# A run that ends well


def test_a_finished_record_holds_what_the_contract_lists(tmp_path: Path) -> None:
    with opened(tmp_path) as record:
        with record.stage("features") as stage:
            stage.cached = True
        record.describe(spans={"train": {"from": "2024-01-01", "rows": 5}}, notes=["short"])
        fill(record)
    folder = tmp_path / "runs" / f"{NAME}-{IDENTITY.run_id[:12]}"
    assert record.run_folder == folder
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.yaml",
        "log.txt",
        "manifest.json",
        "metrics.json",
        "model",
    ]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["status"] == "finished"
    for key in ("run_id", "config_digest", "data_digest", "feature_schema", "label_schema", "code_digest"):
        assert manifest[key] == getattr(IDENTITY, key)
    assert set(manifest["git"]) == {"commit", "dirty", "branch"}
    assert manifest["versions"]["python"] == ".".join(str(part) for part in sys.version_info[:3])
    assert manifest["versions"]["lightgbm"]
    assert set(manifest["stages"]) == {"features", "fit"}
    assert set(manifest["stages"]["fit"]) == {"seconds", "cpu_seconds", "peak_rss_mib", "cached"}
    assert manifest["stages"]["features"]["cached"] is True
    assert manifest["stages"]["fit"]["peak_rss_mib"] > 1
    assert manifest["spans"]["train"]["rows"] == 5
    assert manifest["notes"] == ["short"]
    assert "pid" not in manifest
    assert manifest["files"]["model/model.txt"] == 4
    assert (folder / "config.yaml").read_text().startswith(f"name: {NAME}\nseed: 1\n")


class Told:
    """A sink that keeps the exit code."""

    def __init__(self) -> None:
        self.exit_codes: list[int] = []

    def start(self) -> None:
        pass

    def close(self, folder: Path, metrics: object, exit_code: int) -> None:
        self.exit_codes.append(exit_code)

    def report(self) -> dict[str, object]:
        return {}


def test_a_run_that_a_search_ended_is_no_failure_and_keeps_no_checkpoints(tmp_path: Path) -> None:
    sink = Told()
    record = opened(tmp_path)
    with pytest.raises(Pruned), record:
        record.attach(sink)
        record.checkpoints.mkdir()
        (record.checkpoints / "1.ckpt").touch()
        raise Pruned("hopeless")
    assert manifest_of(record.folder)["status"] == "pruned"
    assert not record.checkpoints.exists()
    assert sink.exit_codes == [0]


def test_the_manifest_says_nothing_of_the_machine(tmp_path: Path) -> None:
    folder = make(tmp_path).run_folder
    text = (folder / "manifest.json").read_text()
    assert os.uname().nodename not in text.replace(IDENTITY.run_id, "")
    assert str(tmp_path) not in text


def test_metrics_are_the_same_bytes_whatever_their_order(tmp_path: Path) -> None:
    first = make(tmp_path / "a", metrics=dict(METRICS)).run_folder
    second = make(tmp_path / "b", metrics=dict(reversed(METRICS.items()))).run_folder
    assert (first / "metrics.json").read_bytes() == (second / "metrics.json").read_bytes()
    read = json.loads((first / "metrics.json").read_text())
    assert read == METRICS
    assert list(read) == sorted(METRICS)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (float("nan"), "'holdout/auc' is nan"),
        (float("-inf"), "'holdout/auc' is -inf"),
        ("0.6", "'holdout/auc' is a str"),
        ([0.6], "'holdout/auc' is a list"),
    ],
)
def test_a_metric_that_is_no_finite_number_fails_the_run_by_name(
    tmp_path: Path, value: object, told: str
) -> None:
    with pytest.raises(DataError, match=told), opened(tmp_path) as record:
        fill(record, {"holdout/auc": value})
    assert manifest_of(record.run_folder)["status"] == "failed"
    assert not (record.run_folder / "metrics.json").exists()


def test_numpy_numbers_and_verdicts_become_plain_numbers(tmp_path: Path) -> None:
    import numpy as np

    metrics = {"a": np.float64(0.1), "b": np.int64(3), "c": True, "d": np.bool_(False), "e": np.float32(0.5)}
    folder = make(tmp_path, metrics=dict(metrics)).run_folder
    assert json.loads((folder / "metrics.json").read_text()) == {"a": 0.1, "b": 3, "c": 1, "d": 0, "e": 0.5}


def test_a_finished_run_is_returned_without_being_made_or_touched(tmp_path: Path) -> None:
    folder = make(tmp_path).run_folder
    before = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in folder.rglob("*")}
    record = opened(tmp_path)
    assert record.finished
    with record:
        assert record.manifest["status"] == "finished"
        with pytest.raises(RuntimeError, match="finished"):
            record.finish(METRICS)
    assert {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in folder.rglob("*")} == before


def test_finding_a_finished_run_imports_nothing_heavy(tmp_path: Path) -> None:
    make(tmp_path)
    code = (
        "import sys; sys.argv[1:] = [sys.argv[1]]; import record_one; record_one.main();"
        "heavy = {'numpy', 'polars', 'pyarrow', 'lightgbm', 'wandb', 'pydantic', 'yaml', 'rich', 'sklearn'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": f"{SCRIPT.parent}{os.pathsep}{SCRIPT.parent.parent}"},
    )
    assert done.stdout.splitlines()[::2] == ["finished before", "[]"]


def test_a_finished_run_that_lost_a_file_is_said_and_can_be_made_again(tmp_path: Path) -> None:
    folder = make(tmp_path).run_folder
    (folder / "model" / "model.txt").unlink()
    with pytest.raises(DataError, match=r"model/model\.txt is missing.*force=true"):
        opened(tmp_path)
    make(tmp_path, force=True)
    assert opened(tmp_path).finished
    assert (folder / "attempts" / "1" / "metrics.json").exists()


def test_another_run_under_the_same_short_id_is_refused(tmp_path: Path) -> None:
    make(tmp_path)
    twin = RunIdentity(IDENTITY.run_id[:12] + "0" * 52, "c", "d", "f", "l", "e")
    with pytest.raises(DataError, match="share the start of their ids"):
        RunRecord.open(tmp_path, NAME, twin, CONFIG)


@pytest.mark.parametrize("name", ["", "a/b", "../x", ".hidden", "a b"])
def test_a_name_that_is_no_file_name_is_a_usage_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="run name"):
        run_folder(tmp_path, name, IDENTITY.run_id)


def test_predictions_need_their_key(tmp_path: Path) -> None:
    import polars

    frame = polars.DataFrame(
        {"symbol": ["x"], "ts_recv": [1], "ev_seq": [2], "ts_close": [3], "split": ["holdout"]}
    )
    with opened(tmp_path) as record:
        with pytest.raises(ValueError, match="predictions begin with"):
            record.write_predictions(frame.select("ts_recv", "symbol"))
        record.write_predictions(frame.with_columns(y=0.0, t0=1, t1=2, score=0.5))
        with pytest.raises(FileExistsError, match="written already"):
            record.write_predictions(frame)
        fill(record)
    assert polars.read_parquet(record.run_folder / "predictions.parquet")["score"].to_list() == [0.5]


def test_further_tables_are_files_of_the_run(tmp_path: Path) -> None:
    import polars

    frame = polars.DataFrame({"lots": [1, 2]})
    with opened(tmp_path) as record:
        record.write_table("orders", frame)
        with pytest.raises(FileExistsError, match="written already"):
            record.write_table("orders", frame)
        for name in ("../orders", "Orders", "", "a.b"):
            with pytest.raises(ValueError, match="table name"):
                record.write_table(name, frame)
        fill(record)
    assert polars.read_parquet(record.run_folder / "orders.parquet").equals(frame)
    assert "orders.parquet" in manifest_of(record.run_folder)["files"]


# force


def test_force_makes_the_run_again_and_keeps_the_earlier_attempt_whole(tmp_path: Path) -> None:
    folder = make(tmp_path).run_folder
    earlier = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    make(tmp_path, force=True)
    kept = {path.name: path.read_bytes() for path in (folder / "attempts" / "1").iterdir() if path.is_file()}
    assert kept == earlier
    manifest = manifest_of(folder)
    assert manifest["attempt"] == 2
    assert manifest["previous"] == {"attempt": 1, "metrics_equal": True, "differing": []}
    make(tmp_path, force=True)
    assert manifest_of(folder)["attempt"] == 3
    assert sorted(path.name for path in (folder / "attempts").iterdir()) == ["1", "2"]
    assert opened(tmp_path).finished


def test_force_that_gives_other_metrics_says_which(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    make(tmp_path)
    folder = make(tmp_path, force=True, metrics={**METRICS, "valid/auc": 0.5}).run_folder
    previous = manifest_of(folder)["previous"]
    assert previous == {"attempt": 1, "metrics_equal": False, "differing": ["valid/auc"]}
    assert "other metrics than attempt 1: valid/auc" in caplog.text


def test_a_forced_attempt_that_fails_leaves_the_finished_run_in_its_place(tmp_path: Path) -> None:
    folder = make(tmp_path).run_folder
    before = (folder / "manifest.json").read_bytes()
    with pytest.raises(ValueError, match="no luck"), opened(tmp_path, force=True) as record:
        raise ValueError("no luck")
    assert (folder / "manifest.json").read_bytes() == before
    assert opened(tmp_path).finished
    assert record.log_path == folder / "attempts" / "2" / "log.txt"
    assert "ValueError: no luck" in record.log_path.read_text()
    assert manifest_of(folder / "attempts" / "2")["status"] == "failed"


@pytest.mark.parametrize("renames", range(4))
def test_a_process_that_dies_while_attempts_change_places_loses_neither(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renames: int
) -> None:
    folder = make(tmp_path).run_folder
    make(tmp_path, force=True)  # so that there are attempts to carry along
    left = renames
    rename = Path.rename

    def rename_then_die(self: Path, target: str | Path) -> Path:
        nonlocal left
        if self.suffix != durable.PART_SUFFIX:
            if left == 0:
                raise SystemError("died here")
            left -= 1
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", rename_then_die)
        with pytest.raises(SystemError, match="died here"):
            make(tmp_path, force=True)
    make(tmp_path)
    assert opened(tmp_path).finished
    attempts = {path.name: manifest_of(path)["attempt"] for path in (folder / "attempts").iterdir()}
    attempts["top"] = manifest_of(folder)["attempt"]
    assert set(attempts.values()) >= {1, 2, 3}
    for path in [folder, *(folder / "attempts").iterdir()]:
        assert json.loads((path / "metrics.json").read_text()) == METRICS
    assert not list(folder.parent.glob(".*.incoming"))


def test_a_sweep_that_is_no_run_and_a_name_beside_one_are_told(tmp_path: Path) -> None:
    sweep = tmp_path / "sweeps" / "top3-0123456789ab"
    sweep.mkdir(parents=True)
    (sweep / "manifest.jsonl").touch()
    with pytest.raises(DataError, match=r"is a sweep: one of its runs was expected; `atc sweep status .*`"):
        open_run(sweep)
    with pytest.raises(DataError, match=r"no run or sweep .*; did you mean 'top3-0123456789ab'\?"):
        open_run(sweep.parent / "topp3-0123456789ab")
    with pytest.raises(DataError, match=r"there is no run .* holds none; runs lie in outputs/runs"):
        open_run(tmp_path / "runs" / "nothing")

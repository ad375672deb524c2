"""The closing table, the progress display, and a run read back."""

from __future__ import annotations

import io
import json
import logging
import os
import pty
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from record_example import CONFIG, IDENTITY, METRICS, finished_record, with_interval

from atc.errors import DataError
from atc.opened_run import open_run
from atc.report.progress import Progress
from atc.report.summary import print_summary
from atc.report.verdict import verdict
from atc.tracking.record import RunRecord
from atc.tracking.run_files import read_manifest


def printed(folder: Path, monkeypatch: pytest.MonkeyPatch, width: int = 80) -> str:
    monkeypatch.setenv("COLUMNS", str(width))
    file = io.StringIO()
    print_summary(folder, file)
    return file.getvalue()


@pytest.mark.parametrize("width", [80, 100, 300])
def test_figures_are_whole_aligned_and_within_the_width(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    folder = finished_record(tmp_path / "outputs")
    text = printed(folder, monkeypatch, width)
    lines = text.splitlines()
    assert max(len(line) for line in lines[:-1]) <= min(width, 100)
    assert "\x1b" not in text
    shown = next(line for line in lines if line.startswith("model  ") and "…" in line)
    assert " ".join(shown.split()) == "model 0.6081 0.5982 … 0.6180 0.5811 0.5699 … 0.5923"
    lift = next(line for line in lines if line.startswith("lift over baseline"))
    assert " ".join(lift.split()) == "lift over baseline +0.0204 +0.0143 … +0.0265 +0.0200 +0.0128 … +0.0272"
    assert [at for at, char in enumerate(shown) if char == "."] == [
        at for at, char in enumerate(lift) if char == "."
    ]
    rows = [line for line in lines if line.startswith(("train  ", "valid  ", "holdout  2"))]
    assert [line.split()[-2] for line in rows] == ["301,234", "33,451", "112,345"]
    assert len({line.index(line.split()[-2]) + len(line.split()[-2]) for line in rows}) == 1
    assert "cached" in next(line for line in lines if line.startswith("data  ") and "cached" in line)


def test_the_last_line_stands_alone_relative_and_unwrapped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = finished_record(Path("outputs"))
    assert printed(folder, monkeypatch, 40).splitlines()[-1] == f"run: outputs/runs/{folder.name}"
    deep = tmp_path / ("a" * 60) / ("b" * 60)
    folder = finished_record(deep)
    monkeypatch.chdir("/")
    assert printed(folder, monkeypatch).splitlines()[-1] == f"run: {str(folder).lstrip('/')}"
    monkeypatch.chdir(tmp_path / ("a" * 60))
    other = finished_record(tmp_path / "elsewhere")
    assert printed(other, monkeypatch).splitlines()[-1] == f"run: {other}"


def test_the_summary_goes_through_a_pipe_and_onto_a_terminal(tmp_path: Path) -> None:
    folder = finished_record(tmp_path / "outputs")
    code = (
        "from pathlib import Path; from atc.report.summary import print_summary; "
        f"print_summary(Path({str(folder)!r}))"
    )
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "90"}
    piped = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
        encoding="utf-8",
    ).stdout
    assert piped.splitlines()[-1] == f"run: {folder}"
    assert "\x1b" not in piped
    leader, follower = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", code], stdout=follower, env=environment)
    os.close(follower)
    chunks: list[bytes] = []
    while True:
        try:
            chunk = os.read(leader, 65536)
        except OSError:  # a terminal whose other side is gone
            break
        if not chunk:
            break
        chunks.append(chunk)
    os.close(leader)
    assert process.wait(60) == 0
    assert b"".join(chunks).decode().splitlines()[-1] == f"run: {folder}"


def test_a_sealed_run_shows_dashes_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = {key: None if "holdout/" in key else value for key, value in METRICS.items()}
    text = printed(finished_record(tmp_path, sealed), monkeypatch)
    assert "nan" not in text.lower()
    assert "None" not in text
    assert "The holdout is sealed" in text
    assert "0.6123" in text  # the validation AUC stays


def test_figures_of_another_task_are_listed_by_their_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics: dict[str, float | int | None] = {
        "holdout/information_ratio": 12.5,
        "holdout/rank_ic@300s": 0.0312,
        "holdout/rows": 7,
    }
    text = printed(finished_record(tmp_path, metrics), monkeypatch)
    assert "holdout/information_ratio" in text
    assert "0.0312" in text
    assert verdict(metrics) == []


def lines_of(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_a_return_has_tables_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics: dict[str, float | int | None] = {
        **with_interval("holdout/pearson", 0.0512, 0.02),
        **with_interval("holdout/spearman", 0.0498, 0.02),
        **with_interval("lift/holdout/pearson", 0.01, 0.004),
        "holdout/mse": 61.2345,
        "holdout/pearson/t": 4.21,
        "holdout/rows": 7,
        "trivial/holdout/mse": 61.5,
    }
    found = lines_of(printed(finished_record(tmp_path, metrics), monkeypatch))
    assert "Pearson 95 % interval Spearman 95 % interval" in found
    assert "model 0.0512 0.0312 … 0.0712 0.0498 0.0298 … 0.0698" in found
    assert "model 61.2345 4.2" in found
    assert "mean return 61.5000 –" in found


def test_each_head_has_its_tables_and_its_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics: dict[str, float | int | None] = {}
    for head, value in (("30s", 0.61), ("300s", 0.52)):
        metrics |= with_interval(f"holdout/auc@{head}", value, 0.03)
        metrics |= with_interval(f"holdout/direction_auc@{head}", value, 0.03)
        metrics |= with_interval(f"lift/holdout/auc@{head}", value - 0.55, 0.01)
        metrics |= {f"holdout/rows@{head}": 7, f"holdout/brier@{head}": value / 3}
    found = lines_of(printed(finished_record(tmp_path, metrics), monkeypatch))
    first, second = (
        next(at for at, line in enumerate(found) if line.startswith(f"{head} AUC"))
        for head in ("30s", "300s")
    )
    assert first < second
    assert found[first + 2] == "model 0.6100 0.5800 … 0.6400 0.6100 0.5800 … 0.6400"
    assert found[second + 2] == "model 0.5200 0.4900 … 0.5500 0.5200 0.4900 … 0.5500"
    assert "holdout @300s Brier" in found
    told = verdict(metrics)
    assert told[0].startswith("30s: The model ranks better than the baseline")
    assert "300s: The model ranks worse than the baseline: the interval of the lift lies below 0." in told


def test_three_classes_show_macro_f1_with_its_interval(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = {**METRICS, **with_interval("holdout/macro_f1", 0.377, 0.012)}
    title = "macro-F1 95 % interval Spearman 95 % interval"
    assert title not in lines_of(printed(finished_record(tmp_path / "2", metrics), monkeypatch))
    for name in ("SHORT", "FLAT", "HOLD"):
        metrics |= with_interval(f"holdout/f1/{name}", 0.4, 0.01)
    found = lines_of(printed(finished_record(tmp_path / "3", metrics), monkeypatch))
    assert title in found
    assert "model 0.3770 0.3650 … 0.3890 – –" in found


def test_verdicts_follow_the_intervals() -> None:
    def sentence(low: float, high: float) -> str:
        metrics = {
            "holdout/auc": 0.6,
            "holdout/auc/lo": 0.59,
            "lift/holdout/auc": (low + high) / 2,
            "lift/holdout/auc/lo": low,
            "lift/holdout/auc/hi": high,
        }
        return verdict(metrics)[0]

    assert sentence(0.001, 0.02).startswith("The model ranks better than the baseline")
    assert sentence(-0.02, -0.001).startswith("The model ranks worse than the baseline")
    assert sentence(-0.001, 0.02).startswith("The model is not told apart from the baseline")
    metrics: dict[str, float | None] = {"holdout/auc": 0.6, "holdout/auc/lo": 0.59}
    for low, high, told in ((-0.07, -0.02, "worse"), (0.02, 0.07, "better"), (-0.02, 0.07, "not told apart")):
        calls = {"lift/holdout/macro_f1/lo": low, "lift/holdout/macro_f1/hi": high}
        assert verdict(metrics | calls) == []  # two classes are ranked by the AUC
        (found,) = verdict(metrics | calls | {"holdout/f1/SHORT": 0.4})
        assert told in found and "macro-F1" in found
    few = verdict({"holdout/auc": 0.7, "holdout/auc/lo": None, "lift/holdout/auc": 0.1})
    assert len(few) == 1
    assert few[0].startswith("No interval")


def test_claims_below_the_power_are_marked_and_larger_ones_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"power/holdout/auc/min_detectable": 0.05, "power/holdout/lift/min_detectable": 0.021}
    weak, strong = {**METRICS, **said}, {**METRICS, **said, "power/holdout/lift/min_detectable": 0.02}
    assert any(told.startswith("† The lift, 0.0204, is less than the 0.0210") for told in verdict(weak))
    assert not any("†" in told for told in verdict(strong))
    near = {**METRICS, **said, "power/holdout/auc/min_detectable": 0.2}
    assert any(told.startswith("† The distance of the AUC from 0.5, 0.1081") for told in verdict(near))
    # Of the direction likewise; where nothing was said of it, that is said.
    assert any("was not said before the fit" in told for told in verdict(strong) if "direction" in told)
    strong["power/holdout/direction_auc/min_detectable"] = 0.02
    assert not any("direction" in told and "†" in told for told in verdict(strong))
    strong["power/holdout/direction_auc/min_detectable"] = 0.2
    assert any(told.startswith("† The distance of the direction AUC from 0.5") for told in verdict(strong))
    lines = printed(finished_record(tmp_path / "direction", strong), monkeypatch, 100).splitlines()
    assert sum("†" in line for line in lines if line.startswith("model ")) == 1
    lines = printed(finished_record(tmp_path, weak), monkeypatch, 100).splitlines()
    assert sum(line.startswith("lift over baseline †") for line in lines) == 1
    assert not any(line.startswith("model †") for line in lines)
    # What is not told apart from chance claims nothing; it is said what would have been seen.
    open_lift = {**weak, "lift/holdout/auc": 0.01, "lift/holdout/auc/lo": -0.002}
    told = " ".join(verdict(open_lift))
    assert "Lifts under 0.0210 are likely to be missed here." in told
    assert "† The lift, 0.0100" not in told


def test_a_forced_repeat_and_a_failed_tracking_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = finished_record(tmp_path)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["previous"] = {"attempt": 1, "metrics_equal": False, "differing": ["holdout/auc"]}
    manifest["tracking"] = {"mode": "offline", "status": "failed", "error": "finish: the service is gone"}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    text = " ".join(printed(folder, monkeypatch).split())
    assert "attempts/1 GAVE OTHER METRICS" in text
    assert "W&B failed (finish: the service is gone)" in text


# open_run


def test_a_run_read_back_equals_what_was_recorded(tmp_path: Path) -> None:
    run = open_run(finished_record(tmp_path))
    assert run.metrics == METRICS
    assert run.raw_config == CONFIG
    assert run.run_id == IDENTITY.run_id
    assert run.manifest["status"] == "finished"
    assert "finished" in run.log


def test_the_config_and_the_predictions_come_back_typed(tmp_path: Path) -> None:
    import polars

    from atc.config.compose import compose

    config = compose(["+experiment=gbdt_36feat", "data=binance_ethbtc_2020"])
    frame = polars.DataFrame(
        {
            "symbol": ["ETHBTC"],
            "ts_recv": [1],
            "ev_seq": [2],
            "ts_close": [3],
            "split": ["holdout"],
            "y": [1.0],
        }
    )
    with RunRecord.open(tmp_path, config.name, IDENTITY, config.model_dump(mode="json")) as record:
        record.write_predictions(frame)
        record.finish({"holdout/auc": 0.5})
    run = open_run(record.run_folder)
    assert run.config == config
    assert run.predictions.equals(frame)
    text = (record.run_folder / "config.yaml").read_text()
    (record.run_folder / "config.yaml").write_text(text.replace("seed: 1\n", "seedling: 1\n", 1))
    with pytest.raises(DataError, match=r"config\.yaml has \d+ bytes"):
        open_run(record.run_folder)
    with pytest.raises(DataError, match=r"does not fit the schema of this version(.|\n)*seedling"):
        _ = open_run(record.run_folder, finished=False).config


def test_opening_a_run_reads_nothing_heavy(tmp_path: Path) -> None:
    folder = finished_record(tmp_path)
    code = (
        "import sys; from atc.opened_run import open_run; open_run(sys.argv[1]).metrics;"
        "print(sorted({'numpy', 'polars', 'pyarrow', 'lightgbm', 'wandb', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_a_missing_run_names_the_nearest(tmp_path: Path) -> None:
    folder = finished_record(tmp_path)
    with pytest.raises(DataError, match="did you mean 'gbdt_36feat-0123456789ab'"):
        open_run(folder.with_name("gbdt_36feat-0123456789aa"))
    with pytest.raises(DataError, match="not a run but a folder of 1"):
        open_run(folder.parent)
    with pytest.raises(DataError, match="is a file"):
        open_run(folder / "log.txt")


def test_a_failed_run_says_why_and_opens_when_asked(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="no luck"),
        RunRecord.open(tmp_path, "gbdt_36feat", IDENTITY, CONFIG) as record,
    ):
        raise ValueError("no luck")
    with pytest.raises(DataError, match=r"failed: it failed: ValueError: no luck\. See .*log\.txt"):
        open_run(record.run_folder)
    run = open_run(record.run_folder, finished=False)
    assert run.raw_config == CONFIG
    assert "no luck" in run.log
    with pytest.raises(DataError, match=r"metrics\.json is missing"):
        _ = run.metrics
    with pytest.raises(DataError, match=r"has no predictions\.parquet: its status is failed"):
        _ = run.predictions


def test_damaged_files_are_named(tmp_path: Path) -> None:
    folder = finished_record(tmp_path)
    whole = (folder / "metrics.json").read_text()
    (folder / "metrics.json").write_text(whole[:-40])
    with pytest.raises(DataError, match=r"metrics\.json has \d+ bytes, not \d+"):
        open_run(folder)
    (folder / "metrics.json").write_text(whole[:-40] + " " * 40)
    with pytest.raises(DataError, match=r"metrics\.json is not whole JSON"):
        _ = open_run(folder).metrics
    config = (folder / "config.yaml").read_bytes()
    for damaged in (b"\xff" + config[1:], b"[" + config[1:]):
        (folder / "config.yaml").write_bytes(damaged)
        with pytest.raises(DataError, match=r"config\.yaml is not YAML"):
            _ = open_run(folder).raw_config
    (folder / "manifest.json").write_text('{"status": "fin')
    with pytest.raises(DataError, match=r"manifest\.json is not whole JSON.*move its folder away"):
        open_run(folder)
    assert read_manifest(tmp_path) is None


# Progress


def test_without_a_terminal_a_stage_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    with Progress().bar("features", total=60, unit="days") as bar:
        for _ in range(60):
            bar.advance()
    captured = capfd.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.split()[:3] == ["features", "60/60", "days"]


def test_off_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with Progress("off").bar("fit", total=5) as bar:
        bar.update(5, detail="valid AUC 0.61")
    assert capfd.readouterr() == ("", "")


def test_logs_during_a_bar_stay_whole_on_a_terminal() -> None:
    code = """
import logging, sys, time
from atc.report.progress import Progress
logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
with Progress().bar("fit", total=200, unit="trees") as bar:
    for i in range(200):
        bar.update(i + 1, detail=f"valid AUC {i}")
        if i % 50 == 0:
            logging.info("a whole line of the log %d", i)
logging.info("after the bar")
"""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", code], stderr=follower, env={**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    )
    os.close(follower)
    chunks: list[bytes] = []

    def read() -> None:
        while True:
            try:
                chunk = os.read(leader, 65536)
            except OSError:  # a terminal whose other side is gone
                return
            chunks.append(chunk)

    reader = threading.Thread(target=read)
    reader.start()
    assert process.wait(60) == 0
    reader.join(60)
    os.close(leader)
    shown = b"".join(chunks).decode()
    assert "200/200 trees" in shown
    last_row = [line.split("\r")[-1].replace("\x1b[2K", "") for line in shown.split("\r\n")]
    for i in (0, 50, 100, 150):
        assert f"a whole line of the log {i}" in last_row
    assert "after the bar" in "".join(last_row)


def test_a_bar_puts_log_handlers_back(monkeypatch: pytest.MonkeyPatch) -> None:
    handler = logging.StreamHandler(sys.stderr)
    logging.getLogger().addHandler(handler)
    try:
        before = handler.stream
        with Progress("on").bar("fit", total=1) as bar:
            bar.advance()
        assert handler.stream is before
    finally:
        logging.getLogger().removeHandler(handler)

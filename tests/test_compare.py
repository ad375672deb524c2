"""`atc compare` on runs made of figures and predictions that are known."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from record_example import IDENTITY, METRICS
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

import atc
from atc.cli import application
from atc.errors import DataError
from atc.evaluation.overfitting import (
    backtest_overfitting,
    deflated_sharpe,
    expected_best_sharpe,
    minimum_track_record,
    probabilistic_sharpe,
    track_record,
)
from atc.opened_run import OpenedRun
from atc.protocol.ledger import Asker, Holdout, Ledger
from atc.report.comparison import compare_runs
from atc.report.track_records import track_records
from atc.tracking.record import RunRecord

SECOND = 1_000_000_000
CUT = 1_740_085_200 * SECOND  # 2025-02-20 21:00 UTC, a business day of ETH_JPY begins
DAY = 86_400 * SECOND
ROWS = 6_000
HOLDOUT = Holdout("venue", "ETH_JPY", (CUT, CUT + 7 * DAY), "d" * 64)

Vector = NDArray[np.float64]


def known(seed: int = 0) -> tuple[Vector, Vector]:
    """Returns (ROWS,) a minute and a half apart, and what moves them."""
    rng = np.random.default_rng(seed)
    signal = rng.standard_normal(ROWS)
    return 2.0 * signal + 4.0 * rng.standard_normal(ROWS), signal


def predictions(
    r_bps: Vector, score: Vector, *, sealed: bool = False, threshold: float = -2.0
) -> pl.DataFrame:
    t0 = CUT + np.arange(ROWS) * 90 * SECOND
    y = np.where(r_bps > threshold, 1.0, 0.0)
    judged = np.arange(ROWS) % 50 != 7
    frame = pl.DataFrame(
        {
            "symbol": pl.repeat("ETH_JPY", ROWS, eager=True),
            "ts_recv": t0,
            "ev_seq": np.arange(ROWS, dtype=np.uint64),
            "ts_close": t0 + 5_000_000,
            "split": pl.repeat("valid" if sealed else "holdout", ROWS, eager=True),
            "y": np.where(judged, y, np.nan),
            "t0": t0,
            "t1": t0 + 300 * SECOND,
            "r_bps": r_bps,
            "judged": judged,
            "p_hold": score,
        }
    )
    return frame.with_columns(pl.col("y").fill_nan(None))


class Folder:
    """Makes runs under one folder, and their looks."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def run(
        self,
        name: str,
        frame: pl.DataFrame,
        *words: str,
        metrics: Mapping[str, float | int | None] = METRICS,
        equity: pl.DataFrame | None = None,
        valid: pl.DataFrame | None = None,
        entered: bool = True,
        key: int = 0,
    ) -> OpenedRun:
        config = atc.compose([f"paths.outputs={self.root}", f"paths.events={self.root / 'data'}", *words])
        content = {**config.model_dump(mode="json"), "name": name}
        run_id = f"{(name + str(key or '')).encode().hex():0>64}"[::-1]
        identity = replace(IDENTITY, run_id=run_id, config_digest=f"{name}{key:_>64}")
        sealed = "holdout" not in frame["split"].to_list()
        if sealed:
            metrics = {key: None if "holdout/" in key else value for key, value in metrics.items()}
        with RunRecord.open(self.root, name, identity, content) as record:
            with record.writing("model") as folder:
                folder.mkdir()
                (folder / "manifest.json").write_text(json.dumps({"label": {"threshold_bps": -2.0}}))
            if equity is not None:
                with record.writing("equity.parquet") as path:
                    equity.write_parquet(path)
            if valid is not None:
                with record.writing("equity_valid.parquet") as path:
                    valid.write_parquet(path)
            record.write_predictions(frame)
            record.finish(metrics)
        if entered and not sealed:
            asker = Asker(identity.run_id, name, "c" * 64, "d" * 64, None, None, None, None)
            Ledger(self.root / "data").enter(HOLDOUT, asker, "metrics of the run")
        if entered and valid is not None:
            asker = Asker(identity.run_id, name, "c" * 64, "d" * 64, None, None, None, None)
            time = replace(HOLDOUT, span=(int(valid["ts"][0]), int(valid["ts"][-1])))
            Ledger(self.root / "data").enter(time, asker, "validation", kind="judged")
        return atc.open_run(record.run_folder)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def compared(*runs: OpenedRun, options: tuple[str, ...] = ()) -> str:
    words = ["compare", *(str(run.folder) for run in runs), *options]
    done = CliRunner().invoke(application(), words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_two_runs_on_the_same_rows(folder: Folder, tmp_path: Path) -> None:
    r_bps, signal = known()
    noise = np.random.default_rng(1).standard_normal(ROWS)
    good, worse = predictions(r_bps, signal), predictions(r_bps, signal + 2 * noise)
    first, second = folder.run("good", good), folder.run("worse", worse, "model=logistic")
    (_, other) = compare_runs([first, second]).same
    difference = other.differences[""]
    judged = good.filter("judged")
    areas = [roc_auc_score(judged["y"], frame.filter("judged")["p_hold"]) for frame in (good, worse)]
    assert difference.auc.value == pytest.approx(areas[1] - areas[0], abs=1e-12)
    assert difference.auc.interval is not None
    assert difference.auc.interval.hi < 0
    assert difference.delong is not None
    assert 1400 < difference.delong.rows <= 1500  # 300 s of rows 90 s apart: one in four

    file = tmp_path / "comparison.json"
    text = compared(first, second, options=("--json", str(file))).splitlines()
    assert text[0] == "5,880 holdout rows; looks at this holdout: 2"
    assert any(line.startswith("good") and "0.6081  0.5982 … 0.6180" in line for line in text)
    # Beside the AUC stands the direction, beside the lift the one over volatility alone.
    assert "interval  direction  lift over baseline" in text[1]
    assert "0.5811" in text[2] and "+0.0569" in text[2]
    assert any(line.startswith("worse") and f"{areas[1] - areas[0]:+.4f}" in line for line in text)
    content = json.loads(file.read_text())
    assert content["looks"] == 2
    assert content["runs"][0]["differences"] == {}
    assert content["runs"][1]["differences"][""]["auc"] == pytest.approx(areas[1] - areas[0])
    assert content["backtest"] is None
    table = compared(first, second, options=("--markdown",)).splitlines()
    assert sum(line.startswith("| ") for line in table) == 5
    assert all(line.count("|") == 9 for line in table if line.startswith("| good"))


def test_heads_are_compared_one_by_one_and_of_three_classes_the_last_against_the_rest(folder: Folder) -> None:
    r_bps, signal = known()
    noise = np.random.default_rng(1).standard_normal(ROWS)

    def of_heads(score: Vector) -> pl.DataFrame:
        frame = predictions(r_bps, score)
        near = frame.rename(
            {name: f"{name}_30s" for name in ("y", "t0", "t1", "r_bps")} | {"p_hold": "p_up_30s"}
        )
        far = frame.select(*(pl.col(name).alias(f"{name}_300s") for name in ("y", "t0", "t1", "r_bps")))
        return near.with_columns(far.get_columns()).with_columns(pl.Series("p_up_300s", -score))

    first, second = folder.run("a", of_heads(signal)), folder.run("b", of_heads(signal + noise))
    (_, other) = compare_runs([first, second]).same
    assert list(other.differences) == ["30s", "300s"]
    near, far = (other.differences[head].auc.value for head in ("30s", "300s"))
    assert near is not None
    assert far == pytest.approx(-near, abs=1e-12)  # the other head's scores are turned round
    text = compared(first, second)
    assert text.count(f"{second.folder.name} @30s ") == 1
    assert text.count(f"{second.folder.name} @300s") == 1

    def of_classes(score: Vector) -> pl.DataFrame:
        high = 1 / (1 + np.exp(-score))
        codes = pl.Series("y", np.digitize(r_bps, [-4.0, -2.0]).astype(np.float64))
        parts = {"p_short": 0.7 * (1 - high), "p_flat": 0.3 * (1 - high), "p_hold": high}
        frame = predictions(r_bps, score).with_columns(
            pl.when(pl.col("y").is_not_null()).then(codes).alias("y")
        )
        return frame.drop("p_hold").with_columns(**{name: pl.Series(of) for name, of in parts.items()})

    frames = [of_classes(score) for score in (signal, signal + noise)]
    first, second = (folder.run(f"three{i}", frame) for i, frame in enumerate(frames))
    (_, other) = compare_runs([first, second]).same
    judged = [frame.filter("judged") for frame in frames]
    areas = [roc_auc_score(frame["y"].to_numpy() == 2, frame["p_hold"]) for frame in judged]
    assert other.differences[""].auc.value == pytest.approx(areas[1] - areas[0], abs=1e-12)
    moved = judged[0].filter(pl.col("r_bps").abs() > 2.0)["r_bps"].to_numpy()
    direction = []
    for frame in judged:
        score = frame.filter(pl.col("r_bps").abs() > 2.0)
        direction.append(roc_auc_score(moved > 0, score["p_hold"] - score["p_short"]))
    assert other.differences[""].direction_auc.value == pytest.approx(direction[1] - direction[0], abs=1e-12)


def test_runs_on_other_rows_are_listed_apart_with_the_reason(folder: Folder) -> None:
    r_bps, signal = known()
    first = folder.run("first", predictions(r_bps, signal))
    sealed = folder.run("sealed", predictions(r_bps, signal, sealed=True))
    label = folder.run("label", predictions(r_bps, signal, threshold=-3.0), "label.exit_bps=3")
    rows = folder.run("rows", predictions(r_bps, signal).tail(ROWS - 50))
    found = compare_runs([first, sealed, label, rows])
    assert [one.name for one in found.same] == [first.folder.name]
    reasons = {run.folder.name.split("-")[0]: reason for run, reason in found.apart}
    assert reasons["sealed"] == "no holdout figures: sealed, or a protocol without a holdout"
    assert reasons["label"] == "judged on other rows or labels: its label is not the first run's"
    assert reasons["rows"] == "judged on other rows or labels: 5,831 rows, the first run has 5,880"
    text = compared(first, sealed, label, rows)
    assert "not compared" in text
    assert "difference to" not in text
    # Sealed trials are chosen by validation.
    (line,) = (line for line in text.splitlines() if line.startswith(sealed.folder.name))
    assert line.endswith(f"{METRICS['valid/auc']:.4f}")
    assert compared(sealed, first).startswith("the first run has no holdout figures")
    warned = folder.run("warned", predictions(r_bps, signal), metrics={**METRICS, "warning/random_split": 1})
    assert f"{warned.folder.name} warns: random_split" in compared(first, warned)


def test_a_look_that_the_ledger_does_not_know_is_told(folder: Folder) -> None:
    r_bps, signal = known()
    first = folder.run("first", predictions(r_bps, signal))
    lost = folder.run("lost", predictions(r_bps, -signal), entered=False)
    found = compare_runs([first, lost])
    assert (found.looks, found.unentered) == (1, (lost.folder.name,))
    assert f"{lost.folder.name} has holdout figures, and its look is in no ledger" in compared(first, lost)
    assert "an unknown number of looks" in compared(lost, first)


def test_unknown_looks_deflate_nothing(folder: Folder) -> None:
    gains = np.random.default_rng(4).standard_t(5, (40 * 24, 2)) * 100
    frame = predictions(*known())
    lost = folder.run("lost", frame, equity=curve(gains[:, 0]), entered=False)
    other = folder.run("other", frame, equity=curve(gains[:, 1]))
    found, counted = compare_runs([lost, other]).records, compare_runs([other, lost]).records
    assert found is not None
    assert counted is not None
    assert (found.trials, found.best_of_luck) == (None, None)
    assert [run.deflated for run in found.runs] == [None, None]
    assert None not in [run.probabilistic for run in found.runs]
    assert counted.trials == 2
    assert None not in [run.deflated for run in counted.runs]
    assert "the looks are, so no Sharpe ratio is deflated" in compared(lost, other)


def test_a_model_that_its_gate_rejected_is_told(folder: Folder) -> None:
    r_bps, signal = known()
    first = folder.run("first", predictions(r_bps, signal), metrics={**METRICS, "gate/verdict": 1})
    rejected = folder.run("learnt", predictions(r_bps, -signal), metrics={**METRICS, "gate/verdict": 0})
    text = compared(first, rejected)
    assert f"{rejected.folder.name}: its gate rejected the model" in text
    assert f"{first.folder.name}: its gate" not in text


def test_claims_below_the_power_are_marked(folder: Folder) -> None:
    r_bps, signal = known()
    said = {"power/holdout/auc/min_detectable": 0.05, "power/holdout/lift/min_detectable": 0.03}
    run = folder.run("weak", predictions(r_bps, signal), metrics={**METRICS, **said})
    text = compared(run)
    assert "+0.0204 †" in text
    assert "0.6081 †" not in text
    assert "† smaller than" in text


def test_a_folder_of_runs_is_all_runs_in_it(folder: Folder) -> None:
    r_bps, signal = known()
    one, two = (folder.run(name, predictions(r_bps, signal)) for name in ("one", "two"))
    manifest = json.loads((two.folder / "manifest.json").read_bytes())
    for path in (one.folder.parent, folder.root):
        done = CliRunner().invoke(application(), ["compare", str(path)], catch_exceptions=False)
        assert done.output == compared(one, two)
    (two.folder / "manifest.json").write_text(json.dumps({**manifest, "status": "failed"}))
    done = CliRunner().invoke(application(), ["compare", str(folder.root)], catch_exceptions=False)
    assert done.stdout == compared(one)
    assert f"{two.folder.name} has not finished and is left out" in done.stderr


def test_a_run_twice_and_no_run(folder: Folder) -> None:
    run = folder.run("first", predictions(*known()))
    for words, told in (
        ([str(run.folder)] * 2, "is given twice"),
        ([str(run.folder), str(run.folder.parent)], "is given twice"),
        ([str(run.folder / "nothing")], "there is no run"),
    ):
        done = CliRunner().invoke(application(), ["compare", *words])
        assert told in str(done.exception)


# Track records


def curve(gains: Vector, *, start: int = CUT, step: int = 3600 * SECOND) -> pl.DataFrame:
    ts = start + step * np.arange(len(gains) + 1)
    alpha = np.concatenate([[0.0], np.cumsum(gains)])
    return pl.DataFrame({"ts": ts, "strategy": alpha + 5.0, "always_hold": 5.0, "alpha": alpha})


def test_the_track_records_of_three_runs(folder: Folder) -> None:
    rng = np.random.default_rng(4)
    days = 40
    gains = rng.standard_t(5, (days * 24, 3)) * 100 + np.array([0.0, 4.0, 8.0])
    frame = predictions(*known())
    runs = [folder.run(f"run{i}", frame, equity=curve(gains[:, i])) for i in range(3)]
    found = track_records(runs, looks=7)
    assert found is not None
    daily = gains.reshape(days, 24, 3).sum(axis=1)
    records = [track_record(daily[:, i]) for i in range(3)]
    variance = np.var([record.sharpe for record in records if record is not None], ddof=1)
    assert (found.trials, found.period) == (7, "hour")
    whole = backtest_overfitting(gains)
    assert whole is not None
    assert found.overfitting == whole.probability
    for i, (run, record) in enumerate(zip(found.runs, records, strict=True)):
        assert record is not None
        assert run.days == days
        assert run.alpha == pytest.approx(gains[:, i].sum())
        assert run.sharpe == pytest.approx(record.sharpe)
        assert run.probabilistic == pytest.approx(probabilistic_sharpe(record))
        assert run.deflated == pytest.approx(deflated_sharpe(record, 7, float(variance)))
        needed = minimum_track_record(record)
        assert run.days_needed == (None if needed is None else pytest.approx(needed))
    few_looks = track_records(runs, looks=1)
    assert few_looks is not None
    assert few_looks.trials == 3
    text = compared(*runs)
    assert "3 trials" in text  # three looks, three configs
    assert f"probability of backtest overfitting {whole.probability:.4f}, by the hour" in text


def test_seeds_of_one_config_are_one_trial(folder: Folder) -> None:
    """Three seeds of one config and another config: two trials, however alike the seeds are."""
    rng = np.random.default_rng(4)
    common, other = rng.standard_t(5, (2, 40 * 24)) * 100
    frame = predictions(*known())
    seeds = [
        folder.run(
            "same", frame, f"seed={seed}", equity=curve(common + rng.standard_normal(40 * 24)), key=seed
        )
        for seed in (1, 2, 3)
    ]
    apart = folder.run("other", frame, "model=logistic", equity=curve(other))
    found = track_records([*seeds, apart], looks=4)
    assert found is not None
    assert (found.trials, found.independent) == (4, 2)
    sharpes = [run.sharpe for run in found.runs]
    assert None not in sharpes
    expected = np.var([np.mean(sharpes[:3]), sharpes[3]], ddof=1)
    assert found.best_of_luck == pytest.approx(expected_best_sharpe(4, float(expected)))
    assert found.best_of_luck > expected_best_sharpe(4, float(np.var(sharpes, ddof=1)))
    alone = track_records(seeds, looks=3)
    assert alone is not None
    assert (alone.independent, alone.best_of_luck) == (1, None)
    assert {run.why_not_deflated for run in alone.runs} == {
        "no two trials that differ in more than the seed, so nothing tells how far luck reaches"
    }


def test_too_few_days_are_told_where_the_dsr_is_missing(folder: Folder) -> None:
    gains = np.random.default_rng(4).standard_t(5, (20 * 24, 2)) * 100
    frame = predictions(*known())
    runs = [folder.run(f"run{i}", frame, equity=curve(gains[:, i])) for i in range(2)]
    names = ", ".join(run.folder.name for run in runs)
    assert f"no DSR of {names}: 20 whole days of PnL, 30 needed" in compared(*runs)


def test_days_that_are_not_whole_and_runs_without_a_backtest_are_left_out(folder: Folder) -> None:
    gains = np.random.default_rng(5).standard_normal(24 * 3)
    frame = predictions(*known())
    late = folder.run("late", frame, equity=curve(gains, start=CUT + 6 * 3600 * SECOND))
    without = folder.run("without", frame)
    found = track_records([late, without], looks=2)
    assert found is not None
    (run,) = found.runs
    assert run.days == 2  # of three days of hours, the first begins and the last ends within a day
    assert run.alpha == pytest.approx(gains.sum())
    assert (run.sharpe, run.probabilistic, run.deflated, run.days_needed) == (None, None, None, None)
    assert (found.best_of_luck, found.overfitting) == (None, None)
    assert track_records([without], looks=2) is None


def test_160_days_make_daily_blocks(folder: Folder) -> None:
    gains = np.random.default_rng(6).standard_normal((160 * 2, 2))
    frame = predictions(*known())
    runs = [
        folder.run(f"run{i}", frame, equity=curve(gains[:, i], step=12 * 3600 * SECOND)) for i in range(2)
    ]
    found = track_records(runs, looks=2)
    daily = backtest_overfitting(gains.reshape(160, 2, 2).sum(axis=1))
    assert found is not None
    assert daily is not None
    assert (found.period, found.overfitting) == ("day", daily.probability)


def test_a_damaged_curve_is_named(folder: Folder) -> None:
    run = folder.run("first", predictions(*known()), equity=pl.DataFrame({"ts": [1]}))
    with pytest.raises(DataError, match=r"equity\.parquet: no curve"):
        track_records([run], looks=1)


# Sealed trials


BEFORE = CUT - 30 * DAY


def test_sealed_trials_have_their_track_records_on_validation(folder: Folder, tmp_path: Path) -> None:
    """Three days of minutes: too few days and hours for 16 blocks of 10, so by the point of the curve."""
    rng = np.random.default_rng(8)
    gains = rng.standard_t(5, (3 * 1440, 4)) + np.array([0.0, 0.02, 0.04, 0.06])
    frame = predictions(*known(), sealed=True)

    def trial(i: int) -> OpenedRun:
        valid = curve(gains[:, i], start=BEFORE, step=60 * SECOND)
        return folder.run(
            f"trial{i}", frame, "protocol.sealed=true", f"model.num_leaves={7 + i}", valid=valid
        )

    trials = [trial(i) for i in range(4)]
    again = replace(HOLDOUT, span=(BEFORE, BEFORE + DAY))
    for number in range(3):  # of trials that were deleted since
        gone = Asker(f"{number:064}", "gone", "c" * 64, "d" * 64, None, None, None, None)
        Ledger(tmp_path / "data").enter(again, gone, "validation", kind="judged")
    found = compare_runs(trials)
    assert found.records is None
    assert found.sealed is not None
    told = found.sealed.records
    assert (told.trials, told.independent, told.sharpe_period) == (7, 4, "point of the curve")
    whole = backtest_overfitting(gains)
    assert whole is not None
    assert told.overfitting == pytest.approx(whole.probability)
    records = [track_record(gains[:, i]) for i in range(4)]
    variance = float(np.var([record.sharpe for record in records if record is not None], ddof=1))
    for i, (run, record) in enumerate(zip(told.runs, records, strict=True)):
        assert record is not None
        assert run.periods == 3 * 1440
        assert run.alpha == pytest.approx(gains[:, i].sum())
        assert run.probabilistic == pytest.approx(probabilistic_sharpe(record))
        assert run.deflated == pytest.approx(deflated_sharpe(record, 7, variance))
        needed = minimum_track_record(record)
        assert run.days_needed == (None if needed is None else pytest.approx(needed / 1440))

    file = tmp_path / "sealed.json"
    text = compared(*trials, options=("--json", str(file)))
    assert "4 sealed trials ON VALIDATION, the holdout untouched" in text
    assert (
        "everything by the point of the curve; 7 trials (the larger of runs that judged on that time" in text
    )
    assert f"probability of backtest overfitting {whole.probability:.4f}" in text
    assert "these flatter: each policy chose its thresholds on this very time" in text
    content = json.loads(file.read_text())
    assert content["backtest"] is None
    assert content["sealed_trials_on_validation"]["pbo"] == pytest.approx(whole.probability)

    # An opened run beside them has the records of its holdout, apart from theirs.
    opened = folder.run("chosen", predictions(*known()), equity=curve(gains[: 40 * 24, 0]))
    beside = compare_runs([opened, *trials])
    assert beside.sealed == found.sealed
    assert beside.records is not None
    assert [run.name for run in beside.records.runs] == [opened.folder.name]


def test_what_sealed_trials_lack_is_told(folder: Folder) -> None:
    gains = np.random.default_rng(9).standard_normal((200, 3))
    frame = predictions(*known(), sealed=True)

    def trial(name: str, gained: Vector, start: int = BEFORE, *, entered: bool = True) -> OpenedRun:
        valid = curve(gained, start=start, step=60 * SECOND)
        return folder.run(name, frame, "protocol.sealed=true", valid=valid, entered=entered)

    short = [trial(f"short{i}", gains[:100, i]) for i in range(2)]
    text = compared(*short)
    assert "no PBO: validation has 100 gains by the point of the curve, 160 needed" in text
    assert "100 gains by the point of the curve, 160 needed" in text.split("no DSR of ")[1]

    one, other = trial("one", gains[:, 0]), trial("elsewhere", gains[:, 1], BEFORE + DAY)
    without = folder.run("without", frame, "protocol.sealed=true")
    text = compared(one, other, without)
    assert "1 sealed trial ON VALIDATION" in text
    assert "no PBO: fewer than two trials" in text
    assert f"{other.folder.name} is not among these trials: it validates on other time" in text
    assert f"{without.folder.name} is not among these trials: it has no equity_valid.parquet" in text
    assert compare_runs([without]).sealed is None

    lost = trial("lost", gains[:, 2], entered=False)
    unknown = compare_runs([lost, one]).sealed
    assert unknown is not None
    assert unknown.records.trials is None
    assert {run.deflated for run in unknown.records.runs} == {None}

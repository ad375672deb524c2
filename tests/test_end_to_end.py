"""The main job as a user runs it: its own process, its own outputs, nothing mocked."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from recordings import BINANCE_2020, BINANCE_RAW, needs
from typer.testing import CliRunner
from wandb_files import Offline, read_offline

import atc
from atc.cli import application
from atc.protocol.ledger import Ledger

ROOT = Path(__file__).resolve().parent.parent
# Six simulated days, much quieter than the demo's: enough for every stage, small enough for a test.
MARKET = ("data.days=6", "data.rate=0.1")
SMALL = (
    *MARKET,
    "window.train_days=4",
    "window.holdout_days=2",
    "model.n_estimators=40",
    "model.min_child_samples=60",
)
SMALL_LINEAR = SMALL[:4]


def arguments(*words: str, outputs: Path) -> list[str]:
    return [sys.executable, "-m", "atc.run", *words, f"paths.outputs={outputs}", "runtime.progress=off"]


def atc_run(*words: str, outputs: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments(*words, outputs=outputs), cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )


def folder_of(done: subprocess.CompletedProcess[str]) -> Path:
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.splitlines()[-1]
    assert last.startswith("run: ")
    return ROOT / last.removeprefix("run: ")


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outputs")


@pytest.fixture(scope="module")
def first_and_told(outputs: Path) -> tuple[subprocess.CompletedProcess[str], Offline]:
    """A run, and what W&B has of it while there is no other."""
    done = atc_run("+experiment=gbdt_36feat", *SMALL, outputs=outputs)
    folder_of(done)
    return done, read_offline(outputs)


@pytest.fixture(scope="module")
def first(
    first_and_told: tuple[subprocess.CompletedProcess[str], Offline],
) -> subprocess.CompletedProcess[str]:
    return first_and_told[0]


@pytest.fixture(scope="module")
def gbdt(first: subprocess.CompletedProcess[str]) -> Path:
    return folder_of(first)


def test_the_record_is_whole(gbdt: Path) -> None:
    run = atc.open_run(gbdt)
    assert run.manifest["status"] == "finished"
    assert set(run.manifest["stages"]) >= {
        *("events", "quality", "features", "labels", "dataset", "fit", "evaluate")
    }
    files = ("config.yaml", "quality.json", "metrics.json", "predictions.parquet", "log.txt")
    tables = ("days.parquet", "regimes.parquet", "reliability.parquet", "adversarial.parquet")
    for name in (*files, *tables, "model/manifest.json"):
        assert (gbdt / name).is_file(), name
    assert len(run.config.features.families) == 3
    assert len(run.model.model.features) == 36


def test_its_report_has_something_in_every_section(gbdt: Path, tmp_path: Path) -> None:
    """Of a real record, whose tables have the columns that runs write."""
    from atc.report.html.written import write_report

    page = write_report(gbdt, tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count("<section id=") == 10
    assert 'class="empty"' not in page
    assert "inputs lie above what sampling alone stays below" in page


def test_the_metrics_are_those_that_scripts_rely_on(gbdt: Path) -> None:
    metrics = json.loads((gbdt / "metrics.json").read_bytes())
    for key in (
        "train/auc",
        "valid/auc",
        "holdout/auc",
        "holdout/auc/lo",
        "holdout/auc/hi",
        "holdout/direction_auc",
        "baseline/holdout/auc",
        "volatility/holdout/auc",
        "lift/holdout/auc",
        "lift/holdout/auc/lo",
        "lift/holdout/auc/hi",
        "lift_over_volatility/holdout/auc",
    ):
        assert isinstance(metrics[key], float), key
    for key in ("gate/verdict", "gate/gap", "fallback/holdout/auc"):
        assert metrics[key] is None, key
    assert metrics["lift/holdout/auc"] == metrics["holdout/auc"] - metrics["baseline/holdout/auc"]


def test_the_predictions_carry_the_key_and_agree_with_the_metrics(gbdt: Path) -> None:
    from sklearn.metrics import roc_auc_score

    run = atc.open_run(gbdt)
    rows = run.predictions
    assert rows.columns[:5] == ["symbol", "ts_recv", "ev_seq", "ts_close", "split"]
    assert rows.select(pl.struct("symbol", "ts_recv", "ev_seq").is_duplicated().any()).item() is False
    assert rows.select((pl.col("ts_close") >= pl.col("ts_recv")).all()).item()
    # Every row of their time is there: a label that the end of the data makes null is null.
    unlabelled = rows.filter(pl.col("y").is_null())
    assert unlabelled.height > 0
    assert not unlabelled["judged"].any()
    assert unlabelled["p_hold"].is_not_null().all()
    rows = rows.filter("judged")
    held = rows.filter(pl.col("split") == "holdout")
    assert held.height == run.metrics["holdout/rows"]
    assert roc_auc_score(held["y"], held["p_hold"]) == pytest.approx(run.metrics["holdout/auc"], abs=1e-12)
    # Purged: no validation label reaches into the holdout.
    valid = rows.filter(pl.col("split") == "valid")
    assert valid["t1"].max() < held["t0"].min()


def test_the_decisions_on_the_holdout_are_traded(gbdt: Path, first: subprocess.CompletedProcess[str]) -> None:
    run = atc.open_run(gbdt)
    metrics, orders = run.metrics, pl.read_parquet(gbdt / "orders.parquet")
    equity = pl.read_parquet(gbdt / "equity.parquet")
    assert {"policy", "backtest"} <= set(run.manifest["stages"])
    assert equity.columns == ["ts", "strategy", "always_hold", "flat", "oracle_path", "random", "alpha"]
    assert equity["alpha"][-1] == metrics["backtest/alpha"]
    assert metrics["backtest/oracle_path/pnl"] >= max(
        metrics[f"backtest{name}/pnl"] for name in ("", "/always_hold", "/flat", "/random")
    )
    # An order follows from a prediction: its key and score are those of a row of the holdout.
    held = run.predictions.filter(split="holdout").select("ts_recv", "ev_seq", "ts_close", "p_hold")
    mine = orders.filter(strategy="strategy").join(held, on=["ts_recv", "ev_seq"], how="left")
    assert (mine["score"] == mine["p_hold"]).all() and (mine["ts_decision"] == mine["ts_close"]).all()
    wished = mine["score"] >= metrics["backtest/theta"]
    assert (mine["target_lots"][1:] == wished[1:].cast(pl.Int64) * 1000).all()
    assert mine["target_lots"][0] == 1000  # the first decision buys, whatever the score
    assert (gbdt / "sensitivity.parquet").is_file() and (gbdt / "capacity.parquet").is_file()
    levels = pl.read_parquet(gbdt / "waterfall.parquet")
    for way, prefix in (("forward", "waterfall"), ("reverse", "waterfall_reverse")):
        steps = levels.filter(way=way)
        assert steps["step_units"].sum() == round(metrics["backtest/alpha"] * 100)
        assert metrics[f"backtest/{prefix}/depth"] == steps.filter(step="depth")["change"].item()
        assert metrics[f"backtest/{prefix}/observables"] is None
    shown = first.stdout
    assert "Alpha against holding 10 ETH" in shown and "Break-even cost" in shown
    assert "equity.parquet" in shown and "alpha waterfall, JPY" in shown


def test_the_same_run_is_found_and_not_made_again(gbdt: Path, outputs: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in gbdt.rglob("*") if path.is_file()}
    again = atc_run("+experiment=gbdt_36feat", *SMALL, outputs=outputs)
    assert folder_of(again) == gbdt
    assert {path: path.stat().st_mtime_ns for path in gbdt.rglob("*") if path.is_file()} == before
    assert "AUC" in again.stdout  # the summary is shown all the same


def test_wandb_offline_unless_asked_holds_the_same(
    gbdt: Path, first_and_told: tuple[subprocess.CompletedProcess[str], Offline]
) -> None:
    told = first_and_told[1]
    assert told.run["run_id"] == atc.open_run(gbdt).run_id[:16]
    local = json.loads((gbdt / "metrics.json").read_bytes())
    assert {key: told.summary[key] for key in local} == local
    assert {"label: hold10_oracle", "model: gbdt", "data: demo", "holdout: open"} <= set(told.run["tags"])
    sample = told.table("predictions")
    assert len(sample["data"]) == 1000
    assert sample["columns"][:4] == ["symbol", "time", "ev_seq", "split"]


def test_another_model_shares_the_features(gbdt: Path, outputs: Path) -> None:
    truth = ("backtest.waterfall.continuations=8", "backtest.waterfall.state_every_s=600")
    linear = folder_of(atc_run("+experiment=logistic_36feat", *SMALL_LINEAR, *truth, outputs=outputs))
    stages = atc.open_run(linear).manifest["stages"]
    assert all(stages[name]["cached"] for name in ("events", "features", "labels"))
    # The baseline does not depend on the model that is compared with it.
    assert (
        atc.open_run(linear).metrics["baseline/holdout/auc"]
        == atc.open_run(gbdt).metrics["baseline/holdout/auc"]
    )
    # Both have the same best path; what a known truth could make of it is a level of its own.
    mine, other = (atc.open_run(folder).metrics for folder in (linear, gbdt))
    assert mine["backtest/waterfall/oracle_path"] == other["backtest/waterfall/oracle_path"]
    assert mine["backtest/waterfall/observables"] < 0 and "truth" in stages
    steps = [value for key, value in mine.items() if key.startswith("backtest/waterfall/")]
    assert sum(steps) == pytest.approx(mine["backtest/alpha"], abs=0.005)


def test_a_multirun_over_hyper_parameters_is_sealed(outputs: Path) -> None:
    done = atc_run(
        "-m", "+experiment=gbdt_36feat", *SMALL, "model.num_leaves=7,15", "tracking=none", outputs=outputs
    )
    assert done.returncode == 0, done.stdout + done.stderr
    folders = [
        ROOT / line.removeprefix("run: ") for line in done.stdout.splitlines() if line.startswith("run: ")
    ]
    assert len(set(folders)) == 2
    for folder in folders:
        run = atc.open_run(folder)
        assert run.config.protocol.sealed is True
        judged = {key for key in run.metrics if "holdout/" in key and not key.startswith("power/")}
        assert all(run.metrics[key] is None for key in judged)
        assert run.metrics["power/holdout/lift/min_detectable"] is not None
        assert run.metrics["valid/auc"] is not None
        learnt = ("backtest/theta", "backtest/valid/")
        traded = [
            run.metrics[key]
            for key in run.metrics
            if key.startswith("backtest/") and not key.startswith(learnt)
        ]
        assert traded and set(traded) == {None} and not (folder / "orders.parquet").exists()
        # What the policy earned where it was chosen, for the statistics over all trials.
        assert run.metrics["backtest/valid/alpha"] is not None
        earned = pl.read_parquet(folder / "equity_valid.parquet")
        assert earned["alpha"][-1] == pytest.approx(run.metrics["backtest/valid/alpha"])
        (entry,) = Ledger(run.config.paths.events_dir).looks_of(run.run_id, "judged")
        assert (earned["ts"][0], earned["ts"][-1]) == entry.span  # all of validation, nothing after it
        assert set(run.predictions["split"].unique()) == {"valid"}
        assert Ledger(run.config.paths.events_dir).looks_of(run.run_id) == []
    words = ["compare", *map(str, folders)]
    compared = CliRunner().invoke(application(), words, catch_exceptions=False).output
    assert "2 sealed trials ON VALIDATION, the holdout untouched" in compared
    assert "no PBO" not in compared and "no DSR" not in compared


@pytest.mark.parametrize(
    ("data", "windows"),
    [
        pytest.param("binance_ethbtc_2020", 35, marks=needs(BINANCE_2020)),
        pytest.param("binance_ethusdt_2024", 19, marks=needs(BINANCE_RAW)),
    ],
)
def test_a_short_recording_runs_and_says_how_little_it_can_tell(
    data: str, windows: int, outputs: Path
) -> None:
    done = atc_run("+experiment=gbdt_36feat", f"data={data}", outputs=outputs)
    run = atc.open_run(folder_of(done))
    assert run.metrics["holdout/independent_windows"] == windows
    for key in ("holdout/auc", "lift/holdout/auc", "baseline/holdout/auc"):
        assert run.metrics[key] is not None
        assert run.metrics[f"{key}/lo"] is None
        assert run.metrics[f"{key}/hi"] is None
    said = " ".join(done.stdout.split())
    assert "No interval: the holdout has too few independent blocks." in said
    assert f"{windows} disjoint label windows" in said
    assert "no backtest was asked for (backtest=none)" in said
    assert not any(key.startswith("backtest/") for key in run.metrics)
    # Nothing is null throughout: book, trades and their windows all come from the recording.
    assert not run.model.manifest["fit"]["null_columns"]


def test_the_doctor_finds_the_events_sound(gbdt: Path, outputs: Path) -> None:
    def doctor(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", "from atc.cli import main; main()", "doctor", *words],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    assert gbdt.is_dir()
    sound = doctor("data=demo", *MARKET, f"paths.outputs={outputs}")
    assert (sound.returncode, sound.stdout.splitlines()[-1]) == (0, "days 6, errors 0, warnings 0"), sound
    absent = doctor("data=eth_jpy", f"paths.outputs={outputs}")
    assert absent.returncode == 1
    assert "atc ingest" in absent.stderr


def test_a_window_that_the_data_do_not_cover(outputs: Path) -> None:
    done = atc_run("+experiment=gbdt_36feat", *MARKET, outputs=outputs)
    assert done.returncode == 1
    assert "window.train_days=45" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_failed_stage_is_recorded_with_its_traceback(outputs: Path) -> None:
    """One class only: known after the rows are there, so the record says failed and why."""
    words = ("+experiment=gbdt_36feat", *SMALL, "label.exit_bps=5000", "name=one_class")
    done = atc_run(*words, outputs=outputs)
    assert done.returncode == 1
    assert "all" in done.stderr
    assert "class 1" in done.stderr
    (folder,) = (outputs / "runs").glob("one_class-*")
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert manifest["status"] == "failed"
    assert "Traceback" in (folder / "log.txt").read_text(encoding="utf-8")
    assert not (folder / "metrics.json").exists()


def killed_and_repeated(
    words: tuple[str, ...], outputs: Path, kills: int, seed: int, longest_s: float
) -> Path:
    """Starts the run, kills it with SIGKILL after a random while, again and again; then lets it end."""
    rng = random.Random(seed)
    for _ in range(kills):
        process = subprocess.Popen(
            arguments(*words, outputs=outputs),
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(rng.uniform(0.5, longest_s))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return folder_of(atc_run(*words, outputs=outputs))


def assert_nothing_half_written(outputs: Path) -> None:
    for path in (outputs / "cache").rglob("*.parquet"):
        if not path.name.startswith("."):
            pl.read_parquet(path)


def test_killed_anywhere_and_elsewhere_the_run_gives_the_same_bytes(gbdt: Path, tmp_path: Path) -> None:
    folder = killed_and_repeated(
        ("+experiment=gbdt_36feat", *SMALL), tmp_path, kills=3, seed=1, longest_s=4.0
    )
    assert folder.name == gbdt.name
    assert (folder / "metrics.json").read_bytes() == (gbdt / "metrics.json").read_bytes()
    assert pl.read_parquet(folder / "predictions.parquet").equals(
        pl.read_parquet(gbdt / "predictions.parquet")
    )
    assert_nothing_half_written(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 6))
def test_killed_often_the_run_ends_the_same(gbdt: Path, tmp_path: Path, seed: int) -> None:
    folder = killed_and_repeated(
        ("+experiment=gbdt_36feat", *SMALL), tmp_path, kills=12, seed=seed, longest_s=9.0
    )
    assert (folder / "metrics.json").read_bytes() == (gbdt / "metrics.json").read_bytes()
    assert_nothing_half_written(tmp_path)

"""What a price tag expects, from records whose times are known by construction."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

import atc
from atc.cli import application
from atc.config.diff import plain
from atc.config.schema import RunConfig
from atc.errors import UsageError
from atc.review.estimate import GUESSED, RECORDED, SCALED, UNKNOWN, Estimate
from atc.review.price import PriceTag, price_of
from atc.review.price_lines import price_json, sentences
from atc.review.recorded import Recorded, StageTiming, recorded_runs
from atc.review.stages import stages_of

SMALL = ("data.days=6", "window.train_days=4", "window.holdout_days=2", "data.rate=0.1")
LIFT = "power/holdout/lift/min_detectable"


def of(*words: str, outputs: Path = Path("/nothing"), base: str = "gbdt_36feat") -> RunConfig:
    return atc.compose([f"+experiment={base}", *SMALL, f"paths.outputs={outputs}", *words])


def record(
    config: RunConfig,
    seconds: Mapping[str, float] | None = None,
    *,
    name: str = "one",
    rows_day: int = 2000,
    iterations: int | None = 500,
    metrics: Mapping[str, float] | None = None,
    best: int | None = None,
    processors: float = 0.0,
    between: float | None = None,
) -> Recorded:
    """A run whose stages took 1 s, or what is said, and 100 MiB and 900 on top."""
    taken = {stage: (seconds or {}).get(stage, 1.0) for stage in stages_of(config)}
    timed = {stage: StageTiming(took, 1000.0, cpu_seconds=processors * took) for stage, took in taken.items()}
    window = config.window
    assert window.kind == "days"
    rows = {"train": rows_day * window.train_days, "holdout": rows_day * window.holdout_days}
    return Recorded(
        name,
        config,
        f"2026-01-01T00:00:0{len(name)}",
        timed,
        rows,
        iterations,
        dict(metrics or {}),
        100.0,
        best,
        between,
    )


def priced(left: RunConfig, right: RunConfig, *records: Recorded) -> PriceTag:
    return price_of(left, right, records)


def by_stage(price: PriceTag) -> dict[str, Estimate]:
    return {one.stage.name: one for one in price.stages}


def test_the_same_run_costs_nothing() -> None:
    price = priced(of(), of("tracking=none", "paths.recordings=x"), record(of()))
    assert price.stages == ()
    assert price.seconds == 0
    assert price.looks.spent == 0


def test_what_has_been_done_takes_what_it_took() -> None:
    price = priced(of(), of("seed=2"), record(of(), {"fit": 40.0}))
    found = by_stage(price)
    assert {one.basis for one in found.values()} == {RECORDED}
    assert "features" not in found
    assert price.cached == ("events", "quality", "features", "labels")
    assert price.seconds == pytest.approx(40.0 + len(found) - 1)
    assert price.peak_mib == pytest.approx(1000.0)
    assert price.sureness == {RECORDED: pytest.approx(1.0)}


def test_only_the_days_that_are_missing_are_paid() -> None:
    left = of("data.days=9", "window.holdout_days=1")
    right = of("data.days=9", "window.holdout_days=2")
    found = by_stage(priced(left, right, record(left, {"features": 50.0})))
    assert found["features"].stage.share == pytest.approx(1 / 6)
    # Five days took 50 s, one is missing.
    assert found["features"].seconds == pytest.approx(10.0, rel=0.02)
    assert "events" not in found


def test_trees_are_paid_one_by_one() -> None:
    few = record(of("model.n_estimators=100"), {"fit": 10.0}, iterations=100, rows_day=200_000)
    found = by_stage(priced(of("model.n_estimators=100"), of("model.n_estimators=400"), few))["fit"]
    assert found.basis == SCALED
    assert found.factor == pytest.approx(4.0)
    assert found.seconds is not None
    # The rows are binned once: about a fifth of the shorter fit.
    assert 0.7 * 40.0 < found.seconds < 0.95 * 40.0
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.8 * found.seconds
    assert found.high > 1.2 * found.seconds


def test_what_a_fit_begins_with_is_paid_once() -> None:
    """Measured: four epochs of a perceptron on 20,000 rows took 5.0 s and eight 4.9, most of them torch's
    import; refits of trees that took 0.7 s, 0.3 of them LightGBM's, took 0.35.
    """
    net = {"base": "hold10_softmax_mlp_36feat"}
    few = record(of("model.epochs=4", **net), {"fit": 5.0}, rows_day=5000, iterations=4)
    found = by_stage(priced(of("model.epochs=4", **net), of("model.epochs=8", **net), few))["fit"]
    assert found.factor == pytest.approx(2.0)
    assert found.seconds == pytest.approx(5.1, abs=0.2)
    trees = ("model.n_estimators=40", "model.min_child_samples=60")
    short = record(of(*trees), {"fit": 0.7}, rows_day=5000, iterations=40)
    daily = by_stage(priced(of(*trees), of(*trees, "refit=expanding", "refit.every_days=1"), short))
    assert daily["fit"].seconds == pytest.approx(0.7)
    assert daily["refit holdout"].seconds is not None
    assert 0.6 < daily["refit holdout"].seconds < 1.1


def test_what_judges_is_paid_by_what_it_judges() -> None:
    """Measured: with a closed holdout 0.04 s and not 1.0; with a quarter of the training rows as long."""
    one = record(of(), {"evaluate": 1.0}, rows_day=5000, iterations=40)

    def seconds(*words: str) -> float:
        found = by_stage(priced(of(), of(*words), one))["evaluate"].seconds
        assert found is not None
        return found

    assert seconds("seed=2") == pytest.approx(1.0, rel=0.02)
    assert seconds("protocol.sealed=true") < 0.15
    assert seconds("thinning=every_k", "thinning.k=4") > 0.8
    assert 1.2 < seconds("evaluation.resamples=4000") < 1.6
    assert seconds("evaluation.adversarial.enabled=false") < 0.8


def test_a_fit_that_stopped_early_will_stop_there_again() -> None:
    stopped = record(of(), {"fit": 30.0}, iterations=150)
    assert by_stage(priced(of(), of("seed=2"), stopped))["fit"].seconds == pytest.approx(30.0)
    more = by_stage(priced(of(), of("model.n_estimators=5000"), stopped))["fit"]
    assert more.seconds == pytest.approx(30.0)
    # Half the rate: the 100 trees before patience began are 200.
    slower = by_stage(priced(of(), of("model.learning_rate=0.025"), stopped))["fit"]
    assert slower.factor == pytest.approx(250 / 150)


def test_a_fit_at_its_limit_tells_where_it_was_best() -> None:
    """Measured on the trees of priced_diffs.py: of 120 it made 68, and 18 at twice the rate."""
    config = of("model.n_estimators=40")
    at_limit = record(config, {"fit": 4.0}, iterations=40, best=18, rows_day=200_000)
    more = by_stage(priced(config, of("model.n_estimators=120"), at_limit))["fit"]
    assert more.factor == pytest.approx(68 / 40)
    # Bins are half of so few trees.
    assert more.seconds is not None
    assert 4.8 < more.seconds < 6.8
    assert more.most is not None
    assert 7.0 < more.most < 12.0
    faster = of("model.n_estimators=40", "model.learning_rate=0.1", "model.early_stopping=10")
    assert by_stage(priced(config, faster, at_limit))["fit"].factor == pytest.approx(19 / 40)
    price = priced(config, of("model.n_estimators=120"), at_limit)
    assert price.most_seconds is not None
    assert price.seconds is not None
    assert price.most_seconds - price.seconds == pytest.approx(more.most - more.seconds, abs=1.0)
    assert f"; {price.most_seconds / 60:.1f} min where no fit stops early" in "\n".join(sentences(price, "x"))


def test_a_fit_that_was_still_getting_better_ends_as_others_did() -> None:
    few, many = of("model.n_estimators=30"), of("model.n_estimators=400")
    better = record(few, iterations=30, best=30)
    assert by_stage(priced(few, many, better))["fit"].factor == pytest.approx(400 / 30)
    stopped = record(of("model.num_leaves=15"), iterations=150, best=100, name="other")
    assert by_stage(priced(few, many, better, stopped))["fit"].seconds == pytest.approx(1.0, rel=0.3)
    estimate = by_stage(priced(few, of("model.n_estimators=30", "seed=2"), better))["fit"]
    assert estimate.most is None


def test_seconds_of_a_busy_machine_are_those_of_its_processors() -> None:
    idle = record(of(), {"fit": 10.0}, processors=1.8)
    busy = record(of("seed=3"), {"fit": 40.0}, processors=0.45, name="busy")
    slower = record(of("seed=4"), {"fit": 11.0}, processors=1.6, name="slower")
    assert by_stage(priced(of(), of("seed=2"), idle, busy))["fit"].seconds == pytest.approx(10.0)
    # Nearly as many processors is no sign of a busy machine, nor is a run that nobody can compare with.
    assert by_stage(priced(of(), of("seed=2"), idle, slower))["fit"].seconds == pytest.approx(10.5)
    assert by_stage(priced(of(), of("seed=2"), busy))["fit"].seconds == pytest.approx(40.0)


def test_what_lies_between_stages_is_told_apart() -> None:
    runs = [
        record(of(f"seed={seed}"), name="n" * seed, between=seconds) for seed, seconds in ((1, 2), (2, 4))
    ]
    price = priced(of(), of("seed=3"), *runs)
    assert price.between == 3.0
    assert "; 3.0 s between stages" in "\n".join(sentences(price, "x"))
    assert priced(of(), of("seed=3"), record(of())).between is None


def test_two_sizes_tell_the_fixed_part() -> None:
    size = {"rows_day": 200_000}
    small = record(of("model.n_estimators=100"), {"fit": 3.0}, iterations=100, name="small", **size)
    large = record(of("model.n_estimators=400"), {"fit": 6.0}, iterations=400, name="larger", **size)
    found = by_stage(priced(of(), of("model.n_estimators=800"), small, large))["fit"]
    # 2 s and 1 s a hundred trees.
    assert found.seconds == pytest.approx(10.0, rel=0.1)
    assert found.runs == ("larger",)


def test_folds_that_nobody_made_are_as_many_fits() -> None:
    right = of("protocol=walk_forward", "protocol.folds=4", "protocol.first_train_fraction=0.5")
    known = record(of(), {"fit": 8.0}, rows_day=200_000)
    found = by_stage(priced(of(), right, known))
    assert found["folds"].seconds == pytest.approx(4 * 0.75 * (8.0 + 1.0 + 1.0), rel=0.02)
    assert found["folds"].basis == SCALED
    assert not found["fit fallback"].stage.certain
    weekly = by_stage(priced(of(), of("refit=expanding", "refit.every_days=1"), known))
    assert weekly["refit holdout"].seconds == pytest.approx(16.0, rel=0.02)


def test_a_fit_of_a_kind_that_is_only_the_baseline_is_known_by_it() -> None:
    found = by_stage(priced(of(), of(base="logistic_36feat"), record(of(), {"fit baseline": 2.0})))["fit"]
    assert found.basis == SCALED
    assert found.seconds is not None
    assert found.seconds > 2.0


def test_another_kind_of_fit_is_guessed_and_said_to_be() -> None:
    right = of("label=hold10_3class", "model=softmax_mlp", "baseline=softmax_13feat")
    price = priced(of(), right, record(of()))
    assert by_stage(price)["fit"].basis == GUESSED
    assert price.sureness[GUESSED] > 0


def test_without_records_the_price_says_what_to_run() -> None:
    price = priced(of(), of("seed=2"))
    assert price.seconds is None
    assert {one.basis for one in price.stages} == {UNKNOWN}
    told = "\n".join(sentences(price, "main:gbdt_36feat seed=2"))
    assert "no finished run is recorded here" in told
    assert "python -m atc.run +experiment=gbdt_36feat seed=2" in told
    assert "smallest detectable lift: " in told
    assert "at best" in told


def test_memory_grows_with_the_cells() -> None:
    right = of("data.days=12", "window.train_days=8", "window.holdout_days=4")
    found = by_stage(priced(of(), right, record(of())))
    assert found["fit"].peak_mib == pytest.approx(100 + 2 * 900)


def test_what_nobody_knows_is_not_summed() -> None:
    without = record(of("explain=none"))
    price = priced(of("explain=none"), of(), without)
    assert price.unknown == ("explain",)
    assert price.seconds is None
    assert "and what explain take" in "\n".join(sentences(price, "x"))
    assert price_json(price)["minutes"] is None


def test_the_smallest_lift_is_what_a_run_on_these_rows_said() -> None:
    said = record(of(), metrics={LIFT: 0.03})
    (lift,) = priced(of(), of("model.num_leaves=31"), said).lifts
    assert (lift.head, lift.value) == ("", 0.03)
    assert "as one said" in lift.how
    (longer,) = priced(of(), of("data.days=12", "window.train_days=4", "window.holdout_days=8"), said).lifts
    assert longer.value == pytest.approx(0.03 * math.sqrt(2 / 8))
    (other,) = priced(of(), of("model.num_leaves=31")).lifts
    # The plan's example of docs/power.md: 62 days, 17,856 windows.
    plan = of("data.days=100", "window.train_days=38", "window.holdout_days=62")
    (example,) = priced(of(), plan).lifts
    assert example.value == pytest.approx(0.0171, abs=1e-4)
    assert other.value > example.value


def test_sealed_runs_spend_no_look() -> None:
    assert priced(of(), of("seed=2")).looks.spent == 1
    sealed = priced(of(), of("protocol.sealed=true"))
    assert sealed.looks.spent == 0
    assert "backtest" not in by_stage(sealed)


def test_folders_that_are_no_runs_are_passed_over(tmp_path: Path) -> None:
    for name, content in (("a", "{"), ("b", '{"status": "finished"}'), ("c", '{"status": "failed"}')):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "manifest.json").write_text(content)
    assert recorded_runs(tmp_path) == []
    assert recorded_runs(tmp_path / "nothing") == []


def test_wrong_words_are_said() -> None:
    for words, says in (
        (["--records", "x"], "give both"),
        (["--cost", "--records", "/nowhere"], "no such folder"),
    ):
        result = CliRunner().invoke(application(), ["config", "diff", "gbdt_36feat", "gbdt_13feat", *words])
        assert isinstance(result.exception, UsageError)
        assert says in str(result.exception)


def test_a_record_says_processors_patience_and_what_lies_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "runs" / "one"
    folder.mkdir(parents=True)
    stages = {"events": (90.0, 90.0), "features": (8.0, 4.0), "fit": (20.0, 30.0)}
    manifest = {
        "status": "finished",
        "created_at": "2026-01-01T00:00:00.000+00:00",
        "finished_at": "2026-01-01T00:00:30.500+00:00",
        "stages": {
            name: {"seconds": seconds, "cpu_seconds": cpu, "peak_rss_mib": 100.0, "cached": name == "events"}
            for name, (seconds, cpu) in stages.items()
        },
        "spans": {},
        "files": {},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "config.yaml").write_text(yaml.safe_dump(plain(of())))
    (folder / "metrics.json").write_text("{}")
    fit = {"fit": {"iterations": 40, "best_iteration": 18}}
    monkeypatch.setattr("atc.review.recorded.read_model_manifest", lambda _: fit)
    (found,) = recorded_runs(tmp_path)
    assert (found.iterations, found.best_iterations) == (40, 18)
    assert found.stages["fit"].processors == pytest.approx(1.5)
    # Events and their quality come before a record can be opened.
    assert found.between_s == pytest.approx(2.5)

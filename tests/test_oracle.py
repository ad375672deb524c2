"""The oracle AUC: on laws whose AUC is known, and from the market to the command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from atc import _rust
from atc.cli import application
from atc.config.compose import compose
from atc.config.data import SimulatedData
from atc.errors import DataError, UsageError
from atc.evaluation.metrics import auc
from atc.evaluation.oracle import (
    Jackknifed,
    direction_outcomes,
    expected_auc,
    headroom_captured,
    label_outcomes,
    oracle_auc,
)
from atc.events.futures import futures_of
from atc.events.simulate import simulator_params
from atc.tasks import known_truth

Vector = NDArray[np.float64]


def beta_auc(a: float, b: float) -> float:
    """AUC of p ~ Beta(a, b): a row with y = 1 has p ~ Beta(a + 1, b), one with y = 0 Beta(a, b + 1)."""
    from scipy.integrate import quad
    from scipy.stats import beta

    area, _ = quad(lambda p: beta.pdf(p, a + 1, b) * beta.cdf(p, a, b + 1), 0.0, 1.0)
    return float(area)


def outcomes(p: Vector, continuations: int, seed: int) -> Vector:
    """Returns of ±5 bps, up with probability `p` (n,)."""
    rng = np.random.default_rng(seed)
    return np.where(rng.random((len(p), continuations)) < p[:, None], 5.0, -5.0)


def auc_of_states(p: Vector) -> float:
    """The AUC of p itself over fresh futures of these states."""
    up = np.rint(p * 1e9).astype(np.int64)
    value = expected_auc(up, 1_000_000_000 - up, p).value
    assert value is not None
    return value


@pytest.mark.parametrize(("a", "b"), [(5, 5), (20, 20), (100, 100), (20, 3)])
def test_the_corrected_auc_is_that_of_the_law_and_the_others_are_not(a: float, b: float) -> None:
    truth = beta_auc(a, b)
    rng = np.random.default_rng(3)
    off, off_own, errors, lows, highs = [], [], [], [], []
    for seed in range(6):
        p = rng.beta(a, b, 2_000)
        own = auc_of_states(p)
        found = oracle_auc(label_outcomes(outcomes(p, 400, seed), 0.0))
        assert found is not None
        assert found.corrected.value is not None
        assert found.corrected.se is not None
        off.append(found.corrected.value - truth)
        off_own.append(found.corrected.value - own)
        errors.append(found.corrected.se)
        lows.append(found.low - own)
        highs.append(found.high - own)
    error = float(np.sqrt(np.mean(np.square(errors))))
    # The mean of six independent estimates is known √6 times better than one of them.
    assert abs(np.mean(off)) < 3 * error / np.sqrt(6)
    # The standard error is the spread of the estimates, as far as six of them tell.
    assert 0.4 < np.std(off, ddof=1) / error < 2.0
    # Against the states' own truth, which takes the choice of states out, the biases stand alone.
    spread = float(np.std(off_own, ddof=1) / np.sqrt(6))
    assert abs(np.mean(off_own)) < 4 * spread + 0.0002
    assert np.mean(lows) < -0.0015
    assert np.mean(highs) > 0.0015
    assert max(lows) < 0 < min(highs)


def test_where_nothing_is_known_the_oracle_knows_nothing_and_luck_rewards_itself() -> None:
    found = oracle_auc(label_outcomes(outcomes(np.full(2_000, 0.55), 400, 5), 0.0))
    assert found is not None
    assert found.corrected.value is not None
    assert found.corrected.se is not None
    assert abs(found.corrected.value - 0.5) < 3 * found.corrected.se
    # √(2v/(πK)) / (4v) with v = p(1 − p).
    assert found.high - 0.5 == pytest.approx(np.sqrt(4 * 0.2475 / (np.pi * 400)) / (4 * 0.2475), rel=0.1)


def test_two_values_are_the_worst_case_and_the_correction_stays_between_the_brackets() -> None:
    """Misrankings die out faster than 1/m here, so that the extrapolation goes too far, by less than half of
    what the plain estimate is off.
    """
    p = np.random.default_rng(9).choice([0.45, 0.55], 2_000)
    found = oracle_auc(label_outcomes(outcomes(p, 400, 3), 0.0))
    assert found is not None
    assert found.corrected.value is not None
    own = auc_of_states(p)
    assert -0.002 < found.corrected.value - own < 0.5 * (found.high - own)


def test_states_that_share_their_latent_state_widen_the_standard_error() -> None:
    rng = np.random.default_rng(8)
    alone = rng.beta(10, 10, 1_800)
    shared = np.repeat(rng.beta(10, 10, 90), 20)
    errors = []
    for p in (alone, shared):
        found = oracle_auc(label_outcomes(outcomes(p, 200, 2), 0.0))
        assert found is not None
        assert found.corrected.se is not None
        errors.append(found.corrected.se)
    assert 2.5 < errors[1] / errors[0] < 8.0


def test_the_direction_is_ranked_by_the_likelihood_ratio() -> None:
    """Moves both ways are likelier where the volatility is high; only their ratio tells the direction."""
    rng = np.random.default_rng(4)
    n, k = 2_000, 400
    up_share, moving = rng.choice([0.4, 0.6], n), rng.uniform(0.2, 0.9, n)
    moved = rng.random((n, k)) < moving[:, None]
    rises = rng.random((n, k)) < up_share[:, None]
    r = np.where(moved, np.where(rises, 5.0, -5.0), 0.0)
    found = oracle_auc(direction_outcomes(r, 2.0))
    assert found is not None
    assert found.corrected.value is not None
    # A rise and a fall are of states (0.6, 0.4) in 0.36 of all pairs, of two alike in 0.48.
    assert found.corrected.value == pytest.approx(0.6, abs=0.006)


def test_the_expected_auc_of_a_score_is_that_over_all_futures() -> None:
    rng = np.random.default_rng(6)
    p = rng.beta(5, 5, 300)
    score = p + 0.2 * rng.standard_normal(300)
    y = outcomes(p, 50, 1) > 0
    up, down = y.sum(axis=1), (~y).sum(axis=1)
    found = expected_auc(up, down, score)
    # By hand: pairs of different states, each weighed by how often it is a pair of a 1 and a 0.
    weight = up[:, None] * down[None, :] * (1 - np.eye(300))
    higher = (score[:, None] > score[None, :]) + 0.5 * (score[:, None] == score[None, :])
    assert found.value == pytest.approx((weight * higher).sum() / weight.sum(), abs=1e-12)
    pooled = auc(y.ravel(), np.repeat(score, 50))
    assert pooled is not None
    assert found.value == pytest.approx(pooled, abs=0.003)
    # A constant score knows nothing, exactly.
    assert expected_auc(up, down, np.ones(300)).value == 0.5


def test_headroom_is_a_share_with_the_error_of_a_ratio_of_paired_figures() -> None:
    without = np.linspace(-0.01, 0.01, 30)
    model, linear, best = (Jackknifed(value, value + without) for value in (0.67, 0.62, 0.70))
    found = headroom_captured(model, linear, best)
    assert found.value == pytest.approx(0.05 / 0.08)
    # What moves all three alike moves no share.
    assert found.se == pytest.approx(0.0, abs=1e-9)
    assert headroom_captured(model, best, linear).value is None
    # Where an oracle is not told apart from a linear model, there is no room to capture a share of.
    shaken = Jackknifed(0.70, 0.70 + 5.0 * without)
    assert (shaken.se or 0.0) > 0.08 / 2.0
    assert headroom_captured(model, linear, shaken).value is None


def simulated(name: str) -> SimulatedData:
    data = compose([f"data={name}"]).data
    assert isinstance(data, SimulatedData)
    return data


def states_of(data: SimulatedData, n: int) -> NDArray[np.int64]:
    start = json.loads(simulator_params(data))["start_ns"]
    return start + 3_600_000_000_000 + np.arange(n) * 250_000_000_000


def test_nobody_knows_the_direction_of_null(tmp_path: Path) -> None:
    data = simulated("demo_null")
    futures = futures_of(
        data,
        states_of(data, 180),
        horizon_ns=300_000_000_000,
        continuations=48,
        seed=1,
        cache=tmp_path,
    )
    found = oracle_auc(direction_outcomes(futures.r_bps, 2.0))
    assert found is not None
    assert found.corrected.value is not None
    assert found.corrected.se is not None
    assert abs(found.corrected.value - 0.5) < 3 * found.corrected.se
    assert found.corrected.se < 0.03
    again = futures_of(
        data,
        states_of(data, 180),
        horizon_ns=300_000_000_000,
        continuations=48,
        seed=1,
        cache=tmp_path,
    )
    assert (futures.cached, again.cached) == (False, True)
    assert np.array_equal(again.later_mid2, futures.later_mid2)


def test_the_hidden_state_of_target_tells_much(tmp_path: Path) -> None:
    data = simulated("demo")
    futures = futures_of(
        data,
        states_of(data, 180),
        horizon_ns=300_000_000_000,
        continuations=48,
        seed=1,
        cache=tmp_path,
    )
    found = oracle_auc(label_outcomes(futures.r_bps, -2.0))
    assert found is not None
    assert found.corrected.value is not None
    assert found.low < found.corrected.value < found.high
    assert 0.64 < found.corrected.value < 0.78


SMALL = ("data=demo", "data.days=2", "window.train_days=1", "window.holdout_days=1", "runtime.progress=off")
EFFORT = ("--states", "120", "--continuations", "48")


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Events, rows and continuations that the tests of commands share."""
    return tmp_path_factory.mktemp("outputs")


def test_the_command_from_a_simulation_to_a_table(outputs: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    words = [*SMALL, f"paths.outputs={outputs}", f"paths.events={outputs / 'data'}"]
    file = tmp_path / "oracle.json"
    first = runner.invoke(
        application(), ["oracle", *words, *EFFORT, "--json", str(file)], catch_exceptions=False
    )
    assert first.exit_code == 0
    head, row = first.stdout.splitlines()[:2]
    assert head.split()[:3] == ["scenario", "label", "exit"]
    assert row.split()[:4] == ["target", "hold10_oracle", "-2.00", "oracle"]
    content = json.loads(file.read_text(encoding="utf-8"))
    assert (content["states"], content["continuations"], content["other_labels"]) == (120, 48, 0)
    assert f"{content['oracle']['value']:.4f}" == row.split()[4]
    assert content["runs"] == []
    (kept,) = (outputs / "cache" / "oracle").glob("truth-*.json")
    written = kept.stat().st_mtime_ns
    again = runner.invoke(application(), ["oracle", *words, *EFFORT], catch_exceptions=False)
    assert again.stdout == first.stdout
    assert kept.stat().st_mtime_ns == written
    # Another label of the same horizon asks the same continuations.
    futures = list((outputs / "cache" / "oracle").rglob("futures-*.parquet"))
    other = runner.invoke(
        application(), ["oracle", *words, *EFFORT, "label=hold10_oracle_q14"], catch_exceptions=False
    )
    assert other.exit_code == 0
    assert list((outputs / "cache" / "oracle").rglob("futures-*.parquet")) == futures
    assert float(other.stdout.splitlines()[1].split()[2]) < -2.0
    # Several at once, as Markdown: a head, a rule, a row each.
    both = runner.invoke(
        application(),
        ["oracle", *words, *EFFORT, "label=hold10_oracle,hold10_oracle_q14", "--markdown"],
        catch_exceptions=False,
    )
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in both.stdout.splitlines()]
    assert [row[1] for row in rows[2:]] == ["hold10_oracle", "hold10_oracle_q14"]
    assert rows[2][3:5] == ["oracle", first.stdout.splitlines()[1].split()[4]]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["data=eth_jpy"], "data=eth_jpy is canonical.*simulated data only"),
        (["data=demo", "label=fwd_logret"], "fwd_logret is a return"),
        (["data=demo", "--states", "3"], "--states 3: expected at least 60"),
        (["data=demo", "--rows", "train"], "--rows train: expected holdout or window"),
    ],
)
def test_what_it_cannot_do_is_refused(words: list[str], named: str) -> None:
    with pytest.raises(UsageError, match=named) as refused:
        CliRunner().invoke(application(), ["oracle", *words], catch_exceptions=False)
    assert refused.value.exit_code == 2


def test_what_is_kept_is_of_the_code_that_makes_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The states lie at rows: other rows, other states, whose scores no run would have."""
    config = compose([*SMALL])

    def key() -> str:
        known_truth._code.cache_clear()
        return known_truth._stem(config, "holdout", -2.0)

    before = key()
    assert key() == before
    monkeypatch.setattr(_rust, "FEATUREGEN_DIGEST", "other rows")
    assert key() != before
    monkeypatch.undo()
    assert key() == before


def test_a_run_is_judged_beside_the_oracle_and_its_record_stays(
    outputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from atc.report.summary import print_summary
    from atc.run import run

    settings = [*SMALL, f"paths.outputs={outputs}", f"paths.events={outputs / 'data'}", "tracking=none"]
    linear = run(compose(["+experiment=logistic_36feat", *settings, "label.exit_bps=2.5"]))
    assert f"atcoracle{linear}" in "".join(capsys.readouterr().out.split())
    linear = run(compose(["+experiment=logistic_36feat", *settings]))
    trees = run(compose(["+experiment=gbdt_36feat", *settings, "model.n_estimators=5", "model.num_leaves=4"]))
    sealed = run(compose(["+experiment=logistic_36feat", *settings, "protocol.sealed=true"]))
    recorded = {path: path.read_bytes() for path in outputs.glob("runs/*/m*.json")}
    capsys.readouterr()

    file = tmp_path / "oracle.json"
    done = CliRunner().invoke(
        application(), ["oracle", str(trees), *EFFORT, "--json", str(file)], catch_exceptions=False
    )
    assert done.exit_code == 0
    content = json.loads(file.read_text(encoding="utf-8"))
    (judged,) = content["runs"]
    assert judged["run"] == trees.name
    assert judged["linear"] == "logistic on plan36"
    run_metrics = json.loads((trees / "metrics.json").read_bytes())
    assert judged["model"]["holdout_auc"] == run_metrics["holdout/auc"]
    # Another threshold is another label, which no score of the run is meant for.
    with pytest.raises(DataError, match=r"r > -2 bps, and the oracle is asked for -5"):
        CliRunner().invoke(
            application(), ["oracle", str(trees), *EFFORT, "--threshold", "-5"], catch_exceptions=False
        )
    all_runs = CliRunner().invoke(
        application(), ["oracle", *settings, *EFFORT, "--json", str(file)], catch_exceptions=False
    )
    beside = {one["run"]: one for one in json.loads(file.read_text(encoding="utf-8"))["runs"]}
    # The sealed one has no holdout scores to judge.
    assert set(beside) == {linear.name, trees.name}
    assert beside[linear.name]["headroom_captured"]["value"] == 0.0
    room = content["oracle"]["value"] - beside[linear.name]["model"]["auc"]["value"]
    above = judged["model"]["auc"]["value"] - beside[linear.name]["model"]["auc"]["value"]
    assert judged["headroom_captured"]["value"] == pytest.approx(above / room)
    assert linear.name in all_runs.stdout

    print_summary(trees)
    shown = capsys.readouterr().out
    row = next(line for line in shown.splitlines() if line.startswith("oracle "))
    assert row.split()[1] == f"{content['oracle']['value']:.4f}"
    assert "Headroom captured" in shown
    print_summary(sealed)
    assert "this run has no holdout scores" in " ".join(capsys.readouterr().out.split())
    assert {path: path.read_bytes() for path in outputs.glob("runs/*/m*.json")} == recorded
    other = [*settings, "data.seed=2"]
    with pytest.raises(UsageError, match=r"another data\.\*"):
        CliRunner().invoke(application(), ["oracle", *other, str(trees), *EFFORT], catch_exceptions=False)

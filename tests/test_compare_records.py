"""Track records in `atc compare`: Sharpe ratios deflated by the looks, on runs whose gains are known."""

from __future__ import annotations

import json
import math
import shutil
import statistics
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from compared_runs import CUT, DAY, HOLDOUT, SECOND, Folder, Vector, compared, curve, known, predictions

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
from atc.protocol.ledger import Asker, Ledger
from atc.report.candidates import candidates_in
from atc.report.comparison import compare_runs
from atc.report.leaderboard import leaderboard_of
from atc.report.track_records import track_records
from atc.report.trial_set import TrialSet


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_the_track_records_of_three_runs(folder: Folder) -> None:
    rng = np.random.default_rng(4)
    days = 40
    gains = rng.standard_t(5, (days * 24, 3)) * 100 + np.array([0.0, 4.0, 8.0])
    frame = predictions(*known())
    runs = [folder.run(f"run{i}", frame, equity=curve(gains[:, i])) for i in range(3)]
    found = track_records(runs, TrialSet(7))
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
    text = compared(*runs)
    assert "3 trials (all that looked at this time; Sharpe ratios on record: 3" in text
    assert f"probability of backtest overfitting {whole.probability:.4f}, by the hour" in text


def test_seeds_of_one_config_are_one_trial(folder: Folder) -> None:
    """Three seeds of one config and another config: four trials, whose variance copies do not shrink."""
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
    found = track_records([*seeds, apart], TrialSet(4))
    assert found is not None
    assert (found.trials, found.independent) == (4, 2)
    sharpes = [run.sharpe for run in found.runs]
    assert None not in sharpes
    # What the sample variance of one seed and the other config is, over all choices of that seed.
    expected = np.mean([np.var([sharpe, sharpes[3]], ddof=1) for sharpe in sharpes[:3]])
    assert found.best_of_luck == pytest.approx(expected_best_sharpe(4, float(expected)))
    assert found.best_of_luck > expected_best_sharpe(4, float(np.var(sharpes, ddof=1)))
    alone = track_records(seeds, TrialSet(3))
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
    found = track_records([late, without], TrialSet(2))
    assert found is not None
    (run,) = found.runs
    assert run.days == 2  # of three days of hours, the first begins and the last ends within a day
    assert run.alpha == pytest.approx(gains.sum())
    assert (run.sharpe, run.probabilistic, run.deflated, run.days_needed) == (None, None, None, None)
    assert (found.best_of_luck, found.overfitting) == (None, None)
    assert track_records([without], TrialSet(2)) is None


def test_160_days_make_daily_blocks(folder: Folder) -> None:
    gains = np.random.default_rng(6).standard_normal((160 * 2, 2))
    frame = predictions(*known())
    runs = [
        folder.run(f"run{i}", frame, equity=curve(gains[:, i], step=12 * 3600 * SECOND)) for i in range(2)
    ]
    found = track_records(runs, TrialSet(2))
    daily = backtest_overfitting(gains.reshape(160, 2, 2).sum(axis=1))
    assert found is not None
    assert daily is not None
    assert (found.period, found.overfitting) == ("day", daily.probability)


def test_a_damaged_curve_is_named(folder: Folder) -> None:
    run = folder.run("first", predictions(*known()), equity=pl.DataFrame({"ts": [1]}))
    with pytest.raises(DataError, match=r"equity\.parquet: no curve"):
        track_records([run], TrialSet(1))


# N and V are of the same trials


def plain_dsr(of_run: Vector, of_all: list[Vector], looked: int) -> float:
    """Bailey and López de Prado 2014 as the paper has it, `looked` trials, the daily gains of those known."""
    sharpes = [statistics.mean(gains) / statistics.stdev(gains) for gains in of_all]
    normal, euler = statistics.NormalDist(), 0.5772156649015329
    first = (1 - euler) * normal.inv_cdf(1 - 1 / looked)
    luck = statistics.stdev(sharpes) * (first + euler * normal.inv_cdf(1 - 1 / (looked * math.e)))
    days, mean = len(of_run), statistics.mean(of_run)
    sharpe, scale = mean / statistics.stdev(of_run), statistics.pstdev(of_run)
    skew, kurtosis = (sum(((gain - mean) / scale) ** power for gain in of_run) / days for power in (3, 4))
    error = math.sqrt(1 - skew * sharpe + (kurtosis - 1) / 4 * sharpe**2)
    return normal.cdf((sharpe - luck) * math.sqrt(days - 1) / error)


def test_the_trials_are_all_that_looked_whichever_are_shown(folder: Folder) -> None:
    """Two of five runs are shown: they are still the best of five, and luck reaches as far as five say."""
    gains = np.random.default_rng(11).standard_t(5, (40 * 24, 5)) * 100 + np.arange(5) * 6.0
    frame = predictions(*known())
    runs = [folder.run(f"run{i}", frame, equity=curve(gains[:, i])) for i in range(5)]
    folder.run("untraded", frame)  # it looked, and has no Sharpe ratio
    daily = [gains[:, i].reshape(40, 24).sum(axis=1) for i in range(5)]
    expected = [plain_dsr(daily[i], daily, 6) for i in range(5)]
    every, two = compare_runs(runs).records, compare_runs([runs[4], runs[0]]).records
    assert every is not None and two is not None
    assert (every.trials, every.on_record, every.lost) == (6, 5, 0)
    assert (two.trials, two.on_record, two.lost) == (6, 5, 0)
    assert [run.deflated for run in every.runs] == pytest.approx(expected)
    assert [run.deflated for run in two.runs] == pytest.approx([expected[4], expected[0]])
    assert {
        len(one.records.runs) for one in leaderboard_of(candidates_in([runs[4].folder]), "it").trials
    } == {1}
    (alone,) = leaderboard_of(candidates_in([runs[4].folder]), "it").entries
    assert alone.track is not None
    assert alone.track.deflated == pytest.approx(expected[4])

    # Records that are gone count as looks. As long as more are known than lost, those speak for all.
    shutil.rmtree(runs[1].folder)
    fewer = compare_runs([runs[4], runs[0]]).records
    assert fewer is not None
    assert (fewer.trials, fewer.on_record, fewer.lost) == (6, 4, 1)
    known_ones = [daily[i] for i in (0, 2, 3, 4)]
    assert fewer.runs[0].deflated == pytest.approx(plain_dsr(daily[4], known_ones, 6))
    shutil.rmtree(runs[2].folder)
    shutil.rmtree(runs[3].folder)
    lost = compare_runs([runs[4], runs[0]]).records
    assert lost is not None
    assert (lost.trials, lost.on_record, lost.lost, lost.best_of_luck) == (6, 2, 3, None)
    assert {run.why_not_deflated for run in lost.runs} == {
        "of 3 of the 6 trials no record lies beside these runs, and the Sharpe ratios of 2 would not tell "
        "how far luck reaches among all"
    }


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
    counts = "7 trials (all that judged on this time; Sharpe ratios on record: 4, of configs"
    assert f"everything by the point of the curve; {counts}" in text
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

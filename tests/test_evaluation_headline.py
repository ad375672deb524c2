"""Headline figures: values against other people's code, resamples against rows written out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.typing import NDArray
from planted_rows import SECOND, START
from scipy import stats
from sklearn import metrics as judge
from sklearn.preprocessing import label_binarize

from atc.evaluation import correlation, precision_recall
from atc.evaluation.confusion import class_f1, prior_adjusted_argmax
from atc.evaluation.hac import BartlettKernel, correlation_t
from atc.evaluation.head import Head, HeadRows, Outcomes
from atc.evaluation.head_scores import HeadScores, direction_score
from atc.evaluation.headline import Headline, figure_names, headline, trivial_headline
from atc.evaluation.lift import Resampling, Sample, resampling
from atc.evaluation.metrics import calibration_bins
from atc.models.ranking import rank

Matrix = NDArray[np.float64]
Rows = NDArray[np.int64]

BINARY = Head("", ("FLAT", "HOLD"), (0,), 300 * SECOND, 2.0)
THREE = Head("", ("SHORT", "FLAT", "HOLD"), (0, 1, 2), 300 * SECOND, 2.0)
RETURN = Head("", (), (0,), 300 * SECOND, 0.0)
N, BLOCKS, RESAMPLES = 900, 25, 40


def kernel(at: Rows, bandwidth_ns: int) -> Callable[[], BartlettKernel]:
    return lambda: BartlettKernel.of(at, bandwidth_ns)


def rows_of(head: Head, n: int = N, seed: int = 0) -> HeadRows:
    r_bps = np.round(np.random.default_rng(seed).standard_normal(n) * 4, 1)
    codes = {0: r_bps, 2: r_bps > -2.0, 3: (r_bps > -4.0).astype(int) + (r_bps > -2.0)}
    t0 = START + np.arange(n) * 30 * SECOND
    days = t0.astype("datetime64[ns]").astype("datetime64[D]")
    y = codes[len(head.classes)].astype(np.float64)
    return HeadRows.of(Outcomes(y[:, None], r_bps[:, None], t0, days), head, 0)


def scores_of(rows: HeadRows, seed: int = 1) -> Matrix:
    rng = np.random.default_rng(seed)
    towards = rows.r_bps / 4 + 2 * rng.standard_normal(len(rows.y))
    if not rows.head.classes:
        return towards[:, None]
    margins = np.outer(towards, np.linspace(-1, 1, len(rows.head.classes)))
    margins += 0.3 * rng.standard_normal(margins.shape)
    p = np.exp(margins)
    last = np.round(p / p.sum(axis=1, keepdims=True), 2)[:, 1:]  # tied scores
    return np.column_stack([1 - last.sum(axis=1), last])


def draws_for(rows: HeadRows, resamples: int = RESAMPLES, seed: int = 3) -> Resampling:
    block = np.arange(len(rows.y)) * BLOCKS // len(rows.y)
    return resampling(block, BLOCKS, enough=True, resamples=resamples, confidence=0.95, seed=seed)


def of(head: Head, draws: Resampling | None = None) -> tuple[HeadRows, Matrix, NDArray[np.float64], Headline]:
    rows = rows_of(head)
    scores = scores_of(rows)
    shares = np.full(max(len(head.classes), 1), 1 / max(len(head.classes), 1))
    found = headline(HeadScores(rows, scores), shares, draws or draws_for(rows), 1500 * SECOND)
    return rows, scores, shares, found


def by_rows(draws: Resampling, figure: Callable[[Rows], float]) -> NDArray[np.float64]:
    """The figure of each resample, its rows written out as often as their block was drawn."""
    assert draws.times is not None
    every = np.arange(len(draws.block))
    return np.array([figure(np.repeat(every, times[draws.block])) for times in draws.times])


def references(rows: HeadRows, scores: Matrix, called: Rows) -> dict[str, Callable[[Rows], float]]:
    """By figure what other people's code makes of some rows."""
    y, r, towards = rows.y, rows.r_bps, direction_score(scores)
    moved = np.abs(r) > rows.head.exit_bps
    found: dict[str, Callable[[Rows], float]] = {
        "pearson": lambda i: float(stats.pearsonr(towards[i], r[i])[0]),
        "direction_auc": lambda i: judge.roc_auc_score(r[i][moved[i]] > 0, towards[i][moved[i]]),
    }
    classes = len(rows.head.classes)
    if not classes:
        return found | {
            "mse": lambda i: judge.mean_squared_error(y[i], scores[i, 0]),
            "directional_accuracy": lambda i: judge.accuracy_score(
                y[i][y[i] != 0] > 0, scores[i, 0][y[i] != 0] > 0
            ),
        }
    names, codes = range(classes), rows.codes
    of_rows = scores if classes > 2 else scores[:, 1]
    one_hot = label_binarize(codes, classes=list(names)) if classes > 2 else codes

    def macro(score: Callable[[NDArray[np.int64], Matrix], float]) -> Callable[[Rows], float]:
        if classes == 2:
            return lambda i: score(one_hot[i], of_rows[i])
        return lambda i: float(np.mean([score(one_hot[i, c], of_rows[i, c]) for c in names]))

    found |= {
        "auc": macro(judge.roc_auc_score),
        "pr_auc": macro(judge.average_precision_score),
        "log_loss": lambda i: judge.log_loss(codes[i], scores[i], labels=list(names)),
        "brier": macro(lambda truth, p: float(np.mean((p - truth) ** 2))),
        "accuracy": lambda i: judge.accuracy_score(codes[i], called[i]),
        "macro_f1": lambda i: judge.f1_score(codes[i], called[i], average="macro"),
    }
    if classes > 2:
        mean_brier = found["brier"]
        found["brier"] = lambda i: classes * mean_brier(i)
        for code, name in enumerate(rows.head.classes):
            found[f"auc/{name}"] = lambda i, code=code: judge.roc_auc_score(
                one_hot[i, code], of_rows[i, code]
            )
    for code, name in enumerate(rows.head.classes):
        found[f"f1/{name}"] = lambda i, code=code: judge.f1_score(
            codes[i], called[i], labels=[code], average="macro"
        )
    return found


@pytest.mark.parametrize("head", [BINARY, THREE, RETURN], ids=["binary", "three", "return"])
def test_values_and_resamples_are_those_of_the_rows_written_out(head: Head) -> None:
    rows, scores, shares, found = of(head)
    draws = draws_for(rows)
    called = prior_adjusted_argmax(scores, shares) if head.classes else np.zeros(N, dtype=np.int64)
    expected = references(rows, scores, called)
    samples, points = figure_names(head)
    assert set(found.samples) == set(samples)
    assert set(found.points) == set(points)
    others = {"ece", "spearman", "p_t"} if head.classes else {"spearman"}
    assert set(samples) - set(expected) == others
    for name, figure in expected.items():
        sample = found.samples[name]
        assert sample.value == pytest.approx(figure(np.arange(N)), abs=1e-12), name
        assert sample.resampled == pytest.approx(by_rows(draws, figure), abs=1e-12), name
        assert sample.estimate.interval is not None


def test_spearman_is_exact_and_its_resamples_nearly() -> None:
    rows, scores, _, found = of(BINARY)
    draws = draws_for(rows)
    p = direction_score(scores)

    def reference(i: Rows) -> float:
        return float(stats.spearmanr(p[i], rows.r_bps[i])[0])

    sample = found.samples["spearman"]
    assert sample.value == pytest.approx(reference(np.arange(N)), abs=1e-12)
    expected = by_rows(draws, reference)
    assert sample.resampled == pytest.approx(expected, abs=1e-3)
    assert np.std(expected) > 0.02
    few = np.round(p, 1)  # no more values than bins: exact
    coarse = correlation.spearman(draws, rank(few), rank(np.round(rows.r_bps / 2)))
    assert coarse.resampled == pytest.approx(
        by_rows(draws, lambda i: float(stats.spearmanr(few[i], np.round(rows.r_bps / 2)[i])[0])), abs=1e-12
    )


def test_average_precision_of_many_scores_is_nearly_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = rows_of(BINARY)
    draws = draws_for(rows)
    p = rows.r_bps / 4 + 2 * np.random.default_rng(5).standard_normal(N)
    positive = rows.y == 1.0
    monkeypatch.setattr(precision_recall, "BINS", 100)
    sample = precision_recall.average_precision_sample(draws, positive, rank(p))
    expected = by_rows(draws, lambda i: judge.average_precision_score(positive[i], p[i]))
    assert sample.value == pytest.approx(judge.average_precision_score(positive, p), abs=1e-12)
    assert sample.resampled == pytest.approx(expected, abs=2e-3)
    assert np.std(expected) > 0.01


def test_calibration_error_of_a_resample_keeps_the_bins_of_all_rows() -> None:
    rows, scores, _, found = of(BINARY)
    p, bins = scores[:, 1], calibration_bins(rank(scores[:, 1]))
    gap = p - (rows.y == 1.0)
    expected = by_rows(
        draws_for(rows), lambda i: sum(abs(gap[i][bins[i] == b].sum()) for b in range(20)) / len(i)
    )
    assert found.samples["ece"].resampled == pytest.approx(expected, abs=1e-12)


def test_the_confusion_is_that_of_the_rule() -> None:
    rows, scores, _, _ = of(THREE)
    shares = np.array([0.2, 0.1, 0.7])
    called = prior_adjusted_argmax(scores, shares)
    np.testing.assert_array_equal(called, 2 - np.argmax((scores / shares)[:, ::-1], axis=1))
    found = headline(HeadScores(rows, scores), shares, draws_for(rows), 1500 * SECOND)
    table = judge.confusion_matrix(rows.codes, called)
    for was, row in zip(THREE.classes, table, strict=True):
        for name, count in zip(THREE.classes, row, strict=True):
            assert found.points[f"confusion/{was}/{name}"] == count
    assert not np.any(prior_adjusted_argmax(scores, np.array([0.5, 0.0, 0.5])) == 1)
    assert prior_adjusted_argmax(np.full((1, 3), 1 / 3), np.full(3, 1 / 3)).tolist() == [2]


def test_a_class_that_neither_happens_nor_is_called_has_no_f1() -> None:
    found = class_f1(np.array([[[3.0, 1, 0], [2, 4, 0], [0, 0, 0]]]))
    assert found[0, :2] == pytest.approx([6 / 9, 8 / 11])
    assert np.isnan(found[0, 2])


def test_who_knows_nothing_scores_what_no_skill_scores() -> None:
    rows = rows_of(THREE)
    share = np.bincount(rows.codes, minlength=3) / N
    found = trivial_headline(rows, rows.y, draws_for(rows))
    values = {name: sample.value for name, sample in found.samples.items()}
    assert values["auc"] == 0.5
    assert values["log_loss"] == pytest.approx(-np.sum(share * np.log(share)))
    assert values["accuracy"] == pytest.approx(share[2])
    assert values["ece"] == pytest.approx(0.0, abs=1e-12)
    assert values["pr_auc"] == pytest.approx(1 / 3)
    assert values["pearson"] is None
    of_return = trivial_headline(rows_of(RETURN), np.array([1.0, 3.0]), draws_for(rows))
    assert of_return.samples["mse"].value == pytest.approx(np.mean((rows.r_bps - 2.0) ** 2))


def test_undefined_figures_are_none() -> None:
    rows = rows_of(BINARY)
    p = np.column_stack([np.full(N, 0.5), np.full(N, 0.5)])
    same = HeadRows(BINARY, rows.rows, np.ones(N), np.abs(rows.r_bps), rows.t0, rows.days)
    found = headline(HeadScores(same, p), np.array([0.5, 0.5]), draws_for(rows), 1500 * SECOND)
    for name in ("auc", "direction_auc", "pearson", "spearman", "macro_f1", "f1/FLAT"):
        assert found.samples[name] == Sample(None, None, 0.95), name
    assert found.samples["accuracy"].value == 1.0
    assert found.points["pearson/t"] is None


# Newey and West


@pytest.mark.parametrize("lags", [1, 9, 40])
def test_t_is_that_of_a_regression_with_newey_west_errors(lags: int) -> None:
    rng = np.random.default_rng(lags)
    x = np.convolve(rng.standard_normal(620), np.ones(21), "valid")
    y = 0.1 * x + np.convolve(rng.standard_normal(620), np.ones(21), "valid")
    at = START + np.arange(600) * SECOND
    fitted = sm.OLS(y, sm.add_constant(x)).fit(
        cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": False}
    )
    assert correlation_t(x, y, kernel(at, (lags + 1) * SECOND)) == pytest.approx(fitted.tvalues[1], rel=1e-9)
    order = rng.permutation(600)
    assert correlation_t(x[order], y[order], kernel(at[order], (lags + 1) * SECOND)) == pytest.approx(
        fitted.tvalues[1], rel=1e-9
    )


def test_the_kernel_is_in_time_as_written_out() -> None:
    rng = np.random.default_rng(0)
    at = np.sort(rng.integers(0, 100 * SECOND, 200))
    at[50:55] = at[50]  # rows of one instant count fully together
    psi = rng.standard_normal(200)
    kernel = np.maximum(0.0, 1 - np.abs(at[:, None] - at[None, :]) / (7 * SECOND))
    assert BartlettKernel.of(at, 7 * SECOND).sum(psi) == pytest.approx(psi @ kernel @ psi)
    alone = np.delete(psi, range(50, 55))
    assert BartlettKernel.of(at, 1).sum(psi) == pytest.approx(psi[50:55].sum() ** 2 + alone @ alone)
    with pytest.raises(ValueError, match="bandwidth of 0 ns"):
        BartlettKernel.of(at, 0)


def test_overlapping_labels_do_not_make_chance_significant() -> None:
    """A worthless slow score against returns of 100 overlapping rows: |t| > 1.96 about one time in twenty."""
    apart, naive = 0, 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        steps = rng.standard_normal(3099)
        y = np.convolve(steps, np.ones(100), "valid")
        x = np.convolve(rng.standard_normal(3099), np.ones(100), "valid")
        at = START + np.arange(3000) * SECOND
        t = correlation_t(x, y, kernel(at, 500 * SECOND))
        assert t is not None
        apart += abs(t) > 1.96
        rho = np.corrcoef(x, y)[0, 1]
        naive += abs(rho) * np.sqrt(3000) > 1.96
    assert apart <= 40  # 30 disjoint windows: the normal limit is coarse
    assert naive >= 150


@pytest.mark.slow
def test_intervals_of_every_figure_cover_the_truth_of_dependent_rows() -> None:
    """Score and return are constant for half a block, as overlapping labels nearly are; the truth is the mean
    over many samples, and the lift of two scores of equal skill is 0.
    """
    per, blocks, seeds = 8, 60, 80

    def sample(seed: int) -> tuple[HeadRows, list[Matrix]]:
        rng = np.random.default_rng(seed)
        n = 2 * blocks
        r_bps = np.repeat(4 * rng.standard_normal(n), per)
        t0 = START + np.arange(len(r_bps)) * 60 * SECOND
        days = t0.astype("datetime64[ns]").astype("datetime64[D]")
        y = (r_bps > -2.0).astype(np.float64)
        rows = HeadRows.of(Outcomes(y[:, None], r_bps[:, None], t0, days), BINARY, 0)
        towards = [r_bps / 8 + np.repeat(rng.standard_normal(n), per) for _ in range(2)]
        p = [1 / (1 + np.exp(-each)) for each in towards]
        return rows, [np.column_stack([1 - each, each]) for each in p]

    figures = (
        "auc",
        "direction_auc",
        "pr_auc",
        "log_loss",
        "brier",
        "accuracy",
        "macro_f1",
        "pearson",
        "spearman",
    )
    found: list[list[Headline]] = []
    for seed in range(seeds):
        rows, scores = sample(seed)
        block = np.arange(len(rows.y)) // (2 * per)
        draws = resampling(block, blocks, enough=True, resamples=200, confidence=0.95, seed=seed)
        found.append(
            [headline(HeadScores(rows, p), np.array([0.3, 0.7]), draws, 3600 * SECOND) for p in scores]
        )
    for figure in figures:
        values = [one.samples[figure].value for pair in found for one in pair]
        truth = float(np.mean([value for value in values if value is not None]))
        covered, even = 0, 0
        for one, two in found:
            interval = one.samples[figure].estimate.interval
            lift = one.samples[figure].minus(two.samples[figure]).interval
            assert interval is not None
            assert lift is not None
            covered += interval.contains(truth)
            even += lift.contains(0.0)
        # Binomial(80, 0.93), 4 standard deviations.
        assert covered >= 65, figure
        assert even >= 65, figure

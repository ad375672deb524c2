"""The headline figures of one model on one set of rows, each with its resamples (SPEC 5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from atc.evaluation import metrics
from atc.evaluation.confusion import class_f1, class_shares, prior_adjusted_argmax, share_right
from atc.evaluation.correlation import pearson, spearman
from atc.evaluation.hac import correlation_t
from atc.evaluation.head import Head, HeadRows
from atc.evaluation.lift import Resampling, Sample
from atc.evaluation.precision_recall import average_precision_sample
from atc.evaluation.rank_bins import mid_ranks
from atc.evaluation.transactions import p_transaction
from atc.models.ranking import Ranked, rank
from atc.protocol.dataset import Labels

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

CORRELATIONS = ("pearson", "spearman")
"""Their t stands beside them as `…/t`."""


@dataclass(frozen=True)
class Headline:
    """Figures by name."""

    samples: dict[str, Sample]
    """With intervals where the blocks bear them."""
    points: dict[str, float | None]
    """Without."""


def figure_names(head: Head) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the samples and of the points that `headline` gives for `head`, whatever the rows."""
    points = tuple(f"{name}/t" for name in CORRELATIONS)
    if not head.classes:
        return (*CORRELATIONS, "mse", "directional_accuracy", "direction_auc"), points
    each = tuple(f"f1/{name}" for name in head.classes)
    if len(head.classes) > 2:
        each = (*(f"auc/{name}" for name in head.classes), *each)
    confusion = tuple(f"confusion/{was}/{called}" for was in head.classes for called in head.classes)
    names = ("auc", "direction_auc", "pr_auc", "log_loss", "brier", "ece", "accuracy", "macro_f1", "p_t")
    return (*names, *each, *CORRELATIONS), (*points, *confusion)


def headline(
    rows: HeadRows, scores: Matrix, shares: Vector, draws: Resampling, bandwidth_ns: int
) -> Headline:
    """The figures of the head's `scores` (n, classes) or (n, 1) on `rows`.

    `shares` (classes,): of each class in validation, for the prior-adjusted argmax; of a return unused.
    `bandwidth_ns`: of the t of the correlations.
    """
    if rows.head.classes:
        return _of_classes(rows, scores, prior_adjusted_argmax(scores, shares), draws, bandwidth_ns)
    return _of_return(rows, scores[:, 0], draws, bandwidth_ns)


def trivial_headline(rows: HeadRows, train_y: Labels, draws: Resampling) -> Headline:
    """The figures of who knows nothing but the labels `train_y` (m,) of training: the shares of the classes
    as probabilities and the last class (HOLD) as the call; or the mean return.
    """
    classes = len(rows.head.classes)
    if not classes:
        return _of_return(rows, np.full(len(rows.y), np.mean(train_y)), draws, 1)
    shares = class_shares(train_y.astype(np.int64), classes)
    called = np.full(len(rows.y), classes - 1)
    return _of_classes(rows, np.tile(shares, (len(rows.y), 1)), called, draws, 1)


def direction_score(scores: Matrix) -> Vector:
    """(n,) of probabilities (n, classes) the last class's less the first's, of a return (n, 1) the return
    itself: p(HOLD) − p(SHORT).
    """
    columns = scores.shape[1]
    if columns == 1:
        return scores[:, 0]
    # Of two classes p, which is the same ranking and keeps its digits.
    return scores[:, 1] if columns == 2 else scores[:, -1] - scores[:, 0]


def _of_classes(
    rows: HeadRows, p: Matrix, called: NDArray[np.int64], draws: Resampling, bandwidth_ns: int
) -> Headline:
    codes, names = rows.codes, rows.head.classes
    number = len(names)
    judged = [1] if number == 2 else list(range(number))
    ranked = {one: rank(p[:, one]) for one in judged}
    areas = [draws.auc(codes == one, ranked[one]) for one in judged]
    towards = direction_score(p)
    ranked_towards = ranked[1] if number == 2 else rank(towards)
    counts = draws.counts(codes * number + called, number**2)

    def of_counts(figure: Callable[[NDArray[np.float64]], Vector]) -> Sample:
        return draws.figure(counts, lambda drawn: figure(drawn.reshape(-1, number, number)))

    precisions = [average_precision_sample(draws, codes == one, ranked[one]) for one in judged]
    samples = {
        "auc": mean_of(areas),
        "direction_auc": direction_auc(rows, ranked_towards, draws),
        "pr_auc": mean_of(precisions),
        "log_loss": draws.mean(metrics.log_losses(codes, p)),
        "brier": draws.mean(metrics.squared_errors(codes, p)),
        "ece": mean_of([_calibration_error(draws, codes == one, p[:, one], ranked[one]) for one in judged]),
        "accuracy": of_counts(share_right),
        "macro_f1": draws.borne(
            of_counts(lambda drawn: np.asarray(class_f1(drawn).mean(axis=1))),
            *(codes == one for one in range(number)),
        ),
    }
    samples["p_t"] = p_transaction(rows, called, draws)
    if number > 2:
        samples |= {f"auc/{names[one]}": areas[one] for one in judged}
    for one, name in enumerate(names):
        samples[f"f1/{name}"] = draws.borne(of_counts(partial(_f1_of, one)), codes == one)
    related, points = _correlations(rows, towards, ranked_towards, draws, bandwidth_ns)
    whole = counts.sum(axis=0).reshape(number, number)
    for was, row in zip(names, whole, strict=True):
        points |= {f"confusion/{was}/{name}": int(count) for name, count in zip(names, row, strict=True)}
    return Headline(samples | related, points)


def _f1_of(one: int, counts: NDArray[np.float64]) -> Vector:
    return class_f1(counts)[:, one]


def _of_return(rows: HeadRows, predicted: Vector, draws: Resampling, bandwidth_ns: int) -> Headline:
    ranked = rank(predicted)
    related, points = _correlations(rows, predicted, ranked, draws, bandwidth_ns)
    moved = rows.y != 0.0
    return Headline(
        {
            **related,
            "mse": draws.mean((predicted - rows.y) ** 2),
            "directional_accuracy": draws.mean((np.sign(predicted) == np.sign(rows.y)).astype(float), moved),
            "direction_auc": direction_auc(rows, ranked, draws),
        },
        points,
    )


def _correlations(
    rows: HeadRows, score: Vector, ranked: Ranked, draws: Resampling, bandwidth_ns: int
) -> tuple[dict[str, Sample], dict[str, float | None]]:
    """ρ of the score and the return, and their t."""
    of_return = rows.ranked_return
    samples = {
        "pearson": pearson(draws, score, rows.r_bps),
        "spearman": spearman(draws, ranked, of_return),
    }
    points = {
        "pearson/t": correlation_t(score, rows.r_bps, rows.t0, bandwidth_ns),
        "spearman/t": correlation_t(mid_ranks(ranked), mid_ranks(of_return), rows.t0, bandwidth_ns),
    }
    return samples, points


def direction_auc(rows: HeadRows, towards: Ranked, draws: Resampling) -> Sample:
    """The AUC of a ranked direction score (n,) against the sign of the return, of rows that moved enough."""
    moved = metrics.direction_rows(rows.r_bps, rows.head.exit_bps)
    return draws.auc(rows.r_bps > 0.0, towards, moved)


def _calibration_error(draws: Resampling, positive: NDArray[np.bool_], p: Vector, ranked: Ranked) -> Sample:
    """The bins are those of all the rows, in every resample."""
    bins = metrics.ECE_BINS
    gaps = draws.cell_sums(metrics.calibration_bins(ranked, bins), bins, p - positive)
    rows = draws.sums(np.ones(len(p)))

    def of(drawn: NDArray[np.float64]) -> Vector:
        out = np.full(len(drawn), np.nan)
        np.divide(np.sum(np.abs(drawn[:, 1:]), axis=1), drawn[:, 0], out=out, where=drawn[:, 0] > 0)
        return out

    return draws.figure(np.column_stack([rows, gaps]), of)


def mean_of(samples: list[Sample]) -> Sample:
    """The mean of figures, resample by resample; undefined where one of them is."""
    values = [one.value for one in samples if one.value is not None]
    if len(values) < len(samples):
        return Sample(None, None, samples[0].confidence)
    resampled = [one.resampled for one in samples if one.resampled is not None]
    together = np.mean(resampled, axis=0) if len(resampled) == len(samples) else None
    return Sample(float(np.mean(values)), together, samples[0].confidence)

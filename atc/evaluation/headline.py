"""The headline figures of one model on one set of rows, each with its resamples (SPEC 5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from atc.evaluation import metrics
from atc.evaluation.confusion import class_f1, class_shares, prior_adjusted_argmax, share_right
from atc.evaluation.correlation import pearson, spearman
from atc.evaluation.hac import correlation_t
from atc.evaluation.head import Head, HeadRows
from atc.evaluation.head_scores import HeadScores
from atc.evaluation.lift import Resampling, Sample, fewest
from atc.evaluation.precision_recall import average_precision_sample
from atc.evaluation.transactions import p_transaction
from atc.models.ranking import Ranked
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
    _points: Callable[[], dict[str, float | None]]

    @cached_property
    def points(self) -> dict[str, float | None]:
        """Without; made for who asks."""
        return self._points()


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


def headline(said: HeadScores, shares: Vector, draws: Resampling, bandwidth_ns: int) -> Headline:
    """The figures of what a model `said` of a head's rows.

    `shares` (classes,): of each class in validation, for the prior-adjusted argmax; of a return unused.
    `bandwidth_ns`: of the t of the correlations.
    """
    if said.rows.head.classes:
        return _of_classes(said, prior_adjusted_argmax(said.values, shares), draws, bandwidth_ns)
    return _of_return(said, draws, bandwidth_ns)


def trivial_headline(rows: HeadRows, train_y: Labels, draws: Resampling) -> Headline:
    """The figures of who knows nothing but the labels `train_y` (m,) of training: the shares of the classes
    as probabilities and the last class (HOLD) as the call; or the mean return.
    """
    classes = len(rows.head.classes)
    if not classes:
        return _of_return(HeadScores(rows, np.full((len(rows.y), 1), np.mean(train_y))), draws, 1)
    shares = class_shares(train_y.astype(np.int64), classes)
    called = np.full(len(rows.y), classes - 1)
    return _of_classes(HeadScores(rows, np.tile(shares, (len(rows.y), 1))), called, draws, 1)


def _of_classes(
    said: HeadScores, called: NDArray[np.int64], draws: Resampling, bandwidth_ns: int
) -> Headline:
    rows, p = said.rows, said.values
    codes, names, judged = rows.codes, rows.head.classes, said.judged
    number = len(names)
    areas = [draws.auc(said.happened(one), said.ranked(one)) for one in judged]
    counts = draws.counts(codes * number + called, number**2)

    def of_counts(figure: Callable[[NDArray[np.float64]], Vector]) -> Sample:
        return draws.figure(counts, lambda drawn: figure(drawn.reshape(-1, number, number)))

    precisions = [average_precision_sample(draws, said.happened(one), said.ranked(one)) for one in judged]
    samples = {
        "auc": mean_of(areas),
        "direction_auc": direction_auc(rows, said.ranked_towards, draws),
        "pr_auc": mean_of(precisions),
        "log_loss": draws.mean(metrics.log_losses(codes, p)),
        "brier": draws.mean(metrics.squared_errors(codes, p)),
        "ece": mean_of([_calibration_error(draws, said, one) for one in judged]),
        "accuracy": of_counts(share_right),
        "macro_f1": draws.borne(
            of_counts(lambda drawn: np.asarray(class_f1(drawn).mean(axis=1))),
            *(codes == one for one in range(number)),
        ),
        "p_t": p_transaction(rows, called, draws),
    }
    if number > 2:
        samples |= {f"auc/{names[one]}": area for one, area in zip(judged, areas, strict=True)}
    for one, name in enumerate(names):
        samples[f"f1/{name}"] = draws.borne(of_counts(partial(_f1_of, one)), codes == one)

    def points() -> dict[str, float | None]:
        whole = counts.sum(axis=0).reshape(number, number)
        return _correlation_ts(said, bandwidth_ns) | {
            f"confusion/{was}/{name}": int(count)
            for was, row in zip(names, whole, strict=True)
            for name, count in zip(names, row, strict=True)
        }

    return Headline(samples | _correlations(said, draws), points)


def _f1_of(one: int, counts: NDArray[np.float64]) -> Vector:
    return class_f1(counts)[:, one]


def _of_return(said: HeadScores, draws: Resampling, bandwidth_ns: int) -> Headline:
    rows, predicted = said.rows, said.values[:, 0]
    moved = rows.y != 0.0
    samples = {
        **_correlations(said, draws),
        "mse": draws.mean((predicted - rows.y) ** 2),
        "directional_accuracy": draws.mean((np.sign(predicted) == np.sign(rows.y)).astype(float), moved),
        "direction_auc": direction_auc(rows, said.ranked_towards, draws),
    }
    return Headline(samples, partial(_correlation_ts, said, bandwidth_ns))


def _correlations(said: HeadScores, draws: Resampling) -> dict[str, Sample]:
    """ρ of the score and the return."""
    return {
        "pearson": pearson(draws, said.towards, said.rows.r_bps),
        "spearman": spearman(draws, said.ranked_towards, said.rows.ranked_return),
    }


def _correlation_ts(said: HeadScores, bandwidth_ns: int) -> dict[str, float | None]:
    rows = said.rows
    kernel = partial(rows.kernel, bandwidth_ns)
    return {
        "pearson/t": correlation_t(said.towards, rows.r_bps, kernel),
        "spearman/t": correlation_t(said.ranked_towards.mid_ranks, rows.ranked_return.mid_ranks, kernel),
    }


def direction_auc(rows: HeadRows, towards: Ranked, draws: Resampling) -> Sample:
    """The AUC of a ranked direction score (n,) against the sign of the return, of rows that moved enough."""
    moved = metrics.direction_rows(rows.r_bps, rows.head.exit_bps)
    return draws.auc(rows.r_bps > 0.0, towards, moved)


def _calibration_error(draws: Resampling, said: HeadScores, one: int) -> Sample:
    """Of one class. The bins are those of all the rows, in every resample."""
    bins = metrics.ECE_BINS
    members = metrics.calibration_bins(said.ranked(one), bins)
    gaps = draws.cell_sums(members, bins, said.values[:, one] - said.happened(one))

    def of(drawn: NDArray[np.float64]) -> Vector:
        out = np.full(len(drawn), np.nan)
        np.divide(np.sum(np.abs(drawn[:, 1:]), axis=1), drawn[:, 0], out=out, where=drawn[:, 0] > 0)
        return out

    return draws.figure(np.column_stack([draws.counted(), gaps]), of)


def mean_of(samples: list[Sample]) -> Sample:
    """The mean of figures, resample by resample; undefined where one of them is."""
    values = [one.value for one in samples if one.value is not None]
    if len(values) < len(samples):
        return Sample(None, None, samples[0].confidence)
    resampled = [one.resampled for one in samples if one.resampled is not None]
    together = np.mean(resampled, axis=0) if len(resampled) == len(samples) else None
    return Sample(float(np.mean(values)), together, samples[0].confidence, fewest(*samples))

"""What it takes to judge and to explain a model, in seconds of the machine of docs/bench_train.md.

As with fits, they only tell the parts of a stage from each other; a recorded run says how long it takes. The
figures are of runs on the demo (190,000 rows of training, 22,000 of validation, 69,000 of the holdout; one
head, four, three classes, a return), and of processor time by function on a tenth of that.
"""

from __future__ import annotations

from atc.config.evaluation import Adversarial
from atc.config.labels import THREE_CLASSES
from atc.config.model import Gbdt
from atc.config.schema import RunConfig
from atc.review.fit_work import Work, model_column_count
from atc.review.keys import columns_of, window_rows_of
from atc.review.size import Size

_SEEN_ROW_S, _HELD_ROW_S = 5e-7, 4.5e-6
"""Of a row of training or validation, ranked by three models, and of one of the holdout, whose figures have
intervals.
"""
_RESAMPLES_S = 0.58 / 2000
"""Of a resample of the holdout: all figures of all models, and those by regime."""
_TREE_ON_ROW_S = 1e-8
_CELL_BINNED_S, _CELL_IN_TREE_S = 8e-8, 3e-9
"""Of the small trees of adversarial validation, which go beside the figures."""
_BEGIN_S, _LIGHTGBM_S = 0.02, 0.3
_PERMUTED_S, _EXPLAINED_RESAMPLE_S = 4.5e-7, 4.5e-7
"""Of `explain`: a row of a permuted column ranked, and a resample of a column's drop."""
_ANSWERS_OF_SHAP = 20
"""That SHAP values of one row and column are worth."""


def evaluate_work(config: RunConfig, size: Size, steps: float) -> Work:
    """Figures of all models on all rows, with intervals where the holdout is open; `steps`: trees that score,
    of all heads and seeds.
    """
    heads, asked = len(config.label.all_horizons_s), config.evaluation
    trees = isinstance(config.model, Gbdt)
    seen = size.train_rows + size.valid_rows
    held = 0.0 if config.protocol.sealed else size.holdout_rows
    seconds = heads * seen * _SEEN_ROW_S
    if trees:
        seconds += (seen + held) * steps * _TREE_ON_ROW_S
    begin = _BEGIN_S
    if not config.protocol.sealed:
        figures = _figures_of(config.label.kind)
        seconds += heads * figures * (asked.resamples * _RESAMPLES_S + held * _HELD_ROW_S)
        if asked.adversarial.enabled:
            seconds += _told_apart(asked.adversarial, size, len(columns_of(config)))
            begin += 0.0 if trees else _LIGHTGBM_S  # trees have imported it
    like = f"{config.model.kind} {config.label.kind} {'sealed' if config.protocol.sealed else 'open'}"
    return Work("", seconds, begin, like=like)


def _figures_of(label: str) -> float:
    """How many times those of two classes a head has."""
    if label == "fwd_logret":
        return 0.6
    return 1.6 if label in THREE_CLASSES else 1.0


def _told_apart(asked: Adversarial, size: Size, columns: int) -> float:
    rows = min(asked.rows, size.train_rows) + min(asked.rows, size.holdout_rows)
    cells = rows * columns * (asked.folds - 1)
    return cells * (_CELL_BINNED_S + asked.trees * _CELL_IN_TREE_S)


def explain_work(config: RunConfig, steps: float) -> Work:
    """Answers that the model is asked for, and what the figures of its inputs take; `steps` as above."""
    asked, columns = config.explain, model_column_count(config)
    heads, length = len(config.label.all_horizons_s), window_rows_of(config)
    rows = asked.window_rows * length if length > 1 else asked.rows
    permuted: float = rows * asked.repeats * columns
    answers: float = permuted + asked.top * asked.curve_points * asked.curve_rows
    answers += asked.top * (asked.top + 1) / 2 * asked.pair_rows**2
    seconds = heads * (permuted * _PERMUTED_S + asked.resamples * columns * 20 * _EXPLAINED_RESAMPLE_S)
    if isinstance(config.model, Gbdt):
        answers += _ANSWERS_OF_SHAP * asked.shap_rows * columns
        return Work(config.model.kind, seconds + answers * steps * _TREE_ON_ROW_S, _BEGIN_S)
    return Work(config.model.kind, seconds + heads * answers * _PERMUTED_S)

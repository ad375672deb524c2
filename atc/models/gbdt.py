"""Gradient-boosted trees by LightGBM, with everything fixed that would let two runs differ."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from atc.config.model import Gbdt
from atc.errors import DataError
from atc.models.base import (
    CHUNK_ROWS,
    FitReport,
    Plain,
    Progress,
    Scores,
    class_scores,
    curve_rows,
    one_head,
)
from atc.models.lightgbm_bins import edges_of
from atc.models.lightgbm_kept import kept_bins
from atc.models.lightgbm_rows import dataset_type, lightgbm_rows, run_of
from atc.models.one_head import OneHeadModel, fit_report
from atc.models.ranking import auc
from atc.protocol.dataset import Block, Labels
from atc.protocol.row_runs import Matrix, RowRuns

if TYPE_CHECKING:
    import lightgbm

MODEL_FILE = "model.txt"
RANKED_ROWS = 20_000
"""Rows of a set, evenly spaced, that its curve of AUC is drawn from."""

# LightGBM's derives six seeds from `seed`; they are spelled out so that the record holds what was used.
_SEEDS = (
    "seed",
    "data_random_seed",
    "feature_fraction_seed",
    "bagging_seed",
    "extra_seed",
    "objective_seed",
    "drop_seed",
)


def parameters(config: Gbdt, seed: int, rows: int, classes: int = 2) -> dict[str, Plain | list[str]]:
    """LightGBM's parameters for `config`, so many training rows and a label of so many classes.

    The loss decides when to stop: it is the objective itself, it is smoother than a rank statistic on
    overlapping labels, and it keeps the probabilities honest, which thresholds and the Brier score read.
    """
    objective: dict[str, Plain | list[str]] = (
        {"objective": "binary", "metric": ["binary_logloss"]}
        if classes == 2
        else {"objective": "multiclass", "num_class": classes, "metric": ["multi_logloss"]}
    )
    return {
        **objective,
        "boosting": "gbdt",
        "max_depth": config.max_depth,
        "num_leaves": config.num_leaves,
        "min_child_samples": config.min_child_samples,
        "learning_rate": config.learning_rate,
        "feature_fraction": config.feature_fraction,
        "bagging_fraction": config.bagged(rows),
        "bagging_freq": config.bagging_freq,
        "max_bin": config.max_bin,
        "num_threads": config.num_threads,
        "deterministic": True,
        "force_col_wise": config.histogram == "col",
        "force_row_wise": config.histogram == "row",
        "verbosity": -1,
        **dict.fromkeys(_SEEDS, seed),
    }


def binned(
    block: Block,
    chosen: Mapping[str, Plain | list[str]],
    *,
    rows: np.ndarray[Any, Any] | None = None,
    like: lightgbm.Dataset | None = None,
) -> lightgbm.Dataset:
    """Rows of `block` (None: all) in LightGBM's bins: those of `like`, or edges of their own."""
    some: Any = slice(None) if rows is None else rows
    return dataset_type()(
        lightgbm_rows(block.x if rows is None else block.x[rows]),
        label=run_of(block.y[some, 0]),
        weight=None if block.weights is None else run_of(block.weights[some]),
        reference=like,  # bin edges come from the training rows alone
        feature_name=list(block.features),
        params=dict(chosen),
        free_raw_data=True,
    )


@dataclass(frozen=True)
class _State:
    booster: lightgbm.Booster
    features: tuple[str, ...]
    num_threads: int
    score_names: tuple[str, ...]


class GbdtModel(OneHeadModel[Gbdt, _State]):
    """Trees; nulls go to them as they are."""

    kind: ClassVar[str] = "gbdt"

    def _fit(
        self,
        train: Block,
        valid: Block,
        codes: tuple[Labels, Labels],
        *,
        seed: int,
        progress: Progress | None,
    ) -> tuple[_State, FitReport]:
        """Grow trees on `train` until the loss on `valid` has not improved for `early_stopping` rounds.

        Raises DataError when the training rows are too few for a single split.
        """
        del codes  # LightGBM reads the labels where they lie
        import lightgbm

        config = self._config
        if train.n_rows < config.least_rows:
            raise DataError(
                f"{train.n_rows:,} training rows cannot be split once with "
                f"model.min_child_samples={config.min_child_samples}: at least {config.least_rows:,} are "
                "needed; take a longer window or lower model.min_child_samples"
            )
        chosen = parameters(config, seed, train.n_rows, len(train.classes))
        sample = curve_rows(train.n_rows)
        train_bins = kept_bins(train, chosen, binned(train, chosen))
        valid_bins = binned(valid, chosen, like=train_bins)
        sample_bins = binned(train, chosen, rows=sample, like=train_bins)
        ranked = _Ranked(((valid_bins, valid.y[:, 0]), (sample_bins, train.y[sample, 0])))
        curves: dict[str, list[float]] = {}

        def watch(env: lightgbm.callback.CallbackEnv) -> None:
            for result in env.evaluation_result_list or ():
                part = "train" if result.dataset_name == "training" else "valid"
                metric = "log_loss" if result.metric_name.endswith("_logloss") else result.metric_name
                curves.setdefault(f"{part}/{metric}", []).append(float(result.metric_value))
            if progress is not None:
                progress(env.iteration + 1, config.n_estimators)

        watch.order = 10  # type: ignore[attr-defined]  # before early stopping, which leaves by an exception
        booster = lightgbm.train(
            chosen,
            train_bins,
            num_boost_round=config.n_estimators,
            valid_sets=[valid_bins, sample_bins],
            # LightGBM never stops by a set of this name.
            valid_names=["valid", "training"],
            feval=ranked if len(train.classes) == 2 else None,
            callbacks=[
                watch,
                lightgbm.early_stopping(config.early_stopping, first_metric_only=True, verbose=False),
            ],
        )
        # From its own text, so that a model in memory and one from disk are the same thing.
        text = booster.model_to_string(num_iteration=booster.best_iteration)
        state = _parsed(text, config.num_threads, class_scores(train.classes))
        gains = booster.feature_importance("gain", iteration=booster.best_iteration)
        splits = booster.feature_importance("split", iteration=booster.best_iteration)
        notes: tuple[str, ...] = ()
        if not splits.any():
            notes = (
                f"gbdt made no split with model.min_child_samples={config.min_child_samples} on "
                f"{train.n_rows:,} training rows: the model is the base rate, whatever its inputs",
            )
        elif booster.best_iteration == config.n_estimators:
            notes = (
                f"gbdt still improved on validation at model.n_estimators={config.n_estimators}, its last "
                "tree",
            )
        recorded: dict[str, Plain] = {
            name: ",".join(value) if isinstance(value, list) else value for name, value in chosen.items()
        }
        recorded |= {"n_estimators": config.n_estimators, "early_stopping": config.early_stopping}
        return state, fit_report(
            train,
            parameters=recorded,
            curves=curves,
            iterations=len(curves["valid/log_loss"]),
            best_iteration=booster.best_iteration,
            importance_kind="gain",
            importance=gains,
            splits=splits,
            notes=notes,
        )

    def grown(self, more: Block, *, trees: int, seed: int) -> GbdtModel:
        """This model with `trees` further ones, grown on the rows of `more` from where it stands."""
        import lightgbm

        state = self._fitted()
        chosen = parameters(self._config, seed, more.n_rows, len(more.classes))
        rows = lightgbm.Dataset(
            # LightGBM asks the old trees where to start, for which it takes one matrix: rows of some days.
            np.ascontiguousarray(more.x[:]),
            label=run_of(one_head(more, "rows of the update")),
            weight=None if more.weights is None else run_of(more.weights),
            feature_name=list(more.features),
            params=chosen,
        )
        booster = lightgbm.train(chosen, rows, num_boost_round=trees, init_model=state.booster)
        text = booster.model_to_string()
        return GbdtModel(self._config, _parsed(text, state.num_threads, state.score_names))

    def _outputs(self, state: _State, x: Matrix) -> Scores:
        score = np.empty((len(x), len(state.score_names)))
        step = CHUNK_ROWS if isinstance(x, RowRuns) else max(1, len(x))
        for start in range(0, len(x), step):
            rows = np.ascontiguousarray(x[start : start + step])
            found = np.asarray(state.booster.predict(rows, num_threads=state.num_threads))
            score[start : start + step] = found.reshape(len(rows), -1)
        return score

    @property
    def text(self) -> str:
        """The trees as LightGBM writes them."""
        return self._fitted().booster.model_to_string()

    def bin_edges(self, train: Block, seed: int) -> Mapping[str, NDArray[np.float64]]:
        """By input the largest value of `train` in each of the bins that a fit on it has."""
        return edges_of(
            binned(train, parameters(self._config, seed, train.n_rows, len(train.classes))), train
        )

    def save(self, directory: Path, stem: str) -> tuple[str, ...]:
        """Write LightGBM's own text, `model.txt`; the manifest names what it was fitted on."""
        del stem
        path = directory / MODEL_FILE
        path.write_text(self._fitted().booster.model_to_string(), encoding="utf-8")
        return (path.name,)

    @classmethod
    def load(cls, config: Gbdt, path: Path, score_names: tuple[str, ...]) -> Self:
        """The model of `model.txt`; DataError if LightGBM cannot read it."""
        text = path.read_text(encoding="utf-8")
        import lightgbm

        # LightGBM prints its error before it raises it.
        with contextlib.redirect_stdout(io.StringIO()):
            try:
                state = _parsed(text, config.num_threads, score_names)
            except lightgbm.basic.LightGBMError as error:
                raise DataError(f"{path}: LightGBM cannot read it: {error}") from None
        outputs = state.booster.num_model_per_iteration()
        if outputs != len(score_names):
            raise DataError(
                f"{path}: it gives {outputs} numbers a row, for the scores {', '.join(score_names)}"
            )
        return cls(config, state)


class _Ranked:
    """The AUC of some rows of each set after each tree, drawn beside the loss.

    LightGBM's own sorts every row of a set after each tree: on a tenth of 46 M rows about as much work as a
    tenth of a tree, for a curve that nothing depends on.
    """

    def __init__(self, sets: Sequence[tuple[lightgbm.Dataset, Labels]]) -> None:
        self._sets = []
        for rows, y in sets:
            some = np.arange(0, len(y), -(-len(y) // RANKED_ROWS))
            self._sets.append((rows, some, y[some] == 1.0))

    def __call__(self, scores: NDArray[np.float64], of: lightgbm.Dataset) -> tuple[str, float, bool]:
        some, positive = next((some, positive) for rows, some, positive in self._sets if rows is of)
        found = auc(positive, scores[some])
        return "auc", float("nan") if found is None else found, True


def _parsed(text: str, num_threads: int, score_names: tuple[str, ...]) -> _State:
    import lightgbm

    booster = lightgbm.Booster(model_str=text)
    return _State(booster, tuple(booster.feature_name()), num_threads, score_names)

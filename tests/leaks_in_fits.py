"""Look-ahead planted in what is fitted: cuts of labels, scalers, bin edges, models, calibrations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from planted_leak import Leak, Patch, Plant

from atc.labels import definitions
from atc.models import gbdt, linear
from atc.models.standardise import Standardiser
from atc.protocol.dataset import Block, Dataset
from atc.tasks import fitting, loaded
from atc.tasks import rows as rows_module


class Everything:
    """What honest code has no way to: all rows of the run, whatever part they are of."""

    def __init__(self, patch: Patch) -> None:
        self.dataset: Dataset | None = None
        self.split: Any = None
        seal, split = loaded.seal, loaded.split

        def split_and_tell(*arguments: Any, **named: Any) -> Any:
            self.split = split(*arguments, **named)
            return self.split

        def seal_and_tell(dataset: Dataset, *arguments: Any, **named: Any) -> Any:
            self.dataset = dataset
            return seal(dataset, *arguments, **named)

        patch.setattr(loaded, "split", split_and_tell)
        patch.setattr(loaded, "seal", seal_and_tell)

    def rows(self, part: str) -> NDArray[np.int64]:
        """Positions of the rows of `part`, or some of them."""
        assert self.split is not None
        train, valid, holdout = self.split.train, self.split.valid, self.split.holdout
        return np.asarray(
            {
                "all rows": np.concatenate([train, valid, holdout]),
                "validation": valid,
                "the holdout": holdout,
                "training and validation": np.concatenate([train, valid]),
                "training and one row of validation": np.concatenate([train, valid[-1:]]),
                "training and one row of the holdout": np.concatenate([train, holdout[-1:]]),
            }[part]
        )

    def block(self, part: str, features: Sequence[str]) -> Block:
        """What a fit may never see."""
        assert self.dataset is not None
        return self.dataset.block(self.rows(part)).select(features)


# cuts of labels


def cut_by(part: str) -> Plant:
    """The label learns from the returns and spreads of other rows than the training rows."""

    def plant(patch: Patch) -> None:
        everything = Everything(patch)
        fit_label, read_rows = definitions.fit_label, rows_module.read_rows
        read: list[Any] = []

        def remember(*arguments: Any, **named: Any) -> Any:
            read.append(read_rows(*arguments, **named))
            return read[-1]

        def planted(label: Any, train_r_bps: Any, train_spread_bps: Any = None) -> Any:
            del train_r_bps, train_spread_bps
            rows = everything.rows(part)
            return fit_label(label, read[-1].r_bps[rows], read[-1].spread_bps[rows])

        patch.setattr(rows_module, "read_rows", remember)
        patch.setattr(definitions, "fit_label", planted)

    return plant


# scalers

Mix = Callable[[Standardiser, Standardiser], Standardiser]
"""Of the honest one and of the one of other rows."""


def all_of_it(honest: Standardiser, leaked: Standardiser) -> Standardiser:
    del honest
    return leaked


def deviations(honest: Standardiser, leaked: Standardiser) -> Standardiser:
    return replace(honest, std=leaked.std)


def means(honest: Standardiser, leaked: Standardiser) -> Standardiser:
    return replace(honest, mean=leaked.mean)


def first_column(honest: Standardiser, leaked: Standardiser) -> Standardiser:
    return replace(honest, mean=np.append(leaked.mean[:1], honest.mean[1:]))


def scaled_on(part: str, mix: Mix = all_of_it) -> Plant:
    """The inputs of linear models are standardised by other rows than the training rows."""

    def plant(patch: Patch) -> None:
        everything = Everything(patch)
        fit, fit_standardiser = linear.LinearModel.fit, linear.fit_standardiser
        fitting_on: list[tuple[str, ...]] = []

        def remember(self: Any, train: Block, *arguments: Any, **named: Any) -> Any:
            fitting_on.append(train.features)
            return fit(self, train, *arguments, **named)

        def planted(x: Any, clip: float) -> Any:
            leaked = fit_standardiser(everything.block(part, fitting_on[-1]).x, clip)
            return mix(fit_standardiser(x, clip), leaked)

        patch.setattr(linear.LinearModel, "fit", remember)
        patch.setattr(linear, "fit_standardiser", planted)

    return plant


# bin edges


def binned_on(part: str, column: str | None = None) -> Plant:
    """The edges of all inputs, or of one `column`, are those of other rows."""

    def plant(patch: Patch) -> None:
        everything = Everything(patch)
        binned = gbdt.binned

        def planted(block: Block, chosen: Any, *, rows: Any = None, like: Any = None) -> Any:
            if like is None:
                other = everything.block(part, block.features)
                if column is not None:
                    other = with_other(block, other, column)
                like = binned(other, chosen)
            return binned(block, chosen, rows=rows, like=like)

        patch.setattr(gbdt, "binned", planted)

    return plant


def with_other(block: Block, other: Block, column: str) -> Block:
    """The rows of `block` with the values of `other` in one column, over and over."""
    x, place = np.array(block.x[:]), block.features.index(column)
    x[:, place] = np.resize(other.x[:, place], len(x))
    return replace(block, x=x)


def binned_on_in_the_fit_alone(part: str) -> Plant:
    """The fit's own bins are leaked ones; whoever bins the training rows again finds honest ones."""

    def plant(patch: Patch) -> None:
        fit = gbdt.GbdtModel.fit
        everything = Everything(patch)
        binned = gbdt.binned

        def leaking(block: Block, chosen: Any, *, rows: Any = None, like: Any = None) -> Any:
            edges = like or binned(everything.block(part, block.features), chosen)
            return binned(block, chosen, rows=rows, like=edges)

        def planted(self: Any, *arguments: Any, **named: Any) -> Any:
            with patch.context() as inner:
                inner.setattr(gbdt, "binned", leaking)
                return fit(self, *arguments, **named)

        patch.setattr(gbdt.GbdtModel, "fit", planted)

    return plant


# models


def trees_of(part: str) -> Plant:
    """Trees grow on other rows, in the honest bins of the training rows."""

    def plant(patch: Patch) -> None:
        everything = Everything(patch)
        fit, binned = gbdt.GbdtModel.fit, gbdt.binned

        def leaking(block: Block, chosen: Any, *, rows: Any = None, like: Any = None) -> Any:
            if like is not None:
                return binned(block, chosen, rows=rows, like=like)
            return binned(everything.block(part, block.features), chosen, like=binned(block, chosen))

        def planted(self: Any, *arguments: Any, **named: Any) -> Any:
            with patch.context() as inner:
                inner.setattr(gbdt, "binned", leaking)
                return fit(self, *arguments, **named)

        patch.setattr(gbdt.GbdtModel, "fit", planted)

    return plant


def stopped_by_the_holdout(patch: Patch) -> None:
    """Trees grow until the loss on the holdout no longer improves."""
    everything = Everything(patch)
    fit = gbdt.GbdtModel.fit

    def planted(self: Any, train: Block, valid: Block, **named: Any) -> Any:
        del valid
        return fit(self, train, everything.block("the holdout", train.features), **named)

    patch.setattr(gbdt.GbdtModel, "fit", planted)


def seed_chosen_on_the_holdout(patch: Patch) -> None:
    """Of four fits the one that ranks the holdout best."""
    everything = Everything(patch)
    fit = gbdt.GbdtModel.fit

    def planted(self: Any, train: Block, valid: Block, *, seed: int, progress: Any = None) -> Any:
        judge = everything.block("the holdout", train.features)

        def loss(one: int) -> float:
            fit(self, train, valid, seed=one)
            p = np.clip(self.predict(judge.x)[:, 0], 1e-9, 1 - 1e-9)
            return float(-np.mean(np.log(np.where(judge.y[:, 0] == 1, p, 1 - p))))

        best = min(range(seed, seed + 4), key=loss)
        return fit(self, train, valid, seed=best, progress=progress)

    patch.setattr(gbdt.GbdtModel, "fit", planted)


def weights_of(part: str) -> Plant:
    """Linear models learn from other rows, with the honest scaler."""

    def plant(patch: Patch) -> None:
        everything = Everything(patch)
        fit, fit_standardiser = linear.LinearModel.fit, linear.fit_standardiser

        def planted(self: Any, train: Block, valid: Block, **named: Any) -> Any:
            honest = partial(fit_standardiser, train.x)
            with patch.context() as inner:
                inner.setattr(linear, "fit_standardiser", lambda _, clip: honest(clip))
                return fit(self, everything.block(part, train.features), valid, **named)

        patch.setattr(linear.LinearModel, "fit", planted)

    return plant


# calibrations


def calibrated_on(part: str) -> Plant:
    def plant(patch: Patch) -> None:
        everything = Everything(patch)
        fit_one, fit_calibration = fitting.fit_one, fitting.fit_calibration

        def planted(config: Any, plan: Any, train: Block, valid: Block, **beside: Any) -> Any:
            one = fit_one(config, plan, train, valid, **beside)
            late = everything.block(part, plan.columns)
            kind = config.calibration.kind
            return replace(one, calibration=fit_calibration(kind, one.model.predict(late.x), late.y))

        patch.setattr(fitting, "fit_one", planted)

    return plant


Q14, TLOB = ("label=hold10_oracle_q14",), ("label=tlob", "policy=class")
SPREADS, HEADS = ("label=hold10_oracle_spread",), ("label=multihorizon_up", "policy=class")
THREE = ("label=hold10_3class", "baseline=softmax_13feat", "policy=class")

LEAKS: tuple[Leak, ...] = (
    *(
        Leak("label threshold", f"{what} of {part}", cut_by(part), words)
        for what, part, words in (
            ("quantile", "all rows", Q14),
            ("quantile", "the holdout", Q14),
            ("quantile", "training and validation", Q14),
            ("mean spread", "all rows", SPREADS),
            ("mean move", "all rows", TLOB),
        )
    ),
    *(
        Leak("scaler", f"fitted on {part}", scaled_on(part))
        for part in (
            *("all rows", "the holdout", "training and validation"),
            *("training and one row of validation", "training and one row of the holdout"),
        )
    ),
    Leak("scaler", "deviations alone of all rows", scaled_on("all rows", deviations)),
    Leak("scaler", "means alone of all rows", scaled_on("all rows", means)),
    Leak("scaler", "of one column, on the holdout", scaled_on("the holdout", first_column)),
    Leak("scaler", "of three classes, on all rows", scaled_on("all rows"), THREE),
    Leak("scaler", "of four horizons, on all rows", scaled_on("all rows"), HEADS),
    *(
        Leak("bin edge", f"from {part}", binned_on(part))
        for part in ("all rows", "validation", "the holdout", "training and validation")
    ),
    Leak("bin edge", "of one column, from the holdout", binned_on("the holdout", "spread_bps")),
    Leak("bin edge", "in the fit alone, from all rows", binned_on_in_the_fit_alone("all rows")),
    Leak("bin edge", "of four horizons, from all rows", binned_on("all rows"), HEADS),
    Leak("model", "trees of training and validation", trees_of("training and validation")),
    Leak("model", "trees stopped by the holdout", stopped_by_the_holdout),
    Leak("model", "the seed that suits the holdout", seed_chosen_on_the_holdout),
    Leak("model", "weights of training and validation", weights_of("training and validation")),
    Leak("calibration", "temperature fitted on the holdout", calibrated_on("the holdout")),
    Leak(
        "calibration",
        "isotonic curve fitted on all rows",
        calibrated_on("all rows"),
        ("calibration=isotonic",),
    ),
)

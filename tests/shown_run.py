"""What a run of any experiment has to show, whatever its budget."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import polars as pl
import pytest

import atc
from atc.config.data import SimulatedData
from atc.config.schema import RunConfig
from atc.features.sets import set_columns
from atc.labels.definitions import label_spec
from atc.opened_run import OpenedRun
from atc.report.metric_keys import declared
from atc.tasks.verifying_model import verify_model

LARGEST_LINE = 12_000
"""Bytes of a linear model's JSON, as the plan has it."""


@cache
def at_full_budget(name: str) -> RunConfig:
    """The experiment of that name, as its file has it."""
    return atc.compose([f"+experiment={name}", "data=demo"])


def own_baseline(name: str) -> bool:
    """Whether an experiment is compared with itself."""
    config = at_full_budget(name)
    base = config.baseline
    return config.model == base.model and set_columns(config.features) == set_columns(base.features)


def require_what_its_name_says(found: OpenedRun, name: str) -> None:
    """The run of the experiment `name` is finished, on the demo, its model of that kind and of so many
    columns; and scores its rows from its files as it was judged.
    """
    config = found.config
    assert found.manifest["status"] == "finished"
    assert not [key for key in found.metrics if not any(declared(key))]
    assert (config.name, config.data.name) == (name, "demo")
    assert isinstance(config.data, SimulatedData)
    assert config.model.kind == at_full_budget(name).model.kind
    columns = re.search(r"_(\d+)feat", name)
    assert columns is not None
    loaded = found.model
    assert loaded.model.features == set_columns(config.features)
    assert len(loaded.model.features) == int(columns[1])
    assert loaded.manifest["model_type"] == config.model.kind
    if config.model.kind in {"ridge", "logistic", "softmax"}:
        sizes = [(found.folder / "model" / file).stat().st_size for file in loaded.manifest["model_files"]]
        assert 1_000 < sum(sizes) < LARGEST_LINE
    checks = {check.name: check for check in verify_model(found.folder / "model", found)}
    assert {"manifest", "files", "features", "model", "scores", "run", "predictions"} <= set(checks)
    assert all(check.passed for check in checks.values()), checks


def require_figures_beside_the_baseline(found: OpenedRun, name: str) -> None:
    """Each head has its figure, the baseline's and their difference, which is 0 of an experiment that is its
    own baseline and of no other.
    """
    config, figures = found.config, found.metrics
    # A control does not open the holdout.
    of_fold, split = ("fold/1/", "test") if config.protocol.kind == "random_split" else ("", "holdout")
    figure = "pearson" if config.model.kind == "ridge" else "auc"
    for head, _ in label_spec(config.label).heads:
        end = f"{split}/{figure}@{head}" if head else f"{split}/{figure}"
        value, baseline, lift = (figures[f"{of_fold}{whose}{end}"] for whose in ("", "baseline/", "lift/"))
        assert None not in (value, baseline, lift)
        assert lift == pytest.approx(value - baseline, abs=1e-12)  # type: ignore[operator]
        assert (lift == 0.0) == own_baseline(name)
    rows = found.predictions.filter(pl.col("judged"))
    scores = [column for column in rows.columns if re.fullmatch(r"(p|predicted)_\w+", column)]
    assert rows.height > 500
    assert scores
    assert np.isfinite(rows.select(scores).to_numpy()).all()
    assert all(rows[column].n_unique() > 10 for column in scores)

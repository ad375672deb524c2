"""What the summary says of a label."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from atc.config.compose import compose
from atc.labels.definitions import fit_label
from atc.report.label_lines import class_table, label_words
from atc.tasks.loaded import Loaded, row_notes


@pytest.mark.parametrize(
    ("label", "said"),
    [
        (
            {"kind": "hold10_oracle", "horizon_s": 300.0, "exit_bps": 2.0},
            "hold10_oracle, horizon 300 s, exit at 2.0 bps",
        ),
        (
            {"kind": "multihorizon_up", "horizons_s": [1.0, 0.5], "horizon_s": None, "unchanged": None},
            "multihorizon_up, horizons 1, 0.5 s",
        ),
        (
            {"kind": "tlob", "horizon_s": 60.0, "smooth_s": 5.0, "threshold": "mean_spread"},
            "tlob, horizon 60 s, smoothed over 5.0 s, threshold mean_spread",
        ),
        ({}, "–"),
    ],
)
def test_a_label_in_one_line(label: dict[str, object], said: str) -> None:
    assert label_words(label) == said


def shown(metrics: dict[str, float | None]) -> list[str]:
    from rich.console import Console

    file = io.StringIO()
    Console(file=file, width=100).print(class_table(metrics))
    return [" ".join(line.split()) for line in file.getvalue().splitlines()]


def test_classes_and_nulls_of_each_split() -> None:
    lines = shown(
        {
            "train/auc": 0.6,
            "train/class/SHORT/share": 0.25,
            "train/class/HOLD/share": 0.75,
            "train/null/share": 0.004,
            "train/null/gap/share": 0.004,
            "holdout/class/SHORT/share": None,
            "holdout/class/HOLD/share": None,
            "holdout/null/share": None,
        }
    )
    assert lines[0] == "labels SHORT HOLD null"
    assert lines[2:] == ["train 25.00 % 75.00 % 0.40 %", "holdout – – –"]


def test_a_line_a_head() -> None:
    """In the order of splits and horizons, in whatever order the figures are filed."""
    lines = shown(
        {
            "holdout/class/UP/share@5s": 0.1,
            "train/class/DOWN/share@30s": 0.2,
            "train/class/UP/share@5s": 0.3,
            "train/null/share@5s": 0.4,
        }
    )
    assert lines[0] == "labels DOWN UP null"
    assert lines[2:] == ["train 5s – 30.00 % 40.00 %", "train 30s 20.00 % – –", "holdout 5s – 10.00 % –"]


def test_other_tasks_have_no_such_table() -> None:
    assert class_table({"holdout/auc": 0.5, "valid/class_f1": 0.3}).row_count == 0


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (["label=hold10_oracle"], "within the horizon)"),
        (["label=multihorizon_up"], "or a mid that is the same again)"),
        (["label=multihorizon_up", "label.unchanged=up"], "within the horizon)"),
        (["label=hold10_oracle_spread", "label.spread=row"], "or no spread)"),
    ],
)
def test_why_rows_have_no_label_is_said_of_the_label_that_they_lack(words: list[str], cause: str) -> None:
    fitted = fit_label(compose(words).label, np.array([-1.0, 1.0]), np.ones(2))
    split = SimpleNamespace(unlabelled=7, purged_train=0, purged_valid=0, train=3)
    parts = SimpleNamespace(train=SimpleNamespace(n_rows=3), holdout=SimpleNamespace(sealed=False))
    (note,) = row_notes(cast("Loaded", SimpleNamespace(split=split, label=fitted, parts=parts)))
    assert note.startswith("7 rows have no label (a gap, or the end of the data, ")
    assert f"{cause}: a decision" in note

"""What a leak is worth: the same trees on the same days, as a holdout and as rows drawn by a random split."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

import atc
from atc.run import make, run

SEEDS = range(1, 6)
TEN_DAYS = ("+experiment=gbdt_36feat", "data.days=10", "model.num_threads=1", "evaluation.resamples=200")
LEAN = ("backtest=none", "evaluation.adversarial.enabled=false", "tracking=none", "runtime.progress=off")
# Days 7 to 9 judge both: as a holdout of what six days taught, and as the part of nine days that was drawn.
SEALED = ("protocol=sealed_holdout", "window.train_days=6", "window.holdout_days=3")
RANDOM = ("protocol=random_split", "window.train_days=9", "window.holdout_days=1")


def judged_rows(outputs: Path, *words: str) -> tuple[pl.DataFrame, dict[str, float]]:
    opened = atc.open_run(run(atc.compose([*TEN_DAYS, *LEAN, *words, f"paths.outputs={outputs}"])))
    return opened.predictions.filter(pl.col("judged")), dict(opened.metrics)


def both_aucs(outputs: Path, *words: str) -> tuple[float, float]:
    """AUC of the trees on days 7 to 9: of the sealed holdout, and of the test rows of a random split."""
    sealed, figures = judged_rows(outputs, *SEALED, *words)
    held = sealed.filter(split="holdout")
    drawn, warned = judged_rows(outputs, *RANDOM, *words)
    assert "warning/random_split" not in figures
    assert warned["warning/random_split"] == 1
    begin, end = held["t0"].min(), held["t0"].max()
    same_days = drawn.filter(pl.col("t0").is_between(begin, end), split="fold1")
    # Every row that was drawn is one of the rows of the holdout: the same question, on fewer of them.
    keys = ["symbol", "ts_recv", "ev_seq"]
    assert same_days.join(held, on=keys, how="anti").height == 0
    assert same_days.height > 0.15 * held.height
    honest, leaked = (float(roc_auc_score(rows["y"], rows["p_hold"])) for rows in (held, same_days))
    return honest, leaked


class _Begun(Exception):
    """Raised where a run would load its rows."""


@pytest.mark.parametrize("protocol", ["random_split", "sealed_holdout"])
def test_the_warning_is_a_tag_of_the_tracked_run(protocol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tags: list[str] = []

    def sink(*_: object, **given: Any) -> SimpleNamespace:
        tags.extend(given["tags"])
        return SimpleNamespace(report=dict)

    def load(_: object) -> NoReturn:
        raise _Begun

    monkeypatch.setattr("atc.tracking.wandb_sink.WandbSink", sink)
    task: Any = SimpleNamespace(load=load)
    record: Any = SimpleNamespace(identity=None, attach=lambda _: None)
    with pytest.raises(_Begun):
        make(atc.compose(["+experiment=gbdt_36feat", f"protocol={protocol}"]), task, record, None)
    assert ("warning: random_split" in tags) == (protocol == "random_split")


@pytest.mark.slow
@pytest.mark.parametrize("data", ["demo_null", "demo"])
def test_a_random_split_beats_the_sealed_holdout_by_the_leak(
    data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = np.array([both_aucs(tmp_path, f"data={data}", f"data.seed={seed}") for seed in SEEDS])
    assert "WARNING, a control and no result" in " ".join(capsys.readouterr().out.split())
    leak = found[:, 1] - found[:, 0]
    with capsys.disabled():
        print(f"\n{data}, AUC on days 7 to 9 by seed (sealed_holdout, random_split, leak):")
        for seed, (honest, leaked) in zip(SEEDS, found, strict=True):
            print(f"  {seed}: {honest:.3f} {leaked:.3f} {leaked - honest:+.3f}")
        print(f"  mean: {found[:, 0].mean():.3f} {found[:, 1].mean():.3f} {leak.mean():+.3f}")
    assert leak.min() > 0.03
    if data == "demo_null":
        # Nothing is there to be known, so all that the random split finds is the leak.
        assert abs(found[:, 0].mean() - 0.5) < 0.02
        assert found[:, 1].min() > 0.6

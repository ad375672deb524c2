"""Tables and figures beside the headline ones, made of a run's parts without a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from planted_rows import SECOND, planted_rows

from atc.config.compose import compose
from atc.config.schema import RunConfig
from atc.evaluation.head import Head
from atc.evaluation.report import BASELINE, MODEL, VOLATILITY, Scored
from atc.features.sets import set_columns
from atc.models.calibration import fit_calibration
from atc.protocol.dataset import Dataset
from atc.tasks.predictions import Judged
from atc.tasks.tables import Further, Places, further_figures

HEAD = Head("", ("FLAT", "HOLD"), (0,), 60 * SECOND, 0.5)
TRAIN, VALID, HOLDOUT = np.arange(0, 2000), np.arange(2000, 3000), np.arange(3000, 6000)


@pytest.fixture(scope="module")
def config() -> RunConfig:
    # A regime lies in a few of the blocks of these short rows: with the default of 20 it has no interval.
    return compose(["evaluation.resamples=50", "evaluation.adversarial.rows=1000", "evaluation.min_blocks=5"])


def rows_of(config: RunConfig) -> Dataset:
    """Planted labels; inputs of the config's names, the last tenth of the trend null."""
    planted = planted_rows()
    names = set_columns(config.features)
    x = np.random.default_rng(0).standard_normal((planted.n_rows, len(names))).astype(np.float32)
    x[-600:, names.index(config.evaluation.regimes.trend)] = np.nan
    return replace(planted, x=x, features=names)


def further(config: RunConfig, data: Dataset, *, sealed: bool = False, kind: str = "none") -> Further:
    rng = np.random.default_rng(1)
    r_bps = np.nan_to_num(data.r_bps)
    raw = {}
    for name, skill in ((MODEL, 1.0), (BASELINE, 0.3), (VOLATILITY, 0.0)):
        p = 1 / (1 + np.exp(-9 * (skill * r_bps + rng.standard_normal(r_bps.shape))))
        raw[name] = Scored(p[TRAIN], p[VALID], None if sealed else p[HOLDOUT])
    calibration = fit_calibration(kind, raw[MODEL].valid, data.y[VALID])
    scores = (
        raw if calibration is None else {name: one.mapped(calibration.apply) for name, one in raw.items()}
    )
    valid, holdout = (Judged.labelled(data.take(rows)) for rows in (VALID, HOLDOUT))
    return further_figures(
        config,
        [HEAD],
        train=data.block(TRAIN),
        places=Places(valid, None if sealed else holdout),
        scores=scores,
        raw={} if calibration is None else raw,
    )


def splits(table: pl.DataFrame) -> Sequence[str]:
    return table["split"].unique(maintain_order=True).to_list()


def test_tables_hold_every_judged_row_once_a_model(config: RunConfig) -> None:
    data = rows_of(config)
    found = further(config, data)
    assert set(found.tables) == {"days", "regimes", "reliability", "adversarial"}
    labelled = {"valid": ~np.isnan(data.y[VALID, 0]), "holdout": ~np.isnan(data.y[HOLDOUT, 0])}
    for name in ("days", "regimes"):
        table = found.tables[name]
        assert splits(table) == ["valid", "holdout"]
        for (split, _), part in table.group_by("split", "model"):
            assert part["rows"].sum() == labelled[str(split)].sum()
    unknown = found.tables["regimes"].filter(pl.col("trend").is_null() & (pl.col("model") == MODEL))
    assert unknown["split"].to_list() == ["holdout"]
    assert unknown["rows"].item() == labelled["holdout"][-600:].sum()
    bounded = found.tables["regimes"].filter(pl.col("auc_lo").is_not_null())
    assert splits(bounded) == ["holdout"]
    assert (
        found.tables["reliability"].filter(pl.col("split") == "holdout")["rows"].sum()
        == labelled["holdout"].sum()
    )
    assert found.tables["reliability"]["score"].unique().to_list() == ["score"]
    trend = data.x[TRAIN, data.features.index("vwap_dev_30m_bps")]
    assert found.metrics["regimes/trend_cut"] == pytest.approx(float(np.median(np.abs(trend))))
    # The trend is null in a part of the holdout and nowhere in training.
    assert found.tables["adversarial"].row(0, named=True)["feature"] == "vwap_dev_30m_bps"
    assert found.metrics["adversarial/auc"] is not None
    assert not any(key.startswith("calibration/") for key in found.metrics)


def test_a_sealed_run_has_the_keys_of_an_open_one_and_no_look_at_the_holdout(config: RunConfig) -> None:
    data = rows_of(config)
    opened, sealed = (further(config, data, sealed=one, kind="isotonic") for one in (False, True))
    assert sealed.metrics.keys() == opened.metrics.keys()
    assert "adversarial" not in sealed.tables
    assert all(splits(sealed.tables[name]) == ["valid"] for name in ("days", "regimes", "reliability"))
    for key, value in sealed.metrics.items():
        if "holdout" in key or key == "adversarial/auc":
            assert value is None, key
        else:
            assert value == opened.metrics[key], key
    (note,) = [note for note in sealed.notes if note.startswith("calibrated on validation")]
    assert "the holdout is sealed; train/… and valid/… are of the scores before" in note


def test_calibration_is_told_before_and_after(config: RunConfig) -> None:
    found = further(config, rows_of(config), kind="temperature")
    for figure in ("ece", "log_loss", "brier"):
        before, after = (found.metrics[f"calibration/holdout/{figure}/{one}"] for one in ("before", "after"))
        assert before is not None
        assert after is not None
        assert after < before  # they were far too sure of themselves
    assert set(found.tables["reliability"]["score"].unique()) == {"raw", "score"}
    assert any(note.startswith("calibrated on validation; on the holdout ECE 0.") for note in found.notes)


@pytest.mark.parametrize("kind", ["temperature", "isotonic"])
def test_validation_is_shown_before_calibration_and_the_holdout_after(config: RunConfig, kind: str) -> None:
    data = rows_of(config)
    plain, mended = (further(config, data, kind=one).tables for one in ("none", kind))
    for name in ("days", "regimes"):
        parts = {
            split: [one[name].filter(pl.col("split") == split) for one in (plain, mended)]
            for split in ("valid", "holdout")
        }
        assert parts["valid"][0].equals(parts["valid"][1])
        assert not parts["holdout"][0].equals(parts["holdout"][1])


def test_no_regimes_where_a_column_is_null_and_no_shift_where_it_is_switched_off(config: RunConfig) -> None:
    data = rows_of(config)
    data.x[TRAIN, data.features.index("rv_30s")] = np.nan
    off = config.evaluation.model_copy(
        update={"adversarial": config.evaluation.adversarial.model_copy(update={"enabled": False})}
    )
    found = further(config.model_copy(update={"evaluation": off}), data)
    assert set(found.tables) == {"days", "reliability"}
    assert found.metrics == {}
    assert found.notes == ("no regimes: vwap_dev_30m_bps or rv_30s is null in every training row",)

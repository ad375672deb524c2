"""A record with every table that a report reads, made of known numbers, without a fit."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from compared_runs import CUT, DAY, SECOND, curve, known, predictions
from record_example import IDENTITY, METRICS, NOTES, SPANS, with_interval

import atc
from atc.opened_run import OpenedRun
from atc.tracking.record import RunRecord

FEATURES = [f"input_{number:02d}" for number in range(20)]
ORDERS = 3_000
MONEY: dict[str, float | int | None] = {
    "backtest/pnl": 120_000.0,
    "backtest/alpha": 52_000.0,
    "backtest/drawdown": -31_000.0,
    "backtest/alpha_drawdown": -12_000.0,
    "backtest/always_hold/pnl": 68_000.0,
    "backtest/flat/pnl": 0.0,
    "backtest/flat/alpha": -68_000.0,
    "backtest/random/pnl": 21_000.0,
    "backtest/random/alpha": -47_000.0,
    "backtest/oracle_path/pnl": 900_000.0,
    "backtest/oracle_path/alpha": 832_000.0,
    "backtest/oracle_path/captured": 0.0625,
    "backtest/fills": ORDERS,
    "backtest/orders": ORDERS,
    **with_interval("backtest/alpha_daily", 7_400.0, 6_100.0),
    "adversarial/auc": 0.71,
}


def tables() -> dict[str, pl.DataFrame]:
    """By name; the columns are those that runs write."""
    rng = np.random.default_rng(5)
    gains = rng.standard_normal(500) * 4_000 + 100
    equity = curve(gains, step=1200 * SECOND).with_columns(
        flat=pl.lit(0.0),
        random=pl.col("alpha") * 0.2,
        oracle_path=pl.col("ts").cum_count().cast(pl.Float64) * 2_000,
    )
    return {
        "equity": equity,
        "days": _days(),
        "regimes": _regimes(),
        "adversarial": _adversarial(),
        "importance": _importance(),
        "importance_groups": pl.DataFrame(
            {
                "head": [""],
                "group": [1],
                "features": [FEATURES[:3]],
                **dict(
                    zip(("auc_drop", "auc_drop_lo", "auc_drop_hi"), ([0.06], [0.05], [0.07]), strict=True)
                ),
            }
        ),
        "shap": _shap(rng),
        "dependence": _dependence(),
        "interactions": pl.DataFrame(
            {
                "head": ["", ""],
                "feature_a": FEATURES[:2],
                "feature_b": FEATURES[2:4],
                "strength": [0.2, 0.1],
                "h_squared": [0.22, None],
                "rows": [200, 200],
            }
        ),
        "sensitivity": _sensitivity(),
        "capacity": pl.DataFrame(
            {
                "size": [1.0, 10.0, 100.0],
                "alpha": [5e3, 5.2e4, -1e5],
                "fill_rate": [1.0, 1.0, 0.7],
                "alpha_per_unit": [5e3, 5.2e3, -1e3],
            }
        ),
        "waterfall": pl.DataFrame(
            {
                "way": ["forward"] * 3,
                "step": ["oracle_path", "ranking", "fees_carry"],
                "change": [832_000.0, -700_000.0, -80_000.0],
                "alpha": [832_000.0, 132_000.0, 52_000.0],
            }
        ),
        "orders": _orders(rng),
    }


def whole_run(root: Path, *, sealed: bool = False, name: str = "gbdt_36feat") -> OpenedRun:
    """A finished run with all `tables`; `sealed`: with those of a sealed one."""
    r_bps, signal = known()
    p = 1 / (1 + np.exp(-(signal + 0.5)))
    frame = predictions(r_bps, p, sealed=sealed).with_columns(
        baseline_p_hold=pl.Series(1 / (1 + np.exp(-(0.3 * signal + 0.4)))), volatility_p_hold=pl.lit(0.6)
    )
    config = atc.compose([f"paths.outputs={root}", f"+experiment={name}", "data.days=40"])
    metrics: dict[str, float | int | None] = {**METRICS, **MONEY}
    shown = tables()
    if sealed:
        metrics = {
            key: None if "holdout/" in key or key.startswith("backtest/") else value
            for key, value in metrics.items()
        }
        shown = {key: shown[key] for key in ("days", "importance")}
        shown["days"] = shown["days"].with_columns(split=pl.lit("valid"))
        shown["equity_valid"] = curve(np.full(50, 100.0))
    identity = replace(IDENTITY, run_id=("5" if sealed else "4") * 64)
    with RunRecord.open(root, name, identity, config.model_dump(mode="json")) as record:
        with record.stage("fit"):
            pass
        with record.writing("model") as folder:
            folder.mkdir()
            (folder / "manifest.json").write_text('{"label": {"threshold_bps": -2.0}}')
        for table, content in shown.items():
            record.write_table(table, content)
        record.write_predictions(frame)
        record.describe(spans=SPANS, notes=NOTES)
        record.finish(metrics)
    return atc.open_run(record.run_folder)


def _days() -> pl.DataFrame:
    rows = [
        {
            "split": "holdout",
            "model": model,
            "head": "",
            "day": date(2025, 2, 21) + timedelta(days=number),
            "rows": 900 + number,
            "base_rate": 0.7,
            "mean_r_bps": 0.1 * number,
            "auc": area + 0.01 * (number % 3),
            "direction_auc": 0.5,
            "log_loss": 0.6,
        }
        for number in range(15)
        for model, area in (("model", 0.61), ("baseline", 0.58))
    ]
    return pl.DataFrame(rows)


def _regimes() -> pl.DataFrame:
    rows = [
        {
            "split": "holdout",
            "model": model,
            "head": "",
            "trend": trend,
            "volatility": volatility,
            "rows": 1_000,
            "base_rate": 0.7,
            "mean_r_bps": 0.0,
            "auc": area,
            "auc_lo": area - 0.02,
            "auc_hi": None if volatility == "high" else area + 0.02,
            "direction_auc": 0.5,
        }
        for trend in ("up", "down", "chop")
        for volatility in ("low", "high")
        for model, area in (("model", 0.61), ("baseline", 0.58))
    ]
    return pl.DataFrame(rows)


def _adversarial() -> pl.DataFrame:
    n = len(FEATURES)
    return pl.DataFrame(
        {
            "feature": FEATURES,
            "gain": np.linspace(0.2, 0.0, n),
            "auc": np.linspace(0.7, 0.45, n),
            "null_train": np.zeros(n),
            "null_holdout": np.linspace(0.0, 0.1, n),
            "psi": np.linspace(0.9, 0.01, n),
            "psi_se": np.full(n, 0.05),
            "psi_chance": np.full(n, 0.2),
        }
    )


def _importance() -> pl.DataFrame:
    n = len(FEATURES)
    drop = np.linspace(0.05, -0.002, n)
    figures = {"auc_drop": drop, "auc_drop_lo": drop - 0.004, "auc_drop_hi": drop + 0.004}
    losses = {f"loss_increase{end}": figures[f"auc_drop{end}"] / 2 for end in ("", "_lo", "_hi")}
    return pl.DataFrame(
        {
            "head": [""] * n,
            "feature": FEATURES,
            "group": [1, 1, 1, *([None] * (n - 3))],
            **figures,
            **losses,
            "fit_importance": np.linspace(100, 1, n),
            "splits": np.arange(n),
            "mean_abs_shap": np.linspace(0.3, 0.0, n),
        }
    )


def _shap(rng: np.random.Generator) -> pl.DataFrame:
    n = 400
    values = {name: rng.standard_normal(n) for name in FEATURES}
    values[FEATURES[1]][::7] = np.nan
    shap = {f"shap_{name}": np.nan_to_num(values[name]) * 0.1 for name in FEATURES}
    frame = pl.DataFrame({"head": [""] * n, "margin": np.zeros(n), "base": np.zeros(n), **shap, **values})
    return frame.with_columns(pl.col(FEATURES).fill_nan(None))


def _dependence() -> pl.DataFrame:
    frames = []
    for name in FEATURES[:6]:
        x = np.linspace(-2.0, 2.0, 12)
        for kind in ("partial", "accumulated"):
            y = 0.1 * x if kind == "partial" else 0.15 * x
            band = [None] * 12 if kind == "accumulated" else (y + 0.05).tolist()
            low = [None] * 12 if kind == "accumulated" else (y - 0.05).tolist()
            frames.append(
                pl.DataFrame(
                    {
                        "head": [""] * 12,
                        "feature": [name] * 12,
                        "kind": [kind] * 12,
                        "value": x,
                        "response": y,
                        "low": low,
                        "high": band,
                        "rows": [100] * 12,
                    },
                    schema_overrides={"low": pl.Float64, "high": pl.Float64},
                )
            )
    return pl.concat(frames)


def _sensitivity() -> pl.DataFrame:
    cells = [
        (latency, depth, fee)
        for latency in (0.1, 0.3, 1.0)
        for depth in (0.5, 1.0)
        for fee in (0.0, 4.0, 9.0)
    ]
    return pl.DataFrame(
        {
            "latency_s": [cell[0] for cell in cells],
            "depth": [cell[1] for cell in cells],
            "fee_bps": [cell[2] for cell in cells],
            "pnl": [100_000.0] * len(cells),
            "alpha": [52_000.0 - 9_000 * fee - 10_000 * latency for latency, _, fee in cells],
            "orders": [ORDERS] * len(cells),
            "fills": [ORDERS] * len(cells),
            "edge_before_costs_bps": [1.0] * len(cells),
            "breakeven_cost_bps": [None, *([2.0] * (len(cells) - 1))],
        }
    )


def _orders(rng: np.random.Generator) -> pl.DataFrame:
    flows = rng.standard_normal(ORDERS) * 1e6
    flows[1_234] = 9e9
    outcome = np.array(["filled"] * ORDERS, dtype=object)
    outcome[::100] = "thin"
    outcome[50] = "stale_book"
    return pl.DataFrame(
        {
            "strategy": ["strategy"] * ORDERS,
            "decision": np.arange(ORDERS),
            "ts_recv": CUT + DAY // 100 * np.arange(ORDERS),
            "ev_seq": np.arange(ORDERS, dtype=np.uint64),
            "score": rng.random(ORDERS),
            "outcome": outcome.tolist(),
            "expected_ticks": [400_101] * ORDERS,
            "exec_bid_ticks": [400_100] * ORDERS,
            "exec_ask_ticks": [None, *([400_101] * (ORDERS - 1))],
            "position_before_lots": [0, 1000] * (ORDERS // 2),
            "qty_lots": [1000] * ORDERS,
            "filled_lots": [1000] * ORDERS,
            "cash_flow": flows,
            "fees": [10.0] * ORDERS,
            "equity_after": np.cumsum(rng.standard_normal(ORDERS)) * 1e3,
        }
    )

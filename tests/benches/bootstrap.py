"""`just bench-bootstrap`: what the intervals of the headline figures cost on two million rows.

Rows of 62 business days, the plan's holdout, 2,000 resamples of whole days. Beside the whole stands what is
exact and what is cut into bins, and the AUC by resampling rows, which is what a loop over a library costs:
one resample of it is timed, and multiplied.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from features_table import FeatureTable, Goal
from sklearn.metrics import roc_auc_score

from atc.config.evaluation import Evaluation
from atc.evaluation import metrics
from atc.evaluation.correlation import spearman
from atc.evaluation.head import Head, HeadRows, Outcomes
from atc.evaluation.head_scores import HeadScores
from atc.evaluation.headline import figure_names, headline
from atc.evaluation.precision_recall import average_precision_sample
from atc.evaluation.report import BASELINE, MODEL, VOLATILITY, Scored, draws_of, evaluate
from atc.models.ranking import rank

ROWS, DAYS, HORIZON_S, EXIT_BPS = 2_000_000, 62, 300, 2.0
SECOND = 1_000_000_000
DAY_NS = 86_400 * SECOND
GOAL_S = 10.0
HEAD = Head("", ("FLAT", "HOLD"), (0,), HORIZON_S * SECOND, EXIT_BPS)
THREE = Head("", ("SHORT", "FLAT", "HOLD"), (0, 1, 2), HORIZON_S * SECOND, EXIT_BPS)
CONFIG = Evaluation()
OUT = Path("outputs") / "bench" / "bootstrap.json"


def timed(action: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds on the clock, and what came of it."""
    began = time.perf_counter()
    found = action()
    return time.perf_counter() - began, found


def main() -> int:
    """Measures, prints the table, writes the JSON."""
    rng = np.random.default_rng(1)
    t0 = np.sort(rng.integers(0, DAYS * DAY_NS, ROWS))
    days = t0.astype("datetime64[ns]").astype("datetime64[D]")
    r_bps = 8.0 * rng.standard_normal(ROWS)

    def scored(skill: float) -> np.ndarray[Any, np.dtype[np.float64]]:
        return 1.0 / (1.0 + np.exp(-(skill * r_bps / 8.0 + rng.standard_normal(ROWS))))[:, None]

    outcomes = Outcomes((r_bps > -EXIT_BPS)[:, None].astype(np.float64), r_bps[:, None], t0, days)
    rows = HeadRows.of(outcomes, HEAD, 0)
    p = {name: scored(skill) for name, skill in ((MODEL, 0.2), (BASELINE, 0.15), (VOLATILITY, 0.0))}
    draws, blocks, described = draws_of(rows, CONFIG, 1)
    shares, bandwidth = np.array([0.4, 0.6]), 5 * HEAD.horizon_ns
    one, _ = timed(lambda: headline(HeadScores(rows, rows.scores(p[MODEL])), shares, draws, bandwidth))
    score, positive = p[MODEL][:, 0], rows.y == 1.0
    ranked = rank(score)
    area, _ = timed(lambda: draws.auc(positive, score))
    precision, _ = timed(lambda: average_precision_sample(draws, positive, ranked))
    rho, _ = timed(lambda: spearman(draws, ranked, rows.ranked_return))
    loss, _ = timed(lambda: draws.mean(metrics.log_losses(rows.codes, rows.scores(p[MODEL]))))
    drawn = np.flatnonzero(np.isin(draws.block, rng.integers(0, blocks, blocks)))
    naive, _ = timed(lambda: roc_auc_score(positive[drawn], score[drawn]))
    codes = (r_bps > -4.0).astype(np.float64) + (r_bps > -EXIT_BPS)
    of_three = HeadRows.of(Outcomes(codes[:, None], r_bps[:, None], t0, days), THREE, 0)
    thirds = np.column_stack([(1 - score) ** 2, 2 * score * (1 - score), score**2])
    three, _ = timed(lambda: headline(HeadScores(of_three, thirds), np.full(3, 1 / 3), draws, bandwidth))
    few = Scored(p[MODEL][:1000], p[MODEL][:1000], p[MODEL])
    part = Outcomes(outcomes.y[:1000], outcomes.r_bps[:1000], t0[:1000], days[:1000])
    whole, report = timed(
        lambda: evaluate(
            heads=[HEAD],
            train_y=outcomes.y[:1000],
            valid=part,
            holdout=outcomes,
            scores={name: Scored(few.train, few.valid, of) for name, of in p.items()},
            config=CONFIG,
            seed=1,
        )
    )
    number = len(figure_names(HEAD)[0])
    bounded = sum(key.endswith("/lo") and value is not None for key, value in report.metrics.items())
    table = FeatureTable(f"{ROWS:,} rows, {CONFIG.resamples} resamples of {described}")
    goal = Goal(GOAL_S, at_most=True)
    table.add(f"all {number} figures of one model, two classes", one, "s", goal=goal)
    table.add(f"all {len(figure_names(THREE)[0])} figures of one model, three classes", three, "s")
    table.add(f"three models, the trivial one, lifts: {bounded} intervals", whole, "s")
    table.add("AUC, exact", area, "s", against="row by row", ratio=CONFIG.resamples * naive / area)
    table.add("PR-AUC, 1024 bins", precision, "s")
    table.add("Spearman, 100 × 100 bins", rho, "s")
    table.add("log loss, exact", loss, "s")
    table.show()
    table.write(OUT)
    return 0


if __name__ == "__main__":
    sys.exit(main())

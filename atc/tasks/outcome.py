"""What a run says: figures, notes and predictions of the models on the rows that judge."""

from __future__ import annotations

from functools import partial

import numpy as np

from atc.config.schema import RunConfig
from atc.evaluation.power import described, power_figures, power_marks
from atc.evaluation.report import MODEL, Scored, as_judged, evaluate
from atc.evaluation.side_by_side import both
from atc.models.calibration import calibrated
from atc.protocol.dataset import Block
from atc.protocol.plan import warnings_of
from atc.tasks.averaged import averaged
from atc.tasks.base import Desk, Outcome
from atc.tasks.explaining import SHAP, explained
from atc.tasks.fitting import Fitted
from atc.tasks.folds import described_folds, figures_of, fold_notes
from atc.tasks.heads import heads_of
from atc.tasks.loaded import Loaded, balance_of, row_notes
from atc.tasks.market_data import MarketData
from atc.tasks.predictions import Decided, Judged, predictions_of
from atc.tasks.refitting import REFIT, ageing, refitted
from atc.tasks.tables import Places, further_figures
from atc.tasks.trading import learn_policies, trades_of
from atc.tasks.training_rows import auxiliary_notes, class_notes
from atc.tasks.windowed_rows import window_notes


def outcome_of(config: RunConfig, market: MarketData, loaded: Loaded, fitted: Fitted, desk: Desk) -> Outcome:
    """Scores all three models, compares them on the holdout and trades there, unless the run is sealed."""
    heads = heads_of(config, loaded)
    # Before the holdout opens, which stays closed meanwhile.
    young = refitted(config, loaded, fitted, split="valid", rows=loaded.train_range, desk=desk)
    policies = learn_policies(config, market, loaded, heads, fitted, young, desk)
    why = explained(config, loaded, heads, fitted, desk)
    with desk.stage("evaluate"):
        train = loaded.parts.train
        sealed = loaded.parts.holdout
        everything, holdout = None, None
        if not sealed.sealed:
            everything, held = sealed.open_among_all(_asked(config))
            holdout = Judged.labelled(everything.take(held))
        places = Places(Judged(loaded.valid, loaded.valid_judged), holdout)
        scores, raw = _scores(train, places, fitted)
        judging = as_judged(scores, raw)
        report, further = both(
            partial(
                evaluate,
                heads=heads,
                train_y=train.y,
                valid=places.valid.outcomes(),
                holdout=None if holdout is None else holdout.outcomes(),
                scores=judging,
                config=config.evaluation,
                seed=config.seed,
            ),
            partial(further_figures, config, heads, train=train, places=places, scores=scores, raw=raw),
        )
        further = further.plus(averaged(config, loaded, fitted.by_name[MODEL], heads, places))
        of_folds = figures_of(config, loaded, fitted.folds)
    by_named = scores[MODEL]
    judged = {"valid": (places.valid, judging[MODEL].valid, young)}
    if holdout is not None and by_named.holdout is not None:
        late = refitted(config, loaded, fitted, split="holdout", rows=everything, desk=desk)
        judged["holdout"] = (holdout, by_named.holdout, late)
    aged = ageing(config, loaded, heads=heads, judged=judged)
    traded = {name: one.holdout for name, one in scores.items() if one.holdout is not None}
    if "holdout" in aged.scores:
        traded[REFIT] = aged.scores["holdout"]
    further = further.plus(trades_of(config, market, loaded, heads, places, traded, policies, desk))
    named = fitted.by_name[MODEL].report
    warnings = {**warnings_of(config.protocol), **config.label.warnings}
    decided = [*(one.decided for one in fitted.folds), Decided.of("valid", places.valid, scores, raw)]
    if holdout is not None:
        decided.append(Decided.of("holdout", holdout, scores, raw))
    decided = [one.with_scores(aged.scores.get(one.split), REFIT) for one in decided]
    figures = {**report.metrics, **power_figures(fitted.power)}
    return Outcome(
        metrics={
            **figures,
            **power_marks(figures),
            **loaded.balance,
            **_balance(config, places),
            **further.metrics,
            **of_folds,
            **aged.metrics,
            **fitted.gate.figures(),
            **{f"warning/{name}": 1 for name in warnings},
        },
        predictions=predictions_of(decided),
        tables={**further.tables, **why.tables, "age": aged.table},
        explained=tuple(name for name in why.tables if name != SHAP),
        series=further.series,
        spans={**described_folds(fitted.folds), **loaded.described},
        notes=(
            *warnings.values(),
            *fitted.notes,
            *([fitted.gate.why] if fitted.gate.why else []),
            *row_notes(loaded),
            *class_notes(config, train),
            *auxiliary_notes(config, train),
            *window_notes(config, loaded.without_window),
            *described(fitted.power),
            *fold_notes(config, fitted.folds),
            *aged.notes,
            *_fit_notes(fitted),
            *report.notes,
            *further.notes,
            *why.notes,
        ),
        importance=[
            {"feature": item.feature, named.importance_kind: item.value, "splits": item.splits}
            for item in named.importance
        ],
    )


def _balance(config: RunConfig, places: Places) -> dict[str, float | None]:
    """Classes and nulls of the rows that judge; null of a holdout that is not opened."""
    valid = places.valid.rows
    held = valid.take(np.empty(0, dtype=np.int64)) if places.holdout is None else places.holdout.rows
    return {**balance_of(config, "valid", valid), **balance_of(config, "holdout", held)}


def _asked(config: RunConfig) -> str:
    """What the ledger says of the look: one for all that is asked."""
    further = ", adversarial validation of the inputs" if config.evaluation.adversarial.enabled else ""
    traded = ", backtest" if config.backtest.enabled else ""
    refits = "" if config.refit.kind == "never" else f", refit={config.refit.kind}"
    return f"metrics of the run{further}{traded}{refits}"


def _scores(train: Block, places: Places, fitted: Fitted) -> tuple[dict[str, Scored], dict[str, Scored]]:
    """Every model's scores, and where the run calibrates those before it."""
    raw = {
        name: Scored(
            train=one.raw_scores(train),
            valid=fitted.raw_valid_decisions(name),
            holdout=None if places.holdout is None else one.raw_scores(places.holdout.rows),
        )
        for name, one in fitted.by_name.items()
    }
    if all(one.calibration is None for one in fitted.by_name.values()):
        return raw, {}
    scores = {
        name: raw[name].mapped(partial(calibrated, calibration=one.calibration))
        for name, one in fitted.by_name.items()
    }
    return scores, raw


def _fit_notes(fitted: Fitted) -> list[str]:
    notes = []
    for name, one in fitted.by_name.items():
        notes += [f"{name}: {note}" for note in one.report.notes]
        if one.report.null_columns:
            notes.append(
                f"{name}: null in every training row, kept as missing: {', '.join(one.report.null_columns)}"
            )
        if one.report.constant_columns:
            notes.append(f"{name}: constant in the training rows: {', '.join(one.report.constant_columns)}")
    return notes

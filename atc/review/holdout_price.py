"""What a run will spend of the holdout, and what the holdout can show it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from atc.config.schema import RunConfig
from atc.evaluation.blocks import chance_standard_error
from atc.evaluation.power import Detectable
from atc.features.sets import set_columns
from atc.labels.definitions import label_spec
from atc.protocol.judged_time import judged_spans
from atc.protocol.ledger import Ledger, number_of_looks
from atc.protocol.sealed_holdout import valid_start_of
from atc.protocol.window import Span
from atc.review.keys import CLASSES, JUDGED_ROWS, Keys
from atc.review.recorded import Recorded

_LIFT = "power/holdout/lift"
_DAY_S = 86_400.0


@dataclass(frozen=True)
class Looks:
    """What a run spends of holdouts."""

    spent: int
    """Of its own: 0 if it is sealed, or has been made."""
    so_far: int | None
    """Looks at that time until now; None where no events are there to look at."""
    others: int
    """Looks that its validation and folds are at other holdouts that have been opened."""
    span: Span | None
    """Of the holdout, ns; None where the days of the data are not known."""


@dataclass(frozen=True)
class SmallestLift:
    """The smallest true lift in AUC that the holdout shows in 80 % of cases."""

    head: str
    """Empty for the only one."""
    value: float
    how: str
    """Where it is from, in words."""


def looks_of(config: RunConfig, keys: Keys, *, made: bool) -> Looks:
    """`made`: whether the run has been made, so that nothing is evaluated."""
    market = keys.streams.market(config)
    spans = market.spans
    spent = 0 if made or config.protocol.sealed else 1
    if not keys.streams.filed(config):
        return Looks(spent, None, 0, None)
    ledger = Ledger(config.paths.events_dir)
    venue, symbol = market.facts.venue, market.facts.symbol
    so_far = number_of_looks(ledger.looks(venue, symbol, spans.holdout))
    valid = valid_start_of(spans.train, config.protocol.valid_fraction)
    judged = judged_spans(config.protocol, market.planned_folds, spans.train, valid)
    opened = {look.span for look in ledger.looks(venue, symbol) if look.kind == "look"}
    others = sum(any(_share_time(one, span) for span in judged) for one in opened)
    return Looks(spent, so_far, 0 if made else others, spans.holdout)


def smallest_lifts(config: RunConfig, keys: Keys, runs: Sequence[Recorded]) -> tuple[SmallestLift, ...]:
    """Of each head of a label with classes: as a run on the same rows and labels with the same baseline said
    before its fit; else as the run that is nearest said it, for so many label windows; else what independent
    labels of equal classes would allow.
    """
    if config.label.kind == "fwd_logret":
        return ()
    days = _holdout_days(config, keys)
    mine, question = keys.of(config), _question(config)
    found: list[SmallestLift] = []
    for head, horizon_ns in label_spec(config.label).heads:
        key = f"{_LIFT}@{head}/min_detectable" if head else f"{_LIFT}/min_detectable"
        windows = days * _DAY_S / (horizon_ns / 1e9)
        told = [(run, run.metrics[key]) for run in runs if run.metrics.get(key) is not None]
        told = [(run, value) for run, value in told if run.config.label.kind == config.label.kind]
        same = [
            (run, value)
            for run, value in told
            if _question(run.config) == question
            and (keys.of(run.config).other[CLASSES], keys.of(run.config).other[JUDGED_ROWS])
            == (mine.other[CLASSES], mine.other[JUDGED_ROWS])
        ]
        if same:
            run, value = same[-1]
            found.append(SmallestLift(head, float(value or 0), f"as {run.name} said before its fit"))
        elif told:
            run, value = told[-1]
            theirs = _holdout_days(run.config, keys) * _DAY_S / (horizon_ns / 1e9)
            scaled = float(value or 0) * math.sqrt(theirs / windows)
            many = f"{windows:,.0f} label windows, not {theirs:,.0f}" if theirs != windows else "as many"
            found.append(SmallestLift(head, scaled, f"from {run.name} on other rows or labels, for {many}"))
        else:
            found.append(SmallestLift(head, _at_best(config, round(windows)), _AT_BEST))
    return tuple(found)


_AT_BEST = (
    "at best: independent labels of equal classes and two scores with nothing in common; no recorded run "
    "says more"
)


def _at_best(config: RunConfig, windows: int) -> float:
    """As docs/power.md has it of the plan's example."""
    error = chance_standard_error(max(windows, 2), 0.5)
    assert error is not None
    return Detectable(math.sqrt(2.0) * error, config.evaluation.confidence).effect


def _question(config: RunConfig) -> Mapping[str, object]:
    """What the pilot of the power depends on besides rows and labels."""
    return {
        "baseline": config.baseline.model.model_dump(mode="json"),
        "columns": set_columns(config.baseline.features),
        "valid": config.protocol.valid_fraction,
        "evaluation": [config.evaluation.confidence, config.evaluation.min_blocks],
        "rows": [config.thinning.model_dump(mode="json"), config.weights.model_dump(mode="json")],
        "seed": config.seed,
    }


def _holdout_days(config: RunConfig, keys: Keys) -> int:
    market = keys.streams.market(config)
    return len(market.days_of(market.spans.holdout))


def _share_time(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]

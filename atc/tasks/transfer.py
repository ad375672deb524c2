"""Transfer: models fitted on one symbol or venue, judged on the holdout of another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from atc.errors import DataError, UsageError
from atc.evaluation.head import Head, HeadRows, Outcomes
from atc.evaluation.head_scores import direction_score
from atc.evaluation.headline import direction_auc
from atc.evaluation.lift import Estimate, Sample
from atc.evaluation.power import below_power, reference
from atc.evaluation.report import draws_of, estimate_figures, ranking_sample
from atc.features.sets import set_columns
from atc.labels.definitions import label_spec
from atc.models.ranking import rank
from atc.protocol.dataset import Dataset
from atc.protocol.window import Spans
from atc.tasks.heads import heads_of
from atc.tasks.loaded import load_rows
from atc.tasks.market_data import MarketData

if TYPE_CHECKING:
    from atc.opened_run import OpenedRun
    from atc.tasks.base import Desk


@dataclass(frozen=True)
class Transferred:
    """One model on one holdout."""

    fitted_on: str
    """Name of the run folder whose model it is."""
    judged_on: str
    """Name of the run folder whose holdout it is."""
    head: str
    classes: bool
    """Whether the label has classes; else it is a return."""
    rows: int
    ranking: Estimate
    """AUC with its interval; of a return Pearson's ρ."""
    direction: Estimate
    """AUC against the sign of the return, of rows that moved."""
    volatility: float | None
    """The same figure as `ranking`, of volatility and time of day alone, fitted where it is judged."""
    lift: Estimate
    """Against the model that was fitted where it is judged, on the same rows and resamples."""
    below_power: Mapping[str, bool | None]
    """By `ranking`, `direction`, `lift`: whether it is claimed, and yet smaller than what the holdout was
    said to show before the fit of the run that it is judged on; None where nothing was said.
    """


def transfer(runs: Sequence[OpenedRun], desk_of: Callable[[OpenedRun], Desk]) -> list[Transferred]:
    """Every model of `runs` on every holdout of them: the matrix, row by row of who was fitted.

    Raises UsageError for runs that put other questions (features, label, sampling), for a sealed one, and for
    a model whose training time reaches into another's holdout: symbols move together. Each holdout is opened
    once, and the look entered in its ledger.
    """
    for run in runs:
        for other in runs:
            _require_same_question(run, other)
    # All is asked before the first holdout opens: a look that leads to nothing is still a look.
    markets = [_market_of(run, desk_of(run)) for run in runs]
    for target, market in zip(runs, markets, strict=True):
        for run, of_run in zip(runs, markets, strict=True):
            _require_past(run, of_run.spans, target, market.spans)
    found: list[Transferred] = []
    for target, market in zip(runs, markets, strict=True):
        loaded = load_rows(market, market.config, desk_of(target))
        others = ", ".join(run.folder.name for run in runs if run is not target)
        rows = loaded.parts.holdout.open(f"transfer of {others}")
        heads = heads_of(target.config, loaded)
        for number, head in enumerate(heads):
            judged = HeadRows.of(Outcomes.of(rows), head, number)
            samples = {run.folder.name: _judged(run, rows, judged, target) for run in runs}
            own, _ = samples[target.folder.name]
            volatility = target.metrics.get(head.key(f"volatility/holdout/{head.ranking}"))
            for name, (ranking, direction) in samples.items():
                lift = ranking.minus(own)
                found.append(
                    Transferred(
                        fitted_on=name,
                        judged_on=target.folder.name,
                        head=head.name,
                        classes=bool(head.classes),
                        rows=len(judged.y),
                        ranking=ranking.estimate,
                        direction=direction.estimate,
                        volatility=volatility,
                        lift=lift,
                        below_power={
                            "ranking": _below(target, head, "holdout/auc", ranking.estimate),
                            "direction": _below(target, head, "holdout/direction_auc", direction.estimate),
                            "lift": _below(target, head, "lift/holdout/auc", lift),
                        },
                    )
                )
    order = [run.folder.name for run in runs]
    return sorted(found, key=lambda cell: (order.index(cell.fitted_on), order.index(cell.judged_on)))


def _require_same_question(run: OpenedRun, other: OpenedRun) -> None:
    for key, one, two in (
        ("features", set_columns(run.config.features), set_columns(other.config.features)),
        ("features.engine", run.config.features.engine, other.config.features.engine),
        ("label", run.config.label, other.config.label),
        ("sampling", run.config.sampling, other.config.sampling),
    ):
        if one != two:
            raise UsageError(
                f"{run.folder} and {other.folder} differ in {key}: a model is judged on the columns, rows "
                f"and labels that it was fitted for; run both with the same {key}"
            )


def _require_past(run: OpenedRun, own: Spans, target: OpenedRun, judging: Spans) -> None:
    """`own`: spans of `run`; `judging`: those of `target`."""
    end, start = int(run.model.manifest["train_span_ns"][1]), judging.holdout[0]
    if own.holdout[0] > end:
        # No holdout of its own follows at once, for which the labels that look beyond would have been purged.
        end += label_spec(run.config.label, run.config.auxiliary.horizons_s).longest_ns
    if end > start:
        raise UsageError(
            f"{run.folder} was trained on what happened until {end} ns, and the holdout of {target.folder} "
            f"begins at {start} ns: what moves one symbol moves the other, so its labels would be known; "
            "give both the same window"
        )


def _market_of(run: OpenedRun, desk: Desk) -> MarketData:
    """The events of a run, which have to be those that it saw."""
    if run.config.protocol.sealed:
        raise UsageError(f"{run.folder} is sealed: its holdout is not opened, by no other model either")
    market = MarketData(run.config)
    digest = market.prepare(desk).data_digest
    if digest != run.manifest["data_digest"]:
        raise DataError(
            f"the events of {run.folder} are others than when it ran (digest {digest[:12]}…, then "
            f"{str(run.manifest['data_digest'])[:12]}…): run it again"
        )
    return market


def _judged(run: OpenedRun, rows: Dataset, judged: HeadRows, target: OpenedRun) -> tuple[Sample, Sample]:
    """How the model of `run` ranks the rows of `target`, and how it knows their direction."""
    scores = judged.scores(run.model.scores(rows.select(run.model.model.features).x))
    draws, _, _ = draws_of(judged, target.config.evaluation, target.config.seed)
    towards = rank(direction_score(scores))
    return ranking_sample(judged.head, judged.y, scores, draws), direction_auc(judged, towards, draws)


def _below(target: OpenedRun, head: Head, figure: str, found: Estimate) -> bool | None:
    """Whether `found`, like a `figure` of `target`, claims less than was said there beforehand; of a return
    nothing was.
    """
    key = head.key(figure)
    _, least = reference(target.metrics, key)
    if least is None:
        return None
    said = {name: value for name, value in target.metrics.items() if name.startswith("power/")}
    return below_power({**said, **estimate_figures(key, found)}, key)

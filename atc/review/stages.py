"""Which stages a run has, and which of them a run of one config makes anew after a run of another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from atc.config.ensemble import Ensemble
from atc.config.protocol import WalkForward
from atc.config.refit import Never
from atc.config.schema import RunConfig
from atc.protocol.plan import has_folds
from atc.review.code import CodeDifference
from atc.review.code_stages import stages_of_code
from atc.review.keys import EVENTS, FEATURES, LABELS, QUALITY, SHARED, TRUTH, RunKeys

FALLBACK = "fit fallback"
_UNIT = {EVENTS: "stream", QUALITY: "days", FEATURES: "files", LABELS: "files"}


@dataclass(frozen=True)
class Recomputed:
    """A stage that is not found in a cache."""

    name: str
    """As the manifest of a run names it."""
    share: float = 1.0
    """Of its files, where it is shared; what a run makes for itself is made whole."""
    why: str = ""
    certain: bool = True
    """False: only if the gate rejects the named model, which nobody knows before."""


def stages_of(config: RunConfig) -> tuple[str, ...]:
    """The stages of a run of `config` in their order, as its manifest will name them; with that of a fallback
    if there can be one.
    """
    return tuple(_stages(config))


def to_recompute(
    before: RunKeys, after: RunKeys, config: RunConfig, code: CodeDifference | None = None
) -> tuple[Recomputed, ...]:
    """The stages of a run of `config`, whose keys are `after`, that find nothing in the caches as a run with
    the keys `before` leaves them, also where `code` differs; a stage of which only its build would tell
    counts as made. None where both are one run.
    """
    if before.run == after.run and code is None:
        return ()
    of_code, found = stages_of_code(code, config), []
    for name in stages_of(config):
        if name in SHARED:
            wanted = after.shared[name]
            missing = wanted - before.shared[name]
            if wanted and name in of_code:
                found.append(Recomputed(name, why=of_code[name]))
            elif missing:
                why = f"{len(missing)} of {len(wanted)} {_UNIT[name]}"
                found.append(Recomputed(name, len(missing) / len(wanted), why))
        elif name == TRUTH:
            if before.other[TRUTH] != after.other[TRUTH] or TRUTH in of_code:
                found.append(Recomputed(name, why=of_code.get(TRUTH, "")))
        else:
            certain = name != FALLBACK
            found.append(Recomputed(name, why="" if certain else "if the gate rejects", certain=certain))
    return tuple(found)


def _stages(config: RunConfig) -> Iterator[str]:
    opened, classes = not config.protocol.sealed, config.label.kind != "fwd_logret"
    trades, refits = config.backtest.enabled and classes, not isinstance(config.refit, Never)
    yield from (*SHARED, "dataset", "fit baseline", "fit volatility", "power")
    if has_folds(config.protocol):
        yield "folds"
    yield "members" if isinstance(config.model, Ensemble) else "fit"
    if isinstance(config.protocol, WalkForward) and classes:
        yield FALLBACK
    if refits:
        yield "refit valid"
    if trades:
        yield "policy"
    if config.explain.enabled:
        yield "explain"
    yield "evaluate"
    if refits and opened:
        yield "refit holdout"
    if opened and trades:
        if asks_truth(config):
            yield TRUTH
        yield "backtest"
    if config.explain.pictures:
        yield "pictures"


def asks_truth(config: RunConfig) -> bool:
    """Whether the waterfall of a run asks the simulator for the known truth."""
    backtest = config.backtest
    asked = backtest.waterfall
    simulated = config.data.kind == "simulated"
    return simulated and backtest.oracle_path and asked.enabled and asked.continuations > 0

"""What the summary of a run on simulated data says of the oracle: its figures if they are kept, else how to
get them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from atc.errors import AtcError
from atc.tracking.run_files import MODEL

if TYPE_CHECKING:
    from atc.config.schema import RunConfig
    from atc.report.headroom import RunFigures
    from atc.tasks.known_truth import KnownTruth

_LABELS = frozenset({"hold10_oracle", "hold10_oracle_q14", "hold10_oracle_spread"})


@dataclass(frozen=True)
class OracleLines:
    """For the ranking table, and for below it."""

    truth: KnownTruth | None
    sentences: tuple[str, ...]


def oracle_lines(folder: Path, shown: str, config: Mapping[str, object]) -> OracleLines | None:
    """None for a run that no oracle can be asked about. `folder`: of a finished run, `shown` its name for
    people, `config` as it was recorded.
    """
    data, label = config.get("data"), config.get("label")
    if not isinstance(data, dict) or data.get("kind") != "simulated":
        return None
    if not isinstance(label, dict) or label.get("kind") not in _LABELS or label.get("spread") == "row":
        return None
    typed = _typed(config)
    threshold = _threshold_bps(folder, label)
    truth = None
    if typed is not None and threshold is not None:
        from atc.tasks.known_truth import cached_truth

        truth = cached_truth(typed, threshold, folder.resolve().parent.parent)
    if typed is None or truth is None or truth.auc is None:
        return OracleLines(None, (f"Not computed. The best AUC that these rows allow: atc oracle {shown}",))
    return OracleLines(truth, tuple(_sentences(folder, typed, truth)))


def _typed(config: Mapping[str, object]) -> RunConfig | None:
    from pydantic import ValidationError

    from atc.config.schema import RunConfig

    try:
        return RunConfig.model_validate(config)
    except ValidationError:
        return None  # recorded by another version


def _threshold_bps(folder: Path, label: Mapping[str, object]) -> float | None:
    """The label's threshold in this run: a constant, or fitted and kept with the model."""
    exit_bps = label.get("exit_bps")
    if isinstance(exit_bps, int | float):
        return -float(exit_bps)
    try:
        fitted = json.loads((folder / MODEL / "manifest.json").read_bytes())["label"]["threshold_bps"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return float(fitted)


def _sentences(folder: Path, config: RunConfig, truth: KnownTruth) -> list[str]:
    from atc.report.headroom import headroom_of

    assert truth.auc is not None
    best = truth.auc.corrected
    states = f"{len(truth.ts_recv):,} of the holdout's states"
    said = [
        f"On fresh futures of {states} the best possible score has AUC {_plus_minus(best.value, best.se)}"
    ]
    try:
        figures: RunFigures | None = headroom_of(folder, config, truth)
    except AtcError:
        figures = None  # sealed, or of events that the simulator does not make any more
    if figures is None:
        said[0] += "; this run has no holdout scores."
    else:
        model, captured = figures.model.auc, figures.headroom
        said[0] += f", this model {_plus_minus(model.value, model.se)}."
        if captured is not None and captured.value is not None:
            said.append(
                f"Headroom captured: {_plus_minus(captured.value, captured.se, 2)} of what lies between "
                f"{figures.linear} and the oracle."
            )
    said.append("So by construction of the simulated market: it proves the pipeline, not alpha.")
    return said


def _plus_minus(value: float | None, error: float | None, digits: int = 4) -> str:
    if value is None:
        return "–"
    return f"{value:.{digits}f}" + ("" if error is None else f" ± {error:.{digits}f}")

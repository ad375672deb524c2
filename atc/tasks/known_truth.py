"""The oracle of a simulated market: how well any score could rank the rows of an experiment (`atc oracle`).

States are taken at rows, evenly spread over them, so that the AUC is over the same rows as a model's. What it
rests on is kept in two files: the mids of the continuations, which serve every label of a horizon, and the
figures of one label, which the summary of a run looks up.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from atc.config.data import SimulatedData
from atc.config.labels import Hold10Oracle, Hold10OracleQ14, Hold10OracleSpread
from atc.config.schema import RunConfig
from atc.errors import DataError, UsageError
from atc.evaluation import oracle
from atc.evaluation.oracle import Jackknifed, OracleAuc
from atc.events import futures as futures_module
from atc.events.futures import Futures, futures_of

if TYPE_CHECKING:
    from atc.protocol.window import Spans
    from atc.tasks.base import Desk
    from atc.tasks.market_data import MarketData
    from atc.tasks.rows import LabelledRows

_log = logging.getLogger(__name__)
SECOND_NS = 1_000_000_000
FILE = "truth"
Part = Literal["holdout", "window"]


@dataclass(frozen=True)
class Effort:
    """How much is computed."""

    states: int = 2_000
    continuations: int = 400
    seed: int = 1
    """Of the choice of states and of their continuations; the market has one of its own."""


@dataclass(frozen=True)
class KnownTruth:
    """What the states and their continuations say of one label."""

    scenario: str
    label: str
    horizon_s: float
    threshold_bps: float
    part: Part
    """The rows that the states were taken from: the window's holdout, or all of the window."""
    effort: Effort
    """As asked for; the rows may be fewer than `states`."""
    base_rate: float
    """Share of y = 1 over all continuations."""
    auc: OracleAuc | None
    direction: OracleAuc | None
    other_labels: int
    """States where the market's own path and the labeller of the published events differ on y."""
    ts_recv: NDArray[np.int64]
    """(n,) keys of the states' rows."""
    ev_seq: NDArray[np.uint64]
    up: NDArray[np.int64]
    """(n,) continuations with y = 1."""
    risen: NDArray[np.int64]
    """(n,) continuations that rose by more than |threshold|."""
    fallen: NDArray[np.int64]
    """(n,) that fell by more than that."""

    def expected_auc(self, score: NDArray[np.float64]) -> Jackknifed:
        """The AUC of a score (n,) at the states, over all their continuations."""
        return oracle.expected_auc(self.up, self.effort.continuations - self.up, score)

    def expected_direction_auc(self, score: NDArray[np.float64]) -> Jackknifed:
        """The direction AUC of a score (n,) at the states, over all their continuations."""
        return oracle.expected_auc(self.risen, self.fallen, score)


def simulated(config: RunConfig) -> SimulatedData:
    """The data of `config`. Raises UsageError where no truth is known, or the label has no classes."""
    data = config.data
    if not isinstance(data, SimulatedData):
        raise UsageError(
            f"data={data.name} is {data.kind}: an oracle needs a market whose hidden state is known and that "
            "can be continued, so it is for simulated data only; choose data=demo"
        )
    label = config.label
    if not isinstance(label, Hold10Oracle | Hold10OracleQ14 | Hold10OracleSpread) or label.of_row_spread:
        raise UsageError(
            f"label.kind={label.kind} has no single threshold in bps, and the oracle AUC is of a return "
            "above one; choose label=hold10_oracle or label=hold10_oracle_q14"
        )
    return data


def known_truth(
    config: RunConfig,
    desk: Desk,
    *,
    part: Part = "holdout",
    effort: Effort | None = None,
    threshold_bps: float | None = None,
) -> KnownTruth:
    """The oracle of the rows and the label of `config`, from the cache where it is there.

    `threshold_bps`: of the label; None: the label's own, for which a quantile of the training rows' returns
    is taken where the label says so. Raises UsageError for data that are not simulated, DataError where there
    are too few rows.
    """
    effort = effort or Effort()
    data = simulated(config)
    _check(effort)
    rows_of = _RowsOf(config, desk)
    if threshold_bps is None:
        threshold_bps = _own_threshold(config, rows_of)
    for found in _kept(config, part, threshold_bps, config.paths.outputs_dir):
        if found.effort == effort:
            return found
    rows = rows_of(part)[0]
    chosen = _spread(len(rows.t0), effort)
    if len(chosen) < oracle.LEAST_STATES:
        raise DataError(
            f"the {part} of the window has {len(rows.t0):,} rows with a label, the oracle needs at least "
            f"{oracle.LEAST_STATES}; take more days"
        )
    with desk.stage("continuations") as stage, desk.bar("continuations", len(chosen), "states") as bar:
        futures = futures_of(
            data,
            rows.t0[chosen],
            horizon_ns=round(config.label.longest_horizon_s * SECOND_NS),
            continuations=effort.continuations,
            seed=effort.seed,
            cache=_folder(config.paths.outputs_dir),
            progress=bar.update,
        )
        stage.cached = futures.cached
        bar.update(len(chosen))
    truth = _truth(config, part, threshold_bps, effort, rows.take(chosen), futures)
    _keep(truth, _file(config, part, threshold_bps, effort, config.paths.outputs_dir))
    return truth


def cached_truth(config: RunConfig, threshold_bps: float, outputs: Path) -> KnownTruth | None:
    """What is kept of the oracle of a run's holdout: the one with the most states; None if there is none."""
    found = _kept(config, "holdout", threshold_bps, outputs)
    return max(found, key=lambda one: one.effort.states * one.effort.continuations, default=None)


def _check(effort: Effort) -> None:
    for name, found, least in (
        ("states", effort.states, oracle.LEAST_STATES),
        ("continuations", effort.continuations, oracle.LEAST_CONTINUATIONS),
    ):
        if found < least:
            raise UsageError(f"--{name} {found}: expected at least {least}")


class _RowsOf:
    """The rows with a label, of the window or its holdout; the events are looked for once, and only if
    asked.
    """

    def __init__(self, config: RunConfig, desk: Desk) -> None:
        self._config, self._desk = config, desk

    @cached_property
    def _market(self) -> MarketData:
        from atc.tasks.market_data import MarketData

        market = MarketData(self._config)
        market.prepare(self._desk)
        return market

    def __call__(self, part: Part) -> tuple[LabelledRows, Spans]:
        return self._market.labelled_rows(self._desk, holdout_only=part == "holdout")


def _own_threshold(config: RunConfig, rows_of: _RowsOf) -> float:
    from atc.labels.definitions import fit_label
    from atc.protocol.dataset import latest
    from atc.protocol.sealed_holdout import split

    if isinstance(config.label, Hold10Oracle):
        return fit_label(config.label, np.empty(0)).threshold_bps
    rows, spans = rows_of("window")
    parts = split(rows.t0, latest(rows.t1), spans, config.protocol.valid_fraction)
    return fit_label(config.label, rows.r_bps[parts.train], rows.spread_bps[parts.train]).threshold_bps


def _spread(rows: int, effort: Effort) -> NDArray[np.int64]:
    """Every (rows/states)-th row from a random start: uniform over the rows, and as far apart as can be."""
    states = min(effort.states, rows)
    start = np.random.default_rng(effort.seed).random()
    return np.floor((np.arange(states) + start) * rows / max(states, 1)).astype(np.int64)


def _truth(  # noqa: PLR0917  # all of them are different things
    config: RunConfig,
    part: Part,
    threshold_bps: float,
    effort: Effort,
    at: LabelledRows,
    futures: Futures,
) -> KnownTruth:
    """`at`: the rows of the states."""
    data, r = simulated(config), futures.r_bps
    exit_bps = abs(threshold_bps)
    label = oracle.label_outcomes(r, threshold_bps)
    direction = oracle.direction_outcomes(r, exit_bps)
    published = at.r_bps[:, 0] > threshold_bps
    return KnownTruth(
        scenario=data.scenario.name,
        label=config.label.kind,
        horizon_s=config.label.longest_horizon_s,
        threshold_bps=threshold_bps,
        part=part,
        effort=effort,
        base_rate=float(np.mean(r > threshold_bps)),
        auc=oracle.oracle_auc(label),
        direction=oracle.oracle_auc(direction),
        other_labels=int(np.count_nonzero(published != (futures.own_r_bps > threshold_bps))),
        ts_recv=at.keys["ts_recv"].to_numpy(),
        ev_seq=at.keys["ev_seq"].to_numpy(),
        up=label.up.sum(axis=1),
        risen=direction.up.sum(axis=1),
        fallen=direction.down.sum(axis=1),
    )


# What is kept


def _folder(outputs: Path) -> Path:
    return outputs / "cache" / "oracle"


@cache
def _code() -> list[str]:
    """What the figures depend on besides the market: the rows, the continuations and the estimator."""
    from atc import _rust
    from atc.features.keys import python_digest

    sources = (oracle.__file__, futures_module.__file__, __file__)
    digests = [_rust.FEATUREGEN_DIGEST, _rust.ORACLE_DIGEST, python_digest()]
    return [*digests, *(hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in sources)]


def _stem(config: RunConfig, part: Part, threshold_bps: float) -> str:
    from atc.events.simulate import simulation_digest

    key = {
        "simulation": simulation_digest(simulated(config)),
        "window": config.window.model_dump(mode="json"),
        "sampling": config.sampling.model_dump(mode="json"),
        "part": part,
        "horizon_s": config.label.longest_horizon_s,
        "threshold_bps": threshold_bps,
        "code": _code(),
    }
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    return f"{FILE}-{digest[:24]}"


def _file(config: RunConfig, part: Part, threshold_bps: float, effort: Effort, outputs: Path) -> Path:
    stem = _stem(config, part, threshold_bps)
    return _folder(outputs) / f"{stem}-{effort.states}x{effort.continuations}-{effort.seed}.json"


def _kept(config: RunConfig, part: Part, threshold_bps: float, outputs: Path) -> list[KnownTruth]:
    pattern = f"{_stem(config, part, threshold_bps)}-*.json"
    found = []
    for path in sorted(_folder(outputs).glob(pattern)):
        try:
            found.append(_read(path))
        except (ValueError, KeyError, TypeError) as why:
            _log.warning("%s is damaged (%s) and is left aside", path, why)
    return found


def _keep(truth: KnownTruth, file: Path) -> None:
    from atc.tracking import durable

    content = asdict(truth)
    content |= {name: content[name].tolist() for name in _ARRAYS}
    for name in ("auc", "direction"):
        if content[name] is not None:
            content[name]["corrected"]["without"] = content[name]["corrected"]["without"].tolist()
    file.parent.mkdir(parents=True, exist_ok=True)
    durable.write_bytes(file, (json.dumps(content) + "\n").encode())


_ARRAYS = ("ts_recv", "ev_seq", "up", "risen", "fallen")


def _read(file: Path) -> KnownTruth:
    content: dict[str, Any] = json.loads(file.read_bytes())
    for name in _ARRAYS:
        content[name] = np.array(content[name], dtype=np.uint64 if name == "ev_seq" else np.int64)
    content["effort"] = Effort(**content["effort"])
    for name in ("auc", "direction"):
        content[name] = None if content[name] is None else _auc(content[name])
    return KnownTruth(**content)


def _auc(content: dict[str, Any]) -> OracleAuc:
    corrected = content["corrected"]
    return OracleAuc(
        Jackknifed(corrected["value"], np.array(corrected["without"])), content["low"], content["high"]
    )

"""How large a run is before it has a row: days from its window, rows a day from runs that have been."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from atc.config.data import SimulatedData
from atc.config.schema import RunConfig
from atc.config.thinning import EveryK, Uniqueness
from atc.errors import AtcError
from atc.review.keys import Keys
from atc.review.recorded import Recorded

_ROWS_OF_A_CLOCK = 86_400.0
_OF_ONE_DRAW = ("seed", "days", "start_date", "name", "largest_order")
"""Keys of data that leave a day about as full as it is."""


@dataclass(frozen=True)
class Size:
    """What stages take time by."""

    train_days: int
    holdout_days: int
    rows_day: float
    """Rows of a business day."""
    events_day: float
    """Of market data, in days of the real venue; 1 where it is not known."""
    fitted_share: float
    """Of the training rows, after thinning."""
    valid_share: float
    """Of the time of the train window."""
    assured: bool = True
    """Whether rows a day are those of a run on such data with such rows."""

    @property
    def days(self) -> int:
        """Business days of the window."""
        return self.train_days + self.holdout_days

    @property
    def rows(self) -> float:
        """All rows."""
        return self.rows_day * self.days

    @property
    def train_rows(self) -> float:
        """Those that the final fit sees."""
        return self.rows_day * self.train_days * (1.0 - self.valid_share) * self.fitted_share

    @property
    def valid_rows(self) -> float:
        """Of validation."""
        return self.rows_day * self.train_days * self.valid_share

    @property
    def holdout_rows(self) -> float:
        """Of the holdout."""
        return self.rows_day * self.holdout_days


def size_of(config: RunConfig, keys: Keys, runs: Sequence[Recorded] = ()) -> Size | None:
    """The size of a run of `config`; None where its window does not fit its data. `runs`: those that say how
    many rows a day has; the latest that is most like it counts.
    """
    try:
        market = keys.streams.market(config)
        train, holdout = market.days_of(market.spans.train), market.days_of(market.spans.holdout)
    except AtcError:
        return None
    rows_day, assured = _rows_day(config, keys, runs)
    return Size(
        train_days=len(train),
        holdout_days=len(holdout),
        rows_day=rows_day,
        events_day=_rate(config),
        fitted_share=_fitted_share(config),
        valid_share=config.protocol.valid_fraction,
        assured=assured,
    )


def rows_a_day(run: Recorded, days: int) -> float | None:
    """Of a finished run with so many business days; None where its manifest does not say."""
    return sum(run.rows.values()) / days if run.rows and days else None


def _rows_day(config: RunConfig, keys: Keys, runs: Sequence[Recorded]) -> tuple[float, bool]:
    best: tuple[int, float] | None = None
    for run in runs:
        likeness = _likeness(config, run.config)
        bare = size_of(run.config, keys)
        known = None if bare is None else rows_a_day(run, bare.days)
        if known is not None and (best is None or likeness >= best[0]):
            # At other rates there are so many more trades and frames; a clock does not mind.
            factor = 1.0 if config.sampling.kind == "clock_1s" else _rate(config) / _rate(run.config)
            best = likeness, known * factor
    if best is not None and best[0] > 0:
        return best[1], best[0] > 1
    if config.sampling.kind == "clock_1s":
        return _ROWS_OF_A_CLOCK, True
    return (best[1], False) if best is not None else (10_000.0 * _rate(config), False)


def _likeness(config: RunConfig, other: RunConfig) -> int:
    """2: a day has as many rows; 1: rows are made of the same things; 0: it says little."""
    if config.sampling.kind != other.sampling.kind or config.data.kind != other.data.kind:
        return 0
    same = all(
        {key: value for key, value in one.items() if key not in _OF_ONE_DRAW}
        == {key: value for key, value in two.items() if key not in _OF_ONE_DRAW}
        for one, two in (
            (config.data.model_dump(mode="json"), other.data.model_dump(mode="json")),
            (config.sampling.model_dump(mode="json"), other.sampling.model_dump(mode="json")),
        )
    )
    return 2 if same else 1


def _rate(config: RunConfig) -> float:
    return config.data.rate if isinstance(config.data, SimulatedData) else 1.0


def _fitted_share(config: RunConfig) -> float:
    thinning = config.thinning
    if isinstance(thinning, EveryK):
        return 1.0 / thinning.k
    return thinning.share if isinstance(thinning, Uniqueness) else 1.0

"""The price of a change: what a run of the new config makes anew, how long it takes, what of the holdout it
spends and what it can show for that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from atc.config.schema import RunConfig
from atc.review.code import CodeDifference
from atc.review.estimate import GUESSED, RECORDED, SCALED, UNKNOWN, Estimate, Estimator
from atc.review.holdout_price import Looks, SmallestLift, looks_of, smallest_lifts
from atc.review.keys import SHARED, Keys
from atc.review.recorded import Recorded, with_shares
from atc.review.stages import stages_of, to_recompute

_LATEST = 5
"""Runs that say what lies between stages."""


@dataclass(frozen=True)
class PriceTag:
    """What a run of the right config costs where one of the left has been made."""

    stages: tuple[Estimate, ...]
    """Those that are made anew, in order; none where both are one run."""
    cached: tuple[str, ...]
    """Those that find their files."""
    looks: Looks
    lifts: tuple[SmallestLift, ...]
    records: int
    """Finished runs that there are to learn from."""
    filed: bool
    """Whether the events are there; else their days are taken from the config."""
    code: CodeDifference | None = None
    """None: both sides have the same code."""
    between: float | None = None
    """Seconds of a run outside its stages, once its record is open; None where no run has it recorded."""

    @property
    def certain(self) -> tuple[Estimate, ...]:
        """Without what only a rejected model needs."""
        return tuple(one for one in self.stages if one.stage.certain)

    @property
    def seconds(self) -> float | None:
        """Expected, in stages; None where nothing is recorded of one of them."""
        return _sum([one.seconds for one in self.certain])

    @property
    def interval(self) -> tuple[float, float] | None:
        """Least and most of them, where errors of the stages add up as independent ones do."""
        if self.seconds is None:
            return None
        down = sum((one.seconds - one.low) ** 2 for one in self.certain if one.seconds and one.low)
        up = sum((one.high - one.seconds) ** 2 for one in self.certain if one.seconds and one.high)
        return max(0.0, self.seconds - down**0.5), self.seconds + up**0.5

    @property
    def most_seconds(self) -> float | None:
        """Expected where no fit stops early; None where that is the same, or a stage is unknown."""
        if self.seconds is None or all(one.most is None for one in self.certain):
            return None
        return _sum([one.most or one.seconds for one in self.certain])

    @property
    def known_seconds(self) -> float:
        """Expected of the stages of which something is recorded."""
        return sum(one.seconds or 0.0 for one in self.certain)

    @property
    def peak_mib(self) -> float | None:
        """The largest of the stages'."""
        return max((one.peak_mib for one in self.certain if one.peak_mib is not None), default=None)

    @property
    def sureness(self) -> dict[str, float]:
        """Share of the expected time by how it is known."""
        whole = self.known_seconds
        bases = (RECORDED, SCALED, GUESSED)
        parts = {
            basis: sum(one.seconds or 0.0 for one in self.certain if one.basis == basis) for basis in bases
        }
        return {basis: part / whole for basis, part in parts.items() if part and whole}

    @property
    def unknown(self) -> tuple[str, ...]:
        """Stages of which nothing is recorded."""
        return tuple(one.stage.name for one in self.certain if one.basis == UNKNOWN)


def price_of(
    left: RunConfig, right: RunConfig, recorded: Sequence[Recorded], code: CodeDifference | None = None
) -> PriceTag:
    """The price of a run of `right` where one of `left` has been made; `recorded` in order of time, `code`:
    what differs of it.

    Raises DataError where a window does not fit its data, or a ledger is damaged.
    """
    keys = Keys([left, right, *(run.config for run in recorded)])
    before, after = keys.of(left), keys.of(right)
    runs = with_shares(recorded, keys)
    estimator = Estimator(right, runs, keys)
    wanted = to_recompute(before, after, right, code)
    made = before.run == after.run and code is None
    names = {one.name for one in wanted}
    return PriceTag(
        stages=tuple(estimator.of(one) for one in wanted),
        cached=()
        if made
        else tuple(name for name in stages_of(right) if name in SHARED and name not in names),
        looks=looks_of(right, keys, made=made),
        lifts=() if made else smallest_lifts(right, keys, runs),
        records=len(runs),
        filed=keys.streams.filed(right),
        code=code,
        between=None if made else _between(runs),
    )


def _between(runs: Sequence[Recorded]) -> float | None:
    told = [run.between_s for run in runs if run.between_s is not None]
    return median(told[-_LATEST:]) if told else None


def _sum(values: Sequence[float | None]) -> float | None:
    total = 0.0
    for value in values:
        if value is None:
            return None
        total += value
    return total

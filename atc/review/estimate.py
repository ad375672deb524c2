"""Seconds and memory of the stages of a run that has not been, from those of runs that have."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import median

from atc.config.schema import RunConfig
from atc.review.fit_work import FIT, FITS, Work, beginning, begun
from atc.review.iterations import steps_of
from atc.review.keys import SHARED, Keys, columns_of
from atc.review.line import Line, line_of
from atc.review.recorded import Recorded, StageTiming
from atc.review.size import Size, size_of
from atc.review.stages import Recomputed
from atc.review.work import fits_in, work_of

RECORDED, SCALED, GUESSED, UNKNOWN = "as recorded", "scaled", "guessed", "unknown"
"""How sure: runs did the same; runs did the same with other amounts; only other work is known; nothing is."""
_SAME = 1.05
"""Amounts that differ by less are the same."""
_NEAR = 2.0
"""Where no run did the same, those are asked too whose work is so many times further off than the nearest."""
_MOST = 5
"""Runs that one estimate comes from, the latest ones."""
_BUSY = 0.8
"""A run that had less than this share of the processors that another had for the same work was not alone."""


@dataclass(frozen=True)
class Estimate:
    """Of one stage."""

    stage: Recomputed
    seconds: float | None
    """None: no run has done such a thing."""
    low: float | None
    high: float | None
    peak_mib: float | None
    basis: str
    """`RECORDED`, `SCALED`, `GUESSED` or `UNKNOWN`."""
    factor: float = 1.0
    """How many times as much work it is as that of the runs."""
    runs: tuple[str, ...] = ()
    """Names of the runs that it comes from."""
    most: float | None = None
    """Seconds where no fit stops early; None where that is the same."""


@dataclass(frozen=True)
class _Done:
    """A stage that a run has done, beside the work of the run that is estimated."""

    run: Recorded
    timing: StageTiming
    work: Work
    ours: Work
    """That of the run that is estimated, with what this run says of iterations."""
    most: Work
    """The same where no fit stops early."""
    cells: float
    """Rows × columns of the run, by which its memory grows."""

    @property
    def factor(self) -> float:
        return self.ours.amount / self.work.amount if self.work.amount > 0 else 1.0


class Estimator:
    """What runs in the record say of a run of `config`."""

    def __init__(self, config: RunConfig, runs: Sequence[Recorded], keys: Keys) -> None:
        self._config, self._runs = config, runs
        self._size = size_of(config, keys, runs)
        self._sizes = {run.name: size_of(run.config, keys, [run]) for run in runs}

    @property
    def size(self) -> Size | None:
        """None where the window does not fit the data."""
        return self._size

    def of(self, stage: Recomputed) -> Estimate:
        """The estimate of one stage."""
        size = self._size
        if size is None:
            return Estimate(stage, None, None, None, None, UNKNOWN)
        return self._of(stage, size, list(self._done(stage, size)))

    def _fit(self, name: str, how: Callable[[Work], Work]) -> Estimate:
        """Of a fit, where `how` says whether it is the first."""
        stage, size = Recomputed(name), self._size
        assert size is not None  # else there are no stages
        done = [replace(one, ours=how(one.ours), most=how(one.most)) for one in self._done(stage, size)]
        return self._of(stage, size, done)

    def _first(self, work: Work) -> Work:
        return beginning(work, self._config.model)

    def _of(self, stage: Recomputed, size: Size, done: Sequence[_Done]) -> Estimate:
        same = [one for one in done if one.work.kind == one.ours.kind]
        if not same:
            return self._of_its_fits(stage, size) or self._guessed(stage, done, size)
        alike = [one for one in same if one.work.like == one.ours.like]
        chosen = _nearest(alike or same)
        line = line_of([one.work for one in same], [max(one.timing.seconds, 1e-3) for one in same])
        idle = [_idle_seconds(one, chosen) for one in chosen]
        told = [seconds * _grown(one, line, one.ours) for one, seconds in zip(chosen, idle, strict=True)]
        most = median(
            seconds * _grown(one, line, one.most) for one, seconds in zip(chosen, idle, strict=True)
        )
        spread = _spread(told)
        factor = median(one.factor for one in chosen)
        exact = bool(alike) and 1 / _SAME <= factor <= _SAME and size.assured
        # What is scaled is as unsure as it is far away.
        unsure = 1.0 + spread + (0.0 if exact else 0.25 * abs(math.log2(factor)) + 0.1)
        seconds = median(told)
        return Estimate(
            stage,
            seconds,
            seconds / unsure,
            seconds * unsure,
            max(self._memory(one, size) for one in chosen),
            RECORDED if exact else SCALED,
            factor,
            tuple(one.run.name for one in chosen),
            most if most > seconds * _SAME else None,
        )

    def _done(self, stage: Recomputed, size: Size) -> Iterable[_Done]:
        # Fits of one kind of model are one work, whatever the model is there for.
        names = FITS if stage.name in FITS else (stage.name,)
        for run in self._runs:
            theirs = self._sizes[run.name]
            if theirs is None:
                continue
            steps = steps_of(self._config, run, self._runs)
            share = stage.share if stage.name in SHARED else 1.0
            ours = work_of(stage.name, self._config, size, share=share, iterations=steps)
            most = work_of(stage.name, self._config, size, share=share)
            for name in names:
                timing = run.stages.get(name)
                if timing is None:
                    continue
                iterations = None if run.iterations is None else float(run.iterations)
                if iterations is not None:
                    iterations /= run.config.seeds.count
                work = work_of(name, run.config, theirs, share=timing.share, iterations=iterations)
                if work.amount > 0 and ours.amount > 0:
                    yield _Done(run, timing, work, ours, most, theirs.rows * len(columns_of(run.config)))

    def _of_its_fits(self, stage: Recomputed, size: Size) -> Estimate | None:
        """Folds and refits that no run has made, as so many fits; None of another stage, and where nobody has
        fitted such a model.
        """
        count = fits_in(stage.name, self._config, size)
        if count is None:
            return None
        folds = stage.name == "folds"
        models = ("fit", "fit baseline", "fit volatility") if folds else ("fit",)
        # A library is imported once.
        fits = [self._fit(name, begun) for name in models]
        told = [one.seconds for one in fits if one.seconds is not None and one.basis != GUESSED]
        if len(told) < len(models):
            return None
        seconds = count * sum(told)
        if folds and (first := self._fit(FIT, self._first).seconds) is not None:
            seconds += first - told[0]
        runs = fits[0].runs
        peak = max((one.peak_mib for one in fits if one.peak_mib is not None), default=None)
        most = count * sum(one.most or one.seconds or 0.0 for one in fits)
        more = most if most > seconds * _SAME else None
        return Estimate(stage, seconds, seconds / 1.5, seconds * 1.5, peak, SCALED, count, runs, more)

    def _guessed(self, stage: Recomputed, done: Sequence[_Done], size: Size) -> Estimate:
        """From work of another kind: as long as it takes where both are known, beside what that took; else
        by the rows alone.
        """
        if not done:
            return Estimate(stage, None, None, None, None, UNKNOWN)
        both = [one for one in done if one.ours.begin is not None and one.work.begin is not None]
        if both:
            chosen = sorted(both, key=lambda one: one.work.whole)[-_MOST:]
            told = [one.timing.seconds * one.ours.whole / one.work.whole for one in chosen]
        else:
            of_stage = [one for one in done if stage.name in one.run.stages] or list(done)
            chosen = of_stage[-_MOST:]
            by_rows = [size.rows / max(1.0, self._rows_of(one.run)) * stage.share for one in chosen]
            told = [one.timing.seconds * times for one, times in zip(chosen, by_rows, strict=True)]
        seconds = median(told)
        return Estimate(
            stage,
            seconds,
            seconds / 4,
            seconds * 4,
            max(self._memory(one, size) for one in chosen),
            GUESSED,
            1.0,
            tuple(one.run.name for one in chosen),
        )

    def _rows_of(self, run: Recorded) -> float:
        size = self._sizes[run.name]
        return 1.0 if size is None else size.rows

    def _memory(self, one: _Done, size: Size) -> float:
        """What the process has before it has a row, and what grows with rows × columns."""
        grown = max(0.0, one.timing.peak_mib - one.run.base_mib)
        cells = size.rows * len(columns_of(self._config))
        return one.run.base_mib + grown * cells / max(one.cells, 1.0)


def _nearest(done: Sequence[_Done]) -> Sequence[_Done]:
    """Those that did as much, the latest of them; where none did, the nearest, for one alone may have had a
    bad day.
    """
    far = [abs(math.log(one.factor)) for one in done]
    least = min(far)
    within = least + math.log(_SAME if least <= math.log(_SAME) else _NEAR)
    near = [one for one, away in zip(done, far, strict=True) if away <= within]
    return sorted(near, key=lambda one: -abs(math.log(one.factor)))[-_MOST:]


def _grown(one: _Done, line: Line, ours: Work) -> float:
    """How many times as long the work `ours` takes as what that run did."""
    before = line.seconds(one.work)
    return line.seconds(ours) / before if before > 0 else ours.amount / one.work.amount


def _idle_seconds(one: _Done, near: Sequence[_Done]) -> float:
    """What `one` would have taken on an idle machine: its processor seconds by the most processors that one
    of `near` kept busy, where it had clearly fewer itself.
    """
    had, most = one.timing.processors, max(other.timing.processors for other in near)
    return one.timing.seconds * (had / most if 0 < had < _BUSY * most else 1.0)


def _spread(values: Sequence[float]) -> float:
    """Half the range of some times, as a share; of a single one what times of one machine vary by."""
    middle = median(values)
    return 0.1 if len(values) < 2 or middle <= 0 else max(0.05, (max(values) - min(values)) / 2 / middle)

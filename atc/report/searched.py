"""What a search has found: the objective of its trials, and the words that run the best of them open."""

from __future__ import annotations

import math
import shlex
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from atc.report.page import WIDEST, Page, counted

if TYPE_CHECKING:
    from atc.report.candidates import Candidate
    from atc.sweep.manifest import SweepHeader


@dataclass(frozen=True)
class Objective:
    """By what the trials of a search are chosen."""

    figure: str
    """As in `metrics.json`."""
    direction: str
    """`maximize` or `minimize`."""
    sweep_id: str
    """Of the search: trials of another one answer another question, and the better of both is the easier."""

    def of(self, metrics: Mapping[str, float | None]) -> float | None:
        """Of a run; None where it is undefined on its rows."""
        return metrics.get(self.figure)

    def order(self, metrics: Mapping[str, float | None]) -> float:
        """Smaller for a better trial."""
        value = self.of(metrics)
        if value is None:
            return math.inf
        return value if self.direction == "minimize" else -value


def objective_of(header: SweepHeader) -> Objective | None:
    """Of a sweep with this header; None where it is no search."""
    search = header.search
    if search is None:
        return None
    return Objective(str(search["objective"]), str(search["direction"]), header.sweep_id)


@dataclass(frozen=True)
class Best:
    """The trial whose objective is the best."""

    candidate: Candidate
    objective: Objective
    value: float
    of: int
    """Complete trials, this one included."""

    @property
    def told(self) -> str:
        """A sentence that ends before the command."""
        one = self.candidate
        trial = one.label if one.number is None else one.number
        return (
            f"best: trial {trial}, {self.objective.figure} {self.value:.6g}, of "
            f"{counted(self.of, 'complete trial')}; the choice flatters it, and its holdout, which is closed "
            "yet, says what is left. This opens it:"
        )

    @property
    def command(self) -> str:
        """Runs its config open, at a shell."""
        return shlex.join(("python", "-m", "atc.run", *self.candidate.words))


def best_of(candidates: Sequence[Candidate]) -> Best | None:
    """The first of the best trials; None of runs that are not the trials of one search, and where none is
    complete.
    """
    asked = {one.objective for one in candidates}
    objective = asked.pop() if len(asked) == 1 else None
    if objective is None:
        return None
    values = [
        (one, value)
        for one in candidates
        if one.run is not None and (value := objective.of(one.run.metrics)) is not None
    ]
    if not values:
        return None
    one, value = min(values, key=lambda pair: pair[1] if objective.direction == "minimize" else -pair[1])
    return Best(one, objective, value, len(values))


def best_lines(best: Best | None, page: Page) -> Iterator[str]:
    """The answer of a search, and how to look at it on the holdout."""
    if best is None:
        return
    yield ""
    yield from page.said(best.told)
    command = best.command
    if page.markdown:
        yield from page.said(f"`{command}`")
        return
    lines = textwrap.wrap(
        command, WIDEST - 2, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )
    yield from (f"{line} \\" for line in lines[:-1])
    yield lines[-1]

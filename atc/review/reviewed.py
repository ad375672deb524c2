"""Two sides of a review as somebody names them: experiments, run folders, git revisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from atc.config.diff import Difference, differences, load
from atc.config.schema import RunConfig
from atc.errors import UsageError
from atc.review.code import CodeDifference, code_difference
from atc.review.tags import tagged, tagged_code

if TYPE_CHECKING:
    from atc.review.price import PriceTag


@dataclass(frozen=True)
class Reviewed:
    """What two configs differ in."""

    differences: tuple[Difference, ...]
    notes: tuple[str, ...] = ()
    left: RunConfig | None = None
    """None where this version's schema does not take it."""
    right: RunConfig | None = None
    code: CodeDifference | None = None
    """None: both have the same code. What differs also stands among the differences, under `code`."""

    @property
    def has_price(self) -> bool:
        """Whether this version's schema takes both sides."""
        return self.left is not None and self.right is not None

    def price(self, records: Path | None = None) -> PriceTag:
        """What a run of the right side costs where one of the left has been made. `records`: outputs whose
        finished runs say how long stages take; None: those of the right side.

        Raises UsageError for a side that this version's schema does not take, or a folder that is none.
        """
        if self.left is None or self.right is None:
            raise UsageError(f"there is no price without both configs: {' '.join(self.notes)}")
        if records is not None and not records.is_dir():
            raise UsageError(f"--records {records}: no such folder; expected outputs, with runs/ in them")
        from atc.review.price import price_of
        from atc.review.recorded import recorded_runs

        runs = recorded_runs(records or self.right.paths.outputs_dir)
        return price_of(self.left, self.right, runs, self.code)


def reviewed(left: str, right: str) -> Reviewed:
    """The tagged differences of what `left` and `right` name; see `atc.config.diff.load`.

    A run folder or a revision of another version's schema is compared without tags, and a note says so.
    """
    sides = load(left), load(right)
    configs = [_typed(side) for side in sides]
    if None in configs:
        # What the schema adds to the files of one side alone would stand there as a difference.
        sides = load(left, judged=False), load(right, judged=False)
    found = differences(*sides)
    notes = tuple(
        f"{name}: its keys are not all those of this version, so nobody can say what a difference changes"
        for name, config in zip((left, right), configs, strict=True)
        if config is None
    )
    a, b = configs
    if a is not None and b is not None:
        found = tagged(found, a, b)
    code = code_difference(left, right)
    if code is not None:
        found.append(tagged_code(code, b))
    return Reviewed(tuple(found), notes, a, b, code)


def _typed(values: Mapping[str, Any]) -> RunConfig | None:
    try:
        return RunConfig.model_validate(values)
    except ValidationError:
        return None

"""The plan that a run was first looked at with. No digest holds the plan, so `runtime.force=true` could make
the same run again with another one, of a figure that the look has shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from atc.errors import DataError
from atc.opened_run import OpenedRun, open_run
from atc.tracking.run_files import ATTEMPTS, FINISHED

_LOOKS = "evaluate"
"""The stage that opens the holdout."""


@dataclass(frozen=True)
class FirstPlan:
    """What a run was to show before anybody had seen what it shows."""

    plan: object
    """As the config has it."""
    restated: str = ""
    """A sentence on it where the run's own config says otherwise, or where what it said first is lost."""


def told_plan(plan: object) -> str:
    """Figure and expectation of the plan of a config."""
    known = plan if isinstance(plan, Mapping) else {}
    if known.get("figure") is None:
        return "no figure"
    return f"{known['figure']}, {known.get('expects')} expected"


def first_plan(run: OpenedRun) -> FirstPlan:
    """The plan of the first attempt at finished `run` that got as far as its figures."""
    own = run.raw_config.get("plan")
    try:
        for before in _attempts_before(run):
            stages = before.manifest.get("stages")
            looked = isinstance(stages, dict) and _LOOKS in stages
            if before.manifest["status"] != FINISHED and not looked:
                continue
            plan = before.raw_config.get("plan")
            if told_plan(plan) == told_plan(own):
                return FirstPlan(own)
            return FirstPlan(
                plan,
                f"made again with another plan ({told_plan(own)}) after attempt {before.manifest['attempt']} "
                f"had shown its figures: the board keeps to that one's ({told_plan(plan)})",
            )
    except DataError:
        return _lost(own)
    # Of an attempt that was made in place of a finished one that one has to be there.
    return _lost(own) if run.manifest.get("previous") else FirstPlan(own)


def _lost(own: object) -> FirstPlan:
    return FirstPlan(
        own,
        f"made again, and what its plan was before is not in {ATTEMPTS}/ any more: this one "
        f"({told_plan(own)}) may have been chosen after the look",
    )


def _attempts_before(run: OpenedRun) -> Iterator[OpenedRun]:
    """Those at the same run, in order, but for those that died before they had a manifest."""
    kept = run.folder / ATTEMPTS
    numbers = sorted(int(path.name) for path in kept.glob("*") if path.name.isdecimal())
    own = run.manifest.get("attempt")
    for number in numbers:
        if (isinstance(own, int) and number > own) or not any((kept / str(number)).glob("manifest.json")):
            continue
        yield open_run(kept / str(number), finished=False)

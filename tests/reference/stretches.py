"""A stretch is what lies between two resets: nothing that a row says reaches beyond its stretch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .events import Advance, Event, Spec, Step, is_ignored, is_market, is_reset


@dataclass(slots=True)
class Stretch:
    """`opened_by`: the RESET before it, if any. `ended_by`: the RESET, or the first event after a gap."""

    opened_by: Event | None = None
    steps: list[Step] = field(default_factory=list)
    ended_by: Event | None = None

    @property
    def events(self) -> list[Event]:
        return [step for step in self.steps if not isinstance(step, Advance)]


def stretches(steps: Iterable[Step], spec: Spec) -> list[Stretch]:
    """Cuts a stream, in the order of its arrival, at every RESET and before the first event after a gap.

    A gap is more than `max_gap` between two consecutive market events, whatever controls lie between them.
    """
    found = [Stretch()]
    last_market: int | None = None
    for step in steps:
        current = found[-1]
        if isinstance(step, Advance):
            current.steps.append(step)
            continue
        if is_ignored(step):
            continue
        if is_reset(step):
            current.ended_by = step
            found.append(Stretch(opened_by=step))
            continue
        if is_market(step):
            if last_market is not None and step.ts_recv - last_market > spec.max_gap_ns:
                current.ended_by = step
                current = Stretch()
                found.append(current)
            last_market = step.ts_recv
        current.steps.append(step)
    return found

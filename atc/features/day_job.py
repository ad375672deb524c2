"""One business day as a task: all that a builder needs, on this machine or another, and nothing else.

Workers import this module: what needs the config lies in `plan`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from atc.events.parts import Files
from atc.features.label_spec import LabelSpec

FEATURES, LABELS = "features", "labels"

Inputs = Mapping[str, Any]
"""All that decides the content of a file, as JSON."""


def key_of(inputs: Inputs) -> str:
    """The name of a file without its ending: the digest of all that decides its content."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:24]


@dataclass(frozen=True)
class Reads:
    """The events that a day depends on: `[begin, end)`, ns."""

    begin: int
    end: int


@dataclass(frozen=True)
class Output:
    """One file that a job makes: the columns of a schema, or labels."""

    schema: str
    columns: tuple[str, ...]
    file: Path
    inputs: Inputs


@dataclass(frozen=True)
class DayJob:
    """What a business day is built from, and where it goes. Pickles; holds no open thing."""

    kind: str
    """`features` or `labels`."""
    venue: str
    symbol: str
    day: date
    spec: str
    """The engine's specification (JSON) with all schemas of `outputs`."""
    reads: Reads
    emit: tuple[int, int]
    """Rows with `emit[0] <= t < emit[1]` are kept, ns."""
    events: Files
    outputs: tuple[Output, ...]
    lock: Path
    log: Path
    """One JSON line a build: who built what, when, in which time."""
    rows: Path | None = None
    """Of labels: a file with the keys of the rows."""
    label: LabelSpec | None = None
    """Of labels: what is measured."""

    @property
    def title(self) -> str:
        """As messages name it."""
        return f"{self.kind} of {self.symbol}, business day {self.day}"


@dataclass(frozen=True)
class DayOutcome:
    """What became of a job."""

    built: tuple[str, ...] = ()
    """Schemas that were built; those that were there are not in it."""
    rows: int = 0
    events: int = 0
    """Messages of the day itself, warm-up not counted."""
    seconds: float = 0.0
    locked_by: str | None = None
    """Another process builds the day; nothing was done."""
    failure: str | None = None
    """Why it could not be built, with the way out."""
    stops_all: bool = False
    """The failure will meet every day: a full disk, a cache that cannot be written."""
    crash: str | None = None
    """A traceback: a mistake in ATC."""
    lost: str | None = None
    """How the process that was building it ended."""
    notes: tuple[str, ...] = field(default=())
    """What a log should say."""

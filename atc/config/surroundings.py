"""Where a run lies, who is told of it and how it looks at the terminal: nothing that changes a result."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator

from atc.config.root import project_root
from atc.config.slices import Name, Slice, Text


def _switch(value: object) -> object:
    # `on` and `off` are booleans to YAML 1.1.
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else value


class Tracking(Slice):
    """Weights & Biases, beside the local record, which is always written."""

    mode: Literal["offline", "online", "none"] = "offline"
    project: Name = "atc"
    entity: Name | None = None
    group: Text | None = None
    """null: a multirun groups its jobs, a single run has no group."""
    tags: tuple[Text, ...] = ()


class Paths(Slice):
    """Folders as written in the config; relative ones are relative to the project root."""

    outputs: Text = "outputs"
    events: Text = "outputs/data"
    recordings: Text = "../shared/data"

    @property
    def outputs_dir(self) -> Path:
        """Runs, sweeps, caches."""
        return project_root().resolve(self.outputs)

    @property
    def events_dir(self) -> Path:
        """Root of the canonical events."""
        return project_root().resolve(self.events)

    @property
    def recordings_dir(self) -> Path:
        """Root of the venues' recordings."""
        return project_root().resolve(self.recordings)


class Runtime(Slice):
    """How the run behaves at the terminal."""

    progress: Annotated[Literal["auto", "on", "off"], BeforeValidator(_switch)] = "auto"
    force: bool = False
    """Run again although a finished run of this id exists; the old one is kept."""

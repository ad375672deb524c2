"""`jobs/<number>/state.json`: what has become of a job. No file: nothing yet."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from atc.errors import DataError
from atc.sweep.folder import STATE
from atc.tracking import durable

Status = Literal["running", "finished", "failed", "interrupted", "pruned"]
"""`pruned`: a search has ended it early."""


@dataclass(frozen=True)
class JobError:
    """Why a job failed, or was interrupted."""

    type: str
    message: str


@dataclass(frozen=True)
class JobState:
    """What has become of a job."""

    status: Status
    attempts: int
    """So often it was handed to a worker."""
    run: str | None = None
    """Folder of its run, relative to the folder of outputs."""
    run_id: str | None = None
    reused: bool = False
    """Its run was finished before: by another sweep, or alone."""
    seconds: float | None = None
    peak_rss_mib: float | None = None
    error: JobError | None = None
    data_seen: str | None = None
    """What could be seen of its data before and after, where that was the same; see `atc.sweep.finished`."""
    at: str | None = None
    """Since when it is so, ISO, UTC."""


def write_state(folder: Path, state: JobState) -> None:
    """Replaces the state in the job's folder in one step."""
    folder.mkdir(parents=True, exist_ok=True)
    durable.write_bytes(folder / STATE, (json.dumps(asdict(state), indent=1) + "\n").encode())


def read_state(folder: Path) -> JobState | None:
    """The state in the job's folder, None where there is none. Raises DataError for half a file."""
    path = folder / STATE
    try:
        content = json.loads(path.read_bytes())
        error = content.pop("error")
        state = JobState(**content, error=None if error is None else JobError(**error))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, TypeError, KeyError, AttributeError) as why:
        raise DataError(
            f"{path} is no whole state of a job ({why}); resuming the sweep asks the job again, and what is "
            "finished is found"
        ) from None
    if state.status not in get_args(Status):
        raise DataError(f"{path}: status {state.status!r}; expected one of {', '.join(get_args(Status))}")
    return state

"""What the folder of a sweep holds, `outputs/sweeps/<name>-<id12>/`.

manifest.jsonl   jobs/0001/state.json   jobs/0001/log.txt   jobs/0002/…
"""

from __future__ import annotations

from pathlib import Path

from atc.tracking.run_files import ID_LENGTH

SWEEPS, JOBS = "sweeps", "jobs"
MANIFEST, TRIALS = "manifest.jsonl", "trials.jsonl"
STATE, LOG, PROGRESS = "state.json", "log.txt", "progress.json"


def sweep_folder(outputs: Path, name: str, sweep_id: str) -> Path:
    """Where the sweep lies under the folder of outputs."""
    return outputs / SWEEPS / f"{name}-{sweep_id[:ID_LENGTH]}"


def job_folder(folder: Path, number: int) -> Path:
    """Of job `number`, from 1."""
    return folder / JOBS / f"{number:04d}"


def outputs_of(folder: Path) -> Path:
    """The folder of outputs that the sweep's runs lie in."""
    return folder.resolve().parent.parent


def lock_file(folder: Path) -> Path:
    """What the one process that launches the sweep has locked."""
    return folder.parent / ".locks" / folder.name

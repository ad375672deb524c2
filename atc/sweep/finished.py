"""Whether a job is done, from a few small files: nothing is imported, opened or digested that is large."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from atc.config.data import RecordedData, SimulatedData
from atc.config.ensemble import Ensemble
from atc.config.schema import RunConfig
from atc.errors import DataError
from atc.events.catalog import manifests_dir
from atc.sweep.manifest import PlannedJob
from atc.sweep.state import JobState
from atc.tracking.run_files import FINISHED, check_files, read_manifest


def is_finished(
    state: JobState | None, job: PlannedJob, config: RunConfig, code_digest: str, outputs: Path
) -> bool:
    """Whether the job's state says that it is finished and its run is still what the job asks for: whole, of
    this config and this code, on data that nobody has touched since.

    False says only that the run itself has to be asked, which digests its data and finds itself finished or
    not.
    """
    if state is None or state.status != FINISHED or state.run is None:
        return False
    folder = outputs / state.run
    try:
        manifest = read_manifest(folder)
        if manifest is None:
            return False
        check_files(folder, manifest)
    except DataError:
        return False
    wanted = (FINISHED, job.config_digest, code_digest, state.run_id)
    found = tuple(manifest.get(key) for key in ("status", "config_digest", "code_digest", "run_id"))
    return found == wanted and state.data_seen is not None and state.data_seen == data_seen(config)


def data_seen(config: RunConfig) -> str | None:
    """What can be seen of the run's data without reading it, and what it demands of their quality, which no
    digest holds and which refuses a run before its record is asked.

    Simulated data are what config and code say, which the run id has already. Of others it is name, size and
    times of each manifest of an ingest, by which data are known, and of the recordings. None where the run
    depends on more: an ensemble on its members.
    """
    if isinstance(config.model, Ensemble):
        return None
    seen: list[tuple[object, ...]] = [("quality", config.quality.model_dump(mode="json"))]
    if not isinstance(config.data, SimulatedData):
        files = sorted(manifests_dir(config.paths.events_dir).glob("*.json"))
        if isinstance(config.data, RecordedData):
            files += [config.paths.recordings_dir / name for name in config.data.files]
        seen += [(str(path), *_told(path)) for path in files]
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()


def _told(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return -1, -1, -1
    # A copy may bring the time of its content along, not that of its inode.
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns
